/* SPDX-License-Identifier: Apache-2.0 */
/* show filesystem-inventory, filesystem-inventory snapshot. */
#include <inttypes.h>
#include <time.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-job.h"
#include "cli-transfer.h"
#include "cli-trustpool.h"
#include "json-util.h"
#include "names.h"
#include "render-fields.h"

static const char *time_text(uint64_t usec, char *buffer, size_t size)
{
    time_t seconds = (time_t)(usec / 1000000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(buffer, size, "%a %b %e %H:%M:%S %Y", &tm) == 0)
        return "?";
    return buffer;
}

static uint64_t number_at(json_object *o, const char *name)
{
    uint64_t value = 0;

    (void)json_get_uint64(o, name, &value);
    return value;
}

static const char *text_at(json_object *o, const char *name)
{
    const char *value = "";

    (void)json_get_string(o, name, &value);
    return value;
}

static void print_block(Cli *cli, json_object *block, bool detail)
{
    uint64_t number = number_at(block, "number");
    bool altered = false;
    char when[64];

    (void)json_get_bool(block, "altered", &altered);
    if (altered) {
        fprintf(cli->out, "%-10" PRIu64 " altered: it is not what was written\n", number);
        return;
    }
    fprintf(cli->out, "%-10" PRIu64 " %-12s %-24s %10" PRIu64 " %12" PRIu64 "\n", number,
            number_at(block, "full-block") == number ? "full" : "incremental",
            time_text(number_at(block, "begin"), when, sizeof when), number_at(block, "records"),
            number_at(block, "bytes"));
    if (detail)
        fprintf(cli->out, "           Digest:   %s\n           Left out: %s\n",
                text_at(block, "digest"), text_at(block, "scope"));
}

/* How many files there were in the last full block; 0 without one. */
static uint64_t files_before(json_object *blocks)
{
    for (size_t i = blocks ? json_object_array_length(blocks) : 0; i-- > 0;) {
        json_object *block = json_object_array_get_idx(blocks, i);

        if (number_at(block, "number") == number_at(block, "full-block"))
            return number_at(block, "records");
    }
    return 0;
}

static void print_running(Cli *cli, json_object *o, json_object *blocks)
{
    uint64_t before = files_before(blocks);
    char when[64];

    fprintf(cli->out, "  Next snapshot: being taken since %s, %" PRIu64 " files so far",
            time_text(number_at(o, "running-since"), when, sizeof when),
            number_at(o, "running-files"));
    if (before > 0)
        fprintf(cli->out, " of about %" PRIu64, before);
    (void)fputc('\n', cli->out);
}

static void print_failure(Cli *cli, json_object *o)
{
    uint64_t failed = number_at(o, "failed");
    char when[64];

    if (failed == 0)
        return;
    fprintf(cli->out, "  Last attempt:  failed %s: ", time_text(failed, when, sizeof when));
    render_text(cli->out, text_at(o, "failure"));
    (void)fputc('\n', cli->out);
}

static void print_inventory(Cli *cli, json_object *o, bool detail)
{
    bool enabled = false, running = false;
    uint64_t next = number_at(o, "next");
    json_object *blocks = NULL;
    char when[64];

    (void)json_get_array(o, "snapshots", &blocks);

    (void)json_get_bool(o, "enabled", &enabled);
    (void)json_get_bool(o, "running", &running);
    fprintf(cli->out, "Node: 0/RP0/CPU0\n  Snapshots:     %s\n", enabled ? "enabled" : "disabled");
    if (running)
        print_running(cli, o, blocks);
    else if (next > 0)
        fprintf(cli->out, "  Next snapshot: %s\n", time_text(next, when, sizeof when));
    print_failure(cli, o);
    if (!blocks || json_object_array_length(blocks) == 0)
        return;
    fprintf(cli->out, "\n%-10s %-12s %-24s %10s %12s\n", "Block", "Type", "Time", "Files", "Bytes");
    for (size_t i = 0; i < json_object_array_length(blocks); i++)
        print_block(cli, json_object_array_get_idx(blocks, i), detail);
}

int cli_show_inventory(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *o = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    r = cli_call(cli, DOSSIER_NAME, DOSSIER_PATH, DOSSIER_NAME, "Snapshots", &error, &reply, NULL);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = cli_read_document(cli, reply, &data, &size);
    if (r < 0)
        return r;
    if (json_parse(data, size, &o) < 0 || !json_object_is_type(o, json_type_object))
        return cli_error(cli, EBADMSG, "The answer is no list of snapshots.");
    if (cli->json)
        return cli_print_json(cli, json_object_get(o));
    print_inventory(cli, o, grammar_has(m, "detail"));
    return 0;
}

static int append_options(sd_bus_message *call, const GrammarMatch *m)
{
    const char *set = grammar_argument(m, "set");
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    if (r >= 0 && grammar_has(m, "full"))
        r = sd_bus_message_append(call, "{sv}", "full", "b", 1);
    if (r >= 0 && set)
        r = sd_bus_message_append(call, "{sv}", "dir-set", "u", (uint32_t)strtoul(set, NULL, 10));
    return r < 0 ? r : sd_bus_message_close_container(call);
}

int cli_inventory_snapshot(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *call = NULL, *result = NULL;
    uint64_t block = 0, records = 0, files = 0;
    int r = cli_new_call(cli, DOSSIER_NAME, DOSSIER_PATH, DOSSIER_NAME, "TakeSnapshot", &call);

    if (r < 0)
        return r;
    r = append_options(call, m);
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_job_run(cli, call, &result);
    if (r < 0)
        return r;
    r = cli_read_entries(result, (const CliEntry[]){{"block", 't', &block},
                                                    {"records", 't', &records},
                                                    {"files", 't', &files},
                                                    {0}});
    if (r < 0)
        return cli_error(cli, r, "The answer was not understood: %s", strerror(-r));
    fprintf(cli->out, "Block %" PRIu64 ": %" PRIu64 " of %" PRIu64 " files\n", block, records,
            files);
    return 0;
}
