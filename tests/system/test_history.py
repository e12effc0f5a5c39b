# SPDX-License-Identifier: Apache-2.0
"""Commits afterwards: what they changed, and undoing them, on a booted router."""

import json
import re
import signal

import pytest

from authorization import configure, group_lines
from machine import wait_for
from terminal import rendered

FIRST = 1000000001
COMMITTED = "8ab6b4a34edf45f0bbb3a182197ff6ae"
LOADED = "Loading Rollback Changes.\nLoaded Rollback Changes in 1 sec\nCommitting.\n"


@pytest.fixture(scope="module")
def historic(routers):
    """A router with five commits: names, a trustpoint, a change in it, another name, and users for these tests."""
    one = routers("history")
    one.wait_daemons()
    configure(one, ["hostname first", "domain name cisco.com"])
    configure(one, ["crypto ca trustpoint core", "description one", "message-digest sha256"])
    configure(one, ["crypto ca trustpoint core", "description two", "no message-digest", "lifetime certificate 300"])
    one.run(["chancery"], "admin", stdin="configure\nhostname second\ncommit label Renamed comment because\nend\n")
    configure(one, [*group_lines("reader", ["config-services.read"]),
                    *group_lines("namer", ["config-services.read", "host-services.write"])])
    yield one
    one.stop()


def show(machine, command, user="admin"):
    """What is printed, without the head of a configuration."""
    lines = rendered(machine.chancery(command, user).stdout).splitlines()
    return [line for line in lines if not line.startswith("!! ")]


def refused(machine, command, user="admin"):
    result = machine.chancery(command, user, check=False)
    assert result.returncode != 0, command
    return rendered(result.stdout + result.stderr)


def last_id(machine):
    """From the bus, so that nothing that is tested is needed for it."""
    text = machine.output(["busctl", "get-property", "org.chancery.Policy1", "/org/chancery/Policy1", "org.chancery.Policy1", "LastCommit"])
    return int(text.split()[1])


def running(machine):
    return show(machine, "show running-config")


TRUSTPOINT_CHANGE = ["crypto ca trustpoint core", " description two", " lifetime certificate 300", " no message-digest", "!", "end"]


@pytest.mark.parametrize("command", ["show configuration commit list", "show configuration history", "show configuration commit changes last 1",
                                     "show configuration rollback changes last 1", "rollback configuration last 1"])
def test_history_needs_its_task(historic, command):
    text = refused(historic, command, "nobody")
    assert "% This command is not authorized" in text and "config-services (READ)" in text


def test_changes_of_one_commit(historic):
    assert show(historic, f"show configuration commit changes {FIRST}") == ["hostname first", "domain name cisco.com", "end"]
    assert show(historic, f"show configuration commit changes {FIRST + 2}", "reader") == TRUSTPOINT_CHANGE
    assert show(historic, "show configuration commit changes Renamed") == ["hostname second", "end"]


def test_marked_changes(historic):
    assert show(historic, f"show configuration commit changes {FIRST + 2} diff") == [
        "   crypto ca trustpoint core", "-   description one", "+   description two", "+   lifetime certificate 300",
        "-   message-digest sha256", "   !", "end"]
    assert show(historic, "show configuration commit changes Renamed diff") == ["-  hostname first", "+  hostname second", "end"]


def test_changes_of_many_commits(historic):
    everything = show(historic, "show configuration commit changes all")
    assert everything == show(historic, f"show configuration commit changes since {FIRST}") == show(historic, "show configuration commit changes last 5")
    assert everything == [line for line in running(historic) if line != "!" or line in everything][-len(everything):]
    since = show(historic, "show configuration commit changes since Renamed")
    assert since[0] == "hostname second" and " group namer" in since


@pytest.mark.parametrize("words", ["commit changes last 6", "commit changes 1999999999", "commit changes since Nothing", "rollback changes last 100",
                                   "rollback changes to 1000000099"])
def test_commits_that_are_not_there(historic, words):
    assert re.search(r"^% There (are not \d+ commits|is no commit '\w+'); see 'show configuration commit list'", refused(historic, f"show configuration {words}"), re.M)


def test_commit_list_in_detail(historic):
    lines = show(historic, "show configuration commit list 2 detail")
    assert lines[0] == "   1) CommitId: 1000000005                Label: NONE"
    assert re.fullmatch(r"      UserId:   admin                     Line:.*", lines[1])
    assert re.fullmatch(r"      Client:   CLI                       Time:  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", lines[2])
    assert lines[3:6] == ["      Comment:  NONE", "", "   2) CommitId: 1000000004                Label: Renamed"]
    assert lines[8] == "      Comment:  because"


def test_journal_has_each_commit(historic):
    """Who, from where, by what, and which one."""
    historic.run(["journalctl", "--sync"])
    found = [json.loads(line) for line in historic.output(f"journalctl -b -o json MESSAGE_ID={COMMITTED}").splitlines()]
    fields = {entry["CHANCERY_COMMIT"]: tuple(entry.get(f"CHANCERY_{name}", "") for name in ("USER", "LINE", "CLIENT")) for entry in found}
    listed = json.loads("\n".join(show(historic, "show configuration commit list | json")))
    assert len(listed) > 3
    assert fields == {str(commit["commit-id"]): (commit["user-id"], commit["line"], commit["client-name"]) for commit in listed}


