# SPDX-License-Identifier: Apache-2.0
"""netmiko's driver for these routers, as Debian has it, over real ssh to a booted router."""

import json
import pathlib
import subprocess

import pytest

from authorization import configure, group_lines
from terminal import rendered

CLIENT = pathlib.Path(__file__).with_name("netmiko_client.py")
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(subprocess.run([PYTHON, "-c", "import netmiko"], stderr=subprocess.DEVNULL, check=False).returncode != 0,
                                reason="python3-netmiko is not installed")


class Netmiko:
    """A connection of netmiko's, in a process inside the router's network."""

    def __init__(self, router, user):
        words = ["nsenter", "-t", str(router.leader), "-n", "--", PYTHON, "-B", str(CLIENT), user, str(router.folder / "id_ed25519")]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.prompt = self.read()["result"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return json.loads(line)

    def ask(self, method, *args, **options):
        self.process.stdin.write(json.dumps([method, args, options]) + "\n")
        self.process.stdin.flush()
        return self.read()

    def __getattr__(self, method):
        def call(*args, **options):
            answer = self.ask(method, *args, **options)
            assert "result" in answer, answer
            return answer["result"]
        return call


@pytest.fixture(scope="module")
def managed(routers):
    """A router with a user who may look and change no more than names."""
    one = routers("netmiko")
    one.wait_daemons()
    configure(one, ["hostname xr1", *group_lines("dossier-user", ["config-services.read", "host-services.write"])])
    yield one
    one.stop()


@pytest.fixture(scope="module")
def connection(managed):
    with Netmiko(managed, "admin") as one:
        yield one


def running(router):
    return rendered(router.chancery("show running-config").stdout)


def test_login(connection):
    assert connection.prompt == "RP/0/RP0/CPU0:xr1"
    assert connection.find_prompt() == "RP/0/RP0/CPU0:xr1#"
    assert connection.check_config_mode() is False


def test_show(connection, managed):
    shown = connection.send_command("show version")
    assert shown.splitlines()[1].startswith("Chancery, Version ") and "show version" not in shown and "#" not in shown
    assert connection.send_command("show running-config hostname").splitlines()[1:] == ["hostname xr1"]


def test_refused_words(connection):
    assert "% Invalid input detected at '^' marker." in connection.send_command("show nothing")


def test_config_set_and_commit(connection, managed):
    printed = connection.send_config_set(["domain name netmiko.example", "crypto ca trustpoint core", "description by netmiko", "exit"])
    assert "RP/0/RP0/CPU0:xr1(config-trustp)#" in printed and "%" not in printed
    assert connection.check_config_mode() is True
    assert "netmiko.example" not in running(managed)
    assert "%" not in connection.commit(label="First", comment="by netmiko")
    assert "domain name netmiko.example" in running(managed)
    connection.exit_config_mode()
    assert connection.check_config_mode() is False
    listed = managed.chancery("show configuration commit list 1 detail").stdout
    assert "Label: First" in listed and "Comment:  by netmiko" in listed


def test_commit_of_nothing(connection):
    connection.send_config_set([])
    assert "No configuration changes to commit." in connection.commit()
    connection.exit_config_mode()


def test_commit_that_is_refused(connection, managed):
    before = running(managed)
    connection.send_config_set(["domain name failed.example", "username somebody", "group nowhere"])
    answer = connection.ask("commit")
    assert answer["error"] == "ValueError" and "% Failed to commit one or more configuration items" in answer["text"]
    shown = connection.send_command("show configuration failed")
    assert "!! SEMANTIC ERRORS" in shown and " group nowhere\n!!% There is no user group with this name" in shown
    connection.exit_config_mode()
    assert running(managed) == before


def test_another_commit_in_between(connection, managed):
    connection.send_config_set(["domain name mine.example"])
    configure(managed, ["hostname xr2"])
    answer = connection.ask("commit")
    assert answer["error"] == "ValueError" and "One or more commits have occurred from other" in answer["text"]
    assert "mine.example" not in running(managed)
    connection.exit_config_mode()
    configure(managed, ["hostname xr1"])


def test_changes_dropped_at_the_end(connection, managed):
    before = running(managed)
    connection.send_config_set(["domain name dropped.example"])
    printed = connection.exit_config_mode()
    assert "Uncommitted changes found" in printed and running(managed) == before


def test_rollback(connection, managed):
    connection.send_config_set(["domain name undone.example"])
    connection.commit()
    connection.exit_config_mode()
    printed = connection.send_command("rollback configuration last 1")
    assert printed.rstrip().endswith("Configuration successfully rolled back 1 commits.")
    assert "undone.example" not in running(managed)


def test_user_without_the_task(managed):
    with Netmiko(managed, "dossier-user") as connection:
        assert "% This command is not authorized" in connection.send_command("show crypto key mypubkey rsa")
        connection.send_config_set(["crypto ca trustpoint forbidden"])
        assert "% This command is not authorized" in connection.commit()
        assert "crypto (WRITE)" in connection.send_command("commit")
        connection.exit_config_mode()
    assert "forbidden" not in running(managed)


def test_ssh_with_a_command(managed):
    """Output alone on standard output, messages on standard error, a status that tells."""
    good = managed.ssh("admin", "show running-config hostname")
    assert (good.returncode, good.stdout, good.stderr) == (0, b"hostname xr1\n", b"")
    bad = managed.ssh("admin", "show nothing")
    assert bad.returncode == 1 and bad.stdout == b"" and b"% Invalid input detected at '^' marker." in bad.stderr
    refused = managed.ssh("dossier-user", "show crypto key mypubkey rsa")
    assert refused.returncode == 1 and b"% This command is not authorized\n" in refused.stderr
    lines = managed.ssh("admin", "show clock\nshow version | include Version")
    assert lines.returncode == 0 and len(lines.stdout.splitlines()) == 2
