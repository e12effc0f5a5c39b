# SPDX-License-Identifier: Apache-2.0
"""Makes a running daemon do what it must not be able to do: a debugger puts the system call into the process, so that what
answers is the confinement that the daemon really runs in."""

import platform
import re
import subprocess

# System calls of x86-64 and AArch64, by name.
NUMBERS = {
    "x86_64": {"openat": 257, "socket": 41, "mmap": 9, "execve": 59, "ptrace": 101, "unshare": 272, "mount": 165, "bpf": 321, "memfd_create": 319,
               "connect": 42, "process_vm_readv": 310, "prctl": 157, "setuid": 105, "io_uring_setup": 425, "kill": 62},
    "aarch64": {"openat": 56, "socket": 198, "mmap": 222, "execve": 221, "ptrace": 117, "unshare": 97, "mount": 40, "bpf": 280, "memfd_create": 279,
                "connect": 203, "process_vm_readv": 270, "prctl": 167, "setuid": 146, "io_uring_setup": 425, "kill": 129},
}
AT_FDCWD, O_RDONLY, O_WRONLY_CREAT = -100, 0, 0o101
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 1, 2, 10, 16, 17


class Died(Exception):
    """The process was ended by the attempt."""


def system_calls(pid, *calls):
    """What each call returned, inside the process: a number, or -errno. Strings among the arguments are put into its memory."""
    commands = ["set confirm off", "set pagination off", "set debuginfod enabled off", "handle all nostop noprint pass"]
    for name, *arguments in calls:
        words = "".join(f', "{a}"' if isinstance(a, str) else f", {a}L" for a in arguments)
        commands += [f"print (long)((long(*)(long, ...))syscall)({NUMBERS[platform.machine()][name]}L{words})",
                     "print *((int*(*)(void))__errno_location)()"]
    result = subprocess.run(["prlimit", "--core=0", "gdb", "-nx", "-batch", "-iex", f"set sysroot /proc/{pid}/root", "-p", str(pid), f"/proc/{pid}/exe"] + [w for c in commands for w in ("-ex", c)],
                            capture_output=True, text=True, timeout=60, check=False, cwd="/")
    values = [int(v) for v in re.findall(r"^\$\d+ = (-?\d+)$", result.stdout, re.M)]
    if re.search(r"SIGSYS|terminated with signal|The program no longer exists|No such process", result.stdout + result.stderr):
        raise Died(calls)
    assert len(values) == 2 * len(calls), result.stdout + result.stderr
    return [value if value >= 0 else -number for value, number in zip(values[::2], values[1::2])]


def system_call(pid, *call):
    return system_calls(pid, call)[0]
