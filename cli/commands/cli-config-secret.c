/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the configuration that end where a secret in clear would follow: at a terminal it is
 * asked for, so that it stands neither on the screen nor in a history. */
#include "cli-bus.h"
#include "cli-config.h"
#include "cli-input.h"

#define ASKED "Ask for it, without showing it"

typedef struct Followers {
    bool clear, zero, word, other;
} Followers;

static int look_at(const char *word, const char *help, void *userdata)
{
    Followers *f = userdata;

    f->clear = f->clear || streq(word, "clear");
    f->zero = f->zero || streq(word, "0");
    f->word = f->word || streq(word, "WORD");
    f->other = f->other || (!streq(word, "clear") && !streq(word, "0") && !streq(word, "WORD"));
    return 0;
}

/* "clear" as far as it is typed, or "0". */
static bool ends_in_kind(const char *line, size_t length)
{
    static const char clear[] = "clear";
    size_t start = length;

    while (start > 0 && line[start - 1] != ' ' && line[start - 1] != '\t')
        start--;
    return length > start && start > 0 &&
           ((length - start < sizeof(clear) &&
             strncasecmp(line + start, clear, length - start) == 0) ||
            (length - start == 1 && line[start] == '0'));
}

static bool is_negated(const char *line)
{
    size_t start = strspn(line, " \t"), length = strcspn(line + start, " \t");

    return length > 0 && length <= 2 && strncasecmp(line + start, "no", length) == 0;
}

/* What the secret is to be put behind: the line, and the word for one in clear. Returns 1, or 0
 * when no secret follows there. */
static int secret_form(Cli *cli, const char *line, char **ret)
{
    _cleanup_free_ char *ended = NULL, *form = NULL, *probe = NULL;
    size_t length = strlen(line);
    Followers f = {0};
    const char *kind;
    int r;

    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    if (length == 0 || is_negated(line))
        return 0;
    if (asprintf(&ended, "%.*s ", (int)length, line) < 0) {
        ended = NULL;
        return -ENOMEM;
    }
    r = cli_config_followers(cli, ended, look_at, &f);
    if (r < 0)
        return r;
    if (f.clear || f.zero)
        kind = f.clear ? "clear " : "0 ";
    else if (f.word && !f.other && ends_in_kind(line, length))
        kind = "";
    else
        return 0;
    if (asprintf(&form, "%s%s", ended, kind) < 0) {
        form = NULL;
        return -ENOMEM;
    }
    if (asprintf(&probe, "%sx", form) < 0) {
        probe = NULL;
        return -ENOMEM;
    }
    if (!cli_config_has_secret(cli, probe))
        return 0;
    *ret = TAKE_PTR(form);
    return 1;
}

int cli_config_offer_secret(Cli *cli, const char *line, grammar_completion_t callback,
                            void *userdata)
{
    _cleanup_free_ char *form = NULL;
    size_t length = strlen(line);
    int r;

    if (!cli->answers_typed || length == 0 || (line[length - 1] != ' ' && line[length - 1] != '\t'))
        return 0;
    r = secret_form(cli, line, &form);
    return r <= 0 ? r : callback("<cr>", ASKED, userdata);
}

int cli_config_ask_secret(Cli *cli, const char *line, char **ret)
{
    _cleanup_free_ char *form = NULL;
    char *secret = NULL;
    int r;

    if (!cli->answers_typed || secret_form(cli, line, &form) <= 0)
        return 0;
    r = cli_ask_new_secret(cli, &secret);
    if (r < 0)
        return r;
    if (!*secret)
        r = cli_error(cli, EINVAL, "No password was entered, nothing has changed.");
    else if (strpbrk(secret, " \t"))
        r = cli_error(cli, EINVAL, "A password in the configuration has no blanks.");
    else if (asprintf(ret, "%s%s", form, secret) < 0)
        r = cli_error(cli, ENOMEM, "Out of memory");
    else
        r = 1;
    cli_secret_free(secret);
    return r;
}
