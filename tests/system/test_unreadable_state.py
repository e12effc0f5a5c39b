# SPDX-License-Identifier: Apache-2.0
"""State files that a daemon may not read: what is in them is left alone, the rest goes on, and they are tried again."""

import json

import pytest

import workflow
from machine import ADMIN, wait_for
from terminal import complaints
from test_custody_faults import USER_KEY

STATE = "/var/lib/chancery/enrolld"
COMMITS = "/var/lib/chancery/policyd/commits"
UNREADABLE = "MESSAGE_ID=f026576b71104acabeebbd4df0f30230"
LINES = ("enrollment terminal", "keypair ecdsanistp256 core-key", "serial-number none", "ip-address none")


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("unreadable")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate ecdsa nistp256 core-key"], ADMIN)
    one.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /tmp/root.key -out /tmp/root.pem -days 30 -subj /CN=root "
            "-addext keyUsage=critical,keyCertSign")
    root = one.read("/tmp/root.pem").decode()
    fingerprint = one.output("openssl x509 -in /tmp/root.pem -noout -fingerprint -sha256").partition("=")[2].strip()
    for name in ("core", "edge"):
        configure(one, f"crypto ca trustpoint {name}", f"subject-name CN={name}", *LINES)
        one.run(["chancery", "-c", f"crypto ca authenticate {name} fingerprint {fingerprint}"], ADMIN, stdin=f"{root}quit\n")
    yield one
    one.stop()


def configure(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, lines)
    assert not complaints(printed), printed
    return printed


def states(machine):
    text = machine.chancery("show crypto ca trustpoints | json").stdout
    return {one["trustpoint"]: one for one in json.loads(text[text.index("["):])}


def record_of(machine, name):
    return next(path for path in machine.path(STATE).glob("*.json") if json.loads(path.read_bytes())["trustpoint"] == name)


def give(machine, file, owner):
    machine.run(["chown", f"{owner}:{owner}", file])


def reported(machine, daemon):
    """The files that are said not to be readable, since it runs."""
    invocation = machine.output(["systemctl", "show", "--value", "-p", "InvocationID", f"chancery-{daemon}"]).strip()
    machine.run(["journalctl", "--sync"])
    text = machine.output(["journalctl", "--no-pager", "-o", "json", UNREADABLE, f"_SYSTEMD_INVOCATION_ID={invocation}"])
    return [json.loads(line)["CHANCERY_FILE"] for line in text.splitlines()]


def restart(machine, daemon):
    machine.restart(daemon)
    machine.wait_daemons()
    return machine.daemon_pid(daemon)


@pytest.fixture
def hidden(machine):
    """The record of core, which enrolld has been started without."""
    record = record_of(machine, "core")
    file = f"{STATE}/{record.name}"
    give(machine, file, "root")
    restart(machine, "enrolld")
    wait_for(lambda: "core" in states(machine), "the configuration")
    yield record
    give(machine, file, "chancery-enrolld")


def test_nothing_is_done_with_it(machine, hidden):
    before, pid = hidden.read_bytes(), machine.daemon_pid("enrolld")
    core = states(machine)["core"]
    assert core["state"] == "unreadable" and "Permission denied" in core["next-step"] and hidden.name in core["next-step"]
    shown = machine.chancery("show crypto ca trustpoints core").stdout
    assert "unreadable" in shown and hidden.name in shown
    for command in ("authenticate core", "enroll core", "import core certificate", "cancel-enroll core"):
        refused = machine.run(["chancery", "-c", f"crypto ca {command}"], ADMIN, stdin="AAAA\nquit\n", check=False)
        assert refused.returncode != 0 and "% Trustpoint core: Its state cannot be read" in refused.stdout + refused.stderr, refused
    refused = machine.chancery("clear crypto ca certificates core", check=False)
    assert refused.returncode != 0 and "cannot be read" in refused.stderr
    removed = machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpoint core\ncommit force\nend\n", check=False)
    assert "cannot be read" in removed.stdout + removed.stderr
    assert states(machine)["core"]["state"] == "unreadable"
    configure(machine, "crypto ca trustpoint core", "subject-name CN=core", *LINES)
    assert states(machine)["core"]["state"] == "unreadable"
    assert "cannot be read" in machine.chancery("test crypto ca at 2040-01-01").stdout
    assert reported(machine, "enrolld") == [hidden.name]
    assert hidden.read_bytes() == before and machine.daemon_pid("enrolld") == pid


def test_the_others_go_on(machine, hidden):
    assert states(machine)["edge"]["state"] == "authenticated"
    assert "BEGIN CERTIFICATE REQUEST" in machine.chancery("crypto ca enroll edge").stdout
    assert states(machine)["edge"]["state"] == "pending"
    machine.chancery("crypto ca cancel-enroll edge")
    assert states(machine)["edge"]["state"] == "authenticated"


