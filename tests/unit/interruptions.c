/* SPDX-License-Identifier: Apache-2.0 */
#include "interruptions.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"

#define CALLS_MAX 4096U /* an operation that goes on for ever is to fail, not to hang */
#define ERRNO_BIAS 1    /* exit statuses: 0 to 1 a state, or this and an errno */

/* --- Steps, each in a process of its own ------------------------------------------------------ */

static _Noreturn void leave(int r)
{
    _exit(r < 0 ? ERRNO_BIAS - r : r);
}

/* What leave() was given; -EINTR when a signal ended the process. */
static int wait_for(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        return -errno;
    if (!WIFEXITED(status))
        return -EINTR;
    return WEXITSTATUS(status) <= ERRNO_BIAS ? WEXITSTATUS(status)
                                             : ERRNO_BIAS - WEXITSTATUS(status);
}

static int run_step(int (*step)(void *userdata), void *userdata)
{
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        leave(step(userdata));
    return wait_for(pid);
}

/* --- Stopping at system calls ----------------------------------------------------------------- */

static const int changing_calls[] = {
    SCMP_SYS(pwrite64),  SCMP_SYS(writev),         SCMP_SYS(pwritev),
    SCMP_SYS(sendfile),  SCMP_SYS(splice),         SCMP_SYS(copy_file_range),
    SCMP_SYS(ftruncate), SCMP_SYS(truncate),       SCMP_SYS(fallocate),
    SCMP_SYS(fsync),     SCMP_SYS(fdatasync),      SCMP_SYS(sync_file_range),
    SCMP_SYS(syncfs),    SCMP_SYS(rename),         SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink),         SCMP_SYS(unlinkat),
    SCMP_SYS(link),      SCMP_SYS(linkat),         SCMP_SYS(symlink),
    SCMP_SYS(symlinkat), SCMP_SYS(mkdir),          SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),     SCMP_SYS(mknod),          SCMP_SYS(mknodat),
    SCMP_SYS(creat),     SCMP_SYS(openat2),        SCMP_SYS(chmod),
    SCMP_SYS(fchmod),    SCMP_SYS(fchmodat),       SCMP_SYS(fchown),
    SCMP_SYS(fchownat),  SCMP_SYS(chown),          SCMP_SYS(lchown),
    SCMP_SYS(utimensat), SCMP_SYS(fsetxattr),      SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr), SCMP_SYS(io_uring_setup),
};

static int notify_opens(scmp_filter_ctx filter, int call, unsigned flags_argument)
{
    static const int flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, call, 1,
                             SCMP_CMP(flags_argument, SCMP_CMP_MASKED_EQ, (scmp_datum_t)flags[i],
                                      (scmp_datum_t)flags[i]));
    return r;
}

/* In the child: from now on it stops at each call that changes files. */
static int filter_install(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = filter ? 0 : -ENOMEM, fd;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(changing_calls); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, changing_calls[i], 0);
    if (r >= 0)
        r = notify_opens(filter, SCMP_SYS(open), 1);
    if (r >= 0)
        r = notify_opens(filter, SCMP_SYS(openat), 2);
    if (r >= 0) /* what the test prints is no file of the operation */
        r = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_GT, STDERR_FILENO));
    if (r >= 0)
        r = seccomp_load(filter);
    fd = r >= 0 ? fcntl(seccomp_notify_fd(filter), F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : r;
    if (filter)
        seccomp_release(filter);
    return fd < 0 && r >= 0 ? -errno : fd;
}

static int send_fd(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof fd)];
    } control = {.header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* -EPIPE when the child ended instead. */
static int receive_fd(int socket)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int fd;

    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
        return -EPIPE;
    if (message.msg_controllen < CMSG_LEN(sizeof fd) || control.header.cmsg_type != SCM_RIGHTS)
        return -EPROTO;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
}

/* --- One run ---------------------------------------------------------------------------------- */

typedef struct Run {
    unsigned at; /* the call that is interrupted, from 1 */
    int error;   /* that it fails with; 0: the process is killed there */
    unsigned calls;
    const char *call; /* the name of the interrupted one, "" before that */
    char *name;       /* what it points to */
    pid_t pid;
    int socket, notify; /* the socket closes when the process ends */
} Run;

static _Noreturn void run_child(const Operation *o, int socket)
{
    int r = o->begin ? o->begin(o->userdata) : 0, fd;

    if (r < 0)
        leave(r);
    fd = filter_install();
    if (fd < 0)
        leave(fd);
    r = send_fd(socket, fd);
    leave(r < 0 ? r : o->operate(o->userdata) < 0 ? -ECANCELED : 0);
}

