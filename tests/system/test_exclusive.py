# SPDX-License-Identifier: Apache-2.0
"""Sessions that keep others from committing, and the list of sessions."""

import re

import pytest

from authorization import configure, group_lines
from terminal import rendered


@pytest.fixture(scope="module")
def shared(routers):
    one = routers("exclusive")
    one.wait_daemons()
    configure(one, ["hostname before", *group_lines("reader", ["config-services.read", "host-services.write"])])
    yield one
    one.stop()


def commit_of(machine, user):
    result = machine.run(["chancery"], user, stdin="configure\nhostname other\ncommit\nend\n", check=False)
    return result.returncode, result.stdout + result.stderr


def sessions(machine):
    lines = rendered(machine.chancery("show configuration sessions", "reader").stdout).splitlines()
    at = lines.index("Current Configuration Session  Line       User       Date                     Lock")
    return lines[at + 1:]


def test_exclusive_needs_its_task(shared):
    """Whoever may change lines may not keep others from it."""
    for user in ("nobody", "reader"):
        result = shared.run(["chancery"], user, stdin="configure exclusive\n", check=False)
        text = result.stdout + result.stderr
        assert result.returncode != 0 and "% This command is not authorized" in text and "config-services (WRITE)" in text
    assert sessions(shared) == []
    refused = shared.chancery("show configuration sessions", "nobody", check=False)
    assert refused.returncode != 0 and "% This command is not authorized" in refused.stdout + refused.stderr


def test_nobody_else_commits(shared):
    with shared.console("admin") as console:
        console.prompt()
        assert "% " not in console.command("configure exclusive")
        listed = sessions(shared)
        assert len(listed) == 1
        assert re.fullmatch(r"00000000-[0-9a-f]{8}-00000000     .{11}admin      \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \*", listed[0]), listed
        status, text = commit_of(shared, "reader")
        assert status != 0 and "% Cannot commit because the configuration is locked by session 'admin" in text
        rollback = shared.chancery("rollback configuration last 1", check=False)
        assert rollback.returncode != 0 and "is locked by session" in rollback.stdout + rollback.stderr
        second = shared.run(["chancery"], "admin", stdin="configure exclusive\n", check=False)
        assert "% Cannot enter exclusive mode. The Configuration Namespace is locked by another agent." in second.stdout + second.stderr
        console.command("hostname mine")
        assert "% " not in console.command("commit")
        assert shared.output("hostname").strip() == "mine"
    # The lock ends with its session, however that ended.
    assert commit_of(shared, "reader")[0] == 0
    assert shared.output("hostname").strip() == "other" and sessions(shared) == []


def test_not_during_a_trial(shared):
    with shared.console("admin") as console:
        console.prompt()
        for line in ("configure", "hostname trial", "commit confirmed 300"):
            console.command(line)
        refused = shared.run(["chancery"], "admin", stdin="configure exclusive\n", check=False)
        assert "% Cannot enter exclusive mode. A trial commit is underway in another configuration session." in refused.stdout + refused.stderr
        console.command("commit")
    assert "% " not in shared.run(["chancery"], "admin", stdin="configure exclusive\nend\n").stdout