def test_tried_again(machine, hidden):
    """With the next command, and at the next start."""
    assert states(machine)["core"]["state"] == "unreadable"
    give(machine, f"{STATE}/{hidden.name}", "chancery-enrolld")
    pid = machine.daemon_pid("enrolld")
    machine.chancery("crypto ca enroll core")
    assert states(machine)["core"]["state"] == "pending" and machine.daemon_pid("enrolld") == pid
    machine.chancery("crypto ca cancel-enroll core")
    assert "CN=root" in machine.chancery("show crypto ca certificates core").stdout
    restart(machine, "enrolld")
    wait_for(lambda: "core" in states(machine), "the configuration")
    assert states(machine)["core"]["state"] == "authenticated" and not reported(machine, "enrolld")


# What is a memory, or can be fetched again, and one of many of keyd's: the daemon is there, says so once, and does what it does.
FILES = {
    "enrolld": ("clock", "expiry-notices"),
    "poold": ("downloaded.json", "update.json", f"crl-{64 * '0'}.json"),
    "dossierd": ("nonces",),
    "keyd": ("user-keys", 32 * "0"),
}
# dossierd may read every file, whoever has it; a socket nobody can.
HIDE = "python3 -c 'import os, stat, sys; os.mknod(sys.argv[1], stat.S_IFSOCK | 0o600)' $f"
WORK = {
    "enrolld": ("show crypto ca trustpoints", "edge"),
    "poold": ("show crypto ca trustpool policy", ""),
    "dossierd": ("show platform security integrity dossier include packages", "result-code"),
    "keyd": ("show crypto key mypubkey ecdsa", "core-key"),
}


@pytest.mark.parametrize("daemon", FILES)
def test_the_daemon_starts(machine, daemon):
    folder = f"/var/lib/chancery/{daemon}"
    machine.run(f"systemctl stop chancery-{daemon}; cd {folder}; for f in {' '.join(FILES[daemon])}; do [ ! -e $f ] || mv $f $f.kept; "
                f"{HIDE}; done")
    try:
        pid = restart(machine, daemon)
        command, words = WORK[daemon]
        assert words in machine.chancery(command).stdout
        assert sorted(reported(machine, daemon)) == sorted(FILES[daemon]) and machine.daemon_pid(daemon) == pid
    finally:
        machine.run(f"cd {folder}; for f in {' '.join(FILES[daemon])}; do rm $f; [ ! -e $f.kept ] || mv $f.kept $f; done")
        restart(machine, daemon)
    assert not reported(machine, daemon)


def test_keys_of_users(machine):
    """Neither shown nor changed until they can be read; sshd goes on with what it was told."""
    key = f"ssh-rsa {USER_KEY}"
    imported = machine.run(["chancery", "-c", "crypto key import authentication rsa"], ADMIN, stdin=f"{key}\n")
    assert imported.returncode == 0
    file, export = "/var/lib/chancery/keyd/user-keys", machine.read("/run/chancery-keyd/authorized-keys")
    give(machine, file, "root")
    before = machine.read(file)
    restart(machine, "keyd")
    for command, text in (("import authentication rsa second", key), ("zeroize authentication rsa", "yes")):
        refused = machine.run(["chancery", "-c", f"crypto key {command}"], ADMIN, stdin=f"{text}\n", check=False)
        assert refused.returncode != 0 and "% The list of users' keys cannot be read (Permission denied)" in refused.stdout + refused.stderr, refused
    assert "cannot be read" in machine.chancery("show crypto key authentication rsa", check=False).stderr
    assert machine.read(file) == before and machine.read("/run/chancery-keyd/authorized-keys") == export
    give(machine, file, "chancery-keyd")
    assert machine.chancery("show crypto key authentication rsa").returncode == 0
    machine.run(["chancery", "-c", "crypto key zeroize authentication rsa"], ADMIN, stdin="yes\n")


def test_an_older_commit(machine):
    """It is left out of the history until the next start; what is in force is the newest."""
    def running():
        return [line for line in machine.chancery("show running-config").stdout.splitlines() if not line.startswith(("!!", "%")) and "UTC" not in line]
    configure(machine, "hostname left-out")
    configure(machine, "hostname router")
    names = sorted(path.name for path in machine.path(COMMITS).glob("*.json"))
    before = running()
    give(machine, f"{COMMITS}/{names[-2]}", "root")
    restart(machine, "policyd")
    assert running() == before and reported(machine, "policyd") == [names[-2]]
    listed = machine.chancery("show configuration commit list").stdout
    assert names[-2].removesuffix(".json") not in listed and names[-3].removesuffix(".json") in listed
    give(machine, f"{COMMITS}/{names[-2]}", "chancery-policyd")
    restart(machine, "policyd")
    assert names[-2].removesuffix(".json") in machine.chancery("show configuration commit list").stdout and not reported(machine, "policyd")
