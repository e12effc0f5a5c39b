/* SPDX-License-Identifier: Apache-2.0 */
/* crypto key zeroize. */
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-key.h"
#include "cli-output.h"
#include "names.h"

typedef struct Doomed {
    char **labels;
    size_t n;
} Doomed;

/* "% Keys to be removed are named a, b", and what will miss them. */
static int read_plan(sd_bus_message *plan, Doomed *d, FILE *names, FILE *users)
{
    int r;

    r = sd_bus_message_enter_container(plan, 'a', "(sas)");
    while (r >= 0 && (r = sd_bus_message_enter_container(plan, 'r', "sas")) > 0) {
        const char *label, *trustpoint;
        char **grown;

        r = sd_bus_message_read(plan, "s", &label);
        if (r >= 0)
            r = sd_bus_message_enter_container(plan, 'a', "s");
        if (r < 0)
            break;
        grown = reallocarray(d->labels, d->n + 1, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        d->labels = grown;
        d->labels[d->n] = strdup(label);
        if (!d->labels[d->n])
            return -ENOMEM;
        fprintf(names, "%s%s", d->n++ > 0 ? ", " : "", label);
        while ((r = sd_bus_message_read(plan, "s", &trustpoint)) > 0)
            fprintf(users, "%% The key %s is used by trustpoint %s\n", label, trustpoint);
        if (r >= 0)
            r = sd_bus_message_exit_container(plan);
        if (r >= 0)
            r = sd_bus_message_exit_container(plan);
    }
    return r;
}

/* 1: asked and confirmed, 0: no, or nothing to remove. */
static int ask(Cli *cli, const char *display, const char *label, sd_bus_message *plan, Doomed *d)
{
    _cleanup_free_ char *names_text = NULL, *users_text = NULL;
    size_t names_size, users_size;
    FILE *names = open_memstream(&names_text, &names_size),
         *users = open_memstream(&users_text, &users_size);
    int r = names && users ? read_plan(plan, d, names, users) : -ENOMEM;

    if (names && fclose(names) != 0)
        r = -ENOMEM;
    if (users && fclose(users) != 0)
        r = -ENOMEM;
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    if (d->n == 0) {
        if (label)
            cli_say(cli, "%% No %s keys are named %s.\n", display, label);
        else
            cli_say(cli, "%% There are no %s keys.\n", display);
        return 0;
    }
    cli_say(cli, "%% Keys to be removed are named %s\n%s", names_text, users_text);
    return cli_ask_yes_no(cli, "Do you really want to remove these keys ?? [yes/no]: ", -1);
}

static int zeroize(Cli *cli, const char *algorithm, const char *label)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "Zeroize", &m);

    if (r < 0)
        return r;
    r = sd_bus_message_append(m, "ss", algorithm, label);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_run(cli, m, NULL);
}

static void doomed_done(Doomed *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->labels[i]);
    free(d->labels);
}

int cli_key_zeroize(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *plan = NULL;
    _cleanup_(doomed_done) Doomed d = {0};
    const char *label = grammar_argument(m, "label"), *display = "", *algorithm;
    int r;

    algorithm = cli_key_algorithm(m, &display);
    if (!algorithm)
        return cli_error(cli, EINVAL, "There is no such algorithm.");
    r = cli_call(cli, KEYS_NAME, KEYS_PATH, KEYS_NAME, "PlanZeroize", &error, &plan, "ss",
                 algorithm, label ? label : "");
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = ask(cli, display, label, plan, &d);
    for (size_t i = 0; r > 0 && i < d.n; i++) {
        int q = zeroize(cli, algorithm, d.labels[i]);

        if (q < 0)
            r = q;
    }
    return r < 0 ? r : 0;
}
