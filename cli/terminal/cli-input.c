/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and answers, from the editor on a terminal, else from standard input, where commands and
 * answers follow each other. */
#include "cli-input.h"

#include <poll.h>
#include <strings.h>

#include "cli-bus.h"
#include "cli-config.h"
#include "cli-output.h"
#include "cli-terminal.h"
#include "editor.h"

/* More than any line may have; the rest of it is dropped, and it is too long for whoever asked. */
#define READ_MAX (1U << 20)
/* Between two lines of one paste there is no longer one, over a slow line either. */
#define PASTE_PAUSE_MSEC 250

/* A NUL would end the line before its end. It becomes another control character, which no line may
 * have either. */
static char *read_plain(Cli *cli)
{
    char *line = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&line, &size);
    int c = f ? getc_unlocked(stdin) : EOF;
    bool any = c != EOF;

    for (size_t n = 0; c != EOF && c != '\n'; c = getc_unlocked(stdin))
        if (n++ <= READ_MAX)
            (void)putc_unlocked(c ? c : 1, f);
    if (!f || fclose(f) != 0 || !any) {
        free(line);
        return NULL;
    }
    cli->line_number++;
    while (size > 0 && line[size - 1] == '\r')
        line[--size] = '\0';
    return line;
}

char *cli_read_line(Cli *cli, const char *prompt, bool is_command)
{
    if (!cli->answers_typed)
        return read_plain(cli);
    if (cli->unread) {
        if (*prompt)
            cli_say(cli, "%s%s\n", prompt, cli->unread);
        return TAKE_PTR(cli->unread);
    }
    if (!cli->editor)
        cli->editor = editor_new(cli);
    return cli->editor ? editor_read(cli->editor, prompt, is_command) : NULL;
}

char *cli_read_pasted_line(Cli *cli)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

    /* Elsewhere what comes has come, and says nothing. */
    if (!cli->answers_typed || (!cli->unread && poll(&fd, 1, PASTE_PAUSE_MSEC) <= 0))
        return NULL;
    return cli_read_line(cli, "", false);
}

void cli_unread_line(Cli *cli, char *line)
{
    free(cli->unread);
    cli->unread = line;
}

void cli_drop_pasted(Cli *cli)
{
    for (char *line; (line = cli_read_pasted_line(cli));)
        free(line);
}

bool cli_drop_block(Cli *cli, const char *line)
{
    if (!cli->answers_typed || strncmp(line, "-----BEGIN ", STRLEN("-----BEGIN ")) != 0)
        return false;
    cli_drop_pasted(cli);
    (void)cli_error(cli, EINVAL, "Nothing is to be pasted here: it was dropped.");
    return true;
}

void cli_remember_line(Cli *cli, const char *line)
{
    _cleanup_free_ char *shown = cli->editor ? cli_config_public_line(cli, line) : NULL;

    if (shown)
        editor_remember(cli->editor, shown);
}

/* Where answers are not typed, question and answer are shown all the same, so that a log can be
 * read. */
static int ask_once(Cli *cli, const char *question, char **ret)
{
    if (cli->out)
        (void)fflush(cli->out);
    if (!cli->answers_typed)
        cli_say(cli, "%s", question);
    *ret = cli_read_line(cli, question, false);
    if (!cli->answers_typed)
        cli_say(cli, "%s\n", *ret ? *ret : "");
    if (!*ret && cli->interrupted)
        return cli_error(cli, EINTR, "Interrupted.");
    if (*ret) {
        size_t start = strspn(*ret, " \t"), end = strlen(*ret);

        while (end > start && ((*ret)[end - 1] == ' ' || (*ret)[end - 1] == '\t'))
            end--;
        memmove(*ret, *ret + start, end - start);
        (*ret)[end - start] = '\0';
    }
    return 0;
}

