/* SPDX-License-Identifier: Apache-2.0 */
/* The system bus of another router: -H over ssh, with systemd's bridge at the other end, and -M in
 * a container of this machine. There the caller is whoever ssh logs in. */
#include "cli-remote.h"

#include <ctype.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli-bus.h"

#define BRIDGE "systemd-stdio-bridge"

/* [USER@]HOST[:PORT][/CONTAINER], as other programs of systemd take it. */
typedef struct Destination {
    char host[256], port[8], container[80];
} Destination;

static bool has_only(const char *text, const char *more)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(more, *text))
            return false;
    return true;
}

static bool copy_part(char *to, size_t size, const char *from, size_t length)
{
    if (length == 0 || length >= size)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static int parse_destination(const char *text, Destination *ret)
{
    const char *slash = strchr(text, '/'), *end = slash ? slash : text + strlen(text);
    const char *bracket = memchr(text, ']', (size_t)(end - text));
    const char *from = bracket ? bracket : text;
    const char *colon = memchr(from, ':', (size_t)(end - from));
    size_t length = (size_t)((colon ? colon : end) - text);
    const char *open = bracket ? memchr(text, '[', length) : NULL;

    memset(ret, 0, sizeof(*ret));
    if (text[0] == '-' || !copy_part(ret->host, sizeof(ret->host), text, length))
        return -EINVAL;
    if (colon && (!copy_part(ret->port, sizeof(ret->port), colon + 1, (size_t)(end - colon - 1)) ||
                  strspn(ret->port, "0123456789") != strlen(ret->port)))
        return -EINVAL;
    if (slash &&
        (!copy_part(ret->container, sizeof(ret->container), slash + 1, strlen(slash + 1)) ||
         !has_only(ret->container, "-_.")))
        return -EINVAL;
    if (!bracket)
        return 0;
    if (!open || bracket + 1 != text + length)
        return -EINVAL;
    /* ssh wants the address without its brackets. */
    memmove(ret->host + (open - text), ret->host + (open - text) + 1,
            strlen(open - text + ret->host));
    ret->host[strlen(ret->host) - 1] = '\0';
    return 0;
}

/* Ctrl-C is for the command that runs, not for the connection; ssh asks for passwords on the
 * terminal all the same. */
static void run_ssh(const Destination *d, int fd)
{
    char machine[sizeof(d->container) + sizeof("--machine=")];
    const char *words[10];
    sigset_t none;
    size_t n = 0;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(EXIT_FAILURE);
    words[n++] = "ssh";
    words[n++] = "-xT";
    if (*d->port) {
        words[n++] = "-p";
        words[n++] = d->port;
    }
    words[n++] = "--";
    words[n++] = d->host;
    words[n++] = BRIDGE;
    if (*d->container) {
        (void)snprintf(machine, sizeof(machine), "--machine=%s", d->container);
        words[n++] = machine;
    }
    words[n] = NULL;
    {
        union {
            const char **from;
            char *const *to;
        } argv = {.from = words};

        (void)execvp("ssh", argv.to);
    }
    (void)dprintf(STDERR_FILENO, "%% ssh cannot be run: %s\n", strerror(errno));
    _exit(EXIT_FAILURE);
}

static int start_ssh(Cli *cli, const Destination *d, int *ret)
{
    _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    ours = fds[0];
    theirs = fds[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run_ssh(d, theirs);
    cli->ssh = pid;
    *ret = TAKE_FD(ours);
    return 0;
}

void cli_remote_close(Cli *cli)
{
    if (cli->ssh <= 0)
        return;
    (void)kill(cli->ssh, SIGTERM);
    (void)waitpid(cli->ssh, NULL, 0);
    cli->ssh = 0;
}

static int open_host(Cli *cli, sd_bus *bus)
{
    Destination destination;
    int fd = -EBADF, r = parse_destination(cli->host, &destination);

    if (r >= 0)
        r = start_ssh(cli, &destination, &fd);
    if (r < 0)
        return r;
    r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    r = sd_bus_set_bus_client(bus, 1);
    /* The bridge would pass descriptors on when its own ends are sockets, and ssh then lose them.
     */
    if (r >= 0)
        r = sd_bus_negotiate_fds(bus, 0);
    return r < 0 ? r : sd_bus_start(bus);
}

/* A person may have to type a password, and can give up. */
static int wait_ready(Cli *cli)
{
    int r;

    while ((r = sd_bus_is_ready(cli->bus)) == 0) {
        if (sd_bus_is_open(cli->bus) <= 0)
            return -ENOTCONN;
        r = cli_wait(cli);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : 0;
}

int cli_remote_open(Cli *cli, sd_bus_error *error)
{
    const char *where = cli->host ? cli->host : cli->machine;
    int r;

    if (cli->host) {
        r = sd_bus_new(&cli->bus);
        if (r >= 0)
            r = open_host(cli, cli->bus);
    } else {
        r = sd_bus_open_system_machine(&cli->bus, cli->machine);
    }
    if (r >= 0)
        r = sd_bus_attach_event(cli->bus, cli->event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = wait_ready(cli);
    if (r >= 0)
        r = sd_bus_can_send(cli->bus, 'h');
    cli->plain = r == 0;
    if (r >= 0)
        return 0;
    cli_bus_close(cli);
    if (r == -EINTR)
        return sd_bus_error_set_errno(error, r);
    return sd_bus_error_set_errnof(error, r, "The system bus of %s cannot be reached%s%s", where,
                                   r == -ENOTCONN ? "" : ": ", r == -ENOTCONN ? "" : strerror(-r));
}

bool cli_is_remote(const Cli *cli)
{
    return cli->host || cli->machine;
}

/* What sshd runs for -H of somebody elsewhere: for users whose login shell this is. */
int cli_remote_serve(const char *command)
{
    if (!streq(command, BRIDGE))
        return 0;
    (void)execl("/usr/bin/" BRIDGE, BRIDGE, (char *)NULL);
    (void)dprintf(STDERR_FILENO, "%% %s cannot be run: %s\n", BRIDGE, strerror(errno));
    return -errno;
}
