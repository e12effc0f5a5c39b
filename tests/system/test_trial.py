# SPDX-License-Identifier: Apache-2.0
"""Commits on trial: confirmed by their session, or undone, whatever happens to the daemons or the router meanwhile."""

import contextlib
import os
import signal

import pytest

from authorization import configure
from machine import MachineError, wait_for
from terminal import rendered

NOTE = "/var/lib/chancery/policyd/trial.json"


@pytest.fixture(scope="module")
def tried(routers):
    one = routers("trial")
    one.wait_daemons()
    configure(one, ["hostname before", "crypto ca trustpoint core", "description kept"])
    yield one
    one.stop()


@pytest.fixture
def console(tried):
    with tried.console("admin") as session:
        session.prompt()
        session.command("configure")
        yield session


def try_out(console, *lines, seconds="confirmed 30"):
    for line in lines:
        console.command(line)
    printed = console.command(f"commit {seconds}")
    assert "% " not in printed, printed


def running(machine):
    return [line for line in rendered(machine.chancery("show running-config").stdout).splitlines() if not line.startswith("!! ")]


def newest(machine):
    return rendered(machine.chancery("show configuration commit list 1").stdout).splitlines()[-1]


def note_is_there(machine):
    return machine.run(["test", "-e", NOTE], check=False).returncode == 0


def commit_of_another(machine):
    result = machine.run(["chancery"], "admin", stdin="configure\ndomain name other\ncommit\nend\n", check=False)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("words", ["confirmed 29", "confirmed 65536", "confirmed minutes 0", "confirmed minutes 1025"])
def test_times_out_of_range(tried, console, words):
    before = running(tried)
    console.command("hostname refused")
    assert "% Invalid input detected at '^' marker." in console.command(f"commit {words}")
    console.command("abort")
    assert running(tried) == before and not note_is_there(tried)


def test_other_sessions_are_refused_until_it_is_confirmed(tried, console):
    before = running(tried)
    try_out(console, "hostname trial", seconds="label Attempt confirmed minutes 2")
    assert "hostname trial" in running(tried) and note_is_there(tried)
    status, text = commit_of_another(tried)
    assert status != 0 and "% Cannot commit because there is an unexpired trial/rollback session 'admin" in text
    refused = tried.chancery("rollback configuration last 1", check=False)
    assert refused.returncode != 0 and "unexpired trial/rollback session" in refused.stdout + refused.stderr
    assert "hostname trial" in running(tried)

    assert "% Confirming commit for trial session." in console.command("commit")
    assert not note_is_there(tried) and "Attempt" in newest(tried)
    assert commit_of_another(tried)[0] == 0
    pid = tried.kill("policyd", signal.SIGKILL)
    wait_for(lambda: tried.daemon_pid("policyd") not in (0, pid), "policyd to be back")
    assert "hostname trial" in running(tried)
    configure(tried, ["hostname before", "no domain name"])
    assert running(tried) == before


def test_further_changes_confirm_too(tried, console):
    try_out(console, "hostname trial")
    console.command("domain name more")
    assert "% Confirming commit for trial session." in console.command("commit")
    assert not note_is_there(tried)
    assert {"hostname trial", "domain name more"} <= set(running(tried))
    configure(tried, ["hostname before", "no domain name"])


def test_undone_when_its_time_is_over(tried, console):
    """Over two commits, of which the second goes on with the trial: back to what was before both."""
    before = running(tried)
    try_out(console, "hostname trial", seconds="confirmed 300")
    try_out(console, "crypto ca trustpoint core", "no description", "lifetime certificate 300")
    assert running(tried) != before
    wait_for(lambda: running(tried) == before, "the commit to be undone", pause=1)
    assert "Rollback" in newest(tried) and "admin" in newest(tried)
    wait_for(lambda: tried.output("hostname").strip() == "before", "the system to have its name back")
    assert not note_is_there(tried)
    assert "Comment:  not confirmed" in rendered(tried.chancery("show configuration commit list 1 detail").stdout)


