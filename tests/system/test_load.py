# SPDX-License-Identifier: Apache-2.0
"""Configuration out of files and into files: load, copy running-config."""

import contextlib
import os
import signal
import subprocess

import pytest

from authorization import configure, group_lines
from machine import PATIENCE, wait_for
from terminal import rendered

NOT_ALLOWED = "% This command is not authorized"


@pytest.fixture(scope="module")
def loaded(routers):
    one = routers("load")
    one.wait_daemons()
    configure(one, ["hostname before", *group_lines("namer", ["config-services.read", "host-services.write"])])
    yield one
    one.stop()


def running(machine):
    return rendered(machine.chancery("show running-config").stdout)


def settings(machine):
    return [line for line in running(machine).splitlines() if not line.startswith("!! ")]


def batch(machine, *lines, user="admin"):
    result = machine.run(["chancery"], user, stdin="\n".join(["configure", *lines]) + "\n", check=False)
    return result.returncode, rendered(result.stdout + result.stderr)


def test_load_needs_the_tasks_of_its_lines(loaded):
    before = settings(loaded)
    loaded.write("/tmp/two", "hostname mine\ndomain name mine.example\n")
    loaded.write("/tmp/one", "hostname mine\n")
    for user in ("nobody", "namer"):
        status, text = batch(loaded, "load /tmp/two", "show configuration", user=user)
        assert status != 0 and "% This command is not authorized" in text and "(WRITE)" in text
    # Nothing of it was taken, although one line was allowed.
    with loaded.console("namer") as console:
        console.prompt()
        console.command("configure")
        assert "ip-services (WRITE)" in console.command("load /tmp/two")
        assert "hostname" not in console.command("show configuration")
        assert "% " not in console.command("load /tmp/one")
        assert "hostname mine" in console.command("show configuration")
        console.command("abort")
    assert settings(loaded) == before


@pytest.mark.parametrize("path, why", [("/nowhere", "cannot be opened: No such file"), ("/root/secret", "cannot be opened: Permission denied"),
                                       ("/tmp", "is no file of at most"), ("/dev/zero", "is no file of at most"), ("/tmp/large", "is no file of at most"),
                                       ("http://192.0.2.1/x", "Only files of this system")])
def test_files_that_cannot_be_read(loaded, path, why):
    loaded.write("/root/secret", "hostname secret\n", 0o600)
    loaded.run("truncate -s 5M /tmp/large")
    status, text = batch(loaded, f"load {path}")
    assert status != 0 and why in text and "hostname secret" not in text


def test_errors_name_their_lines(loaded):
    before = settings(loaded)
    loaded.write("/tmp/bad", "hostname good\ncrypto ca trustpoint core\n descriptoin x\n!\nkeypair\nhostname \x1b[31mred\nend\nnot looked at\n")
    status, text = batch(loaded, "load /tmp/bad")
    assert status != 0 and "\x1b" not in text
    assert ("% Line 3:  descriptoin x\n                   ^\n% Invalid input detected at '^' marker.\n"
            "% Line 5: keypair\n          ^\n% Invalid input detected at '^' marker.\n"
            "% Line 6: hostname \\x1b[31mred\n") in text
    assert "% Nothing was loaded.\n" in text and "Line 8" not in text
    assert settings(loaded) == before


def test_hostile_files(loaded):
    """A line of a megabyte, bytes that are no text, more lines than anybody has, more errors than anybody reads."""
    before = settings(loaded)
    for content, why in (("hostname " + "a" * (1 << 20), "% The line is too long"), (b"hostname a\0b\n", "% The line is not text in UTF-8"),
                         ("\n" * 60000, "% There are too many lines"), ("x\n" * 1000, "% Line 20: x")):
        loaded.path("/tmp/hostile").write_bytes(content if isinstance(content, bytes) else content.encode())
        status, text = batch(loaded, "load /tmp/hostile")
        assert status != 0 and why in text and "Line 21" not in text and len(text) < 4000
    assert settings(loaded) == before


