/* SPDX-License-Identifier: Apache-2.0 */
/* The second wall around each process. System calls: what the tables below name is allowed,
 * everything else fails with EPERM (libraries try things that they do without), and what only an
 * attacker's code would try ends the process. */
#include "sandbox.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cleanup.h"

/* --- System calls ----------------------------------------------------------------------------- */

#define END (-1000000)

static const int calls_base[] = {
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock),
    SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(membarrier),
    /* open descriptors */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write),
    SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev2), SCMP_SYS(close),
    SCMP_SYS(close_range), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fcntl),
    SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(pipe2), SCMP_SYS(splice), SCMP_SYS(tee),
    SCMP_SYS(sendfile),
    /* waiting */
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime), SCMP_SYS(signalfd4), SCMP_SYS(futex), SCMP_SYS(restart_syscall),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(sched_yield),
    /* time and chance */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(getrandom),
    /* itself */
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getgroups), SCMP_SYS(getrusage), SCMP_SYS(uname),
    SCMP_SYS(sysinfo), SCMP_SYS(getcpu), SCMP_SYS(umask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(tgkill),
    /* threads */
    SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
    SCMP_SYS(set_tid_address),
    /* the connections that are already open, the journal's and the notification socket */
    SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(sendto), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(shutdown), END};

static const int calls_files_read[] = {SCMP_SYS(statx),      SCMP_SYS(stat),
                                       SCMP_SYS(lstat),      SCMP_SYS(statfs),
                                       SCMP_SYS(fstatfs),    SCMP_SYS(getdents64),
                                       SCMP_SYS(readlink),   SCMP_SYS(readlinkat),
                                       SCMP_SYS(access),     SCMP_SYS(faccessat),
                                       SCMP_SYS(faccessat2), SCMP_SYS(getcwd),
                                       SCMP_SYS(fadvise64),  SCMP_SYS(name_to_handle_at),
                                       SCMP_SYS(fgetxattr),  SCMP_SYS(flistxattr),
                                       SCMP_SYS(ioprio_set), END};

static const int calls_files_write[] = {
    SCMP_SYS(open),      SCMP_SYS(openat),    SCMP_SYS(rename),
    SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),  SCMP_SYS(mkdir),     SCMP_SYS(mkdirat),
    SCMP_SYS(linkat),    SCMP_SYS(fsync),     SCMP_SYS(fdatasync),
    SCMP_SYS(fchmod),    SCMP_SYS(fchmodat),  SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate), SCMP_SYS(utimensat), END};

static const int calls_memfd[] = {SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
                                  END};
static const int calls_memfd_secret[] = {SCMP_SYS(memfd_secret), SCMP_SYS(ftruncate), END};
static const int calls_unix_socket[] = {SCMP_SYS(connect), SCMP_SYS(bind),    SCMP_SYS(listen),
                                        SCMP_SYS(accept),  SCMP_SYS(accept4), END};
static const int calls_network[] = {SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(socketpair),
                                    SCMP_SYS(getdents64), END};

/* An attribute of what a folder has under a name, without opening it. */
static const int calls_attributes[] = {SCMP_SYS(fchdir), SCMP_SYS(lgetxattr), END};

static const int calls_fork[] = {SCMP_SYS(accept4),
                                 SCMP_SYS(wait4),
                                 SCMP_SYS(alarm),
                                 SCMP_SYS(setitimer),
                                 SCMP_SYS(landlock_create_ruleset),
                                 SCMP_SYS(landlock_add_rule),
                                 SCMP_SYS(landlock_restrict_self),
                                 END};

