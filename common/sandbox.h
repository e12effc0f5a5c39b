/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can still do after start-up, as a table. Each daemon ends its start-up with one
 * call of sandbox_enter(): no new privileges, not dumpable, no core files, a seccomp allow-list,
 * and Landlock rules where the kernel has them. The unit has confined the process before; this is
 * the second wall, which knows the program. */
#pragma once

#include <stdbool.h>

typedef enum SandboxPathAccess {
    SANDBOX_READ,       /* read files and list folders below */
    SANDBOX_READ_WRITE, /* and make, write, rename and remove them */
    SANDBOX_EXECUTE,    /* read and execute */
} SandboxPathAccess;

typedef struct SandboxPath {
    const char
        *path; /* absolute, or "$VARIABLE" for a folder that systemd names in the environment */
    SandboxPathAccess access;
} SandboxPath;

/* For processes that turn numbers of users into names. useradd(8) and the like replace /etc/passwd,
 * and a rule stays with the file that was there, so it has to be one for the folder. Not for
 * processes with capabilities that open the closed files in it. */
#define SANDBOX_USER_NAMES                                                                         \
    {                                                                                              \
        "/etc", SANDBOX_READ                                                                       \
    }

/* Sets of system calls beyond the base that every daemon needs (memory, time, event loop, threads,
 * reading and writing open descriptors, signals, the bus connection that is already open). */
typedef enum SandboxCalls {
    SANDBOX_CALLS_FILES_READ = 1 << 0, /* openat for reading, stat, getdents, readlink */
    SANDBOX_CALLS_FILES_WRITE =
        1 << 1, /* the same, and openat for writing, rename, unlink, mkdir, fsync, chmod */
    SANDBOX_CALLS_MEMFD = 1 << 2, /* memfd_create, fcntl seals */
    SANDBOX_CALLS_MEMFD_SECRET = 1 << 3,
    SANDBOX_CALLS_UNIX_SOCKET =
        1 << 4,                        /* socket(AF_UNIX), connect, bind, listen, accept, sendmsg */
    SANDBOX_CALLS_NETWORK = 1 << 5,    /* socket(AF_INET, AF_INET6, AF_NETLINK), connect, ... */
    SANDBOX_CALLS_SOCKETPAIR = 1 << 6, /* socketpair(AF_UNIX) */
    SANDBOX_CALLS_BPF_TELL = 1 << 7,   /* bpf, to list and describe */
    SANDBOX_CALLS_FORK = 1 << 8,       /* accept, fork, wait, and confining the child further */
    SANDBOX_CALLS_ETHTOOL = 1 << 9,    /* ioctl, to ask drivers of network interfaces */
    SANDBOX_CALLS_ATTRIBUTES = 1 << 10, /* fchdir, lgetxattr */
    SANDBOX_CALLS_DEVICES = 1 << 11,    /* openat for reading and writing what is there */
} SandboxCalls;

typedef struct Sandbox {
    const char *name;
    unsigned calls; /* SandboxCalls */
    const SandboxPath
        *paths;          /* ends with a NULL path; without Landlock the unit's rules stand alone */
    unsigned files_max;  /* RLIMIT_NOFILE; 0 leaves it */
    bool sees_processes; /* no Landlock, under which nobody can look into other processes */
} Sandbox;

/* Confines the calling process for the rest of its life. To be called before any other thread is
 * started (-EBUSY otherwise). Returns 0 or a negative errno; a daemon that gets an error must not
 * go on. With -Dsanitize builds (which need ptrace and odd system calls) seccomp is left out and
 * the function says so with a positive return. */
int sandbox_enter(const Sandbox *sandbox);

/* For a process with SANDBOX_CALLS_FORK, whose children can do less than it does: their filter is
 * made once, before the parent's own sandbox, and is put around each of them without any work. */
typedef struct SandboxFilter {
    void *program;
    unsigned short length; /* instructions */
} SandboxFilter;

int sandbox_compile(const Sandbox *sandbox, SandboxFilter *ret);
/* In the child, which has its limits from the parent. Returns like sandbox_enter(). */
int sandbox_enter_compiled(const Sandbox *sandbox, const SandboxFilter *filter);
void sandbox_filter_done(SandboxFilter *filter);

/* True when sandbox_enter() has put Landlock rules in force. */
bool sandbox_has_landlock(void);
