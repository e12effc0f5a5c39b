# SPDX-License-Identifier: Apache-2.0
"""Long work that its user does not wait for: Ctrl-C, Ctrl-Z, a connection that is lost, a shell that is killed. Nothing is left behind: no job, no pipe or memory file in a daemon,
no helper at work, no file, least of all half of one that looks whole; the prompt is there again, and the status tells."""

import os
import signal
import subprocess

import pytest

import workflow
from dossiers import read
from machine import ADMIN, wait_for
from terminal import PATIENCE
from test_inventory import STORE, blocks, configure, scanner, scope

MORE = r"--More--$"
BASH = r"of-bash> $"
FOLDER = "/home/admin/kept"
SHOW = f"show platform security integrity dossier include {' '.join(workflow.SELECTORS)} filesystem-inventory nonce 1580"
WORK = {"dossier": SHOW, "envelope": f"{SHOW} | {workflow.SIGN}"}
ED25519 = {"keypair rsa system-enroll-key": "keypair ed25519 system-enroll-key", "ca-keypair rsa system-root-key": "ca-keypair ed25519 system-root-key"}


@pytest.fixture(scope="module")
def router(routers):
    one = routers("long-work", users={"scripter": ["root-lr"]}, shells={"scripter": "/bin/bash"})
    one.wait_daemons()
    with one.console(ADMIN) as console:
        console.prompt()
        for lines in (workflow.NAMES, [ED25519.get(line, line) for line in workflow.TRUSTPOINT], scope(one)):
            workflow.commit(console, lines)
        for label in ("system-root-key", "system-enroll-key"):
            console.command(f"crypto key generate ed25519 {label}")
        workflow.authenticate(console)
        workflow.enroll(console)
    one.run(f"mkdir {FOLDER} && chown admin: {FOLDER}")
    wait_for(lambda: blocks(one), "the first snapshot, which nobody has asked for")
    return one


def left_behind(machine):
    """What is there of work: threads, pipes and memory files of the daemons, processes that scan, shells of the user."""
    found = ["job"] * (len(os.listdir(f"/proc/{machine.daemon_pid('dossierd')}/task")) - 1)  # a thread for each
    for daemon in ("dossierd", "keyd"):
        pid = machine.daemon_pid(daemon)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
            except FileNotFoundError:
                continue
            if target.startswith(("pipe:", "/memfd:")) or daemon == "dossierd" and "(deleted)" in target:
                found.append(f"{daemon} {target.lstrip(chr(47))}")
    if scanner(machine):
        found.append("scanner")
    return found + [f"shell: {pid}" for pid in machine.run(["pgrep", "--exact", "chancery"], check=False).stdout.split()]


def kinds(found):
    return {one.partition(":")[0].partition(" at ")[0] for one in found}


def nothing_is_left(machine, shells=0):
    def rest():
        found = left_behind(machine)
        return len(found) <= shells and all(one.startswith("shell") for one in found)
    wait_for(rest, "nothing to be left behind")


@pytest.mark.parametrize("work", WORK)
def test_interrupted(router, work):
    """At the first page, while all that is before it waits."""
    nothing_is_left(router)
    with router.ssh_console(ADMIN) as console:
        console.prompt()
        console.line(WORK[work])
        console.expect(MORE)
        console.send("\x03")
        console.prompt()
        assert "UTC" in console.command("show clock")
        nothing_is_left(router, shells=1)
    nothing_is_left(router)


@pytest.mark.parametrize("work", WORK)
def test_connection_lost(router, work):
    with router.ssh_console(ADMIN) as console:
        console.prompt()
        console.line(WORK[work])
        console.expect(MORE)
    nothing_is_left(router)


def kept(machine):
    return {path.name: path.read_text() for path in machine.path(FOLDER).iterdir()}


