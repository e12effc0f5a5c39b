/* SPDX-License-Identifier: Apache-2.0 */
/* One connection. Nothing is looked at before the sandbox is closed, nor before the client has
 * closed its side. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "log.h"
#include "probe.h"
#include "service-program.h"

#define REQUEST_TIMEOUT_MS 30000

/* Whoever asks has nothing to say but that it asks. */
static int wait_question(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = poll(&p, 1, REQUEST_TIMEOUT_MS);
    char byte;
    ssize_t n;

    if (r <= 0)
        return r < 0 ? -errno : -ETIMEDOUT;
    n = read(fd, &byte, 1);
    if (n < 0)
        return -errno;
    return n == 0 ? 0 : -EBADMSG;
}

static int answer(const Probe *probe, void *data)
{
    Answer a = {.fd = STDIN_FILENO};
    char reason[PROBE_REASON_SIZE] = "";
    int r = probe->look(data, &a, reason);

    if (r < 0 && reason[0] == 0)
        (void)snprintf(reason, sizeof reason, "%s", strerror(-r));
    r = answer_finish(&a, r, reason);
    /* Whoever asked went away. */
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int serve(const Probe *probe)
{
    void *data = NULL;
    int r;

    r = service_connection(probe->name, SOCK_STREAM);
    if (r < 0)
        return r;
    r = probe->start ? probe->start(&data) : 0;
    if (r < 0)
        return log_error_errno(r, "Failed to start: %m");
    r = sandbox_enter(probe->sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    r = wait_question(STDIN_FILENO);
    if (r >= 0)
        r = answer(probe, data);
    return r < 0 ? log_error_errno(r, "Failed to answer: %m") : 0;
}

int probe_main(const Probe *probe, int argc, char *argv[])
{
    int r = service_arguments(probe->name, probe->page, probe->description, argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open(probe->name);
    (void)signal(SIGPIPE, SIG_IGN);
    return serve(probe) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
