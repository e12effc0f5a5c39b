# SPDX-License-Identifier: Apache-2.0
"""One commit, several owners: whoever refuses, hangs, is down or dies, all of it happens or nothing, and it is said which line and why."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from machine import BUS_NAMES, wait_for
from terminal import rendered

FAILED = ("% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made have been reverted. "
          "Please issue 'show configuration failed [inheritance]' from this session to view the errors")
# Sections of three owners, and of policyd itself.
LINES = ("hostname {name}", "domain name {name}.example", "taskgroup {name}", "task read bgp", "crypto ca trustpoint {name}", "description {name}",
         "crypto ca trustpool policy", "description {name}")
OWNERS = {"enrolld": ("domain name", "crypto ca trustpoint"), "keyd": ("crypto ca trustpoint",), "poold": ("crypto ca trustpool policy",),
          "hostd": ("domain name",)}


@pytest.fixture(scope="module")
def owned(routers):
    one = routers("owners")
    one.wait_daemons()
    yield one
    one.stop()


def running(machine):
    return [line for line in rendered(machine.chancery("show running-config").stdout).splitlines() if not line.startswith("!! ")]


def last_commit(machine):
    return rendered(machine.chancery("show configuration commit list 1").stdout).splitlines()[-1]


def lines_for(name):
    return [line.format(name=name) for line in LINES]


@pytest.fixture
def session(owned):
    with owned.console("admin") as console:
        console.prompt()
        console.command("configure")
        yield console
    owned.run("systemctl reset-failed 'chancery-*'")


def enter(console, name):
    for line in lines_for(name):
        console.command(line)


def all_or_nothing(machine, name, before):
    """True when all of it is there, False when nothing is; anything else fails."""
    now = running(machine)
    if now == before:
        return False
    assert all(line in now or f" {line}" in now for line in lines_for(name)), now
    return True


def failures(console):
    """Each line that the commit failed on, as it is from the top, with its reason."""
    told = console.command("show configuration failed")
    assert "!! SEMANTIC ERRORS: This configuration was rejected by" in told
    found, enter = [], ""
    for line, why in zip(told.splitlines(), told.splitlines()[1:]):
        if not line.startswith((" ", "!")):
            enter = line
        if why.startswith("!!% "):
            found.append((enter + line if line.startswith(" ") else line, why))
    return found


def assert_told(told, reason, lines):
    for line in lines:
        assert any(failed.startswith(line) and reason in why for failed, why in told), told


def assert_refused(machine, console, before, commit, reason, lines):
    printed = console.command("commit", seconds=90)
    assert FAILED in printed and running(machine) == before and last_commit(machine) == commit
    assert_told(failures(console), reason, lines)
    return printed


def test_owner_that_refuses(owned, session):
    """The others had nothing against it, and get nothing of it."""
    before, commit = running(owned), last_commit(owned)
    enter(session, "refused")
    for line in ("crypto ca trustpoint refused", "enrollment url self"):
        session.command(line)
    assert_refused(owned, session, before, commit, "only system-trustpoint can enroll with itself", ["crypto ca trustpoint refused enrollment url"])
    assert owned.output("hostname").strip() != "refused"
    session.command("no enrollment url self")
    assert "% " not in session.command("commit")
    assert all_or_nothing(owned, "refused", before)


def test_owner_that_warns(owned, session):
    """What is accepted all the same: told at the commit, kept with it, and shown with the trustpoint; not at commits that do not touch it."""
    warning = "crypto ca trustpoint warned enrollment legacy: SHA-1, Triple DES and DES protect nothing any more"
    for line in ("crypto ca trustpoint warned", "enrollment url http://192.0.2.1/scep", "enrollment legacy", "auto-enroll 80", "keypair ed25519 none"):
        session.command(line)
    refused = session.command("commit")
    assert FAILED in refused and "% Warning: " not in refused
    session.command("keypair rsa some")
    assert f"% Warning: {warning}" in session.command("commit label warned")
    assert "Warning" not in session.command("hostname warned") + session.command("commit")
    owned.restart("policyd")
    owned.wait_daemons(["policyd"])
    listed = owned.chancery("show configuration commit list 2 detail").stdout
    assert listed.count("Warning:  ") == 1 and f"      Warning:  {warning}" in listed.split("   2) ")[1]
    assert warning in json.loads(owned.chancery("show configuration commit list 2 | json").stdout)[1]["warnings"]
    assert "Warning        : SHA-1" in owned.chancery("show crypto ca trustpoints warned").stdout
    session.command("end")
    session.command("configure")
    assert "Warning" not in session.command("no crypto ca trustpoint warned") + session.command("commit")
    assert f"% Warning: {warning}" in owned.chancery("rollback configuration last 1").stderr
    owned.chancery("rollback configuration last 1")


POOL = "crypto ca trustpool policy"
# What is entered, what is warned of, and what ends it. The twin is the same without it.
WARNINGS = {
    "renewal": (["crypto ca trustpoint w", "enrollment url http://192.0.2.1/scep"], "crypto ca trustpoint w: There is no 'auto-enroll'", ["crypto ca trustpoint w", "auto-enroll 80"]),
    "revocation": (["crypto ca trustpoint w", "crl optional"], "crypto ca trustpoint w crl optional: ", ["crypto ca trustpoint w", "no crl optional"]),
    "dsa": (["crypto ca trustpoint w", "keypair dsa w"], "crypto ca trustpoint w keypair: DSA keys", ["crypto ca trustpoint w", "keypair rsa w"]),
    "bundle": ([POOL, "cabundle url http://192.0.2.1/ca.p7b"], f"{POOL} cabundle url: ", [POOL, "cabundle url https://192.0.2.1/ca.p7b"]),
    "pool": ([POOL, "crl optional"], f"{POOL} crl optional: ", [POOL, "no crl optional"]),
    "user": (["username ww"], "username ww: The user is in no 'group'", ["username ww", "group operator"]),
}


@pytest.mark.parametrize("kind", WARNINGS)
def test_warned_of_what_a_commit_changes(owned, session, kind):
    """F34 and others like it: at the commit that brings it about, and at others that touch the same thing; the commit is done, and is not refused over it."""
    lines, warning, mended = WARNINGS[kind]

    def commit(*lines):
        for line in lines:
            session.command(line)
        printed = session.command("commit")
        assert FAILED not in printed and "No configuration changes" not in printed
        session.command("root")
        return printed

    assert "Warning" not in commit("crypto ca trustpoint other", "crypto ca trustpool policy", "description before", "username other", "group operator", f"hostname {kind}")
    assert f"% Warning: {warning}" in commit(*lines)
    assert "Warning" not in commit("crypto ca trustpoint other", "description other", "usergroup other", "hostname still")
    if kind not in ("user",):
        assert f"% Warning: {warning}" in commit(lines[0], "description more")
    assert "Warning" not in commit(*mended)
    assert "Warning" not in commit("no crypto ca trustpoint w", "no crypto ca trustpoint other", f"no {POOL}", "no username ww", "no username other", "no usergroup other")


@pytest.mark.parametrize("owners", [["hostd"], [*OWNERS]], ids=["one", "all"])
def test_owners_that_hang(owned, session, owners):
    """One among others that answer; and all at once, so that each one's lines are told after one time of waiting."""
    before, commit = running(owned), last_commit(owned)
    name = f"hang-{len(owners)}"
    enter(session, name)
    pids = [owned.daemon_pid(owner) for owner in owners]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        printed = session.command("commit", seconds=90)
        assert FAILED in printed and any(f"% The daemon chancery-{owner} did not answer, nothing has changed" in printed for owner in owners)
        assert running(owned) == before and last_commit(owned) == commit
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    told = failures(session)
    for owner in OWNERS:
        if owner in owners:
            assert_told(told, f"chancery-{owner} did not answer", OWNERS[owner])
        else:
            assert not any(f"chancery-{owner} " in why for _, why in told), told
    for owner in owners:
        wait_for(lambda o=owner: owned.daemon_pid(o) and owned.bus_owner(o), f"{owner} to answer")
    assert "% " not in session.command("commit")
    assert all_or_nothing(owned, name, before)


