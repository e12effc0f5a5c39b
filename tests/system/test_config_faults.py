# SPDX-License-Identifier: Apache-2.0
"""Configuration under adverse conditions: users that go, rules that somebody edits, polkit and owners that are slow, several at once, floods,
damaged records, lines that are no lines."""

import os
import re
import signal
import subprocess

import pytest

from authorization import configure, group_lines
from machine import wait_for
from terminal import rendered

RULES = "/etc/polkit-1/rules.d/60-chancery.rules"
RECORDS = "/var/lib/chancery/policyd/commits"
ANYWAY = (r"Do you wish to proceed with this commit anyway\? \[no\]:", "yes")
NOT_ALLOWED = "% This command is not authorized"


@pytest.fixture(scope="module")
def faulty(routers, build):
    one = routers("faults")
    one.wait_daemons()
    one.write("/usr/local/bin/session-flood", (build / "tests/session-flood").read_bytes(), 0o755)
    configure(one, ["hostname before", *group_lines("namer", ["config-services.read", "host-services.write"]),
                    *group_lines("eve", ["config-services.read", "host-services.write"])])
    yield one
    one.stop()


def running(machine):
    return [line for line in rendered(machine.chancery("show running-config").stdout).splitlines() if not line.startswith("!! ")]


def newest(machine):
    return rendered(machine.chancery("show configuration commit list 1").stdout).splitlines()[-1]


def batch(machine, *lines, user="admin", **options):
    result = machine.run(["chancery"], user, stdin="\n".join(["configure", *lines]) + "\n", check=False, **options)
    return result.returncode, rendered(result.stdout + result.stderr)


def journal_of(machine, event):
    return machine.output(["journalctl", "-b", "-o", "cat", "--no-pager", f"MESSAGE_ID={event}"], check=False)


# --- users that go --------------------------------------------------------------------------------------------------------------------

def test_rights_withdrawn_in_a_session(faulty):
    """From the commit on that withdraws them, however much was allowed a moment ago."""
    with faulty.console("namer") as console:
        console.prompt()
        console.command("configure")
        assert NOT_ALLOWED in console.command("domain name x.example")
        for name in ("one", "two"):
            assert "% " not in console.command(f"hostname {name}")
        configure(faulty, ["taskgroup namer", "no task write host-services"])
        assert NOT_ALLOWED in console.command("hostname three")
        assert NOT_ALLOWED in console.command("commit", [ANYWAY])
        configure(faulty, ["taskgroup namer", "task write host-services"])
        assert "% " not in console.command("hostname three")
        console.command("abort")


def test_user_deleted_in_a_session(faulty):
    before = running(faulty)
    with faulty.console("eve") as console:
        console.prompt()
        console.command("configure")
        console.command("hostname deleted")
        configure(faulty, ["no username eve", "no usergroup eve", "no taskgroup eve"])
        for command in ("hostname again", "commit best-effort", "show running-config"):
            assert NOT_ALLOWED in console.command(command, [ANYWAY] if command.startswith("commit") else ()), command
        # His session is his until he leaves, and is told.
        assert "eve" in rendered(faulty.chancery("show configuration sessions").stdout)
    assert "hostname deleted" not in running(faulty) and "username eve" not in running(faulty)
    wait_for(lambda: "eve" not in faulty.chancery("show configuration sessions").stdout, "the session to be gone")
    faulty.run("rm -rf /home/eve")
    configure(faulty, group_lines("eve", ["config-services.read", "host-services.write"]))
    assert running(faulty) == before


# --- rules that somebody edits ----------------------------------------------------------------------------------------------------------

def test_rules_edited_by_hand(faulty):
    """What somebody grants with an editor is withdrawn as soon as polkit has read it, be it that it is written into the file, or another file put in its
    place, which polkit reads when it starts."""
    before = faulty.read(RULES)
    open_door = "polkit.addRule(function(action, subject) { return polkit.Result.YES; });\n"
    for change in (f"echo '{open_door}' >> {RULES}",
                   f"echo '{open_door}' > {RULES}.new && mv {RULES}.new {RULES} && systemctl restart polkit.service", f": > {RULES}"):
        told = journal_of(faulty, "d5d0b19abbd5417ba305049367633698").count("\n")
        faulty.run(change)
        wait_for(lambda: faulty.read(RULES) == before, f"the rules to be restored after: {change}")
        wait_for(lambda n=told: journal_of(faulty, "d5d0b19abbd5417ba305049367633698").count("\n") > n, "it to be told")
        faulty.wait_daemons()
        wait_for(lambda: NOT_ALLOWED in batch(faulty, "hostname nobody", user="nobody")[1], "nobody to be refused")
        wait_for(lambda: batch(faulty, "hostname x", "abort", user="namer")[0] == 0, "those who hold a task to have it back")
    faulty.run("systemctl reset-failed chancery-policyd.service", check=False)


def test_polkit_restarted_during_a_commit(faulty):
    """Asked, or about to say that it has new rules: the commit ends, and is or is not."""
    # Whoever has a question starts it too; how often that may be is not what is tested.
    faulty.write("/run/systemd/system/polkit.service.d/often.conf", "[Unit]\nStartLimitIntervalSec=0\n")
    faulty.run("systemctl daemon-reload")
    for i, lines in enumerate((["hostname polkit"], ["taskgroup polkit", "task read bgp"])):
        pid = faulty.main_pid("polkit.service")
        before = running(faulty)
        with faulty.console("admin") as console:
            console.prompt()
            console.command("configure")
            for line in lines:
                console.command(line)
            os.kill(pid, signal.SIGSTOP)
            console.line("commit")
            wait_for(lambda p=pid: "T" in open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[0], "polkit to be stopped")
            os.kill(pid, signal.SIGKILL)
            faulty.run("systemctl restart polkit.service")
            console.prompt(90)
            done = "% " not in rendered(console.before)
            assert (running(faulty) != before) == done, rendered(console.before)
            if not done:
                assert "% " not in console.command("commit", seconds=90)
        assert (" task read bgp" if i else "hostname polkit") in running(faulty)


