# SPDX-License-Identifier: Apache-2.0
"""The forms of commit: replace, best-effort, force, save-running; who else is there; and leaving while somebody else's commit is on trial."""

import re

import pytest

from authorization import configure, group_lines
from machine import wait_for
from terminal import rendered

ASKED = ("This commit will replace or remove the entire running configuration. This\n"
         "operation can be service affecting.\nDo you wish to proceed? [no]:")
PARTLY = ("% Failed to commit one or more configuration items. Please issue 'show configuration failed [inheritance]' from this session "
          "to view the errors")
BASE = ["hostname before", "crypto ca trustpoint core", "description kept"]
EVERY_LINE = ["aaa", "config-services", "crypto", "dossier", "host-services", "ip-services", "snmp", "tty-access"]
GROUPS = [*group_lines("namer", ["config-services.read", "host-services.write"]), *group_lines("writer", [f"{task}.write" for task in EVERY_LINE]),
          "taskgroup everything", "inherit taskgroup root-lr", "usergroup keepers", "taskgroup everything", "username keeper", "group keepers"]


@pytest.fixture(scope="module")
def router_with_users(routers):
    one = routers("options")
    one.wait_daemons()
    configure(one, [*BASE, *GROUPS])
    one.chancery("copy running-config /root/base", "root")
    yield one
    one.stop()


@pytest.fixture
def target(router_with_users):
    """The same configuration before each test, by the way of a file that the router wrote itself."""
    batch(router_with_users, "load /root/base", "commit replace", "yes", "end", user="root")
    return router_with_users


def running(machine):
    return [line for line in rendered(machine.chancery("show running-config").stdout).splitlines() if not line.startswith("!! ")]


def batch(machine, *lines, user="admin", check=True):
    result = machine.run(["chancery"], user, stdin="\n".join(["configure", *lines]) + "\n", check=False)
    text = rendered(result.stdout + result.stderr)
    assert not check or result.returncode == 0, text
    return result.returncode, text


def newest(machine):
    return rendered(machine.chancery("show configuration commit list 1").stdout).splitlines()[-1]


# --- replace -----------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("user", ["namer", "writer"])
def test_replace_needs_root_lr(user, target):
    """Holding every task that a line can have is not enough."""
    before, last = running(target), newest(target)
    status, text = batch(target, "hostname mine", "commit replace", "yes", user=user, check=False)
    assert status != 0 and "% This command is not authorized\n% Task ID root-lr (WRITE) is missing" in text
    assert running(target) == before and newest(target) == last


def test_replace_by_who_inherits_root_lr(target):
    """A task group takes root-lr in, and gives it on."""
    status, text = batch(target, "hostname mine", "taskgroup everything", "inherit taskgroup root-lr", "usergroup keepers", "taskgroup everything",
                         "username keeper", "group keepers", "commit replace", "yes", "end", user="keeper", check=False)
    assert status == 0 and "hostname mine" in running(target), text
    tasks = rendered(target.chancery("show user tasks", "keeper").stdout)
    assert re.search(r"^Task: +root-lr +: +WRITE$", tasks, re.M) and "root-lr" not in rendered(target.chancery("show aaa task supported").stdout)


def test_replace_asks_first(target):
    before = running(target)
    for answer in ("no", ""):
        status, text = batch(target, "hostname other", "commit replace", answer, check=False)
        assert status != 0 and ASKED in text and running(target) == before
    status, text = batch(target, "hostname other", "commit replace", check=False)
    assert status != 0 and running(target) == before


def test_replace(target):
    """What was entered is all there is, also what was there before; what was not entered is gone."""
    with target.console("admin") as console:
        console.prompt()
        for line in ("configure", "domain name new.example", "crypto ca trustpoint core", "description kept"):
            console.command(line)
        printed = console.command("commit label Anew replace", [(r"Do you wish to proceed\? \[no\]:", "yes")])
        assert "% " not in printed
        assert console.command("show configuration").count("\n") <= 4
        console.command("end")
    assert running(target) == ["!", "domain name new.example", "crypto ca trustpoint core", " description kept", "!", "end"]
    assert "Anew" in newest(target)
    changes = rendered(target.chancery("show configuration commit changes last 1").stdout)
    assert "no hostname" in changes and "no username namer" in changes and "trustpoint core" not in changes


def test_replace_after_somebody_else(target):
    with target.console("admin") as console:
        console.prompt()
        for line in ("configure", "hostname replaced"):
            console.command(line)
        batch(target, "domain name meanwhile.example", "commit", "end")
        printed = console.command("commit replace", [(r"Do you wish to proceed\? \[no\]:", "yes"), (r"this commit anyway\? \[no\]:", "yes")])
        assert "One or more commits have occurred from other configuration sessions" in printed
    assert running(target) == ["!", "hostname replaced", "end"]