def test_undone_when_its_session_is_gone(tried):
    before = running(tried)
    with tried.console("admin") as session:
        session.prompt()
        session.command("configure")
        try_out(session, "hostname trial")
    assert "hostname trial" in running(tried)
    wait_for(lambda: running(tried) == before, "the commit to be undone", pause=1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_undone_after_a_restart_of_the_daemon(tried, console, how):
    before = running(tried)
    try_out(console, "hostname trial", seconds="confirmed 3600")
    tried.kill("policyd", how)

    def is_undone():
        # Ended in order it comes back with the next call, and this is one; killed, it may end while it is asked.
        try:
            return running(tried) == before
        except MachineError:
            return False
    wait_for(is_undone, "the commit to be undone", pause=0.5)
    assert not note_is_there(tried)


def test_owner_that_hangs_keeps_nothing_on_trial(tried, console):
    before = running(tried)
    try_out(console, "crypto ca trustpoint core", "description trial")
    pid = tried.daemon_pid("enrolld")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: running(tried) == before, "the commit to be undone", pause=1)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the watchdog may have been there before
            os.kill(pid, signal.SIGCONT)
    tried.run("systemctl reset-failed 'chancery-*'")


def test_undone_after_a_power_cut(tried):
    before = running(tried)
    with tried.console("admin") as session:
        session.prompt()
        session.command("configure")
        try_out(session, "hostname trial", seconds="confirmed minutes 1024")
        tried.reboot(hard=True)
    tried.wait_daemons()
    wait_for(lambda: running(tried) == before, "the commit to be undone", pause=0.5)
    assert "Rollback" in newest(tried) and not note_is_there(tried)


def test_note_that_cannot_be_read(tried):
    """What is in force stays, and nobody adds to it; as soon as it can be read it counts as if nothing had been."""
    before = running(tried)
    with tried.console("admin") as session:
        session.prompt()
        session.command("configure")
        try_out(session, "hostname trial", seconds="confirmed minutes 1024")
    tried.run(["chown", "root:root", NOTE])
    note, restarts = tried.read(NOTE), int(tried.output("systemctl show --value -p NRestarts chancery-policyd"))
    pid = tried.kill("policyd", signal.SIGKILL)
    wait_for(lambda: tried.daemon_pid("policyd") not in (0, pid), "policyd to be back")
    tried.wait_daemons()
    assert "hostname trial" in running(tried)
    for _ in range(2):
        status, text = commit_of_another(tried)
        assert status != 0 and "% Cannot commit because the note that says whether a commit is on trial cannot be read (Permission denied)" in text, text
    refused = tried.chancery("rollback configuration last 1", check=False)
    assert refused.returncode != 0 and "cannot be read" in refused.stdout + refused.stderr
    assert "commit confirmed\n!!% The note of a commit on trial cannot be read" in rendered(tried.chancery("show configuration failed startup").stdout)
    assert tried.journal("policyd").count("The note of a commit on trial cannot be read") == 1
    assert tried.read(NOTE) == note and "hostname trial" in running(tried)
    assert int(tried.output("systemctl show --value -p NRestarts chancery-policyd")) == restarts + 1
    tried.run(["chown", "chancery-policyd:", NOTE])
    wait_for(lambda: running(tried) == before, "the commit to be undone", pause=1)
    assert not note_is_there(tried) and commit_of_another(tried)[0] == 0
    configure(tried, ["no domain name"])


def test_damaged_note_is_reported(tried):
    """Nothing is undone on the word of a note that says nothing."""
    before = running(tried)
    tried.write(NOTE, '{"first":1000000001,"last"', 0o600)
    tried.run(["chown", "chancery-policyd:", NOTE])  # what it may not read it would leave where it is
    pid = tried.kill("policyd", signal.SIGKILL)
    wait_for(lambda: tried.daemon_pid("policyd") not in (0, pid), "policyd to be back")
    assert running(tried) == before and not note_is_there(tried)
    assert "The note of a commit on trial is damaged" in tried.journal("policyd")
