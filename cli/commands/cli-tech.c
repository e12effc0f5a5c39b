/* SPDX-License-Identifier: Apache-2.0 */
/* show tech-support: what an engineer asks for first, one section after the other, and nothing
 * secret. A section that cannot be had says why, in its place, and the others follow. */
#include <inttypes.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-remote.h"
#include "cli-running.h"
#include "cli.h"
#include "names.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"

/* As the shell runs them. */
static const char *const commands[] = {
    "show clock",
    "show version",
    "show users",
    "show user all",
    "show configuration failed startup",
    "show configuration commit list detail",
    "show configuration history detail",
    "show configuration sessions detail",
    "show aaa userdb",
    "show crypto key mypubkey rsa",
    "show crypto key mypubkey dsa",
    "show crypto key mypubkey ecdsa",
    "show crypto key mypubkey ed25519",
    "show crypto key mypubkey authentication-ssh rsa",
    "show crypto key authentication rsa all",
    "show crypto ca trustpoints",
    "show crypto ca certificates",
    "show crypto ca trustpool policy",
    "show crypto ca trustpool",
    "show platform security integrity dossier include reboot-history system-inventory",
    "show logging",
};

/* --- The daemons, as the service manager has them --------------------------------------------- */

typedef struct Service {
    const char *active, *sub, *result;
    uint32_t pid, restarts;
    uint64_t memory, cpu;
} Service;

static int print_service(Cli *cli, const char *name)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *unit = NULL, *service = NULL;
    Service s = {.active = "", .sub = "", .result = ""};
    const CliEntry of_unit[] = {
        {"ActiveState", 's', &s.active}, {"SubState", 's', &s.sub}, {NULL, 0, NULL}};
    const CliEntry of_service[] = {
        {"Result", 's', &s.result},      {"MainPID", 'u', &s.pid},
        {"NRestarts", 'u', &s.restarts}, {"MemoryCurrent", 't', &s.memory},
        {"CPUUsageNSec", 't', &s.cpu},   {NULL, 0, NULL}};
    char path[128];
    int r;

    (void)snprintf(path, sizeof(path), "/org/freedesktop/systemd1/unit/chancery_2d%s_2eservice",
                   name);
    r = cli_get_properties(cli, SYSTEMD_NAME, path, SYSTEMD_NAME ".Unit", of_unit, &error, &unit);
    if (r >= 0)
        r = cli_get_properties(cli, SYSTEMD_NAME, path, SYSTEMD_NAME ".Service", of_service, &error,
                               &service);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    fprintf(cli->out, "%-10s %-9s %-13s %-10s %7" PRIu32 " %8" PRIu32, name, s.active, s.sub,
            s.result, s.pid, s.restarts);
    if (s.memory == UINT64_MAX)
        fprintf(cli->out, " %11s", "-");
    else
        fprintf(cli->out, " %11" PRIu64, s.memory / 1024);
    if (s.cpu == UINT64_MAX)
        fprintf(cli->out, " %10s\n", "-");
    else
        fprintf(cli->out, " %10" PRIu64 "\n", s.cpu / 1000000);
    return 0;
}

static int show_services(Cli *cli)
{
    static const char *const names[] = {"policyd",  "keyd",  "enrolld", "poold",
                                        "dossierd", "hostd", "snmp"};
    int r = 0;

    (void)fputs(
        "Process    State     Detail        Result         PID Restarts  Memory KiB     CPU "
        "ms\n",
        cli->out);
    for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++)
        r = print_service(cli, names[i]);
    return r;
}

/* --- The sections ----------------------------------------------------------------------------- */

static int show_command(Cli *cli, const char *command)
{
    const CliAction *action;
    GrammarMatch m;
    int r = grammar_parse(cli_grammar(CLI_EXEC), command, &m);

    if (r < 0 || m.status != GRAMMAR_OK) {
        r = cli_error(cli, r < 0 ? r : EINVAL, "There is no such command.");
    } else {
        action = m.command->data;
        r = action->flags & CLI_HERE && cli_is_remote(cli)
                ? cli_error(cli, EOPNOTSUPP, "This is about the machine that the shell runs on.")
                : action->run(cli, &m);
    }
    grammar_match_done(&m);
    return r;
}

static void begin_section(Cli *cli, const char *title)
{
    fprintf(cli->out, "\n------------------ %s ------------------\n\n", title);
}

/* 0: go on. What went wrong has been said where it went wrong. */
static int end_section(Cli *cli, int r, unsigned *n_good)
{
    *n_good += r >= 0;
    if (r == -EINTR || r == -EPIPE)
        return r;
    if (fflush(cli->out) != 0)
        return -errno;
    return cli->sink->enough ? -ECANCELED : 0;
}

static int show_sections(Cli *cli, unsigned *n_good)
{
    int r;

    begin_section(cli, "processes");
    r = end_section(cli, show_services(cli), n_good);
    if (r < 0)
        return r;
    begin_section(cli, "show running-config (without secrets)");
    r = end_section(cli, cli_show_sanitized(cli), n_good);
    for (size_t i = 0; i < ELEMENTSOF(commands) && r >= 0; i++) {
        begin_section(cli, commands[i]);
        r = end_section(cli, show_command(cli, commands[i]), n_good);
    }
    return r;
}

int cli_show_tech_support(Cli *cli, const GrammarMatch *m)
{
    unsigned n_good = 0, n_all = ELEMENTSOF(commands) + 2;
    int r;

    fprintf(cli->out, "++ Chancery %s: what this user may see, section by section ++\n", VERSION);
    cli->complaints = cli->out;
    r = show_sections(cli, &n_good);
    cli->complaints = NULL;
    if (r == -ECANCELED)
        return 0; /* no more is wanted */
    if (r < 0)
        return r;
    fprintf(cli->out, "\n++ %u of %u sections ++\n", n_good, n_all);
    return 0;
}
