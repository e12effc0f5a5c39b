/* SPDX-License-Identifier: Apache-2.0 */
/* show version, show clock; and the terminal's settings. */
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-terminal.h"
#include "render-fields.h"

/* The value of PRETTY_NAME in os-release, which may stand in double quotes. */
static char *read_os_name(void)
{
    _cleanup_fclose_ FILE *f = fopen("/etc/os-release", "re");
    _cleanup_free_ char *line = NULL;
    size_t allocated = 0;
    ssize_t n;

    while (f && (n = getline(&line, &allocated, f)) > 0) {
        static const char key[] = "PRETTY_NAME=";
        char *value = line + STRLEN(key);

        if (strncmp(line, key, STRLEN(key)) != 0)
            continue;
        value[strcspn(value, "\n")] = '\0';
        if (value[0] == '"') {
            value++;
            value[strcspn(value, "\"")] = '\0';
        }
        return strdup(value);
    }
    return NULL;
}

static void print_uptime(FILE *f, const char *nodename)
{
    struct sysinfo info;
    unsigned long minutes;

    if (sysinfo(&info) < 0 || info.uptime < 0)
        return;
    minutes = (unsigned long)info.uptime / 60;
    render_text(f, nodename);
    fprintf(f, " uptime is %lu days, %lu hours, %lu minutes\n", minutes / 1440, minutes / 60 % 24,
            minutes % 60);
}

int cli_show_version(Cli *cli, const GrammarMatch *m)
{
    _cleanup_free_ char *os = read_os_name();
    struct utsname name;

    fprintf(cli->out, "Chancery, Version %s\n", VERSION);
    if (os) {
        (void)fputs("System   : ", cli->out);
        render_text(cli->out, os);
        (void)fputc('\n', cli->out);
    }
    if (uname(&name) == 0) {
        fprintf(cli->out, "Kernel   : %s %s\nMachine  : %s\n", name.sysname, name.release,
                name.machine);
        print_uptime(cli->out, name.nodename);
    }
    return 0;
}

int cli_show_clock(Cli *cli, const GrammarMatch *m)
{
    struct timespec now;
    struct tm tm;
    char time_text[16], day[48];

    if (clock_gettime(CLOCK_REALTIME, &now) < 0 || !localtime_r(&now.tv_sec, &tm))
        return cli_error(cli, errno, "There is no time: %s", strerror(errno));
    (void)strftime(time_text, sizeof(time_text), "%H:%M:%S", &tm);
    (void)strftime(day, sizeof(day), "%Z %a %b %d %Y", &tm);
    fprintf(cli->out, "%s.%03ld %s\n", time_text, now.tv_nsec / 1000000, day);
    return 0;
}

int cli_terminal_length(Cli *cli, const GrammarMatch *m)
{
    cli->length = (int)strtoul(grammar_argument(m, "lines"), NULL, 10);
    return 0;
}

/* The width is the terminal's own property: line editing and pages follow it. */
int cli_terminal_width(Cli *cli, const GrammarMatch *m)
{
    int r = cli_terminal_set_width(
        cli, (unsigned short)strtoul(grammar_argument(m, "columns"), NULL, 10));

    return r == -ENOTTY ? cli_error(cli, r, "There is no terminal here whose width could be set.")
           : r < 0      ? cli_error(cli, r, "The width cannot be set: %s", strerror(-r))
                        : 0;
}

int cli_terminal_timestamp(Cli *cli, const GrammarMatch *m)
{
    cli->timestamps = true;
    return 0;
}

int cli_terminal_no_timestamp(Cli *cli, const GrammarMatch *m)
{
    cli->timestamps = false;
    return 0;
}

int cli_exec_exit(Cli *cli, const GrammarMatch *m)
{
    cli->leave = true;
    return 0;
}

/* Back to EXEC mode, from EXEC mode: tools send it to be sure. */
int cli_exec_end(Cli *cli, const GrammarMatch *m)
{
    return 0;
}
