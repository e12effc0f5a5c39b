/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatcher.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "log.h"

typedef struct Dispatcher {
    const Worker *worker;
    SandboxFilter filter;
    int listener, children; /* SIGCHLD */
    unsigned n_workers;
    pid_t pid;
    bool ending;
} Dispatcher;

static _Noreturn void become_worker(const Dispatcher *d, int fd)
{
    sigset_t none;

    /* It does not outlive the one that counts it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != d->pid)
        _exit(EXIT_FAILURE);
    (void)close(d->listener);
    (void)close(d->children);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)alarm(d->worker->seconds_max);
    _exit(d->worker->run(fd, &d->filter, d->worker->userdata) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_worker(Dispatcher *d)
{
    _cleanup_close_ int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid;

    if (fd < 0) /* whoever it was is gone */
        return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR ? 0 : -errno;
    pid = fork();
    if (pid == 0)
        become_worker(d, TAKE_FD(fd));
    if (pid < 0)
        return -errno;
    d->n_workers++;
    return 0;
}

/* Not by the alarm, and by nobody who only wants it to end. */
static bool has_crashed(int status)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

    for (size_t i = 0; WIFSIGNALED(status) && i < ELEMENTSOF(faults); i++)
        if (WTERMSIG(status) == faults[i])
            return true;
    return false;
}

static void reap(Dispatcher *d)
{
    struct signalfd_siginfo info;
    int status;

    (void)!read(d->children, &info, sizeof(info));
    while (waitpid(-1, &status, WNOHANG) > 0) {
        d->n_workers--;
        if (!has_crashed(status))
            continue;
        log_error("A worker was ended by signal %d, and no more are made from what it was",
                  WTERMSIG(status));
        d->ending = true;
    }
}

static int run(Dispatcher *d)
{
    const int idle_ms = (int)d->worker->idle_seconds * 1000;

    while (!d->ending || d->n_workers > 0) {
        const bool accepting = !d->ending && d->n_workers < d->worker->workers_max;
        struct pollfd fds[] = {{.fd = d->children, .events = POLLIN},
                               {.fd = accepting ? d->listener : -1, .events = POLLIN}};
        int n = poll(fds, ELEMENTSOF(fds), d->n_workers > 0 ? -1 : idle_ms), r;

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        if (n > 0 && fds[0].revents)
            reap(d);
        else if (n > 0 && fds[1].revents) {
            r = start_worker(d);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int serve(Dispatcher *d)
{
    sigset_t mask;
    int r;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    d->children = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d->children < 0)
        return -errno;
    r = run(d);
    (void)close(d->children);
    return r;
}

int dispatch(int listener, const Sandbox *parent, const Worker *worker)
{
    Dispatcher d = {.worker = worker, .listener = listener, .pid = getpid()};
    Sandbox forking = *parent;
    int r = sandbox_compile(worker->sandbox, &d.filter);

    forking.calls |= SANDBOX_CALLS_FORK;
    if (r >= 0)
        r = sandbox_enter(&forking);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    (void)malloc_trim(0); /* or each worker copies what is free when it takes it */
    r = serve(&d);
    sandbox_filter_done(&d.filter);
    return r < 0 ? log_error_errno(r, "Failed to serve: %m") : 0;
}