/* What only an attacker's code would do here: the process ends at once. */
static const int calls_fatal[] = {SCMP_SYS(execve),
                                  SCMP_SYS(execveat),
                                  SCMP_SYS(fork),
                                  SCMP_SYS(vfork),
                                  SCMP_SYS(ptrace),
                                  SCMP_SYS(process_vm_readv),
                                  SCMP_SYS(process_vm_writev),
                                  SCMP_SYS(process_madvise),
                                  SCMP_SYS(pidfd_getfd),
                                  SCMP_SYS(kcmp),
                                  SCMP_SYS(bpf),
                                  SCMP_SYS(perf_event_open),
                                  SCMP_SYS(userfaultfd),
                                  SCMP_SYS(io_uring_setup),
                                  SCMP_SYS(io_uring_enter),
                                  SCMP_SYS(mount),
                                  SCMP_SYS(umount2),
                                  SCMP_SYS(move_mount),
                                  SCMP_SYS(open_tree),
                                  SCMP_SYS(fsopen),
                                  SCMP_SYS(pivot_root),
                                  SCMP_SYS(chroot),
                                  SCMP_SYS(unshare),
                                  SCMP_SYS(setns),
                                  SCMP_SYS(init_module),
                                  SCMP_SYS(finit_module),
                                  SCMP_SYS(delete_module),
                                  SCMP_SYS(kexec_load),
                                  SCMP_SYS(kexec_file_load),
                                  SCMP_SYS(reboot),
                                  SCMP_SYS(swapon),
                                  SCMP_SYS(setuid),
                                  SCMP_SYS(setresuid),
                                  SCMP_SYS(setreuid),
                                  SCMP_SYS(setgid),
                                  SCMP_SYS(setresgid),
                                  SCMP_SYS(setregid),
                                  SCMP_SYS(setgroups),
                                  SCMP_SYS(capset),
                                  SCMP_SYS(add_key),
                                  SCMP_SYS(keyctl),
                                  SCMP_SYS(request_key),
                                  SCMP_SYS(personality),
                                  SCMP_SYS(modify_ldt),
                                  END};

static int allow_list(scmp_filter_ctx filter, const int *calls)
{
    for (; *calls != END; calls++) {
        int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, *calls, 0);

        /* A call that this architecture does not have need not be allowed. */
        if (r < 0 && r != -EDOM)
            return r;
    }
    return 0;
}

static int allow_masked(scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask,
                        uint64_t value)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                            SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

/* A child like itself, in the same namespaces, and a narrower filter for it; and what the child may
 * still look up before that, the addresses of interfaces. */
static int allow_forking(scmp_filter_ctx filter)
{
    int r =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                         SCMP_A0(SCMP_CMP_EQ, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD));

    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, SIOCGIFCONF));
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG));
    return r < 0 ? r
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 2,
                                    SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER),
                                    SCMP_A1(SCMP_CMP_EQ, 0));
}

/* Calls of which only some forms are harmless. */
static int allow_forms(scmp_filter_ctx filter, const Sandbox *sandbox)
{
    static const unsigned long ioctls[] = {FIONREAD, FIONBIO};
    static const int domains_network[] = {AF_INET, AF_INET6, AF_NETLINK};
    int r;

    /* No page is ever executable that was not when the process started. */
    r = allow_masked(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
    if (r >= 0)
        r = allow_masked(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
    /* New threads, no new processes; clone3() hides its flags, and libc falls back from it. */
    if (r >= 0)
        r = allow_masked(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                             SCMP_A2(SCMP_CMP_EQ, 0));
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(ioctls); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
    if (r >= 0 && (sandbox->calls & SANDBOX_CALLS_ETHTOOL))
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, SIOCETHTOOL));
    if (r >= 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    if (r >= 0 && (sandbox->calls & SANDBOX_CALLS_SOCKETPAIR))
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                             SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    for (size_t i = 0;
         r >= 0 && (sandbox->calls & SANDBOX_CALLS_NETWORK) && i < ELEMENTSOF(domains_network); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, (unsigned)domains_network[i]));
    if (r >= 0 && (sandbox->calls & SANDBOX_CALLS_FILES_READ) &&
        !(sandbox->calls & SANDBOX_CALLS_FILES_WRITE))
        r = allow_masked(filter, SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
    if (r >= 0 && (sandbox->calls & SANDBOX_CALLS_DEVICES))
        r = allow_masked(filter, SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDWR);
    return r;
}

/* The other commands fail, rather than to end the process: libseccomp has one action for a call
 * that is not what its rules say. */
static int allow_bpf(scmp_filter_ctx filter)
{
    static const enum bpf_cmd commands[] = {BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID,
                                            BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID,
                                            BPF_OBJ_GET_INFO_BY_FD};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(commands); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
                             SCMP_A0(SCMP_CMP_EQ, commands[i]));
    return r;
}

static int kill_list(scmp_filter_ctx filter, const Sandbox *sandbox)
{
    for (const int *call = calls_fatal; *call != END; call++) {
        int r;

        if (*call == SCMP_SYS(bpf) && (sandbox->calls & SANDBOX_CALLS_BPF_TELL))
            continue;
        r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, *call, 0);
        if (r < 0 && r != -EDOM)
            return r;
    }
    return 0;
}