@contextlib.contextmanager
def checks(machine, owner):
    """Listens to the bus; a function that waits until the owner has been asked about a candidate."""
    heard = pathlib.Path(machine.path("/run/heard"))
    with heard.open("wb") as output:
        words = ["busctl", "monitor", "--match=type='method_call',interface='org.chancery.ConfigOwner1',member='Check'"]
        listener = machine.popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: b"Monitoring bus" in heard.read_bytes(), "the bus to be listened to")
        question = f"Destination=org.chancery.{BUS_NAMES[owner]} ".encode()
        yield lambda: wait_for(lambda: question in heard.read_bytes(), f"{owner} to be asked")
    finally:
        listener.kill()
        listener.wait()


@pytest.mark.parametrize("owner", OWNERS)
def test_owner_that_dies_while_it_is_asked(owned, session, owner):
    before, commit = running(owned), last_commit(owned)
    enter(session, f"dies-{owner}")
    pid = owned.daemon_pid(owner)
    with checks(owned, owner) as wait_until_asked:
        os.kill(pid, signal.SIGSTOP)
        session.line("commit")
        wait_until_asked()
        os.kill(pid, signal.SIGKILL)
        session.prompt(90)
    assert running(owned) == before and last_commit(owned) == commit
    told = session.command("show configuration failed")
    assert f"chancery-{owner} did not answer" in told and OWNERS[owner][-1] in told
    wait_for(lambda: owned.daemon_pid(owner) not in (0, pid) and owned.bus_owner(owner), f"{owner} to be back")
    session.command("abort")


