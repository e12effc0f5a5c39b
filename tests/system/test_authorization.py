# SPDX-License-Identifier: Apache-2.0
"""Who may call what: the matrix that follows from the bus contract, on a booted router with real users and real polkit."""

import concurrent.futures
import itertools
import os
import re
import signal
import subprocess

import pytest

from authorization import (CALL, Case, DAEMONS, NOT_AUTHORIZED, REFUSED, bus_path, call, cases, configure, group_lines, methods_of,
                           put_tool, user_with, user_without, users_configuration)
from machine import is_running, wait_for
from terminal import PATIENCE

CASES = cases()


@pytest.fixture(scope="module")
def users(routers, build):
    """A router on which every user of the matrix exists, made by configuration alone."""
    one = routers("authorization")
    one.wait_daemons()
    put_tool(one, build)
    for name in ("with-nothing", user_with(CASES[0].tasks)):
        assert one.run(["getent", "passwd", name], check=False).returncode != 0
    configure(one, users_configuration(CASES))
    yield one
    one.stop()


def task_words(task):
    """As the router writes it: crypto (EXECUTE)."""
    name, kind = task.split(".")
    return f"{name} ({kind.upper()})"


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_matrix(case, users):
    name, sentence = call(users, case.words(), "with-nothing")
    assert name == NOT_AUTHORIZED and any(task_words(t) in sentence for t in case.tasks), sentence
    for task in sorted(case.tasks):
        name, sentence = call(users, case.words(), user_without(task))
        assert name == NOT_AUTHORIZED and task_words(task) in sentence, (task, sentence)
    assert call(users, case.words(), user_with(case.tasks))[0] not in REFUSED
    assert call(users, case.words(), "root")[0] not in REFUSED


@pytest.mark.parametrize("daemon", DAEMONS)
def test_properties_need_the_read_task(daemon, users):
    bus_name = DAEMONS[daemon][0]
    path = bus_path(bus_name)
    for words in ([CALL, bus_name, path, "org.freedesktop.DBus.Properties", "GetAll", "s", bus_name],
                  [CALL, bus_name, path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""]):
        assert call(users, words, "with-nothing")[0] == NOT_AUTHORIZED
        assert call(users, words, "root")[0] == "ok"
    if daemon in ("keyd", "enrolld", "poold"):
        assert call(users, words, user_with({"crypto.read"}))[0] == "ok"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_log_level_is_for_root(daemon, users):
    words = [CALL, DAEMONS[daemon][0], "/org/freedesktop/LogControl1", "org.freedesktop.DBus.Properties", "Get", "ss",
             "org.freedesktop.LogControl1", "LogLevel"]
    assert call(users, words, user_without("crypto.read"))[0] in REFUSED
    assert call(users, words, "root")[0] == "ok"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_internal_methods_are_for_their_callers(daemon, users):
    """The bus itself refuses what one daemon may not ask another, and what people may not ask at all."""
    bus_name = DAEMONS[daemon][0]
    for method in methods_of(daemon):
        if method.task:
            continue
        words = [CALL, bus_name, bus_path(bus_name), method.interface, method.name, method.signature("in")]
        for caller in DAEMONS:
            name, sentence = call(users, words, f"chancery-{caller}")
            assert (name in REFUSED) == (caller not in method.callers), (method, caller, name, sentence)
        for user in ("root", "with-nothing", "admin"):
            assert call(users, words, user)[0] in REFUSED, (method, user)


def test_daemons_hold_no_tasks(users):
    """A stolen daemon may not do what operators may."""
    for case in CASES:
        for daemon in DAEMONS:
            if daemon not in case.method.callers and daemon != case.daemon:
                assert call(users, case.words(), f"chancery-{daemon}")[0] in REFUSED, (case, daemon)


def find_key(users, user):
    bus_name = DAEMONS["keyd"][0]
    return call(users, [CALL, bus_name, bus_path(bus_name), bus_name, "Find", "ss", "rsa", "none"], user)[0]


