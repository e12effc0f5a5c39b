/* SPDX-License-Identifier: Apache-2.0 */
/* show users: who is on which terminal, by the system's own list, utmp(5). */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <utmpx.h>

#include "cli-commands.h"
#include "render-fields.h"

/* Fields of utmp need not end. */
typedef struct Entry {
    char line[sizeof(((struct utmpx *)0)->ut_line) + 1];
    char user[sizeof(((struct utmpx *)0)->ut_user) + 1];
    char host[sizeof(((struct utmpx *)0)->ut_host) + 1];
} Entry;

static void read_entry(const struct utmpx *u, Entry *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->line, u->ut_line, sizeof(u->ut_line));
    memcpy(ret->user, u->ut_user, sizeof(u->ut_user));
    memcpy(ret->host, u->ut_host, sizeof(u->ut_host));
}

static void print_column(FILE *f, const char *text, size_t width)
{
    render_text(f, text);
    for (size_t n = strlen(text); n < width; n++)
        (void)fputc(' ', f);
    (void)fputc(' ', f);
}

/* Since the last key, as the terminal has it. */
static void print_idle(FILE *f, const char *path)
{
    char text[32] = "-";
    struct timespec now;
    struct stat st;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (stat(path, &st) >= 0) {
        time_t seconds = now.tv_sec > st.st_atime ? now.tv_sec - st.st_atime : 0;

        (void)snprintf(text, sizeof(text), "%02lld:%02lld:%02lld", (long long)seconds / 3600,
                       (long long)seconds / 60 % 60, (long long)seconds % 60);
    }
    print_column(f, text, 10);
}

static void print_entry(FILE *f, const struct utmpx *u)
{
    char path[sizeof("/dev/") + sizeof(u->ut_line)];
    const char *own = ttyname(STDIN_FILENO);
    Entry entry;

    read_entry(u, &entry);
    (void)snprintf(path, sizeof(path), "/dev/%s", entry.line);
    (void)fputs(own && streq(own, path) ? "*  " : "   ", f);
    print_column(f, entry.line, 15);
    print_column(f, entry.user, 20);
    print_column(f, *entry.host ? "ssh" : "console", 9);
    print_idle(f, path);
    render_text(f, entry.host);
    (void)fputc('\n', f);
}

int cli_show_users(Cli *cli, const GrammarMatch *m)
{
    const struct utmpx *u;

    (void)fputs("   Line            User                 Service   Idle       Location\n",
                cli->out);
    setutxent();
    while ((u = getutxent()))
        if (u->ut_type == USER_PROCESS)
            print_entry(cli->out, u);
    endutxent();
    return 0;
}