def test_answered_when_the_system_has_its_name(owned, session):
    """However long systemd-hostnamed takes: who reads the name after the commit gets the new one."""
    owned.output(["hostnamectl", "hostname"])  # starts it
    pid = owned.main_pid("systemd-hostnamed.service")
    session.command("hostname slow")
    os.kill(pid, signal.SIGSTOP)
    try:
        before = last_commit(owned)
        session.line("commit")
        wait_for(lambda: last_commit(owned) != before, "the commit to be written")
        assert owned.output("hostname").strip() != "slow"
    finally:
        os.kill(pid, signal.SIGCONT)
    session.prompt(90)
    assert "% " not in rendered(session.before) and owned.output("hostname").strip() == "slow"


@pytest.mark.parametrize("owner", OWNERS)
def test_owner_that_is_down(owned, session, owner):
    before, commit = running(owned), last_commit(owned)
    enter(session, f"down-{owner}")
    owned.run(["systemctl", "mask", "--runtime", "--now", f"chancery-{owner}.service"])
    try:
        assert_refused(owned, session, before, commit, f"chancery-{owner} did not answer", OWNERS[owner])
    finally:
        owned.run(["systemctl", "unmask", "--runtime", f"chancery-{owner}.service"])
        owned.run(["systemctl", "start", f"chancery-{owner}.service"])
    session.command("abort")


@pytest.mark.parametrize("daemon", [*OWNERS, "policyd"])
def test_killed_at_any_moment(owned, daemon):
    """Checking, writing, telling: somewhere in there the daemon dies."""
    owned.wait_daemons()
    for step in range(8):
        owned.run("systemctl reset-failed 'chancery-*'")
        before = running(owned)
        name = f"{daemon}-{step}"
        with owned.console("admin") as console:
            console.prompt()
            console.command("configure")
            enter(console, name)
            pid = owned.daemon_pid(daemon)
            console.line("commit")
            time.sleep(0.01 * step)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            console.prompt(90)
            told = rendered(console.before)
        wait_for(lambda p=pid: owned.daemon_pid(daemon) not in (0, p) and owned.bus_owner(daemon), f"{daemon} to be back")
        done = all_or_nothing(owned, name, before)
        if daemon != "policyd" or "% " not in told:  # who is killed himself cannot tell how it ended
            assert done == ("% " not in told), told
        wanted = name if done else next(line.split()[1] for line in before if line.startswith("hostname "))
        wait_for(lambda w=wanted: owned.output("hostname").strip() == w, f"the host name to be {wanted}")


def test_changed_lines_are_announced(owned, session):
    """Who keeps a trustpoint's properties hears which of them a commit has changed; of one that was refused nothing is heard."""
    place = ("org.chancery.Enrollment1", "/org/chancery/Enrollment1/trustpoint/told")
    heard = pathlib.Path(owned.path("/run/announced"))

    def properties():
        said = owned.output(["busctl", "--json=short", "call", *place, "org.freedesktop.DBus.Properties", "GetAll", "s", "org.chancery.Enrollment1.Trustpoint"])
        return json.loads(said)["data"][0]

    def announced():
        named = re.findall(r'ARRAY "s" \{(.*?)\}', heard.read_text(), re.S)
        return {name for names in named for name in re.findall(r'STRING "(.*?)"', names)}

    def commit(*lines):
        for line in lines:
            session.command(line)
        return session.command("commit")

    owned.wait_daemons()
    assert "% Failed" not in commit("crypto ca trustpoint told", "enrollment url http://127.0.0.1:9")
    before = properties()
    words = ["busctl", "monitor", f"--match=type='signal',path='{place[1]}',member='PropertiesChanged'"]
    with heard.open("wb") as output:
        listener = owned.popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: b"Monitoring bus" in heard.read_bytes(), "the bus to be listened to")  # as JSON, newer ones do not say it
        assert "% Failed" in commit("lifetime certificate 100")
        assert announced() == set()
        told = commit("no lifetime certificate", "enrollment url http://127.0.0.1:8", "enrollment legacy", "subject-name CN=told", "crl optional",
                      "subject-alternative-name DNS:told.example", "vrf red", "auto-enroll 80", "message-digest sha512")
        assert "% Failed" not in told, told
        changed = {name for name, value in properties().items() if value != before[name]}
        assert len(changed) >= 8 and "Vrf" in changed
        wait_for(lambda: changed <= announced(), "all of them to be announced")
    finally:
        listener.kill()
        listener.wait()


def test_owners_have_what_is_committed(owned):
    """After all of that, each owner has the sections as committed last."""
    owned.wait_daemons()
    names = [line.split()[-1] for line in running(owned) if line.startswith("crypto ca trustpoint ")]
    assert names
    text = wait_for(lambda: owned.output(["busctl", "tree", "--list", "org.chancery.Enrollment1"]), "the trustpoints")
    for name in names:
        assert f"/trustpoint/{name.replace('-', '_2d')}" in text, text
