# SPDX-License-Identifier: Apache-2.0
"""What only a privilege shows, in the dossier of a booted router: processes whose program is gone or changed, BPF programs, setuid files. Who may ask the
helpers, what they can do, and that one which cannot look spoils nothing else."""

import base64
import errno
import os
import pathlib
import re
import signal
import socket
import struct

import pytest

import workflow
from dossiers import collect, content
from inside import AF_INET, AT_FDCWD, O_RDONLY, O_WRONLY_CREAT, Died, system_calls
from machine import ADMIN, wait_for

SELECTOR = ["system-integrity-snapshot"]
KINDS = ("processes", "programs", "files")
FACTS = dict(zip(KINDS, ("changed-executables", "bpf-programs", "privileged-files")))
CAPABILITIES = {"processes": {2, 19}, "programs": {21}, "files": {2}}
# What a program of a few bytes says to bpf(2): r0 = 0; exit.
NOTHING = struct.pack("<BBhi", 0xb7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)
LOAD = """
import ctypes, struct, sys, time
code = ctypes.create_string_buffer(bytes.fromhex({code!r}))
license = ctypes.create_string_buffer(b"GPL")
attributes = struct.pack("<IIQQIIQII16s", 1, 2, ctypes.addressof(code), ctypes.addressof(license), 0, 0, 0, 0, 0, b"chancery_seen").ljust(128, bytes(1))
fd = ctypes.CDLL(None, use_errno=True).syscall({number}, 5, ctypes.create_string_buffer(attributes, 128), 128)
print(fd if fd >= 0 else -ctypes.get_errno(), flush=True)
sys.stdin.read()
"""
BPF_CALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]


@pytest.fixture(scope="module")
def router(routers):
    """nspawn keeps bpf(2) from containers, and a router of its own has it."""
    one = routers("integrity", users={"bob": []}, nspawn=["--system-call-filter=bpf"])
    one.wait_daemons()
    return one


def facts(machine):
    """All of them; those that need no helper are there in any case."""
    dossier = collect(machine, SELECTOR, None)
    found = {f["id"]: f for f in content(dossier, SELECTOR[0])["facts"]}
    assert found["kernel-version"]["result-code"] == "Success" and set(FACTS.values()) <= set(found)
    return found


def look(machine, kind):
    fact = facts(machine)[FACTS[kind]]
    assert fact["result-code"] == "Success", fact
    return fact["value"]


def drop_in(machine, kind, text):
    path = f"/run/systemd/system/chancery-probe-{kind}.service.d/test.conf"
    if text:
        machine.write(path, text)
    else:
        machine.path(path).unlink()
    machine.run(["systemctl", "daemon-reload"])
    # The one that waits for questions is as it was started.
    machine.run(["systemctl", "stop", f"chancery-probe-{kind}.service"])


def test_refused(router):
    refused = router.chancery(f"show platform security integrity dossier include {SELECTOR[0]}", "bob", check=False)
    assert refused.returncode != 0 and "This command is not authorized" in refused.stdout + refused.stderr
    program = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('/run/chancery/probe-' + sys.argv[1]); print('connected')"
    for kind in KINDS:
        for user in (ADMIN, "nobody", "chancery-enrolld"):
            refused = router.run(["/usr/bin/python3", "-c", program, kind], user, check=False)
            assert refused.returncode != 0 and "PermissionError" in refused.stderr
        assert router.output(["/usr/bin/python3", "-c", program, kind], "chancery-dossierd") == "connected\n"


