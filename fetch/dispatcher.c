/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatcher.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "log.h"

#define WORKERS_MAX 32U
#define IDLE_MS 300000

typedef struct Dispatcher {
    const Worker *worker;
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
    _exit(d->worker->run(fd, d->worker->userdata) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
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
    while (!d->ending || d->n_workers > 0) {
        const bool accepting = !d->ending && d->n_workers < WORKERS_MAX;
        struct pollfd fds[] = {{.fd = d->children, .events = POLLIN},
                               {.fd = accepting ? d->listener : -1, .events = POLLIN}};
        int n = poll(fds, ELEMENTSOF(fds), d->n_workers > 0 ? -1 : IDLE_MS), r;

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

int dispatch(int listener, const Worker *worker)
{
    Dispatcher d = {.worker = worker, .listener = listener, .pid = getpid()};
    sigset_t mask;
    int r;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    d.children = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d.children < 0)
        return -errno;
    r = run(&d);
    (void)close(d.children);
    return r;
}