# --- best-effort -------------------------------------------------------------------------------------------------------------------

WRONG = ["crypto ca trustpoint wrong", "enrollment url self"]


def test_all_or_nothing_without_best_effort(target):
    before = running(target)
    status, text = batch(target, "hostname good", *WRONG, "commit", check=False)
    assert status != 0 and "pseudo-atomic" in text and running(target) == before


def test_best_effort_takes_what_is_right(target):
    before = running(target)
    with target.console("admin") as console:
        console.prompt()
        for line in ("configure", "hostname good", *WRONG, "description right", "username eve", "group missing", "no crypto ca trustpoint core"):
            console.command(line)
        assert PARTLY in console.command("commit best-effort").replace("\n", "")
        failed = console.command("show configuration failed inheritance")
        assert "crypto ca trustpoint wrong\n enrollment url self\n!!% only system-trustpoint can enroll with itself\n!\n" in failed
        assert "username eve\n group missing\n!!% There is no user group with this name\n!\n" in failed
        assert failed.endswith("!\nend")
        # It can be kept, put right and loaded: what is wrong are comments.
        console.command("show configuration failed | file /tmp/failed")
        # What failed is no change of this session any more.
        assert "% No configuration changes to commit." in console.command("commit")
    loaded = batch(target, "load /tmp/failed", "show configuration", "abort")[1]
    assert "\n enrollment url self\n" in loaded and "\n group missing\n" in loaded
    now = running(target)
    assert "hostname good" in now and "crypto ca trustpoint wrong" in now and " description right" in now and "username eve" in now
    assert "crypto ca trustpoint core" not in now and " enrollment url self" not in now and " group missing" not in now
    assert now != before


def test_best_effort_with_nothing_right(target):
    before = running(target)
    status, text = batch(target, "crypto ca trustpoint core enrollment url self", "commit best-effort", check=False)
    assert status != 0 and "pseudo-atomic" in text and running(target) == before


def test_best_effort_without_an_owner(target):
    """The lines of a daemon that is down are left out, and told with the reason."""
    target.run("systemctl mask --runtime --now chancery-poold.service")
    try:
        status, text = batch(target, "hostname without", "crypto ca trustpool policy", "description nobody", "commit best-effort", check=False)
    finally:
        target.run("systemctl unmask --runtime chancery-poold.service && systemctl start chancery-poold.service")
    assert status != 0 and PARTLY in text
    assert "crypto ca trustpool policy description nobody: The daemon chancery-poold did not answer" in text
    assert "hostname without" in running(target) and "crypto ca trustpool policy" not in running(target)


# --- force: a disk that is nearly full, and one that is full -------------------------------------------------------------------------

STATE = "/var/lib/chancery/policyd"


def undone_when_there_is_room_again(target, folder):
    """A commit on trial: however often that is tried in vain, it takes one id."""
    def failures():
        return target.journal("policyd").count("Failed to write a commit")
    before, last, failed = running(target), int(newest(target).split()[1]), failures()
    batch(target, "hostname tried", "commit confirmed 600", "end")
    target.run(f"cat /dev/zero > {folder}/filler 2>/dev/null; true")
    target.restart("policyd")
    wait_for(lambda: failures() > failed, "the undoing to fail")
    target.run(f"rm {folder}/filler")
    wait_for(lambda: running(target) == before, "the commit to be undone", pause=0.5)
    assert int(newest(target).split()[1]) == last + 2


def test_disk_that_is_nearly_full_and_full(target):
    before = running(target)
    folder = target.output(f"readlink -f {STATE}").strip()
    owner = target.output(f"stat -c %u:%g {folder}").strip()
    target.run(f"systemctl stop chancery-policyd.service && mkdir /run/kept && cp -a {folder}/. /run/kept && mount -t tmpfs -o size=4m,mode=700 full {folder} && "
               f"chown {owner} {folder} && cp -a /run/kept/. {folder} && systemctl start chancery-policyd.service")
    try:
        target.run(f"head -c 3900k /dev/zero > {folder}/filler")
        status, text = batch(target, "hostname short", "commit", check=False)
        assert status != 0 and "% The disk with the configuration is nearly full, nothing has changed. Make room, or use 'commit force'" in text
        assert running(target) == before
        batch(target, "hostname forced", "commit force", "end")
        assert "hostname forced" in running(target)
        target.run(f"cat /dev/zero > {folder}/filler 2>/dev/null; true")
        now, last = running(target), newest(target)
        status, text = batch(target, "hostname never", "commit force", check=False)
        assert status != 0 and "% The commit could not be written to the disk; nothing has changed" in text
        assert running(target) == now and newest(target) == last and target.output("hostname").strip() == "forced"
        target.run(f"rm {folder}/filler")
        batch(target, "hostname room", "commit", "end")
        target.restart("policyd")
        target.wait_daemons()
        assert "hostname room" in running(target)
        undone_when_there_is_room_again(target, folder)
    finally:
        target.run(f"systemctl stop chancery-policyd.service; umount {folder} && rm -r /run/kept && systemctl start chancery-policyd.service")
        target.wait_daemons()