static int build_filter(scmp_filter_ctx filter, const Sandbox *sandbox)
{
    static const struct {
        unsigned flag;
        const int *calls;
    } sets[] = {
        {SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_FILES_WRITE, calls_files_read},
        {SANDBOX_CALLS_FILES_WRITE, calls_files_write},
        {SANDBOX_CALLS_MEMFD, calls_memfd},
        {SANDBOX_CALLS_MEMFD_SECRET, calls_memfd_secret},
        {SANDBOX_CALLS_UNIX_SOCKET, calls_unix_socket},
        {SANDBOX_CALLS_NETWORK, calls_network},
        {SANDBOX_CALLS_ATTRIBUTES, calls_attributes},
        {SANDBOX_CALLS_FORK, calls_fork},
    };
    int r = allow_list(filter, calls_base);

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sets); i++)
        if (sandbox->calls & sets[i].flag)
            r = allow_list(filter, sets[i].calls);
    if (r >= 0)
        r = allow_forms(filter, sandbox);
    if (r >= 0 && (sandbox->calls & SANDBOX_CALLS_BPF_TELL))
        r = allow_bpf(filter);
    if (r >= 0 && (sandbox->calls & SANDBOX_CALLS_FORK))
        r = allow_forking(filter);
    if (r >= 0)
        r = kill_list(filter, sandbox);
    return r;
}

