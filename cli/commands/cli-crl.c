/* SPDX-License-Identifier: Apache-2.0 */
/* crypto ca crl request, show crypto ca crls, clear crypto ca crl. */
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-job.h"
#include "cli-transfer.h"
#include "cli-trustpool.h"
#include "json-util.h"
#include "names.h"
#include "render-pool.h"

int cli_show_crls(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *list = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "ListCrls", &error, &reply,
                 NULL);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = cli_read_document(cli, reply, &data, &size);
    if (r < 0)
        return r;
    if (json_parse(data, size, &list) < 0 || !json_object_is_type(list, json_type_array))
        return cli_error(cli, EBADMSG, "The answer is no list of CRLs.");
    if (cli->json)
        return cli_print_json(cli, json_object_get(list));
    for (size_t i = 0; i < json_object_array_length(list); i++)
        render_crl(cli->out, json_object_array_get_idx(list, i), grammar_has(m, "detail"));
    return 0;
}

int cli_crl_request(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    const char *what = grammar_argument(m, "trustpoint") ?: grammar_argument(m, "url");
    uint32_t n = 0;
    int r = cli_new_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "RequestCrl", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_append(call, "s", what);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    if (r < 0)
        return r;
    r = cli_read_entries(result, (const CliEntry[]){{"crls", 'u', &n}, {0}});
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    fprintf(cli->out, "%u CRL%s returned\n", n, n == 1 ? "" : "s");
    return 0;
}

int cli_crl_clear(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t removed = 0;
    int r = cli_call(cli, TRUSTPOOL_NAME, TRUSTPOOL_PATH, TRUSTPOOL_NAME, "ClearCrls", &error,
                     &reply, NULL);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = sd_bus_message_read(reply, "u", &removed);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    fprintf(cli->out, "%u CRL%s removed\n", removed, removed == 1 ? "" : "s");
    return 0;
}