def test_events(historic):
    lines = show(historic, "show configuration history last 2")
    assert [line.split()[:4] for line in lines[2:]] == [["1", "commit", "id", str(FIRST + 4)], ["2", "commit", "id", str(FIRST + 3)]]
    assert show(historic, "show configuration history detail | include Renamed") == ["      Commit ID: 1000000004    Label: Renamed"]
    assert show(historic, "show configuration history detail | include Nowhere") == []


def test_what_a_rollback_would_change(historic):
    gone = show(historic, "show configuration rollback changes last 1")
    assert "no username namer" in gone and "no taskgroup reader" in gone
    back = show(historic, f"show configuration rollback changes to {FIRST + 2}")
    assert back[:1] == ["hostname first"] and " description one" in back and " message-digest sha256" in back


def test_changes_of_this_session(historic):
    """As typed, as old and new lines, and merged into the running configuration, of which nothing changes."""
    before = running(historic)
    with historic.console("admin") as console:
        console.prompt()
        for line in ("configure", "hostname third", "no crypto ca trustpoint core"):
            console.command(line)
        marked = console.command("show configuration changes diff").rstrip().splitlines()
        assert marked[-7:] == ["-  hostname second", "+  hostname third", "-  crypto ca trustpoint core", "-   description two",
                               "-   lifetime certificate 300", "-  !", "end"]
        assert console.command("show commit changes diff").rstrip().splitlines()[1:] == marked[1:]
        merged = console.command("show configuration merge").splitlines()
        assert "hostname third" in merged and "domain name cisco.com" in merged and "crypto ca trustpoint core" not in merged
        console.command("abort")
    assert running(historic) == before


def test_merged_needs_the_task_of_what_it_shows(historic):
    result = historic.run(["chancery"], "nobody", stdin="configure\nshow configuration changes diff\nshow configuration merge\n", check=False)
    text = result.stdout + result.stderr
    assert "% This command is not authorized" in text and "config-services (READ)" in text and "cisco.com" not in text


def test_rollback_needs_the_tasks_of_its_lines(historic):
    before, commit = running(historic), last_id(historic)
    for user, words in (("reader", "Renamed"), ("namer", "last 2"), ("namer", f"to {FIRST}")):
        text = refused(historic, f"rollback configuration {words}", user)
        assert "% This command is not authorized" in text and "(WRITE)" in text
    assert running(historic) == before and last_id(historic) == commit


def test_rollback_of_one_commit(historic):
    """By a user who may change that line and no other; the later commits stay."""
    printed = "\n".join(show(historic, "rollback configuration Renamed", "namer"))
    assert printed == (LOADED + "1 items committed in 1 sec (1)items/sec\nUpdating.\nUpdated Commit database in 1 sec\n"
                       "Configuration successfully rolled back commit 'Renamed'.")
    assert "hostname first" in running(historic) and "username namer" in running(historic)
    assert historic.output("hostname").strip() == "first"
    first = show(historic, "show configuration commit list 1")[-1].split()
    assert first[1:3] == [str(FIRST + 5), "namer"] and "Rollback" in first


def test_rollback_of_the_last(historic):
    printed = show(historic, "rollback configuration last 1")
    assert printed[-1] == "Configuration successfully rolled back 1 commits."
    assert "hostname second" in running(historic) and historic.output("hostname").strip() == "second"


def test_rollback_that_changes_nothing(historic):
    commit = last_id(historic)
    printed = show(historic, f"rollback configuration to-exclude {commit}")
    assert printed[-1] == "% No configuration changes to commit." and last_id(historic) == commit


def test_rollback_to_the_beginning_and_back(historic):
    before = running(historic)
    commit = last_id(historic)
    assert show(historic, f"rollback configuration to {FIRST}")[-1] == f"Configuration successfully rolled back to '{FIRST}'."
    assert running(historic) == ["!", "end"]
    assert historic.run(["getent", "passwd", "namer"], check=False).returncode != 0
    assert show(historic, f"rollback configuration to-exclude {commit}")[-1] == f"Configuration successfully rolled back to '{commit}'."
    assert running(historic) == before
    assert historic.run(["getent", "passwd", "namer"], check=False).returncode == 0


def test_history_survives_kill_and_reboot(historic):
    facts = [show(historic, f"show configuration {words}") for words in ("commit list", "commit changes all", "rollback changes last 3")]
    pid = historic.kill("policyd", signal.SIGKILL)
    wait_for(lambda: historic.daemon_pid("policyd") not in (0, pid), "policyd to be back")
    assert facts == [show(historic, f"show configuration {words}") for words in ("commit list", "commit changes all", "rollback changes last 3")]
    historic.reboot(hard=True)
    historic.wait_daemons()
    assert facts == [show(historic, f"show configuration {words}") for words in ("commit list", "commit changes all", "rollback changes last 3")]


def test_damaged_record_is_said(historic):
    """The commit before a damaged one cannot be told; nothing else suffers."""
    before = running(historic)
    record = historic.path(f"/var/lib/private/chancery/policyd/commits/{FIRST + 1}.json")
    if not record.exists():
        record = historic.path(f"/var/lib/chancery/policyd/commits/{FIRST + 1}.json")
    text = record.read_bytes()
    record.write_bytes(text[:-20] + b"x" + text[-19:])
    try:
        assert "% The record of a commit that is needed is damaged" in refused(historic, f"rollback configuration to {FIRST + 2}")
        assert running(historic) == before
    finally:
        record.write_bytes(text)
