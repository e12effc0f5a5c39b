# SPDX-License-Identifier: Apache-2.0
"""Makes a running daemon do what it must not be able to do: the system call is put into the process by ptrace, so that what answers is the confinement that the
daemon really runs in. Only general registers are touched: what else a processor has, debuggers of the distributions do not always know how to put back."""

import contextlib
import ctypes
import os
import platform
import signal

# System calls of x86-64 and AArch64, by name.
NUMBERS = {
    "x86_64": {"openat": 257, "socket": 41, "mmap": 9, "execve": 59, "ptrace": 101, "unshare": 272, "mount": 165, "bpf": 321, "memfd_create": 319,
               "connect": 42, "process_vm_readv": 310, "prctl": 157, "setuid": 105, "io_uring_setup": 425, "kill": 62},
    "aarch64": {"openat": 56, "socket": 198, "mmap": 222, "execve": 221, "ptrace": 117, "unshare": 97, "mount": 40, "bpf": 280, "memfd_create": 279,
                "connect": 203, "process_vm_readv": 270, "prctl": 167, "setuid": 146, "io_uring_setup": 425, "kill": 129},
}
AT_FDCWD, O_RDONLY, O_WRONLY_CREAT = -100, 0, 0o101
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 1, 2, 10, 16, 17

PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH = 7, 9, 17
PTRACE_GETREGSET, PTRACE_SETREGSET, PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4204, 0x4205, 0x4206, 0x4207
NT_PRSTATUS = 1
WALL = 0x40000000
STRINGS_SIZE = 4096


class Machine:
    """Where the registers of a process are, as ptrace tells them: by their place in an array of numbers of 64 bits."""

    def __init__(self, size, number, arguments, result, at, stack, instruction, none=None):
        self.size, self.number, self.arguments, self.result, self.at, self.stack = size, number, arguments, result, at, stack
        self.instruction = instruction  # that enters the kernel
        self.none = none  # holds the call that the process was in; -1: none is to be started again


MACHINES = {
    "x86_64": Machine(27, 10, (14, 13, 12, 7, 9, 8), 10, 16, 19, b"\x0f\x05", none=15),
    "aarch64": Machine(34, 8, (0, 1, 2, 3, 4, 5), 0, 32, 31, b"\x01\x00\x00\xd4"),
}


class Died(Exception):
    """The process was ended by the attempt."""


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, where=None, data=None):
    if libc.ptrace(request, pid, where, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Held:
    """A process whose main thread stands still."""

    def __init__(self, pid):
        self.pid, self.machine = pid, MACHINES[platform.machine()]
        self.passed_on = []

    def __enter__(self):
        ptrace(PTRACE_SEIZE, self.pid)
        ptrace(PTRACE_INTERRUPT, self.pid)
        self.wait()
        self.saved = self.registers()
        self.entry = self.find_entry()
        return self

    def __exit__(self, *_):
        """It goes on where it stood, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self.registers(self.saved)
            ptrace(PTRACE_DETACH, self.pid)
            for number in self.passed_on:
                os.kill(self.pid, number)

    def wait(self):
        """The signal that it stands still for."""
        try:
            _, state = os.waitpid(self.pid, WALL)
        except ChildProcessError as error:
            raise Died(self.pid) from error
        if not os.WIFSTOPPED(state):
            raise Died(self.pid)
        return os.WSTOPSIG(state)

    def registers(self, new=None):
        values = (ctypes.c_uint64 * self.machine.size)(*(new or ()))
        vector = Vector(ctypes.addressof(values), ctypes.sizeof(values))
        ptrace(PTRACE_SETREGSET if new else PTRACE_GETREGSET, self.pid, NT_PRSTATUS, ctypes.addressof(vector))
        return list(values)

    def memory(self, mode):
        return open(f"/proc/{self.pid}/mem", mode, buffering=0)

    def find_entry(self):
        """Where in its C library the kernel is entered."""
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as maps, self.memory("rb") as memory:
            for line in maps:
                words = line.split()
                if words[1].startswith("r-x") and "libc.so" in words[-1]:
                    begin, end = (int(word, 16) for word in words[0].split("-"))
                    memory.seek(begin)
                    return begin + memory.read(end - begin).index(self.machine.instruction)
        raise LookupError("the C library")

    def call(self, number, arguments):
        """Strings among the arguments stand below its stack, with what they need between."""
        values, text, place = [], b"", self.saved[self.machine.stack] - 2 * STRINGS_SIZE
        for argument in arguments:
            values.append(place + len(text) if isinstance(argument, str) else argument)
            text += argument.encode() + b"\0" if isinstance(argument, str) else b""
        with self.memory("r+b") as memory:
            memory.seek(place)
            memory.write(text)
        registers = list(self.saved)
        for at, value in zip(self.machine.arguments, values):
            registers[at] = value % 2**64
        registers[self.machine.number], registers[self.machine.at] = number, self.entry
        if self.machine.none is not None:
            registers[self.machine.none] = 2**64 - 1
        self.registers(registers)
        self.step()
        return ctypes.c_int64(self.registers()[self.machine.result]).value

    def step(self):
        while True:
            ptrace(PTRACE_SINGLESTEP, self.pid)
            stopped = self.wait()
            if stopped == signal.SIGTRAP:
                return
            if stopped == signal.SIGSYS:
                ptrace(PTRACE_CONT, self.pid, None, signal.SIGSYS)
                raise Died(self.pid)
            self.passed_on.append(stopped)


def system_calls(pid, *calls):
    """What each call returned, inside the process: a number, or -errno."""
    try:
        with Held(pid) as held:
            return [held.call(NUMBERS[platform.machine()][name], arguments) for name, *arguments in calls]
    except ProcessLookupError as error:
        raise Died(calls) from error


def system_call(pid, *call):
    return system_calls(pid, call)[0]