def has_message(machine, daemon):
    """One that waits in its socket, because it is stopped."""
    pid = machine.daemon_pid(daemon)
    sockets = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    lines = subprocess.run(["nsenter", "-t", str(pid), "-n", "ss", "-xHe"], capture_output=True, text=True, check=True).stdout.splitlines()
    return any(one[2] != "0" and f"socket:[{one[5]}]" in sockets for one in map(str.split, lines) if len(one) > 5)


def waits_for_answer(machine):
    """Is there a shell that Ctrl-C does not just end, and has the daemon, which is stopped, got a message?"""
    shells = machine.run("grep --no-filename SigBlk $(pgrep --exact chancery | sed 's,.*,/proc/&/status,')", check=False).stdout.split()
    if len(shells) != 2 or not int(shells[1], 16) >> (signal.SIGINT - 1) & 1:
        return False
    return has_message(machine, "dossierd")


@pytest.mark.parametrize("end", ["interrupted", "killed"])
def test_file_is_whole_or_as_it_was(router, end):
    """What fails, or is not waited for, replaces nothing, and nothing of it lies beside it."""
    router.write(f"{FOLDER}/envelope", "an earlier one")
    router.run(["chown", "admin:", f"{FOLDER}/envelope"])
    command = f"show version | utility sign nonce 1580 | file {FOLDER}/envelope"
    assert router.chancery(f"show platform security integrity dossier location 0/none | file {FOLDER}/envelope", check=False).returncode == 1
    with router.ssh_console(ADMIN) as console:
        console.prompt()
        with router.held("dossierd"):
            console.line(command)
            wait_for(lambda: waits_for_answer(router), "the signature to be asked for")
            if end == "interrupted":
                console.send("\x03")
                console.expect(r"\^C\n")
            else:
                router.run(["pkill", "-KILL", "--exact", "chancery"])
        if end == "interrupted":
            console.expect(r"% Operation canceled\n")
            console.prompt()
    nothing_is_left(router)
    assert kept(router) == {"envelope": "an earlier one"}
    router.chancery(command)
    [whole] = kept(router).values()
    assert whole.startswith('{"payload":"') and whole.endswith('"}\n')


def test_part_of_the_output_is_a_file_too(router):
    """Who wants no more than the first lines has not interrupted anything."""
    router.chancery(f"show crypto ca trustpool | utility head count 3 | file {FOLDER}/head")
    assert kept(router)["head"].count("\n") == 3
    router.run(["rm", f"{FOLDER}/head"])


@pytest.fixture(scope="module")
def slow(router):
    """Snapshots that would take a quarter of an hour. The files have holes, but none that are left out."""
    folder = router.path("/srv/large")
    folder.mkdir()
    for n in range(15):
        with (folder / f"{n}").open("wb") as f:
            f.truncate(60 << 20)
    configure(router, *scope(router, "scan-rate 1"))
    yield
    for path in folder.iterdir():
        os.truncate(path, 0)
    configure(router, "filesystem-inventory", "no scan-rate")


SNAPSHOT = "filesystem-inventory snapshot full"


@pytest.mark.parametrize("command", ["show version | utility sign nonce 1580", "crypto key generate ed25519 hung"])
def test_interrupted_while_keyd_hangs(router, command):
    """Whoever holds the work up, the prompt is there again while it still does, and it is said that the work may go on."""
    with router.ssh_console(ADMIN) as console:
        console.prompt()
        with router.held("keyd"):
            pid = router.daemon_pid("keyd")
            console.line(command)
            wait_for(lambda: has_message(router, "keyd"), "keyd to be asked")
            console.send("\x03")
            console.expect(r"\^C\n% Interrupted\. What was begun may still be under way\.\n")
            console.prompt()
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                assert stat.read().split()[2] == "T"
        assert "UTC" in console.command("show clock")
    nothing_is_left(router)
    router.run(["chancery", "-c", "crypto key zeroize ed25519 hung"], ADMIN, stdin="yes\n", check=False)


INTERRUPTS = """
import signal, subprocess, sys
shell = subprocess.Popen(["chancery", "-c", sys.argv[1]], stderr=subprocess.PIPE, text=True)
sys.stdin.readline()
shell.send_signal(signal.SIGINT)
print(shell.communicate()[1] + str(shell.returncode))
"""


