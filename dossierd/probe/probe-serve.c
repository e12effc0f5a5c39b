/* SPDX-License-Identifier: Apache-2.0 */
/* A process for each connection. Nothing is looked at before its sandbox is closed, nor before the
 * client has closed its side. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "dispatcher.h"
#include "log.h"
#include "probe.h"
#include "service-program.h"

#define REQUEST_TIMEOUT_MS 30000
#define WORKERS_MAX 8U
/* Whoever collects a dossier each hour finds it waiting: to start it costs more than most
 * questions.
 */
#define IDLE_SECONDS 5400U

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

static int answer(const Probe *probe, void *data, int fd)
{
    Answer a = {.fd = fd};
    char reason[PROBE_REASON_SIZE] = "";
    int r = wait_question(fd);

    if (r < 0)
        return r;
    r = probe->look(data, &a, reason);
    if (r < 0 && reason[0] == 0)
        (void)snprintf(reason, sizeof reason, "%s", strerror(-r));
    return answer_finish(&a, r, reason);
}

static int work(int fd, const SandboxFilter *filter, const void *userdata)
{
    const Probe *probe = userdata;
    void *data = NULL;
    int r = probe->start ? probe->start(&data) : 0;

    if (r < 0)
        return log_error_errno(r, "Failed to start: %m");
    r = sandbox_enter_compiled(probe->sandbox, filter);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    r = probe->converse ? probe->converse(data, fd) : answer(probe, data, fd);
    /* Whoever asked went away. */
    if (r == -EPIPE || r == -ECONNRESET)
        return 0;
    return r < 0 ? log_error_errno(r, "Failed to answer: %m") : 0;
}

static int serve(const Probe *probe)
{
    const Worker worker = {.run = work,
                           .userdata = probe,
                           .sandbox = probe->sandbox,
                           .seconds_max = probe->seconds_max,
                           .workers_max = WORKERS_MAX,
                           .idle_seconds = HELPER_IDLE_SECONDS};
    Sandbox parent = *probe->sandbox;
    int listener = service_listener(probe->name);

    /* The paths of a sandbox are opened to enter it. */
    parent.calls |= SANDBOX_CALLS_FILES_READ;
    return listener < 0 ? listener : dispatch(listener, &parent, &worker);
}

int probe_main(const Probe *probe, int argc, char *argv[])
{
    int r = service_arguments(probe->name, NULL, probe->description, argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open(probe->name);
    (void)signal(SIGPIPE, SIG_IGN);
    return serve(probe) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