static int run_start(Run *run, const Operation *o)
{
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    run->pid = fork();
    if (run->pid == 0) {
        (void)close(sockets[0]);
        run_child(o, sockets[1]);
    }
    (void)close(sockets[1]);
    run->socket = sockets[0];
    return run->pid < 0 ? -errno : 0;
}

/* Answers one call, or ends the process at it. */
static int run_answer(Run *run, struct seccomp_notif *request, struct seccomp_notif_resp *answer)
{
    int r;

    memset(request, 0, sizeof *request); /* or the kernel refuses it */
    r = seccomp_notify_receive(run->notify, request);
    if (r < 0)
        return r == -ENOENT ? 0 : r; /* it is gone */
    run->calls++;
    *answer =
        (struct seccomp_notif_resp){.id = request->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    if (run->calls == run->at) {
        run->name = seccomp_syscall_resolve_num_arch(request->data.arch, request->data.nr);
        run->call = run->name ? run->name : "?";
        if (run->error == 0)
            return kill(run->pid, SIGKILL) < 0 ? -errno : 0;
        answer->flags = 0;
        answer->error = -run->error;
    }
    r = seccomp_notify_respond(run->notify, answer);
    return r == -ENOENT ? 0 : r;
}

static int run_watch(Run *run, struct seccomp_notif *request, struct seccomp_notif_resp *answer)
{
    struct pollfd fds[] = {{run->notify, POLLIN, 0}, {run->socket, POLLIN, 0}};

    while (run->calls < CALLS_MAX) {
        int r;

        if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[0].revents & POLLIN) {
            r = run_answer(run, request, answer);
            if (r < 0)
                return r;
        } else if (fds[1].revents) {
            return 0;
        }
    }
    return -ELOOP;
}

static int run_supervise(Run *run)
{
    struct seccomp_notif_resp *answer = NULL;
    struct seccomp_notif *request = NULL;
    int r;

    run->notify = receive_fd(run->socket);
    if (run->notify < 0)
        return run->notify == -EPIPE ? 0 : run->notify;
    r = seccomp_notify_alloc(&request, &answer);
    if (r >= 0) {
        r = run_watch(run, request, answer);
        seccomp_notify_free(request, answer);
    }
    (void)close(run->notify);
    return r;
}

/* 0 when the operation says that it has worked, -ECANCELED when it says that it has failed, -EINTR
 * when it was killed. */
static int run_operation(Run *run, const Operation *o)
{
    int r = run_start(run, o), result;

    if (r < 0)
        return r;
    r = run_supervise(run);
    (void)close(run->socket);
    if (r < 0)
        (void)kill(run->pid, SIGKILL);
    result = wait_for(run->pid);
    return r < 0 ? r : result;
}

/* --- All of them ------------------------------------------------------------------------------ */

/* Does the state follow from how the operation ended? */
static bool is_expected(const Run *run, int result, int state, bool *was_new)
{
    bool finished = run->calls < run->at;

    if (state != STATE_OLD && state != STATE_NEW)
        return false;
    if (finished || (run->error != 0 && result == 0))
        return result == 0 && state == STATE_NEW;
    if (result != (run->error != 0 ? -ECANCELED : -EINTR))
        return false;
    if (run->error != 0)
        return true;
    if ((run->at == 1 && state != STATE_OLD) || (*was_new && state != STATE_NEW))
        return false;
    *was_new = state == STATE_NEW;
    return true;
}

/* Returns how many calls there were, when all is as it should be. */
static int interrupt_at(const Operation *o, unsigned at, int error, bool *was_new,
                        Interruption *ret)
{
    Run run = {.at = at, .error = error, .call = "", .notify = -EBADF};
    int r = run_step(o->prepare, o->userdata), result, state;
    bool good;

    if (r < 0)
        return r;
    result = run_operation(&run, o);
    state = run_step(o->inspect, o->userdata);
    good = is_expected(&run, result, state, was_new);
    if (!good) {
        static char name[32];

        (void)snprintf(name, sizeof name, "%s", run.call);
        if (ret)
            *ret = (Interruption){at, name, state};
        else
            (void)fprintf(stderr,
                          "# %s call %u, %s: the operation ended with %d, the state is %d\n",
                          error == 0 ? "killed before" : "failed", at, name, result, state);
    }
    free(run.name);
    return good ? (int)run.calls : -EBADMSG;
}

static int interrupt_everywhere(const Operation *o, int error, Interruption *ret)
{
    bool was_new = false;
    unsigned at = 1;
    int r;

    do
        r = interrupt_at(o, at, error, &was_new, ret);
    while (r >= 0 && (unsigned)r >= at++);
    return r;
}

int operation_kill_everywhere(const Operation *o, Interruption *ret)
{
    return interrupt_everywhere(o, 0, ret);
}

int operation_fail_everywhere(const Operation *o, int error, Interruption *ret)
{
    return interrupt_everywhere(o, error, ret);
}
