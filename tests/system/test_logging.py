# SPDX-License-Identifier: Apache-2.0
"""show logging and show tech-support, on a booted router."""

import json
import re

import pytest

from authorization import configure
from machine import wait_for

GROUPS = ["taskgroup lookers", "task read logging", "usergroup lookers", "taskgroup lookers", "username alice", "group lookers",
          "secret Zebra-Crossing-43", "username dossier-user"]
LINE = re.compile(r"RP/0/RP0/CPU0:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3} UTC: [\w.-]+\[\d+\]: %[A-Z\d_]+-[A-Z\d_]+-[0-7]-[A-Z\d_]+ : .+")


@pytest.fixture(scope="module")
def logged(routers):
    one = routers("logging")
    one.wait_daemons()
    configure(one, GROUPS)
    one.run(["journalctl", "--sync"])
    yield one
    one.stop()


def log(router, options="", user="alice"):
    """The lines; what the journal has not got yet is waited for."""
    router.run(["journalctl", "--sync"])
    return router.chancery(f"show logging {options}", user).stdout.splitlines()


def test_needs_the_task(logged):
    refused = logged.chancery("show logging", "dossier-user", check=False)
    assert refused.returncode == 1 and "logging (READ)" in refused.stderr and not refused.stdout


def test_every_line_has_the_form(logged):
    lines = log(logged)
    assert len(lines) > 10 and [line for line in lines if not LINE.fullmatch(line)] == []
    assert any("%MGBL-CONFIG-6-DB_COMMIT : Configuration committed by user 'admin'" in line for line in lines)
    assert any(": systemd[1]: %OS-SYSLOG-6-LOG_INFO : Start" in line for line in lines)


def test_filters(logged):
    lines = log(logged)
    assert log(logged, "process keyd") == [line for line in lines if ": keyd[" in line] != []
    assert log(logged, "string KEY_GENERATED") == [line for line in lines if "KEY_GENERATED" in line] != []
    assert log(logged, "process keyd last 2") == [line for line in lines if ": keyd[" in line][-2:]
    assert log(logged, "last 100000")[:10] == lines[:10]
    shown = log(logged, "severity warnings")
    assert shown and all(re.search(r": %\w+-[A-Z\d_]+-[0-4]-", line) for line in shown)
    assert log(logged, "process none") == []
    times = logged.output(["date", "-d", "yesterday", "+%B %d %H:%M:%S"]).lower().strip(), logged.output(["date", "-d", "+2 hours", "+%B %d %H:%M"]).lower().strip()
    assert log(logged, f"start {times[0]}")[:10] == lines[:10] and log(logged, f"end {times[0]}") == []
    assert log(logged, f"start {times[0]} end {times[1]}")[:10] == lines[:10]
    for wrong in ("start november 22 4x:11", "start november 22", "last 0", "severity bad"):
        assert logged.chancery(f"show logging {wrong}", "alice", check=False).returncode == 1


def test_json(logged):
    commits = json.loads(logged.chancery("show logging string DB_COMMIT | json", "alice").stdout)
    assert commits[0]["mnemonic"] == "MGBL-CONFIG-6-DB_COMMIT" and commits[0]["process"] == "policyd" and commits[0]["severity"] == 6
    assert commits[0]["details"]["USER"] == "admin"
    assert json.loads(logged.chancery("show logging process none | json", "alice").stdout) == []


def test_others_messages_are_not_shown(logged):
    """Not even those that say that they are ours."""
    logged.run("logger --tag chancery-keyd '%SECURITY-CEPKI-1-FORGED : one'; logger --tag other FORGED")
    wait_for(lambda: logged.output("journalctl --sync; journalctl --no-pager --output=cat | grep -c FORGED").strip() == "2", "both in the journal")
    assert log(logged, "string FORGED") == []


def test_tech_support(logged):
    """Without secrets, though who asks may see them; the time line of no section; each section once."""
    assert "secret 10 $y$" in logged.chancery("show running-config").stdout
    done = logged.chancery("show tech-support")
    assert done.stderr == "" and "$y$" not in done.stdout and "secret 10 <removed>" in done.stdout
    titles = re.findall(r"^-{18} (.+) -{18}$", done.stdout, re.M)
    assert len(titles) == len(set(titles)) > 15 and f"++ {len(titles)} of {len(titles)} sections ++" in done.stdout
    assert re.search(r"^keyd +active +running", done.stdout, re.M) and "MGBL-CONFIG-6-DB_COMMIT" in done.stdout


def test_tech_support_of_some(logged):
    """Who may see little gets little, and reads why; a daemon that is away spoils its own sections."""
    done = logged.chancery("show tech-support", "alice")
    assert "% This command is not authorized" in done.stdout and "MGBL-CONFIG-6-DB_COMMIT" in done.stdout and done.stderr == ""
    good, all_of_them = map(int, re.search(r"\+\+ (\d+) of (\d+) sections \+\+", done.stdout).groups())
    assert 0 < good < all_of_them
    logged.run(["systemctl", "mask", "--runtime", "--now", "chancery-enrolld.service"])
    try:
        done = logged.chancery("show tech-support")
        assert re.search(r"show crypto ca certificates -{18}\n\n% ", done.stdout) and "MGBL-CONFIG-6-DB_COMMIT" in done.stdout
        assert re.search(r"^enrolld +inactive", done.stdout, re.M)
    finally:
        logged.run(["systemctl", "unmask", "--runtime", "chancery-enrolld.service"])
        logged.run(["systemctl", "start", "chancery-enrolld.service"])
        logged.wait_daemons()
    assert f"++ {all_of_them} of {all_of_them} sections ++" in logged.chancery("show tech-support | begin 'of'").stdout
