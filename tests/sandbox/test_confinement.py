# SPDX-License-Identifier: Apache-2.0
"""Each daemon's walls, tried from inside the running daemon."""

import errno
import os
import pathlib
import re
import signal

import pytest

from inside import AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AT_FDCWD, Died, O_RDONLY, O_WRONLY_CREAT, system_call, system_calls
from machine import DAEMONS, wait_for

DENIED = {-errno.EACCES, -errno.EPERM, -errno.ENOENT, -errno.EAFNOSUPPORT, -errno.EROFS, -errno.ENOSYS}
ONLY_CAPABILITY = {"dossierd": 1 << 2}  # CAP_DAC_READ_SEARCH
READABLE = {"hostd": "/etc/hosts"}  # it has no state of its own
PROT_RWX, MAP_PRIVATE_ANONYMOUS = 7, 0x22


@pytest.fixture(scope="module")
def confined(routers):
    """A router of its own: daemons die here."""
    one = routers("sandbox")
    one.wait_daemons()
    yield one
    one.stop()


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def is_gone(pid):
    try:
        return status(pid)["State"].startswith("Z")
    except OSError:
        return True


@pytest.mark.parametrize("daemon", DAEMONS)
def test_process_is_confined(daemon, confined):
    pid = confined.daemon_pid(daemon)
    fields = status(pid)
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    assert int(fields["Seccomp_filters"]) >= 2, "the unit's filter and the daemon's own"
    for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[held], 16) & ~ONLY_CAPABILITY.get(daemon, 0) == 0, held
    assert "0" not in fields["Uid"].split()
    said = next(line for line in confined.journal(daemon).splitlines() if "SANDBOX" in line)
    assert "seccomp on, Landlock on" in said or "not offered by this kernel" in said and not os.path.exists("/sys/kernel/security/landlock"), said
    core = next(l for l in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if l.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_files(daemon, confined):
    pid = confined.daemon_pid(daemon)
    others = [f"/var/lib/chancery/{other}" for other in DAEMONS if other != daemon]
    reading = ["/etc/shadow", "/root", "/var/lib/chancery/kek.cred", *others]
    writing = ["/etc/forged", "/usr/bin/forged", "/tmp/forged", "/var/lib/forged", "/dev/shm/forged"]
    allowed = READABLE.get(daemon, f"/var/lib/chancery/{daemon}")
    first, *outcomes = system_calls(pid, *[("openat", AT_FDCWD, p, O_RDONLY) for p in [allowed, *reading]],
                                    *[("openat", AT_FDCWD, p, O_WRONLY_CREAT, 0o600) for p in writing])
    assert first >= 0, "so this test can tell yes from no"
    assert not [(p, o) for p, o in zip(reading + writing, outcomes) if o not in DENIED]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_sockets(daemon, confined):
    pid = confined.daemon_pid(daemon)
    families = (AF_INET, AF_INET6, AF_PACKET, AF_NETLINK)
    *outcomes, notification = system_calls(pid, *[("socket", family, 2, 0) for family in (*families, AF_UNIX)])
    assert not [(f, o) for f, o in zip(families, outcomes) if o not in DENIED]
    assert notification >= 0, "the notification socket needs one; so this test can tell yes from no"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_memory_is_never_writable_and_executable(daemon, confined):
    pid = confined.daemon_pid(daemon)
    assert system_call(pid, "mmap", 0, 4096, PROT_RWX, MAP_PRIVATE_ANONYMOUS, -1, 0) in DENIED
    mapped = re.findall(r"^\S+ (\S+) ", pathlib.Path(f"/proc/{pid}/maps").read_text(), re.M)
    assert not [m for m in mapped if "w" in m and "x" in m]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_other_processes_are_out_of_reach(daemon, confined):
    pid = confined.daemon_pid(daemon)
    assert system_call(pid, "kill", 1, 0) in DENIED


# Starting a program is tried in all; the rest of the list, which all share, in the one that guards the most.
ATTACKS = [(daemon, "execve", ("/bin/true", 0, 0)) for daemon in DAEMONS] + [
    ("keyd", "ptrace", (0, 0, 0, 0)), ("keyd", "unshare", (0x10000000,)), ("keyd", "bpf", (0, 0, 0)), ("keyd", "io_uring_setup", (1, 0)),
    ("keyd", "setuid", (0,)), ("keyd", "process_vm_readv", (1, 0, 0, 0, 0, 0))]


@pytest.mark.parametrize("daemon,call,arguments", ATTACKS)
def test_attacks_end_the_process(daemon, call, arguments, confined):
    pid = confined.daemon_pid(daemon)
    with pytest.raises(Died):
        # The unit's filter may refuse what ours would end the process for: then it must at least have failed.
        if system_call(pid, call, *arguments) in DENIED:
            raise Died(call)
    wait_for(lambda: is_gone(pid) or pid == confined.daemon_pid(daemon), "the process to end")
    confined.run(["systemctl", "reset-failed", f"chancery-{daemon}.service"], check=False)
    confined.run(["systemctl", "start", f"chancery-{daemon}.service"])
    confined.wait_daemons([daemon])


ATTACH = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
print(ctypes.get_errno() if libc.ptrace(16, int(sys.argv[1]), None, None) < 0 else "attached")
try:
    open(f"/proc/{sys.argv[1]}/mem", "rb")
    print("opened")
except OSError as e:
    print(e.errno)
"""


@pytest.mark.parametrize("daemon", DAEMONS)
def test_no_ptrace_by_its_own_user(daemon, confined):
    inner = confined.output(["systemctl", "show", "--property=MainPID", "--value", f"chancery-{daemon}.service"]).strip()
    said = confined.output(["/usr/bin/python3", "-c", ATTACH, inner], f"chancery-{daemon}").split()
    assert said[0] == str(errno.EPERM) and said[1] in (str(errno.EACCES), str(errno.EPERM)), said


def test_attach_test_can_tell(confined):
    """The same program attaches to an ordinary process of its user."""
    sleeper = confined.output("setpriv --reuid=chancery-keyd --regid=chancery-keyd --clear-groups sleep 60 >/dev/null 2>&1 & echo $!").strip()
    said = confined.output(["/usr/bin/python3", "-c", ATTACH, sleeper], "chancery-keyd").split()
    assert said == ["attached", "opened"], said


@pytest.mark.parametrize("daemon", DAEMONS)
def test_crash_leaves_no_core(daemon, confined):
    def cores():
        # os.walk() passes over what goes away meanwhile: the daemon's folder for temporary files does.
        return {os.path.join(folder, name) for folder, _, names in os.walk(confined.written()) for name in names if name.startswith("core")}
    before = cores()
    pid = confined.kill(daemon, signal.SIGSEGV)
    wait_for(lambda: is_gone(pid), "the crash")
    assert cores() == before
    confined.run(["systemctl", "reset-failed", f"chancery-{daemon}.service"], check=False)
    confined.run(["systemctl", "start", f"chancery-{daemon}.service"])
    confined.wait_daemons([daemon])