def test_copy_asks_before_it_overwrites(loaded):
    loaded.run("rm -f /tmp/copy")
    refused = loaded.chancery("copy running-config /tmp/copy", "nobody", check=False)
    assert refused.returncode != 0 and "% This command is not authorized" in refused.stderr
    assert loaded.run("test -e /tmp/copy", check=False).returncode != 0
    printed = rendered(loaded.chancery("copy running-config /tmp/copy").stdout)
    assert "Building configuration.\n" in printed and "lines built in 1 second\n[OK]\n" in printed
    first = loaded.output("cat /tmp/copy", "admin")
    assert f"{first.count(chr(10))} lines built" in printed and first == running(loaded)
    loaded.write("/tmp/old", "old\n", 0o666)
    loaded.run("chown admin /tmp/old")
    for answer, content in (("no", "old\n"), ("yes", first)):
        result = loaded.run(["chancery"], "admin", stdin=f"copy running-config /tmp/old\n{answer}\n", check=False)
        assert (result.returncode == 0) == (answer == "yes")
        assert "The destination file already exists. Do you want to overwrite? [no]:" in result.stdout
        assert loaded.output("cat /tmp/old") == content
    assert loaded.output("stat -c '%U %a' /tmp/old").split() == ["admin", "666"]
    elsewhere = loaded.chancery("copy running-config /root/copy", check=False)
    assert elsewhere.returncode != 0 and "% /root/copy cannot be written: Permission denied" in elsewhere.stderr


def test_what_was_shown_can_be_loaded(loaded):
    """On another configuration, with all that the command prints around it."""
    assert batch(loaded, "crypto ca trustpoint core", "description a \"quoted\" text", "key-usage certificate digitalsignature keyagreement",
                 "username eve", "group netadmin", "crypto ca trustpool policy", "description pool", "commit", "end")[0] == 0
    shown = loaded.chancery("show running-config").stdout
    loaded.write("/tmp/shown", shown)
    assert batch(loaded, "hostname another", "no crypto ca trustpoint core", "no crypto ca trustpool policy", "commit", "end")[0] == 0
    before = settings(loaded)
    status, text = batch(loaded, "crypto ca trustpoint elsewhere", "load /tmp/shown", "pwd", "no crypto ca trustpoint elsewhere", "commit", "end")
    assert status == 0 and f"Loading.\n{len(shown.encode())} bytes parsed in 1 sec ({len(shown.encode())})bytes/sec\nconfigure\n" in text
    assert settings(loaded) != before
    assert settings(loaded) == [line for line in rendered(shown).splitlines() if not line.startswith("!! ")][-len(settings(loaded)):]
    status, text = batch(loaded, "load /tmp/shown", "commit replace", "yes", "end")
    assert status == 0 and "% No configuration changes to commit." in text


def test_parts_of_the_running_configuration(loaded):
    """Without head and end: a kind of line, an object, a line in it; abbreviated as everywhere."""
    assert batch(loaded, "crypto ca trustpoint part", "description of it", "message-digest sha256", "domain ipv4 host a.example 192.0.2.1", "commit", "end")[0] == 0
    for words, text in (("host", "hostname before\n"), ("cr ca trustpoint part", "crypto ca trustpoint part\n description of it\n message-digest sha256\n!\n"),
                        ("crypto ca trustpoint part mess", "crypto ca trustpoint part\n message-digest sha256\n!\n"),
                        ("domain ipv4 host a.example", "domain ipv4 host a.example 192.0.2.1\n")):
        assert rendered(loaded.chancery(f"show running-config {words}").stdout) == text, words
    for words, why in (("crypto ca trustpoint none", "No such configuration item(s)"), ("crypto ca trustpoint part keypair", "No such configuration item(s)"),
                       ("crypto ca trustpoint part bgp", "There is no configuration with these words"), ("router bgp", "There is no configuration with these words"),
                       ("crypto ca trust", "More than one kind of configuration begins with these words")):
        refused = loaded.chancery(f"show running-config {words}", check=False)
        assert refused.returncode != 0 and f"% {why}" in refused.stderr, words
    assert NOT_ALLOWED in loaded.chancery("show running-config hostname", "nobody", check=False).stderr


