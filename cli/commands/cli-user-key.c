/* SPDX-License-Identifier: Apache-2.0 */
/* crypto key import authentication, and what shows and removes such keys. */
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-input.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-read.h"
#include "cli-trustpool.h"
#include "errors.h"
#include "names.h"
#include "render-key.h"

#define KEY_MAX 16384U

static const char *user_of(const GrammarMatch *m)
{
    const char *user = grammar_argument(m, "user");

    return user ? user : "";
}

static uint32_t slot_of(const GrammarMatch *m)
{
    if (grammar_has(m, "second"))
        return 2;
    if (grammar_has(m, "third"))
        return 3;
    return grammar_has(m, "fourth") ? 4 : 1;
}

/* --- Import ----------------------------------------------------------------------------------- */

typedef struct Input {
    char data[KEY_MAX];
    size_t size;
} Input;

static int read_typed(Cli *cli, Input *input)
{
    cli_say(cli, "Enter the public key\n");
    return cli_read_typed(cli, false, input->data, sizeof input->data, &input->size);
}

static int start_import(Cli *cli, const GrammarMatch *m, const Input *input, bool replace,
                        CliJob **ret)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_USER_KEYS_INTERFACE, "Import", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "su", user_of(m), slot_of(m));
    if (r >= 0)
        r = sd_bus_message_append_array(call, 'y', input->data, input->size);
    if (r >= 0)
        r = sd_bus_message_append(call, "a{sv}", replace ? 1 : 0, "replace", "b", 1);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_start(cli, call, false, ret);
}

/* 1: asked and confirmed, 0: no. */
static int ask_replace(Cli *cli, const char *user)
{
    cli_say(cli, "%% You already have keys defined for %s\n", *user ? user : "yourself");
    return cli_ask_yes_no(cli, "Do you really want to replace them? [yes/no]: ", -1);
}

int cli_user_key_import(Cli *cli, const GrammarMatch *m)
{
    const char *path = grammar_argument(m, "path");
    Input input = {.size = 0};
    bool replace = false;
    int r = path ? cli_read_file(cli, path, input.data, sizeof input.data, &input.size)
                 : read_typed(cli, &input);

    while (r >= 0) {
        _cleanup_(cli_job_freep) CliJob *job = NULL;

        r = start_import(cli, m, &input, replace, &job);
        if (r < 0)
            return r;
        r = cli_job_wait(cli, job);
        if (r >= 0)
            return 0;
        if (replace || !sd_bus_error_has_name(cli_job_error(job), ERROR_ALREADY_EXISTS))
            return cli_job_finish(cli, job, NULL);
        r = ask_replace(cli, user_of(m));
        if (r <= 0)
            return r;
        replace = true;
    }
    return r;
}

/* --- Zeroize ---------------------------------------------------------------------------------- */

int cli_user_key_zeroize(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    _cleanup_(cli_job_freep) CliJob *job = NULL;
    bool all = grammar_has(m, "all");
    const char *user = user_of(m), *name = all ? "all users" : *user ? user : "yourself";
    int r;

    cli_say(cli, "%% Keys to be removed are named %s\n", name);
    r = cli_ask_yes_no(cli, "Do you really want to remove these keys ?? [yes/no]: ", -1);
    if (r <= 0)
        return r;
    r = cli_new_call(cli, KEYS_NAME, KEYS_PATH, KEYS_USER_KEYS_INTERFACE,
                     all ? "RemoveAll" : "Remove", &call);
    if (r < 0)
        return r;
    if (!all)
        r = sd_bus_message_append(call, "su", user, slot_of(m));
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_start(cli, call, false, &job);
    if (r < 0)
        return r;
    r = cli_job_wait(cli, job);
    if (r < 0 && sd_bus_error_has_name(cli_job_error(job), ERROR_NO_SUCH_OBJECT)) {
        cli_say(cli, "%% No such keys are named %s.\n", name);
        return 0;
    }
    return cli_job_finish(cli, job, NULL);
}

/* --- Show ------------------------------------------------------------------------------------- */

/* 1 while there are more. */
static int read_key(sd_bus_message *reply, UserKeyView *ret)
{
    const void *data;
    int r;

    r = sd_bus_message_enter_container(reply, 'r', "sutuay");
    if (r <= 0)
        return r;
    r = sd_bus_message_read(reply, "sutu", &ret->user, &ret->slot, &ret->imported, &ret->size);
    if (r >= 0)
        r = sd_bus_message_read_array(reply, 'y', &data, &ret->data_size);
    if (r < 0)
        return r;
    ret->data = data;
    r = sd_bus_message_exit_container(reply);
    return r < 0 ? r : 1;
}

static int print_keys(Cli *cli, sd_bus_message *reply)
{
    json_object *array = cli->json ? json_object_new_array() : NULL;
    UserKeyView key;
    bool first = true;
    int r;

    r = sd_bus_message_enter_container(reply, 'a', "(sutuay)");
    while (r >= 0 && (r = read_key(reply, &key)) > 0) {
        if (array) {
            (void)json_object_array_add(array, render_user_key_json(&key));
            continue;
        }
        if (!first)
            (void)fputc('\n', cli->out);
        render_user_key(cli->out, &key);
        first = false;
    }
    if (r < 0) {
        json_object_put(array);
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    }
    return array ? cli_print_json(cli, array) : 0;
}

int cli_show_user_key(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_call(cli, KEYS_NAME, KEYS_PATH, KEYS_USER_KEYS_INTERFACE, "List", &error, &reply,
                     "sb", user_of(m), grammar_has(m, "all"));

    return r < 0 ? cli_bus_error(cli, &error, r) : print_keys(cli, reply);
}