# --- several at once, and slow ones ------------------------------------------------------------------------------------------------------

def test_two_commits_at_once(faulty):
    """One is first; the other is told, and decides."""
    for i in range(3):
        with faulty.console("admin") as one, faulty.console("namer") as two:
            for name, console in (("one", one), ("two", two)):
                console.prompt()
                console.command("configure")
                console.command(f"hostname {name}{i}")
            for console in (one, two):
                console.line("commit")
            asked = []
            for console in (one, two):
                # The question, or what comes between the time line and the next prompt.
                match = console.expect(ANYWAY[0] + r"|\.\d{3} \w+\n(?:.*\n)*RP/[^\n]*\)#$", 60)
                asked.append("Do you wish" in match.group(0))
            assert sorted(asked) == [False, True], (one.transcript[-500:], two.transcript[-500:])
        winner = "two" if asked[0] else "one"
        assert f"hostname {winner}{i}" in running(faulty)


def test_owner_that_answers_late(faulty):
    """Within its time it is waited for, and nothing is lost by it."""
    pid = faulty.daemon_pid("enrolld")
    with faulty.console("admin") as console:
        console.prompt()
        for line in ("configure", "hostname late", "crypto ca trustpoint late", "description late"):
            console.command(line)
        before, last = running(faulty), newest(faulty)
        os.kill(pid, signal.SIGSTOP)
        try:
            console.line("commit")
            # Somebody else's commit waits behind it.
            with faulty.console("admin") as other:
                other.prompt()
                assert running(faulty) == before and newest(faulty) == last
        finally:
            os.kill(pid, signal.SIGCONT)
        console.prompt(60)
        assert "% " not in rendered(console.before)
    assert "hostname late" in running(faulty) and " description late" in running(faulty)


# --- floods -------------------------------------------------------------------------------------------------------------------------------

def test_ten_thousand_sessions(faulty):
    """A user has eight, all together have 64, everybody else is told; and they are all gone with their connections."""
    flood = faulty.popen(["session-flood", "10000"], "namer", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert flood.stdout.readline() == "8 opened, 9992 refused, 0 failed: A user can have 8 configuration sessions; close one\n"
    status, text = batch(faulty, "abort", user="namer")
    assert status != 0 and "% A user can have 8 configuration sessions; close one" in text
    assert batch(faulty, "abort")[0] == 0
    others = []
    for uid in range(4001, 4009):
        others.append(faulty.popen(["setpriv", f"--reuid={uid}", "--clear-groups", "session-flood", "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    told = sorted(other.stdout.readline() for other in others)
    assert told == ["0 opened, 8 refused, 0 failed: There are 64 configuration sessions already; try again later\n"] + ["8 opened, 0 refused, 0 failed: \n"] * 7, told
    status, text = batch(faulty, "abort")
    assert status != 0 and "% There are 64 configuration sessions already; try again later" in text
    for process in (flood, *others):
        process.communicate(timeout=30)
    wait_for(lambda: batch(faulty, "abort", user="namer")[0] == 0, "the sessions to be gone")


def test_lines_that_are_no_lines(faulty):
    before = running(faulty)
    long = "hostname " + "a" * (1 << 20)
    for lines, user in (([long], "admin"), (["description " + "x" * 5000], "admin")):
        status, text = batch(faulty, *lines, user=user)
        assert status != 0 and "% The line is too long, it can have 4096 bytes." in text and len(text) < 4000
    for line in ("hostname \x1b[31mred", "crypto ca trustpoint a description \x9b31m", "hostname a\x07", "\x1b]0;title\x07"):
        status, text = batch(faulty, line)
        assert status != 0 and "Invalid input detected at '^' marker." in text and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), (line, text)
    status, text = batch(faulty, "hostname fine", "commit comment \x1b[2Jcleared")
    assert status != 0 and "\x1b" not in text
    assert running(faulty) == before


# --- damaged records ----------------------------------------------------------------------------------------------------------------------

def test_flipped_byte_in_the_newest_record(faulty):
    """It is moved aside and told, and the commit before it counts, with all that follows from it."""
    configure(faulty, ["hostname kept"])
    before = running(faulty)
    configure(faulty, ["hostname lost"])
    name = newest(faulty).split()[1] + ".json"
    record = faulty.path(faulty.output(f"readlink -f {RECORDS}/{name}").strip())
    text = bytearray(record.read_bytes())
    text[len(text) // 2] ^= 1
    record.write_bytes(text)
    pid = faulty.kill("policyd", signal.SIGKILL)
    wait_for(lambda: faulty.daemon_pid("policyd") not in (0, pid), "policyd to be back")
    faulty.wait_daemons()
    assert running(faulty) == before
    wait_for(lambda: faulty.output("hostname").strip() == "kept", "the host name to follow")
    assert f"The commit record {name} is damaged and was moved aside" in faulty.output("journalctl --sync; journalctl -b -o cat -u chancery-policyd")
    assert NOT_ALLOWED in faulty.chancery("show configuration failed startup", "nobody", check=False).stderr
    told = rendered(faulty.chancery("show configuration failed startup").stdout)
    assert f"commit {name.removesuffix('.json')}\n!!% The record is damaged and was moved aside; the commit before it counts\n!\nend\n" in told
    assert record.with_name(name + ".corrupt").read_bytes() == bytes(text)
    configure(faulty, ["hostname after"])
    assert int(newest(faulty).split()[1]) > int(name.removesuffix(".json"))