def test_denied_granted_withdrawn(users):
    configure(users, ["username newcomer"])
    assert find_key(users, "newcomer") == NOT_AUTHORIZED
    configure(users, group_lines("readers", ["crypto.read"])[:-2] + ["username newcomer", "group readers"])
    assert find_key(users, "newcomer") == "org.chancery.Error.NoSuchObject"
    # What is granted through a group is withdrawn with the group's task, at once.
    configure(users, ["taskgroup readers", "no task read crypto"])
    assert find_key(users, "newcomer") == NOT_AUTHORIZED
    configure(users, ["taskgroup readers", "task write crypto"])
    assert find_key(users, "newcomer") == "org.chancery.Error.NoSuchObject"
    configure(users, ["username newcomer", "no group readers"])
    assert find_key(users, "newcomer") == NOT_AUTHORIZED


def test_withdrawn_while_connected(users):
    """What polkit has granted to a connection a moment ago counts no longer than the commit that takes it away is under way."""
    configure(users, [*group_lines("talker", ["crypto.read"])])
    with users.popen(["chancery"], "talker", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as shell:
        for _ in range(2):
            shell.stdin.write("show crypto key mypubkey rsa\ndescribe show crypto key mypubkey rsa\n")
            shell.stdin.flush()
            for line in shell.stdout:
                assert "missing" not in line
                if "crypto (READ)" in line:
                    break
        configure(users, ["taskgroup talker", "no task read crypto"])
        text, _ = shell.communicate("show crypto key mypubkey rsa\n", timeout=PATIENCE)
    assert "crypto (READ) is missing" in text, text


def test_commits_wait_for_polkit_and_hear_it(users):
    """polkit's own signal gets through to policyd; the same one from anybody else does not."""
    configure(users, ["username heard"])
    assert "polkit has not said" not in users.output(["journalctl", "-b", "-o", "cat", "--no-pager", "-t", "chancery-policyd"])
    forged = ["busctl", "emit", "--destination=org.chancery.Policy1", "/org/freedesktop/PolicyKit1/Authority",
              "org.freedesktop.PolicyKit1.Authority", "Changed"]

    def denials():
        return users.output(["journalctl", "-b", "-o", "cat", "--no-pager", "--grep=policy denied.*signal.*Authority.Changed"], check=False).splitlines()
    users.run(forged, "root", check=False)
    assert not denials()
    users.run(forged, "with-nothing", check=False)
    wait_for(denials, "the bus to say that it has refused the signal")


def test_user_named_like_a_group_is_no_member(users):
    """An account's own group must not make a member of a user group that happens to have its name."""
    configure(users, [*group_lines("twin", ["crypto.read"])[:-1]])
    assert find_key(users, "twin") == NOT_AUTHORIZED
    refused = users.run(["chancery"], "admin", stdin="configure\nusername root-lr\ncommit\nend\n", check=False)
    assert refused.returncode != 0 or find_key(users, "root-lr") == NOT_AUTHORIZED


def test_unix_group_counts_as_membership(users):
    users.run(["useradd", "-M", "plain"])
    assert find_key(users, "plain") == NOT_AUTHORIZED
    configure(users, group_lines("plain-group", ["crypto.read"])[:-2])
    users.run(["groupadd", "plain-group"])
    users.run(["usermod", "-aG", "plain-group", "plain"])
    assert find_key(users, "plain") == "org.chancery.Error.NoSuchObject"


def test_refusal_is_in_the_journal(users):
    """With the user's name, also for users who came after the daemon started, by configuration or by useradd."""
    users.run(["useradd", "-M", "latecomer"])
    for user in ("with-nothing", "latecomer"):
        find_key(users, user)
        wait_for(lambda u=user: f"'{u}' was refused Find: task ID crypto (READ)" in users.output("journalctl -o cat --no-pager"),
                 "the refusal in the journal", 10)


@pytest.fixture
def polkit(users):
    """The process number of polkitd as seen from here; whatever a test does to it, polkit runs afterwards."""
    holder = user_with({"crypto.read"})
    assert find_key(users, holder) == "org.chancery.Error.NoSuchObject"
    yield users.main_pid("polkit.service")
    try:
        os.kill(users.main_pid("polkit.service"), signal.SIGCONT)
    except ProcessLookupError:
        pass
    users.run(["systemctl", "restart", "polkit.service"])
    wait_for(lambda: find_key(users, holder) == "org.chancery.Error.NoSuchObject", "polkit to answer again")


def test_polkit_that_hangs_means_denied(users, polkit):
    os.kill(polkit, signal.SIGSTOP)
    who = ("with-nothing", user_with({"crypto.read"}), "root")
    with concurrent.futures.ThreadPoolExecutor(len(who)) as pool:
        assert list(pool.map(lambda user: find_key(users, user), who)) == [NOT_AUTHORIZED] * len(who)


def test_one_user_cannot_use_up_the_questions(users, polkit, build):
    """F13: of a thousand calls of one user that polkit is to be asked about, a few are; the others are refused at once, and whoever else asks is served."""
    users.write("/usr/local/bin/transfer-client", (build / "tests/transfer-client").read_bytes(), 0o755)
    os.kill(polkit, signal.SIGSTOP)
    flood = users.popen(["transfer-client"], "with-nothing", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert flood.stdout.readline().strip().isdigit()
    for number in range(1000):
        flood.stdin.write(f"{number} org.chancery.Keys1 /org/chancery/Keys1 org.chancery.Keys1 Find s=rsa s=none\n")
    flood.stdin.flush()
    answers = [flood.stdout.readline().split()[1]]
    assert answers == ["org.chancery.Error.LimitExceeded"]
    os.kill(polkit, signal.SIGCONT)
    assert find_key(users, user_with({"crypto.read"})) == "org.chancery.Error.NoSuchObject"
    answers += [flood.stdout.readline().split()[1] for _ in range(999)]
    assert set(answers) == {"org.chancery.Error.LimitExceeded", NOT_AUTHORIZED}
    flood.communicate(timeout=PATIENCE)


def test_calls_at_once_are_one_question(users, polkit, build):
    """Of one connection, about one task. The call after as many as may wait is refused, and tells that those before it have come."""
    users.write("/usr/local/bin/transfer-client", (build / "tests/transfer-client").read_bytes(), 0o755)
    words = ["busctl", "monitor", "--match=type='method_call',interface='org.freedesktop.PolicyKit1.Authority',member='CheckAuthorization'"]
    with users.popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as monitor:
        try:
            assert "Monitoring" in monitor.stdout.readline()  # as JSON, newer ones do not say it
            os.kill(polkit, signal.SIGSTOP)
            program = users.popen(["transfer-client"], user_with({"crypto.read"}), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert program.stdout.readline().strip().isdigit()
            for number in range(33):
                program.stdin.write(f"{number} org.chancery.Keys1 /org/chancery/Keys1 org.chancery.Keys1 Find s=rsa s=none\n")
            program.stdin.flush()
            assert program.stdout.readline().split()[1] == "org.chancery.Error.LimitExceeded"
            os.kill(polkit, signal.SIGCONT)
            assert {program.stdout.readline().split()[1] for _ in range(32)} == {"org.chancery.Error.NoSuchObject"}
            program.communicate(timeout=PATIENCE)
            # What is asked next comes behind all that was asked before.
            assert find_key(users, "with-nothing") == NOT_AUTHORIZED
            told = (re.search(r'STRING "(:[\d.]+|org\.chancery\.task\.[\w.-]+)"', line) for line in iter(monitor.stdout.readline, ""))
            asked = list(itertools.islice((found[1] for found in told if found), 4))  # who, and about what, twice
        finally:
            monitor.kill()
    assert asked[1::2] == ["org.chancery.task.crypto.read"] * 2 and asked[0] != asked[2], asked


def test_polkit_that_is_gone_means_denied(users, polkit):
    users.run(["systemctl", "mask", "--runtime", "--now", "polkit.service"])
    try:
        for user in ("with-nothing", user_with({"crypto.read"})):
            assert find_key(users, user) == NOT_AUTHORIZED
    finally:
        users.run(["systemctl", "unmask", "--runtime", "polkit.service"])


def start_polkit(users):
    """Not left to the bus: a question to the polkit that has just been killed is refused without a new one being started."""
    users.run(["systemctl", "reset-failed", "polkit.service"], check=False)
    users.run(["systemctl", "start", "polkit.service"], check=False)
    return users.main_pid("polkit.service")


def test_polkit_that_crashes_means_denied(users, polkit):
    for _ in range(5):
        running = wait_for(lambda: start_polkit(users), "polkit to run")
        waiting = users.popen([*Case("keyd", methods_of("keyd")[1], []).words()[:6], "rsa", "none"], "with-nothing",
                              stdout=subprocess.PIPE, text=True)
        os.kill(running, signal.SIGKILL)
        assert waiting.communicate(timeout=PATIENCE)[0].startswith(NOT_AUTHORIZED)
        wait_for(lambda: not is_running(running), "polkit to be gone")


def test_callers_that_go_away_are_never_authorised(users):
    """F11: the question to polkit is about a connection, and a connection that is gone holds nothing."""
    pid = users.daemon_pid("keyd")
    before = len(os.listdir(f"/proc/{pid}/fd"))
    line = f"for i in $(seq 1000); do BUS_CALL_DROP=1 {CALL} org.chancery.Keys1 /org/chancery/Keys1 org.chancery.Keys1 Generate 'ssa{{sv}}' ed25519 dropped; done"
    users.run(line, "with-nothing", timeout=PATIENCE)
    wait_for(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 2, "keyd to have let go of them")
    # What polkit has still been asked about for them counts until it has answered.
    wait_for(lambda: find_key(users, "with-nothing") == NOT_AUTHORIZED, "polkit to have answered")
    words = [CALL, "org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1", "Find", "ss", "ed25519", "dropped"]
    assert call(users, words, "root")[0] == "org.chancery.Error.NoSuchObject"
    assert users.daemon_pid("keyd") == pid


def test_job_of_another_user_does_not_exist(users):
    words = [CALL, "org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1", "Generate", "ssa{sv}", "ed25519", "watched"]
    assert call(users, words, "root")[0] == "ok"
    tree = users.output(["busctl", "tree", "--list", "org.chancery.Keys1"])
    job = re.search(r"/org/chancery/Keys1/job/\d+", tree)
    path = job.group() if job else "/org/chancery/Keys1/job/1"
    wait = [CALL, "org.chancery.Keys1", path, "org.chancery.Job1", "Wait", ""]
    assert call(users, wait, "with-nothing")[0] != "ok"


def test_what_was_asked_about_is_what_is_committed(users, build):
    """F12: a candidate that changes while polkit is being asked is not committed."""
    users.write("/usr/local/bin/session-race", (build / "tests/session-race").read_bytes(), 0o755)
    configure(users, ["hostname before"])
    before = users.chancery("show running-config hostname").stdout
    assert "hostname before" in before
    race = users.popen(["session-race", "hostname raced"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert race.stdout.readline() == "ready\n"
    polkit = users.main_pid("polkit.service")
    os.kill(polkit, signal.SIGSTOP)
    race.stdin.write("\n")
    race.stdin.flush()
    assert race.stdout.readline() == "cleared\n"
    os.kill(polkit, signal.SIGCONT)
    assert race.stdout.readline() == "org.chancery.Error.Conflict\n"
    assert race.wait(PATIENCE) == 0
    assert users.chancery("show running-config hostname").stdout == before


def test_vanished_objects_use_nothing_up(users):
    """A session that is gone when polkit answers leaves nothing behind: more of them than calls may wait, and calls are still answered."""
    line = (f"for i in $(seq 40); do BUS_CALL_DROP=1 {CALL} org.chancery.Policy1 /org/chancery/Policy1/session/$i org.chancery.Policy1.Session Line s hostname; "
            f"BUS_CALL_DROP=1 {CALL} org.chancery.Dossier1 /org/chancery/Dossier1 org.chancery.Dossier1 Collect 'asa{{sv}}h' packages; done")
    users.run(line, "with-nothing", timeout=PATIENCE)
    assert find_key(users, "with-nothing") == NOT_AUTHORIZED
    words = [CALL, "org.chancery.Dossier1", "/org/chancery/Dossier1", "org.chancery.Dossier1", "Collect", "asa{sv}h", "packages"]
    assert call(users, words, "with-nothing")[0] == NOT_AUTHORIZED
