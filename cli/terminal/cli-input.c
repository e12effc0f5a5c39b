/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and answers, from the editor on a terminal, else from standard input, where commands and
 * answers follow each other. */
#include <strings.h>

#include "cli.h"
#include "editor.h"

static char *read_plain(Cli *cli)
{
    char *line = NULL;
    size_t allocated = 0;
    ssize_t n = getline(&line, &allocated, stdin);

    if (n < 0) {
        free(line);
        return NULL;
    }
    cli->line_number++;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        line[--n] = '\0';
    return line;
}

char *cli_read_line(Cli *cli, const char *prompt, bool is_command)
{
    if (!cli->answers_typed)
        return read_plain(cli);
    if (!cli->editor)
        cli->editor = editor_new(cli);
    return cli->editor ? editor_read(cli->editor, prompt, is_command) : NULL;
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

/* The terminal echoes nothing between the lines of the editor, which must not see this one. */
static int read_secret_line(Cli *cli, char buffer[SECRET_MAX])
{
    size_t n = 0;
    char c;

    for (;;) {
        ssize_t got =
            cli->answers_typed ? read(STDIN_FILENO, &c, 1) : (ssize_t)fread(&c, 1, 1, stdin);

        if (got < 0 && errno == EINTR && !cli->interrupted)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0 || c == '\n' || c == '\r')
            break;
        if (n + 1 >= SECRET_MAX)
            return -EMSGSIZE;
        buffer[n++] = c;
    }
    buffer[n] = '\0';
    return 0;
}

int cli_ask_secret(Cli *cli, const char *question, char **ret)
{
    char buffer[SECRET_MAX];
    int r;

    if (cli->out)
        (void)fflush(cli->out);
    cli_say(cli, "%s", question);
    r = read_secret_line(cli, buffer);
    cli_say(cli, "\n");
    if (cli->interrupted)
        r = cli_error(cli, EINTR, "Interrupted.");
    else if (r < 0)
        r = cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    else if (!(*ret = strdup(buffer)))
        r = cli_error(cli, ENOMEM, "Out of memory");
    explicit_bzero(buffer, sizeof(buffer));
    return r;
}

void cli_secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
