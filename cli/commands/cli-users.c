/* SPDX-License-Identifier: Apache-2.0 */
/* show users: who is on which terminal. The sessions are logind's; it does not know the terminal of
 * each (sshd opens one after the session), so that of the session's oldest process with one is
 * taken. utmp(5) would say so at once, but newer systems have none. */
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>

#include "cli-commands.h"
#include "clock.h"
#include "login-terminal.h"
#include "render-fields.h"

#define SESSIONS_MAX 1024U

typedef struct Login {
    char *session; /* owned */
    char terminal[TERMINAL_NAME_SIZE];
    uint64_t began;
} Login;

typedef struct Logins {
    Login items[SESSIONS_MAX];
    size_t n;
} Logins;

static void logins_done(Logins *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].session);
}

/* The entry of the session, a new one if need be; takes the name over. */
static Login *find_login(Logins *l, char *session)
{
    for (size_t i = 0; i < l->n; i++)
        if (streq(l->items[i].session, session)) {
            free(session);
            return &l->items[i];
        }
    if (l->n == SESSIONS_MAX) {
        free(session);
        return NULL;
    }
    l->items[l->n] = (Login){.session = session, .began = UINT64_MAX};
    return &l->items[l->n++];
}

static void add_process(Logins *l, pid_t pid)
{
    ProcessTerminal t;
    char *session;
    Login *login;

    if (process_terminal(pid, &t) < 0 || sd_pid_get_session(pid, &session) < 0)
        return;
    login = find_login(l, session);
    if (login && t.began < login->began) {
        memcpy(login->terminal, t.name, sizeof(login->terminal));
        login->began = t.began;
    }
}

static int read_processes(Logins *l)
{
    _cleanup_closedir_ DIR *proc = opendir("/proc");
    struct dirent *entry;

    if (!proc)
        return -errno;
    while ((entry = readdir(proc))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);

        if (pid > 0 && *end == '\0')
            add_process(l, (pid_t)pid);
    }
    return 0;
}

static int compare_logins(const void *a, const void *b)
{
    const Login *x = a, *y = b;

    return x->began < y->began ? -1 : x->began > y->began;
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
    struct stat st;

    if (stat(path, &st) >= 0) {
        int64_t now = clock_sec(CLOCK_REALTIME),
                seconds = now > st.st_atime ? now - st.st_atime : 0;

        (void)snprintf(text, sizeof(text), "%02lld:%02lld:%02lld", (long long)seconds / 3600,
                       (long long)seconds / 60 % 60, (long long)seconds % 60);
    }
    print_column(f, text, 10);
}

static void print_login(FILE *f, const Login *login)
{
    char path[sizeof("/dev/") + TERMINAL_NAME_SIZE];
    const char *own = ttyname(STDIN_FILENO);
    _cleanup_free_ char *host = NULL;
    struct passwd entry, *user = NULL;
    char buffer[1024];
    uid_t uid;

    /* It may have ended since. */
    if (sd_session_get_uid(login->session, &uid) < 0)
        return;
    (void)getpwuid_r(uid, &entry, buffer, sizeof(buffer), &user);
    (void)sd_session_get_remote_host(login->session, &host);
    (void)snprintf(path, sizeof(path), "/dev/%s", login->terminal);
    (void)fputs(own && streq(own, path) ? "*  " : "   ", f);
    print_column(f, login->terminal, 15);
    print_column(f, user ? user->pw_name : "", 20);
    print_column(f, sd_session_is_remote(login->session) > 0 ? "ssh" : "console", 9);
    print_idle(f, path);
    render_text(f, host ?: "");
    (void)fputc('\n', f);
}

int cli_show_users(Cli *cli, const GrammarMatch *m)
{
    Logins *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return -ENOMEM;
    r = read_processes(l);
    if (r >= 0) {
        (void)fputs("   Line            User                 Service   Idle       Location\n",
                    cli->out);
        qsort(l->items, l->n, sizeof(l->items[0]), compare_logins);
        for (size_t i = 0; i < l->n; i++)
            print_login(cli->out, &l->items[i]);
    }
    logins_done(l);
    free(l);
    return r;
}
