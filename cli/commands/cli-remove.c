/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit takes away with trustpoints: their certificates and requests. The configuration can
 * be had back, these cannot, so that somebody has to say so: whoever sits there is asked, and
 * whoever does not says "commit force". Else they stay, without a configuration. */
#include "cli-remove.h"

#include "cli-bus.h"
#include "cli-input.h"
#include "cli-output.h"
#include "cli-running.h"
#include "names.h"

#define REMOVAL "no crypto ca trustpoint "
#define QUESTION                                                                                   \
    "%% Removing the trustpoint %s destroys its certificates,\n"                                   \
    "and the request that is open. Its key pair stays.\n"

typedef struct Enrolled {
    char **names;
    size_t n;
} Enrolled;

static void enrolled_done(Enrolled *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->names[i]);
    free(e->names);
}

static int add_name(char ***names, size_t *n, const char *name)
{
    char **longer = reallocarray(*names, *n + 1, sizeof(*longer));

    if (!longer)
        return -ENOMEM;
    *names = longer;
    longer[*n] = strdup(name);
    if (!longer[*n])
        return -ENOMEM;
    *n += 1;
    return 0;
}

static int collect(sd_bus_message *m, void *userdata)
{
    const char *name = "", *state = "";
    Enrolled *e = userdata;
    int r =
        cli_read_entries(m, (const CliEntry[]){{"Name", 's', &name}, {"State", 's', &state}, {0}});

    return r < 0 || streq(state, "none") ? r : add_name(&e->names, &e->n, name);
}

void cli_removal_done(CliRemoval *removal)
{
    for (size_t i = 0; i < removal->n; i++)
        free(removal->names[i]);
    free(removal->names);
    *removal = (CliRemoval){.n = 0};
}

bool cli_removal_has(const CliRemoval *removal, const char *line)
{
    for (size_t i = 0; removal && i < removal->n; i++)
        if (strncmp(line, REMOVAL, STRLEN(REMOVAL)) == 0 &&
            streq(line + STRLEN(REMOVAL), removal->names[i]))
            return true;
    return false;
}

/* The changes as text: a line of its own for each trustpoint that goes. */
static int find_removed(CliRemoval *removal, const Enrolled *enrolled, char *changes)
{
    char *rest = changes, *line;
    int r = 0;

    while (r >= 0 && (line = strsep(&rest, "\n"))) {
        if (strncmp(line, REMOVAL, STRLEN(REMOVAL)) != 0)
            continue;
        for (size_t i = 0; r >= 0 && i < enrolled->n; i++)
            if (streq(line + STRLEN(REMOVAL), enrolled->names[i]))
                r = add_name(&removal->names, &removal->n, enrolled->names[i]);
    }
    return r;
}

int cli_removal_find(Cli *cli, CliRemoval *removal)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(enrolled_done) Enrolled enrolled = {.n = 0};
    _cleanup_free_ char *changes = NULL;
    int r = cli_changes_text(cli, &changes);

    if (r < 0 || !strstr(changes, REMOVAL))
        return r;
    r = cli_get_objects(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_TRUSTPOINT_INTERFACE,
                        collect, &enrolled, &reply);
    return r < 0 ? r : find_removed(removal, &enrolled, changes);
}

int cli_removal_ask(Cli *cli, const CliRemoval *removal)
{
    for (size_t i = 0; i < removal->n; i++) {
        int r;

        cli_say(cli, QUESTION, removal->names[i]);
        r = cli_ask_yes_no(cli, "Are you sure you want to do this? [yes/no]: ", 0);
        if (r <= 0)
            return r;
    }
    return 1;
}

int cli_removal_run(Cli *cli, const CliRemoval *removal)
{
    int result = 0;

    for (size_t i = 0; i < removal->n; i++) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = cli_call(cli, ENROLLMENT_NAME, ENROLLMENT_PATH, ENROLLMENT_NAME, "Clear", &error,
                         NULL, "s", removal->names[i]);

        if (r < 0)
            result = cli_bus_error(cli, &error, r);
        else
            cli_say(cli, "%% The certificates and requests of %s are removed.\n",
                    removal->names[i]);
    }
    return result;
}
