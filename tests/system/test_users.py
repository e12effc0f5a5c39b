# SPDX-License-Identifier: Apache-2.0
"""Users and what they may do, as the shell shows it, on a booted router."""

import json
import re

import pytest

from authorization import configure
from terminal import rendered

GROUPS = ["taskgroup viewers", "description May look", "task read crypto", "task read config-services", "inherit taskgroup operator",
          "usergroup viewers", "taskgroup viewers", "usergroup keepers", "inherit usergroup viewers", "taskgroup serviceadmin",
          "username alice", "group keepers", "username dossier-user"]
# A line for each kind of task, and what `describe` says of it. (A command of another mode is in test_described_lines.)
COMMANDS = {
    "show crypto key mypubkey rsa": ["crypto (READ)"],
    "show crypto key authentication rsa": ["crypto (READ)"],
    "show crypto ca certificates": ["crypto (READ)"],
    "show crypto ca trustpool": ["crypto (READ)"],
    "crypto key generate ed25519 x": ["crypto (EXECUTE)"],
    "crypto key zeroize ed25519 x": ["crypto (EXECUTE)"],
    "crypto key zeroize authentication rsa all": ["crypto (EXECUTE)", "aaa (WRITE)"],
    "crypto ca authenticate x": ["crypto (EXECUTE)"],
    "crypto ca enroll x": ["crypto (EXECUTE)"],
    "clear crypto ca certificates x": ["crypto (EXECUTE)"],
    "crypto ca trustpool import url clean": ["crypto (EXECUTE)"],
    "configure exclusive": ["config-services (WRITE)"],
    "rollback configuration last 1": ["config-services (READ)"],
    "show aaa taskgroup": ["aaa (READ)"],
    "show aaa userdb": ["aaa (READ)"],
    "show aaa task supported": ["aaa (READ)"],
    "show configuration commit changes all": ["config-services (READ)"],
    "show configuration commit list": ["config-services (READ)"],
    "show configuration history": ["config-services (READ)"],
    "show configuration sessions": ["config-services (READ)"],
    "show running-config": ["config-services (READ)"],
    "show platform security integrity dossier include packages reboot-history": ["basic-services (READ)", "pkg-mgmt (READ)", "system (READ)"],
    "show platform security integrity dossier":
        ["basic-services (READ)", "pkg-mgmt (READ)", "system (READ)", "config-services (READ)", "sysmgr (READ)"],
    "configure": [],
    "show user all": [],
    "show clock": [],
    "show version": [],
}


@pytest.fixture(scope="module")
def peopled(routers):
    one = routers("users", users={"carol": ["operator", "keepers"]})
    one.wait_daemons()
    configure(one, GROUPS)
    yield one
    one.stop()


def show(machine, command, user="admin"):
    return rendered(machine.chancery(command, user).stdout).splitlines()


def refused(machine, command, user):
    result = machine.chancery(command, user, check=False)
    assert result.returncode != 0, command
    return rendered(result.stdout + result.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_describe_says_what_is_needed(peopled, command):
    """Where something is needed, a user without any task is refused for one of these."""
    described = [line.strip() for line in show(peopled, f"describe {command}", "dossier-user") if line.startswith("       ")]
    assert described == COMMANDS[command]
    result = peopled.chancery(command, "dossier-user", check=False, stdin="yes\n")
    missing = re.findall(r"^% Task ID (\S+ \([A-Z]+\)) is missing$", rendered(result.stderr), re.M)
    assert (result.returncode != 0) == bool(described) and len(missing) == bool(described) and set(missing) <= set(described)


def test_described_lines(peopled):
    text = peopled.run(["chancery"], "admin", stdin="configure\ndescribe hostname x\nusername alice\ndescribe group root-lr\ndescribe commit\nabort\n").stdout
    assert text == ("\nUser needs ALL of the following taskids:\n\n       host-services (WRITE)\n\nUser needs ALL of the following taskids:\n\n"
                    "       aaa (WRITE)\n\nUser needs no taskid.\n")
    for words in ("describe nonsense", "describe show", "configure\ndescribe nonsense"):
        assert peopled.run(["chancery"], "dossier-user", stdin=words + "\n", check=False).returncode != 0, words


@pytest.mark.parametrize("command", ["show aaa taskgroup viewers", "show aaa usergroup", "show aaa userdb", "show aaa task supported"])
def test_others_need_the_task(peopled, command):
    assert "% This command is not authorized\n% Task ID aaa (READ) is missing" in refused(peopled, command, "alice")


def test_taskgroup(peopled):
    assert show(peopled, "show aaa taskgroup viewers") == [
        "Task group 'viewers'",
        "  Description: May look",
        "  Inherits from task group 'operator'",
        "  Task IDs included directly by this group:",
        "    Task:      config-services  : READ",
        "    Task:               crypto  : READ",
        "",
        "Task group 'viewers' has the following combined set",
        "  of task IDs (including all inherited groups):",
        "    Task:       basic-services  : READ    WRITE    EXECUTE    DEBUG",
        "    Task:                  cdp  : READ",
        "    Task:      config-services  : READ",
        "    Task:               crypto  : READ",
        "    Task:                 diag  : READ",
        "    Task:           ext-access  : READ",
        "    Task:              logging  : READ"]
    names = [line for line in show(peopled, "show aaa taskgroup") if re.match(r"Task group '\S+'$", line)]
    assert names == [f"Task group '{name}'" for name in ("cisco-support", "netadmin", "operator", "owner-sdr", "read-only-tg", "root-lr", "root-system",
                                                         "serviceadmin", "sysadmin", "viewers")]


def test_usergroup_and_userdb(peopled):
    lines = show(peopled, "show aaa usergroup keepers")
    assert lines[:6] == ["User group 'keepers'", "  Inherits from task group 'serviceadmin'", "  Inherits from user group 'viewers'", "",
                         "User group 'keepers' has the following combined set", "  of task IDs (including all inherited groups):"]
    assert "    Task:               crypto  : READ" in lines and "    Task:                   li  : READ    WRITE    EXECUTE    DEBUG" in lines
    assert show(peopled, "show aaa userdb") == ["Username alice", "User group keepers", "", "Username dossier-user"]
    assert json.loads("\n".join(show(peopled, "show aaa userdb alice | json")))[0]["tasks"]["crypto"] == ["read"]
    assert "% There is no user group 'nobody'" in refused(peopled, "show aaa usergroup nobody", "admin")


def test_all_tasks(peopled):
    listed = show(peopled, "show aaa task supported")
    assert len(listed) == 85 and listed == sorted(listed) == show(peopled, "show task supported") and "crypto" in listed


def test_oneself(peopled):
    """By the configuration, and by Unix groups of the same names."""
    assert show(peopled, "show user", "alice") == ["alice"]
    assert show(peopled, "show user group", "alice") == ["keepers"]
    assert sorted(show(peopled, "show user group", "carol")[0].split(", ")) == ["keepers", "operator"]
    assert show(peopled, "show user tasks", "carol") == show(peopled, "show user tasks", "alice") == [
        line.strip() for line in show(peopled, "show aaa usergroup keepers") if line.startswith("    Task:")]
    assert show(peopled, "show user tasks", "dossier-user") == []
    assert show(peopled, "show user all", "admin")[:3] == ["Username: admin", "Groups: root-lr", "User admin has the following Task ID(s):"]
    assert len(show(peopled, "show user tasks", "root")) == 85
