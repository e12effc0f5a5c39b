/* SPDX-License-Identifier: Apache-2.0 */
/* show platform security integrity dossier. The dossier never passes through this process when it
 * goes straight to the signature; otherwise it is carried from dossierd's pipe to the next stage as
 * it comes. */
#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-job.h"
#include "cli-pump.h"
#include "cli-sign.h"
#include "cli-transfer.h"
#include "names.h"

static int append_selectors(sd_bus_message *call, const GrammarMatch *m)
{
    int r = sd_bus_message_open_container(call, 'a', "s");

    for (size_t i = 0; i < m->n_arguments && r >= 0; i++)
        if (!m->arguments[i].is_keyword && streq(m->arguments[i].name, "selector"))
            r = sd_bus_message_append(call, "s", m->arguments[i].value);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static int start_collect(Cli *cli, const GrammarMatch *m, CliPipe *output, CliJob **ret)
{
    const char *nonce = grammar_argument(m, "nonce"), *files = grammar_argument(m, "files"),
               *location = grammar_argument(m, "location");
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = cli_new_call(cli, DOSSIER_NAME, DOSSIER_PATH, cli_documents(cli, DOSSIER_NAME),
                         "Collect", &call);

    if (r < 0)
        return r;
    r = append_selectors(call, m);
    if (r >= 0)
        r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0 && nonce)
        r = sd_bus_message_append(call, "{sv}", "nonce", "s", nonce);
    if (r >= 0 && location)
        r = sd_bus_message_append(call, "{sv}", "location", "s", location);
    if (r >= 0 && files)
        r = sd_bus_message_append(call, "{sv}", "filesystem-inventory-options", "s", files);
    if (r >= 0 && grammar_has(m, "verify-packages"))
        r = sd_bus_message_append(call, "{sv}", "verify-packages", "b", 1);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r >= 0)
        r = cli_pipe_append(output, call, true);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_start(cli, call, true, ret);
}

static int collect_through_pipe(Cli *cli, const GrammarMatch *m)
{
    _cleanup_(cli_pump_freep) Pump *pump = NULL;
    _cleanup_(cli_job_freep) CliJob *job = NULL;
    CliPipe pipe;
    int r = cli_pipe_new(cli, DOSSIER_NAME, &pipe);

    if (r < 0)
        return r;
    r = start_collect(cli, m, &pipe, &job);
    cli_pipe_end(cli, &pipe);
    if (r >= 0) {
        r = cli_pipe_pump(cli, &pipe, cli->sink, &pump);
        r = r < 0 ? cli_error(cli, r, "The pipe cannot be watched: %s", strerror(-r))
                  : cli_carry(cli, job, pump);
    }
    cli_pipe_done(cli, &pipe);
    return r;
}

/* Straight into the signature's pipe. When both fail, the signature did so first: it is what the
 * dossier's reader went away for. */
static int collect_into_signature(Cli *cli, const GrammarMatch *m, CliPipe *pipe)
{
    _cleanup_(cli_job_freep) CliJob *job = NULL;
    int r = start_collect(cli, m, pipe, &job);

    if (r >= 0 && cli_job_wait(cli, job) < 0) {
        r = cli_sign_sink_give_up(cli->sink);
        if (r >= 0)
            r = cli_job_finish(cli, job, NULL);
    }
    return r;
}

int cli_show_dossier(Cli *cli, const GrammarMatch *m)
{
    CliPipe *pipe = cli_sign_sink_pipe(cli->sink);

    return pipe ? collect_into_signature(cli, m, pipe) : collect_through_pipe(cli, m);
}