def helper(machine, kind):
    """The process, as the host sees it, that a connection has been forked for; with the connection."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(machine.path(f"/run/chancery/probe-{kind}")))
    space = pathlib.Path(f"/proc/{machine.leader}/ns/pid").readlink()

    def name(folder):
        return (folder / "comm").read_text()

    def confined(folder):
        try:
            parent = folder.parent / re.search(r"^PPid:\t(\d+)$", (folder / "status").read_text(), re.M)[1]
            return (name(folder) == name(parent) == f"chancery-probe-{kind}"[:15] + "\n" and (folder / "ns/pid").readlink() == space and
                    "\nSeccomp_filters:\t" in (folder / "status").read_text() and (folder / "wchan").exists() and
                    (folder / "syscall").read_text().split()[0] in POLL)
        except OSError:  # it ended
            return False

    def only():
        found = [int(folder.name) for folder in pathlib.Path("/proc").glob("[0-9]*") if confined(folder)]
        return found[0] if len(found) == 1 else 0
    return connection, wait_for(only, "chancery-probe to wait for the question")


# poll(2) and ppoll(2): it waits, and nowhere else than behind its walls.
POLL = {"x86_64": ("7", "271"), "aarch64": ("73",)}[os.uname().machine]


@pytest.mark.parametrize("kind", KINDS)
def test_helper_is_confined(kind, router):
    connection, pid = helper(router, kind)
    with connection:
        fields = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1" and "0" not in fields["Uid"].split()
        for held in ("CapPrm", "CapEff", "CapBnd"):
            assert int(fields[held], 16) == sum(1 << bit for bit in CAPABILITIES[kind]), held
        outcomes = system_calls(pid, ("openat", AT_FDCWD, "/etc/made", O_WRONLY_CREAT, 0o600), ("openat", AT_FDCWD, "/run/dbus/system_bus_socket", O_RDONLY),
                                ("socket", AF_INET, 1, 0))
        assert set(outcomes) <= {-errno.EPERM, -errno.EACCES, -errno.EAFNOSUPPORT, -errno.EROFS, -errno.ENOENT, -errno.ENXIO}, outcomes
    connection, pid = helper(router, kind)
    with connection, pytest.raises(Died):
        system_calls(pid, ("mount", "none", "/mnt", "tmpfs", 0, 0))


def run_forever(machine, path):
    """A process that runs that copy of sleep."""
    machine.run(["cp", "/bin/sleep", path])
    machine.run(["systemd-run", "--quiet", "--service-type=exec", f"--unit={pathlib.Path(path).name}", path, "infinity"])
    return int(machine.output(["systemctl", "show", "--value", "--property=MainPID", pathlib.Path(path).name]))


def test_changed_executables(router):
    pids = {name: run_forever(router, f"/srv/{name}") for name in ("kept", "gone", "other")}
    assert not {p["pid"] for p in look(router, "processes")} & set(pids.values())
    router.run("rm /srv/gone && cp /bin/sleep /srv/new && mv /srv/new /srv/other")
    found = {p["pid"]: p for p in look(router, "processes")}
    assert set(found) & set(pids.values()) == {pids["gone"], pids["other"]}
    for name, change in (("gone", "deleted"), ("other", "replaced")):
        process = found[pids[name]]
        assert process["files"] == [{"name": f"/srv/{name}", "use": "executable", "change-kind": change}]
        assert process["process-name"] == name and process["uid"] == 0
    router.run("systemctl stop kept gone other; rm -f /srv/kept /srv/other")
    assert not {p["pid"] for p in look(router, "processes")} & set(pids.values())


def test_replaced_library(router):
    """What a program has mapped is not what its path names any more."""
    router.run("cp $(ldd /bin/sleep | sed -n 's/.*=> \\(.*libc.so.6\\) .*/\\1/p') /srv/libc.so.6")
    router.run("systemd-run --quiet --service-type=exec --unit=mapped --setenv=LD_PRELOAD=/srv/libc.so.6 sleep infinity")
    pid = int(router.output("systemctl show --value --property=MainPID mapped"))
    wait_for(lambda: "/srv/libc.so.6" in router.output(["cat", f"/proc/{pid}/maps"]), "the library to be mapped")
    assert pid not in {p["pid"] for p in look(router, "processes")}
    router.run("cp /srv/libc.so.6 /srv/new && mv /srv/new /srv/libc.so.6")
    found = {p["pid"]: p for p in look(router, "processes")}
    assert found[pid]["files"] == [{"name": "/srv/libc.so.6", "use": "mapped", "change-kind": "replaced"}]
    router.run("systemctl stop mapped; rm /srv/libc.so.6")


def test_device_database(router):
    """What udev knows of a device beside what the kernel says: here of an interface that it has been told something about, as a udev of the router's own would be.
    A note that is none changes nothing."""
    def loopback():
        return next(i for i in content(collect(router, ["system-inventory"]), "system-inventory")["interfaces"] if i["name"] == "lo")
    number = router.output("cat /sys/class/net/lo/ifindex").strip()
    assert "model-name" not in loopback()
    try:
        # The sandbox lets in what is there when the daemon starts.
        router.write(f"/run/udev/data/n{number}", b"rubbish\n\xff\n")
        router.restart("dossierd")
        assert not {"vendor-name", "model-name", "path"} & set(loopback())
        router.write(f"/run/udev/data/n{number}", b'I:1\nE:ID_VENDOR_FROM_DATABASE=ACME "Inc"\nE:ID_MODEL_FROM_DATABASE=Loop\nE:ID_PATH=virtual\nE:ID_SERIAL=secret\n')
        found = loopback()
        assert (found["vendor-name"], found["model-name"], found["path"]) == ('ACME "Inc"', "Loop", "virtual") and "secret" not in str(found)
    finally:
        router.run(["rm", "-r", "/run/udev/data"])


def names(value):
    return {f["name"].encode() if "name" in f else base64.b64decode(f["name-base64"]): f for f in value}


def test_privileged_files(router):
    before = names(look(router, "files"))
    assert before[b"/usr/bin/passwd"]["mode"] == os.stat("/usr/bin/passwd").st_mode and before[b"/usr/bin/passwd"]["uid"] == 0
    hostile = b"/srv/set\n\xff"
    with open(os.fsencode(router.path("/srv")) + hostile.removeprefix(b"/srv"), "wb") as f:
        os.fchmod(f.fileno(), 0o4755)
    # Where everybody may write, most of all.
    hidden = ["/dev/shm/hidden", "/tmp/hidden", "/var/tmp/hidden"]
    for path in hidden:
        router.run(f"cp /bin/true {path} && chmod 2755 {path}")
    router.run("cp /bin/true /srv/able && setcap cap_net_raw=ep /srv/able && ln -s able /srv/link")
    after = names(look(router, "files"))
    assert set(after) - set(before) == {hostile, b"/srv/able", *map(os.fsencode, hidden)} and not set(before) - set(after)
    assert after[hostile]["mode"] == 0o104755 and after[b"/dev/shm/hidden"]["mode"] == 0o102755
    assert after[b"/srv/able"]["capabilities"] == {"effective": True, "permitted": ["cap_net_raw"], "inheritable": []}
    os.unlink(os.fsencode(router.path("/srv")) + hostile.removeprefix(b"/srv"))
    router.run(["rm", *hidden, "/srv/able", "/srv/link"])
    assert names(look(router, "files")) == before


def test_programs(router):
    """Refused first: the kernel tells nobody without the capability, and the dossier says so."""
    drop_in(router, "programs", "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n")
    found = facts(router)
    assert found[FACTS["programs"]]["result-code"] == "Not available" and "BPF" in found[FACTS["programs"]]["reason"]
    assert found[FACTS["processes"]]["result-code"] == found[FACTS["files"]]["result-code"] == "Success"
    drop_in(router, "programs", None)
    assert "chancery_seen" not in {p.get("program-name") for p in look(router, "programs")["programs"]}
    loader = router.popen(["/usr/bin/python3", "-c", LOAD.format(code=NOTHING.hex(), number=BPF_CALL)], stdin=-1, stdout=-1, text=True)
    try:
        assert int(loader.stdout.readline()) >= 0
        [program] = [p for p in look(router, "programs")["programs"] if p.get("program-name") == "chancery_seen"]
        assert (program["type"], program["uid"], program["gpl-compatible"]) == ("socket_filter", 0, True)
    finally:
        loader.communicate("", timeout=60)


def test_helper_that_fails(router):
    """A helper that is not there, or dies, is one fact; all others are as they were."""
    router.run(["systemctl", "stop", "chancery-probe-files.socket", "chancery-probe-files.service"])
    # systemd gives it up after so many starts, however long they take; until then a question waits for it as long as a question may.
    drop_in(router, "processes", "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nExecStart=\nExecStart=/bin/true\n")
    while_it_dies = facts(router)
    wait_for(lambda: router.run("systemctl is-failed chancery-probe-processes.socket", check=False).stdout.strip() == "failed", "systemd to give the helper up")
    found = facts(router)
    router.run(["systemctl", "start", "chancery-probe-files.socket"])
    drop_in(router, "processes", None)
    router.run("systemctl reset-failed chancery-probe-processes.service chancery-probe-processes.socket; systemctl start chancery-probe-processes.socket")
    assert found[FACTS["files"]]["result-code"] == "Failed" and "chancery-probe" in found[FACTS["files"]]["reason"]
    assert while_it_dies[FACTS["processes"]]["result-code"] in ("Failed", "Timeout") and while_it_dies[FACTS["processes"]]["reason"]
    assert found[FACTS["processes"]]["result-code"] == "Failed"
    assert while_it_dies[FACTS["programs"]]["result-code"] == found[FACTS["programs"]]["result-code"] == "Success"
    assert all(f["result-code"] == "Success" for i, f in facts(router).items() if i in FACTS.values())


def test_every_selector_without_privilege(router):
    """A dossierd without its capability, and without any helper: every selector is there and says what it could not read; what needs no privilege is as it was."""
    unit = "/run/systemd/system/chancery-dossierd.service.d/test.conf"
    every = [*workflow.SELECTORS, "filesystem-inventory"]
    before = collect(router, every)
    sockets = [f"chancery-probe-{kind}.socket" for kind in KINDS] + ["chancery-quote.socket"]
    router.run(["systemctl", "stop", *sockets, *[f"chancery-probe-{kind}.service" for kind in KINDS]])
    router.write(unit, "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n")
    router.run("systemctl daemon-reload && systemctl restart chancery-dossierd")
    router.wait_daemons(["dossierd"])
    try:
        found = collect(router, every)
        assert list(found) == list(before)
        assert all(found[selector]["result-code"] == "Success" or found[selector]["reason"] for selector in every)
        for selector in ("packages", "rollback-history"):
            assert found[selector]["result-code"] == before[selector]["result-code"]
        for fact in content(found, SELECTOR[0])["facts"]:
            assert "value" in fact or fact["reason"], fact
        assert {f["result-code"] for f in content(found, SELECTOR[0])["facts"] if f["id"] in FACTS.values()} == {"Failed"}
    finally:
        router.path(unit).unlink()
        router.run("systemctl daemon-reload && systemctl restart chancery-dossierd")
        router.run(["systemctl", "start", *sockets])
        router.wait_daemons(["dossierd"])
    after = collect(router, every)
    assert {s: after[s]["result-code"] for s in every} == {s: before[s]["result-code"] for s in every}