def under_way(router):
    wait_for(lambda: router.path(f"{STORE}/partial-index").exists() and scanner(router), "the scan to begin")


def test_snapshot_interrupted(router, slow):
    last = blocks(router)
    with router.ssh_console(ADMIN) as console:
        console.prompt()
        console.line(SNAPSHOT)
        under_way(router)
        console.send("\x03")
        console.expect(r"% Operation canceled\n")
        console.prompt()
    nothing_is_left(router)
    assert blocks(router) == last


@pytest.fixture
def bash(router):
    """An interactive shell that is none of Chancery's."""
    with router.ssh_console("scripter") as console:
        console.line("PS1='of-bash''> '")
        console.expect(BASH)
        yield console
    nothing_is_left(router)


def test_interrupted_before_it_has_begun(router, slow, bash):
    """While dossierd has not answered yet. It begins, and is told at once that nobody wants it."""
    last = blocks(router)
    with router.held("dossierd"):
        bash.line(f"chancery {SNAPSHOT}")
        wait_for(lambda: waits_for_answer(router), "the snapshot to be asked for")
        bash.send("\x03")
        bash.expect(r"\^C")
    bash.expect(r"\n% Operation canceled\n")
    bash.expect(BASH)
    nothing_is_left(router)
    assert blocks(router) == last


def test_script_ends_with_its_interrupted_command(router, slow, bash):
    """The next command is not run, which a status of 1 would not have kept the shell from; and by itself the shell is seen to end by the signal."""
    bash.line(f"for n in 1 2; do chancery -c '{SNAPSHOT}'; echo went-on; done")
    bash.expect(r"done\n")
    under_way(router)
    bash.send("\x03")
    bash.expect(r"% Operation canceled\n")
    bash.expect(BASH)
    assert "went-on" not in bash.before
    nothing_is_left(router)
    with router.popen(["python3", "-c", INTERRUPTS, SNAPSHOT], ADMIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        under_way(router)
        assert process.communicate("now\n", PATIENCE)[0] == f"% Operation canceled\n{-signal.SIGINT}\n"


def test_stopped_and_continued(router, slow, bash):
    """By a shell that has the terminal meanwhile: it is as quiet afterwards as it was before, and then that shell's again."""
    bash.line("chancery")
    bash.prompt()
    bash.line(SNAPSHOT)
    under_way(router)
    bash.send("\x1a")
    bash.expect(r"Stopped +chancery\n")
    bash.expect(BASH)
    assert scanner(router)
    bash.line("fg")
    bash.expect(r"fg\nchancery\n")
    wait_for(lambda: "-echo " in router.output("stty --all --file=/dev/$(ps -o tty= -C chancery)"), "the terminal to be taken again")
    bash.send("\x03")
    bash.expect(r"\^C\n% Operation canceled\n")
    bash.prompt()
    assert "^C" not in bash.before
    bash.line("exit")
    bash.expect(BASH)
    bash.send("echo typed")
    bash.expect("echo typed")
    bash.line("")


def test_snapshot_without_its_user(router, slow):
    """It was asked for, and goes on: a block is whole or is none. Whoever comes back sees how far it is."""
    last = blocks(router)[-1]["number"]
    with router.ssh_console(ADMIN) as console:
        console.prompt()
        console.line(SNAPSHOT)
        under_way(router)
    wait_for(lambda: "shell" not in kinds(left_behind(router)), "the session to be gone")
    assert scanner(router) and "being taken since" in router.chancery("show filesystem-inventory").stdout
    for path in router.path("/srv/large").iterdir():
        os.truncate(path, 0)
    wait_for(lambda: blocks(router)[-1]["number"] == last + 1, "the block")
    nothing_is_left(router)
    assert read(router.chancery(SHOW).stdout)["filesystem-inventory"]["result-code"] == "Success"
