/* SPDX-License-Identifier: Apache-2.0 */
/* show crypto ca trustpool, crypto ca trustpool import url. */
#include "cli.h"
#include "json-util.h"
#include "names.h"
#include "render.h"

int cli_print_json(Cli *cli, json_object *o)
{
    const char *text =
        o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                  JSON_C_TO_STRING_NOSLASHESCAPE)
          : NULL;
    int r = text ? 0 : cli_error(cli, ENOMEM, "Out of memory");

    if (text)
        fprintf(cli->out, "%s\n", text);
    json_object_put(o);
    return r;
}

int cli_show_trustpool(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *pool = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "List", &error, &reply,
                     "a{sv}", 0);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = cli_read_document(cli, reply, &data, &size);
    if (r < 0)
        return r;
    r = json_parse(data, size, &pool);
    if (r < 0 || !json_object_is_type(pool, json_type_array))
        return cli_error(cli, EBADMSG, "The answer is no list of certificates.");
    if (cli->json)
        return cli_print_json(cli, json_object_get(pool));
    for (size_t i = 0; i < json_object_array_length(pool); i++)
        render_pool_certificate(cli->out, json_object_array_get_idx(pool, i));
    return 0;
}

int cli_trustpool_import(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    uint32_t imported = 0, rejected = 0;
    int r = cli_new_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "Import", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "sa{sv}", grammar_argument(m, "url"), 0);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    if (r < 0)
        return r;
    r = cli_read_entries(
        result,
        (const CliEntry[]){{"imported", 'u', &imported}, {"rejected", 'u', &rejected}, {0}});
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    fprintf(cli->out, "%u certificate%s imported, %u rejected\n", imported,
            imported == 1 ? "" : "s", rejected);
    return 0;
}

int cli_trustpool_clean(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t removed = 0;
    int r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "Clean", &error, &reply,
                     NULL);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = sd_bus_message_read(reply, "u", &removed);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    fprintf(cli->out, "%u downloaded certificate%s removed\n", removed, removed == 1 ? "" : "s");
    return 0;
}