int cli_ask(Cli *cli, const char *question, const char *fallback, char **ret)
{
    for (;;) {
        _cleanup_free_ char *answer = NULL;
        int r = ask_once(cli, question, &answer);

        if (r < 0)
            return r;
        if (!answer && cli->answers_typed) { /* Ctrl-D, or a connection that is lost */
            cli_say(cli, "\n");
            return cli_error(cli, ENODATA,
                             "The question was not answered, nothing has been changed.");
        }
        if (answer && cli_drop_block(cli, answer))
            continue;
        if (answer && *answer) {
            *ret = TAKE_PTR(answer);
            return 0;
        }
        if (fallback && (*ret = strdup(fallback)))
            return 0;
        if (!answer || fallback) {
            r = fallback ? -ENOMEM : -ENODATA;
            (void)cli_error(cli, r,
                            fallback ? "Out of memory"
                                     : "The question was not answered, nothing has been changed.");
            return r;
        }
    }
}

int cli_ask_yes_no(Cli *cli, const char *question, int fallback)
{
    for (;;) {
        _cleanup_free_ char *answer = NULL;
        int r = cli_ask(cli, question, fallback < 0 ? NULL : fallback > 0 ? "yes" : "no", &answer);

        if (r < 0)
            return r;
        if (strncasecmp(answer, "yes", strlen(answer)) == 0)
            return 1;
        if (strncasecmp(answer, "no", strlen(answer)) == 0)
            return 0;
        r = cli_error(cli, EINVAL, "Answer yes or no.");
        if (!cli->answers_typed)
            return r;
    }
}

/* --- Secrets ---------------------------------------------------------------------------------- */

#define SECRET_MAX 256U

/* Of one that is too long, all has been read. */
static int end_secret(char buffer[SECRET_MAX], size_t n)
{
    buffer[n < SECRET_MAX ? n : SECRET_MAX - 1] = '\0';
    return n < SECRET_MAX ? 0 : -EMSGSIZE;
}

static int read_secret_plain(char buffer[SECRET_MAX])
{
    size_t n = 0;
    int c;

    for (; (c = getc_unlocked(stdin)) != EOF && c != '\n' && c != '\r'; n++)
        if (n < SECRET_MAX)
            buffer[n] = (char)c;
    return end_secret(buffer, n);
}

/* Key by key, and without the line editor, which must not see it. */
static int read_secret_keys(Cli *cli, char buffer[SECRET_MAX])
{
    size_t n = 0;

    for (;;) {
        int key = cli_read_key(cli);

        if (key == 3) { /* Ctrl-C */
            cli->interrupted = true;
            break;
        }
        if (key == '\r' || key == '\n' || key == 4 || key == 0)
            break;
        if (key == 0x7f || key == '\b') {
            n -= n > 0;
        } else if (key == 'U' - '@') {
            n = 0;
        } else {
            if (n < SECRET_MAX)
                buffer[n] = (char)key;
            n += n < SECRET_MAX;
        }
    }
    return cli->leave ? -ETIMEDOUT : end_secret(buffer, n);
}

int cli_ask_secret(Cli *cli, const char *question, char **ret)
{
    char buffer[SECRET_MAX];
    int r;

    if (cli->out)
        (void)fflush(cli->out);
    if (cli->answers_typed)
        cli_keys_begin(cli);
    cli_say(cli, "%s", question);
    r = cli->answers_typed ? read_secret_keys(cli, buffer) : read_secret_plain(buffer);
    cli_keys_end(cli);
    cli_say(cli, "\n");
    if (cli->interrupted)
        r = cli_error(cli, EINTR, "Interrupted.");
    else if (r == -EMSGSIZE)
        r = cli_error(cli, r, "The answer is too long: it can have %u bytes.", SECRET_MAX - 1);
    else if (r < 0)
        r = cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    else if (!(*ret = strdup(buffer)))
        r = cli_error(cli, ENOMEM, "Out of memory");
    explicit_bzero(buffer, sizeof(buffer));
    return r;
}

int cli_ask_new_secret(Cli *cli, char **ret)
{
    for (;;) {
        char *first = NULL, *second = NULL;
        bool same = false;
        int r = cli_ask_secret(cli, "Password:", &first);

        if (r >= 0)
            r = cli_ask_secret(cli, "Re-enter Password:", &second);
        if (r >= 0)
            same = streq(first, second);
        cli_secret_free(second);
        if (r >= 0 && same) {
            *ret = first;
            return 0;
        }
        cli_secret_free(first);
        if (r >= 0)
            r = cli_error(cli, EINVAL, "The passwords are not the same.");
        if (r != -EINVAL || !cli->answers_typed)
            return r;
    }
}

void cli_secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
