/* SPDX-License-Identifier: Apache-2.0 */
/* The identity is a key in keyd, granted to this process's user for ssh, by the agent. Of the other
 * side nothing is believed but that it has the host key of the configuration. */
#include "node-ssh.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "atomic-file.h"
#include "cleanup.h"

#define BRIDGE "systemd-stdio-bridge"
/* Below they stand in ssh's options. The folder is the unit's own. */
#define KNOWN_HOSTS "/tmp/known-hosts"
#define ALIAS "node"
#define LAST_WORDS_MS 3000
#define SAID_MAX 4096U

static const char *const options[] = {
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UserKnownHostsFile=/tmp/known-hosts",
    "GlobalKnownHostsFile=none",
    "HostKeyAlias=node",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "PreferredAuthentications=publickey",
    "IdentityFile=none",
    "IdentitiesOnly=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "EscapeChar=none",
    "ConnectTimeout=15",
    "ConnectionAttempts=1",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
};

#define WORDS_MAX (2 * ELEMENTSOF(options) + 16)

static int write_known_hosts(const Question *q)
{
    _cleanup_close_ int fd =
        open(KNOWN_HOSTS, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < q->n_host_keys; i++)
        if (strchr(q->host_keys[i], '\n') || dprintf(fd, ALIAS " %s\n", q->host_keys[i]) < 0)
            return -EINVAL;
    return 0;
}

static void list_words(const Question *q, const char *port, const char *words[WORDS_MAX])
{
    size_t n = 0;

    words[n++] = AGENT;
    words[n++] = "ssh";
    words[n++] = "-xT";
    words[n++] = "-F";
    words[n++] = "none";
    for (size_t i = 0; i < ELEMENTSOF(options); i++) {
        words[n++] = "-o";
        words[n++] = options[i];
    }
    words[n++] = "-p";
    words[n++] = port;
    words[n++] = "-l";
    words[n++] = q->user;
    words[n++] = "--";
    words[n++] = q->host;
    words[n++] = BRIDGE;
    words[n] = NULL;
}

static void run_ssh(const Question *q, int bus, int errors)
{
    const char *words[WORDS_MAX];
    char port[8];
    union {
        const char **from;
        char *const *to;
    } argv = {.from = words};

    (void)signal(SIGPIPE, SIG_DFL);
    (void)snprintf(port, sizeof port, "%u", q->port);
    list_words(q, port, words);
    if (dup2(bus, STDIN_FILENO) >= 0 && dup2(bus, STDOUT_FILENO) >= 0 &&
        dup2(errors, STDERR_FILENO) >= 0)
        (void)execv(AGENT, argv.to);
    (void)dprintf(errors, AGENT " cannot be run: %s\n", strerror(errno));
    _exit(EXIT_FAILURE);
}

int ssh_start(const Question *q, int *ret_bus, int *ret_errors)
{
    _cleanup_close_ int ours = -EBADF, theirs = -EBADF, said = -EBADF, saying = -EBADF;
    int fds[2], r = write_known_hosts(q);
    pid_t pid;

    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    ours = fds[0];
    theirs = fds[1];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    said = fds[0];
    saying = fds[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run_ssh(q, theirs, saying);
    *ret_bus = TAKE_FD(ours);
    *ret_errors = TAKE_FD(said);
    return 0;
}

/* The end of it, as far as it comes in time. */
static size_t read_said(int fd, char said[static SAID_MAX])
{
    size_t size = 0;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&p, 1, LAST_WORDS_MS) <= 0)
            return size;
        if (size == SAID_MAX) {
            memmove(said, said + SAID_MAX / 2, SAID_MAX / 2);
            size = SAID_MAX / 2;
        }
        n = read(fd, said + size, SAID_MAX - size);
        if (n <= 0)
            return size;
        size += (size_t)n;
    }
}

void ssh_last_words(int errors, char *buffer, size_t size)
{
    char said[SAID_MAX];
    size_t end = read_said(errors, said), begin, n = 0;

    while (end > 0 && (said[end - 1] == '\n' || said[end - 1] == '\r'))
        end--;
    for (begin = end; begin > 0 && said[begin - 1] != '\n'; begin--)
        ;
    for (; begin < end && n < size - 1; begin++)
        if (said[begin] >= ' ' && said[begin] <= '~')
            buffer[n++] = said[begin];
    buffer[n] = 0;
}