# --- save-running ------------------------------------------------------------------------------------------------------------------

def test_save_running_with_the_rights_of_the_user(target):
    before = running(target)
    for path, why in (("/root/saved", "Permission denied"), ("/nowhere/saved", "No such file or directory"), ("tftp://192.0.2.1/saved", "Only files of this system"),
                      ("/tmp", "Is a directory")):
        status, text = batch(target, "hostname saved", f"commit save-running filename {path}", check=False)
        assert status != 0 and why in text and running(target) == before, text
    batch(target, "hostname saved", "commit save-running filename /tmp/saved label Saved", "end")
    saved = target.read("/tmp/saved")
    saved = (saved if isinstance(saved, str) else saved.decode()).splitlines()
    assert saved[0] == "!! Building configuration..." and saved[2].startswith("!! Last configuration change at ")
    assert [line for line in saved if not line.startswith("!! ")] == running(target) and "hostname saved" in saved
    assert target.output("stat -c '%U %a' /tmp/saved").split() == ["admin", "600"]
    assert target.output("ls /tmp").count("saved") == 1 and "Saved" in newest(target)


# --- sessions ----------------------------------------------------------------------------------------------------------------------

def test_sessions_in_detail(target):
    assert "% This command is not authorized" in rendered(target.chancery("show configuration sessions detail", "nobody", check=False).stderr)
    with target.console("admin") as console:
        console.prompt()
        console.command("configure exclusive")
        lines = rendered(target.chancery("show configuration sessions detail", "namer").stdout).splitlines()
        number = re.fullmatch(r"   1\) Session: 00000000-([0-9a-f]{8})-00000000 +Line:.*", lines[0]).group(1)
        assert lines[1].split() == ["Lock:", "Reserved", "User:", "admin"] and lines[2].split() == ["Client:", "CLI", "Process:", "chancery"]
        pid = re.fullmatch(r"      PID:     (\d+) +Node: 0/RP0/CPU0", lines[3]).group(1)
        assert target.output(f"cat /proc/{pid}/comm").strip() == "chancery"
        assert re.fullmatch(r"      Elapsed Time: \d\d:\d\d:\d\d \(hh:mm:ss\)", lines[4]) and len(lines) == 5
        console.command("hostname trial")
        console.command("commit confirmed 300")
        lines = rendered(target.chancery("show configuration sessions detail", "namer").stdout).splitlines()
        assert number in lines[0] and "commit-confirm" in lines[2]
        console.command("commit")


def test_leaving_during_the_trial_of_another(target):
    with target.console("admin") as trier, target.console("admin") as other:
        for console in (trier, other):
            console.prompt()
            console.command("configure")
        other.command("domain name lost.example")
        trier.command("hostname trial")
        trier.command("commit confirmed 300")
        printed = other.command("end")
        assert "No changes will be saved because there is a concurrent trial configuration session." in printed and "Uncommitted" not in printed
        assert other.mode == ""
        status, text = batch(target, "domain name lost.example", "exit", check=False)
        assert status != 0 and "No changes will be saved" in text
        # Without changes there is nothing to say, nor to whose trial it is.
        other.command("configure")
        assert "No changes" not in other.command("end")
        trier.command("domain name mine.example")
        printed = trier.command("end", [(r"cancel\)\? \[cancel\]:", "yes")])
        assert "% Confirming commit for trial session." in printed
    assert {"hostname trial", "domain name mine.example"} <= set(running(target))


def test_pwd_says_how_one_came_here(target):
    _, text = batch(target, "pwd", "crypto ca trustpoint core", "pwd", "username namer", "pwd", "root", "pwd", "abort")
    assert text.split("\n")[:4] == ["configure", "crypto ca trustpoint core", "username namer", "configure"]


def test_label_that_is_none(target):
    """It is the label that is wrong, and no line; also after a commit that lines were wrong in."""
    with target.console("admin") as console:
        console.prompt()
        console.command("configure")
        for line in ("crypto ca trustpoint mislabelled", "enrollment url self"):
            console.command(line)
        assert "Failed to commit" in console.command("commit")
        printed = console.command("commit label 1st")
        assert "% A label begins with a letter" in printed and "Failed to commit" not in printed
        assert "% No such configuration item(s)" in console.command("show configuration failed")
        console.command("abort")