def test_changes_of_commits_can_be_loaded(loaded):
    """And are then changes of this session like any other."""
    for name in ("alpha", "beta"):
        assert batch(loaded, f"hostname {name}", f"crypto ca trustpoint {name}", f"description {name}", f"commit label {name.title()}", "end")[0] == 0
    status, text = batch(loaded, "load commit changes Alpha", user="nobody")
    assert status != 0 and NOT_ALLOWED in text
    status, text = batch(loaded, "load rollback changes last 1", user="namer")
    assert status != 0 and NOT_ALLOWED in text and "crypto (WRITE)" in text
    with loaded.console("admin") as console:
        console.prompt()
        console.command("configure")
        assert "bytes parsed in" in console.command("load commit changes Alpha")
        shown = console.command("show configuration")
        assert "hostname alpha\nend" in shown  # what is there already is no change
        console.command("clear")
        assert "bytes parsed in" in console.command("load rollback changes to Alpha")
        shown = console.command("show configuration")
        assert "no crypto ca trustpoint alpha\nno crypto ca trustpoint beta\nend" in shown and "hostname" in shown
        console.command("no hostname")
        assert "% There is no commit 'Gamma'" in console.command("load commit changes Gamma")
        assert "% " not in console.command("commit")
        console.command("end")
    assert not any("alpha" in line or "beta" in line for line in settings(loaded))


# --- large texts --------------------------------------------------------------------------------------------------------------------------

LINES = 49500


@pytest.fixture(scope="module")
def large(loaded, build):
    loaded.write("/usr/local/bin/session-load", (build / "tests/session-load").read_bytes(), 0o755)
    objects = ["\n".join([f"crypto ca trustpoint tp{i % 250}", *(f" description {i} of {n}" for n in range(10))]) for i in range(LINES // 11)]
    loaded.write("/tmp/large-load", "\n".join(objects) + "\n")
    return "/tmp/large-load"


@contextlib.contextmanager
def loading(machine, *methods, user="admin"):
    """All of it is asked while policyd is stopped; then it goes on."""
    client = machine.popen(["session-load", "/tmp/large-load", *methods], user, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "ready\n"
    pid = machine.daemon_pid("policyd")
    os.kill(pid, signal.SIGSTOP)
    try:
        client.stdin.write("\n")
        client.stdin.flush()
        assert client.stdout.readline() == "sent\n"
        yield client
    finally:
        os.kill(pid, signal.SIGCONT)
        client.communicate(timeout=PATIENCE)
    assert machine.daemon_pid("policyd") == pid


def answers(machine, *methods, user="admin"):
    with loading(machine, *methods, user=user) as client:
        os.kill(machine.daemon_pid("policyd"), signal.SIGCONT)
        lines = [client.stdout.readline() for _ in range(len(methods) + 2)]
        return dict(line.split() for line in lines), [line.split()[0] for line in lines]


def test_others_are_served_while_a_large_text_is_read(loaded, large):
    """What was asked behind it is answered before it; the session itself waits, and has the whole text afterwards."""
    refused, order = answers(loaded, "Line", user="nobody")
    assert refused == {"Load": "org.chancery.Error.NotAuthorized", "Line": "org.chancery.Error.Busy", "GetOwnRights": "answered"}
    assert order[-1] == "Load"
    told, order = answers(loaded, "Line", "Clear", "Commit", "Rollback")
    assert told == {"Load": str(LINES), "Line": "org.chancery.Error.Busy", "Clear": "org.chancery.Error.Busy", "Commit": "org.chancery.Error.Busy",
                    "Rollback": "org.chancery.Error.Busy", "GetOwnRights": "answered"}
    assert order[-1] == "Load"


def test_sessions_that_end_while_a_large_text_is_read(loaded, large):
    assert answers(loaded, "Close")[0] == {"Load": "org.chancery.Error.Cancelled", "Close": "answered", "GetOwnRights": "answered"}
    with loading(loaded) as client:
        loaded.run("pkill -x session-load")
        client.wait(PATIENCE)
    wait_for(lambda: len(rendered(loaded.chancery("show configuration sessions").stdout).splitlines()) <= 2, "the session to be gone")