static void filter_releasep(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

static int filter_new(const Sandbox *sandbox, scmp_filter_ctx *ret)
{
    _cleanup_(filter_releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r;

    if (!filter)
        return -ENOMEM;
    r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (r >= 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r >= 0)
        r = build_filter(filter, sandbox);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(filter);
    return 0;
}

static int enter_seccomp(const Sandbox *sandbox)
{
    _cleanup_(filter_releasep) scmp_filter_ctx filter = NULL;
    int r = filter_new(sandbox, &filter);

    return r < 0 ? r : seccomp_load(filter);
}

static int read_program(int fd, SandboxFilter *ret)
{
    _cleanup_free_ void *program = NULL;
    off_t size = lseek(fd, 0, SEEK_END);
    size_t length = (size_t)size / sizeof(struct sock_filter);

    if (size <= 0 || length > BPF_MAXINSNS || (size_t)size % sizeof(struct sock_filter) != 0)
        return -EIO;
    program = malloc((size_t)size);
    if (!program)
        return -ENOMEM;
    if (pread(fd, program, (size_t)size, 0) != size)
        return -EIO;
    *ret = (SandboxFilter){TAKE_PTR(program), (unsigned short)length};
    return 0;
}

int sandbox_compile(const Sandbox *sandbox, SandboxFilter *ret)
{
    _cleanup_(filter_releasep) scmp_filter_ctx filter = NULL;
    _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = filter_new(sandbox, &filter);
    if (r >= 0)
        r = seccomp_export_bpf(filter, fd);
    return r < 0 ? r : read_program(fd, ret);
}

void sandbox_filter_done(SandboxFilter *filter)
{
    free(filter->program);
    *filter = (SandboxFilter){NULL, 0};
}

/* --- Landlock --------------------------------------------------------------------------------- */

/* The kernel's structure as of ABI 6; older headers know less of it, older kernels get fewer bytes.
 */
typedef struct RulesetAttributes {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
} RulesetAttributes;

#define ACCESS_FS_TRUNCATE (1ULL << 14)
#define ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define ACCESS_NET_TCP 3ULL
#define SCOPE_ABSTRACT_UNIX_SOCKET_AND_SIGNAL 3ULL

#define ACCESS_FILE_READ LANDLOCK_ACCESS_FS_READ_FILE
#define ACCESS_READ (ACCESS_FILE_READ | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_FILE_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE)
#define ACCESS_WRITE                                                                               \
    (ACCESS_FILE_WRITE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |          \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |    \
     LANDLOCK_ACCESS_FS_REFER)

/* What NSS and the rendering of local times read. */
static const char *const paths_base[] = {"/etc/passwd",         "/etc/group",
                                         "/etc/nsswitch.conf",  "/etc/localtime",
                                         "/usr/share/zoneinfo", "/run/userdb"};

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* After sandbox_enter() the kernel cannot be asked any more. */
static bool landlock_enforced;

bool sandbox_has_landlock(void)
{
    return landlock_enforced;
}

static uint64_t handled_fs(int abi)
{
    uint64_t all = (1ULL << 13) - 1;

    if (abi >= 2)
        all |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        all |= ACCESS_FS_TRUNCATE;
    if (abi >= 5)
        all |= ACCESS_FS_IOCTL_DEV;
    return all;
}

static int add_path(int ruleset, const char *path, SandboxPathAccess access, uint64_t handled)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule;
    uint64_t allowed = ACCESS_READ;
    struct stat st;

    /* What is not there need not be reached. */
    if (fd < 0)
        return errno == ENOENT || errno == EACCES ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (access == SANDBOX_READ_WRITE)
        allowed |= ACCESS_WRITE;
    if (access == SANDBOX_EXECUTE)
        allowed |= LANDLOCK_ACCESS_FS_EXECUTE;
    if (!S_ISDIR(st.st_mode))
        allowed &= ACCESS_FILE_READ | ACCESS_FILE_WRITE | LANDLOCK_ACCESS_FS_EXECUTE;
    rule =
        (struct landlock_path_beneath_attr){.allowed_access = allowed & handled, .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? -errno
               : 0;
}

/* "$STATE_DIRECTORY" may name several folders, separated by colons. */
static int add_named_path(int ruleset, const SandboxPath *path, uint64_t handled)
{
    _cleanup_free_ char *list = NULL;
    const char *value = path->path;
    char *save = NULL;
    int r = 0;

    if (value[0] == '$') {
        value = getenv(value + 1);
        if (!value)
            return 0;
    }
    list = strdup(value);
    if (!list)
        return -ENOMEM;
    for (char *one = strtok_r(list, ":", &save); one && r >= 0; one = strtok_r(NULL, ":", &save))
        r = add_path(ruleset, one, path->access, handled);
    return r;
}

static int enter_landlock(const Sandbox *sandbox)
{
    RulesetAttributes attributes = {0};
    int abi = landlock_abi(), r = 0;
    _cleanup_close_ int ruleset = -EBADF;
    size_t size = sizeof attributes.handled_access_fs;

    if (abi <= 0 || sandbox->sees_processes)
        return 0;
    attributes.handled_access_fs = handled_fs(abi);
    if (abi >= 4) {
        size = offsetof(RulesetAttributes, scoped);
        attributes.handled_access_net = sandbox->calls & SANDBOX_CALLS_NETWORK ? 0 : ACCESS_NET_TCP;
    }
    if (abi >= 6) {
        size = sizeof attributes;
        attributes.scoped = SCOPE_ABSTRACT_UNIX_SOCKET_AND_SIGNAL;
    }
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (ruleset < 0)
        return -errno;
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(paths_base); i++)
        r = add_path(ruleset, paths_base[i], SANDBOX_READ, attributes.handled_access_fs);
    for (const SandboxPath *path = sandbox->paths; r >= 0 && path && path->path; path++)
        r = add_named_path(ruleset, path, attributes.handled_access_fs);
    if (r < 0)
        return r;
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return -errno;
    landlock_enforced = true;
    return 0;
}

/* --- Both ------------------------------------------------------------------------------------- */

static int limit_resources(const Sandbox *sandbox)
{
    struct rlimit limit = {0, 0};

    if (setrlimit(RLIMIT_CORE, &limit) < 0)
        return -errno;
    if (sandbox->files_max == 0)
        return 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    if (limit.rlim_max > sandbox->files_max)
        limit.rlim_max = sandbox->files_max;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

/* Landlock binds the calling thread and its children only, so there must not be others yet. */
static int check_single_thread(void)
{
    struct stat st;

    if (stat("/proc/self/task", &st) < 0)
        return 0;
    return st.st_nlink > 3 ? -EBUSY : 0;
}

int sandbox_enter(const Sandbox *sandbox)
{
    int r;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    r = limit_resources(sandbox);
    if (r < 0)
        return r;
    if (SANITIZE_BUILD)
        return 1;
    r = check_single_thread();
    if (r < 0)
        return r;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    r = enter_landlock(sandbox);
    if (r < 0)
        return r;
    return enter_seccomp(sandbox);
}

int sandbox_enter_compiled(const Sandbox *sandbox, const SandboxFilter *filter)
{
    const struct sock_fprog program = {filter->length, filter->program};
    int r;

    if (SANITIZE_BUILD)
        return 1;
    r = check_single_thread();
    if (r >= 0)
        r = enter_landlock(sandbox);
    if (r < 0)
        return r;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
