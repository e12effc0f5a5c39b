# SPDX-License-Identifier: Apache-2.0
"""Clients that such routers are driven with, as Debian has them, over real ssh to booted routers: netmiko, Ansible, ssh itself."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from authorization import configure, group_lines
from terminal import rendered

PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
HERE = pathlib.Path(__file__).parent


def inside(router, *words):
    """Words that run a program of this machine in the router's network."""
    return ["nsenter", "-t", str(router.leader), "-n", "--", *words]


def key(router):
    return str(router.folder / "id_ed25519")


def running(router):
    return rendered(router.chancery("show running-config").stdout)


@pytest.fixture(scope="module")
def managed(routers, playbook):
    """A router with a user who may look at the configuration, and change names."""
    one = routers("netmiko")
    one.wait_daemons()
    configure(one, ["hostname xr1", *group_lines("dossier-user", ["config-services.read", "host-services.write"])])
    yield one
    one.stop()


# --- Ansible: runs on a router of its own while the other tests do. -------------------------------------------------------------------


@pytest.fixture(scope="module")
def playbook(routers, tmp_path_factory):
    """The playbook, started, and its router."""
    one = routers("ansible")
    one.wait_daemons()
    configure(one, ["hostname xr2"])
    folder = tmp_path_factory.mktemp("ansible")
    settings = {"connection": "ansible.netcommon.network_cli", "network_os": "cisco.iosxr.iosxr", "host": "127.0.0.1", "user": "admin",
                "ssh_private_key_file": key(one), "network_cli_ssh_type": "paramiko", "python_interpreter": PYTHON}
    (folder / "hosts").write_text("router " + " ".join(f"ansible_{name}={value}" for name, value in settings.items()) + "\n")
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
                   "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_STDOUT_CALLBACK": "json"}
    process = subprocess.Popen(inside(one, "/usr/bin/ansible-playbook", "--diff", "-i", str(folder / "hosts"), str(HERE / "ansible_play.yml")),
                               env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield one, process
    if process.poll() is None:
        process.kill()
        process.communicate()
    one.stop()


@pytest.fixture(scope="module")
def played(playbook):
    """Each task's outcome by its name."""
    output, errors = playbook[1].communicate(timeout=300)
    assert playbook[1].returncode == 0, output[-3000:] + errors
    return {task["task"]["name"]: task["hosts"]["router"] for task in json.loads(output)["plays"][0]["tasks"] if task["hosts"]}


# --- netmiko --------------------------------------------------------------------------------------------------------------------------


class Netmiko:
    """A connection of netmiko's, in a process in the router's network."""

    def __init__(self, router, user):
        self.process = subprocess.Popen(inside(router, PYTHON, "-B", str(HERE / "netmiko_client.py"), user, key(router)), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.prompt = self.read()["result"]

    def close(self):
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
def connection(managed):
    one = Netmiko(managed, "admin")
    yield one
    one.close()


def test_login_and_show(connection):
    assert connection.prompt == "RP/0/RP0/CPU0:xr1"
    shown = connection.send_command("show version")
    assert shown.splitlines()[1].startswith("Chancery, Version ") and "show version" not in shown and "#" not in shown
    assert "% Invalid input detected at '^' marker." in connection.send_command("show nothing")


def test_config_set_and_commit(connection, managed):
    printed = connection.send_config_set(["domain name netmiko.example", "crypto ca trustpoint core", "description by netmiko"])
    assert "RP/0/RP0/CPU0:xr1(config-trustp)#" in printed and "%" not in printed
    assert "netmiko.example" not in running(managed)
    assert "%" not in connection.commit(label="First", comment="by netmiko")
    assert "domain name netmiko.example" in running(managed) and " description by netmiko" in running(managed)
    listed = managed.chancery("show configuration commit list 1 detail").stdout
    assert "Label: First\n" in listed and re.search(r'Comment:  ("?)by netmiko\1\n', listed), listed  # which not every netmiko quotes


def test_commit_that_is_refused(connection, managed):
    """The session that the commit before has left open goes on; leaving it drops the changes."""
    before = running(managed)
    connection.send_config_set(["domain name failed.example", "username somebody", "group nowhere"])
    answer = connection.ask("commit")
    assert answer["error"] == "ValueError" and "% Failed to commit one or more configuration items" in answer["text"]
    shown = connection.send_command("show configuration failed")
    assert "!! SEMANTIC ERRORS" in shown and " group nowhere\n!!% There is no user group with this name" in shown
    assert "Uncommitted changes found" in connection.exit_config_mode()
    assert running(managed) == before


def test_rollback(connection, managed):
    printed = connection.send_command("rollback configuration last 1")
    assert printed.rstrip().endswith("Configuration successfully rolled back 1 commits.")
    assert "netmiko" not in running(managed)


# --- ssh with a command ---------------------------------------------------------------------------------------------------------------


def test_ssh_refused(managed):
    """Messages are on standard error, standard output stays empty, the status tells."""
    unknown = managed.ssh("admin", "show nothing")
    assert unknown.returncode == 1 and unknown.stdout == b"" and b"% Invalid input detected at '^' marker.\n" in unknown.stderr
    refused = managed.ssh("dossier-user", "show crypto key mypubkey rsa")
    assert refused.returncode == 1 and refused.stdout == b""
    assert refused.stderr == b"% This command is not authorized\n% Task ID crypto (READ) is missing\n"


def test_ssh_with_commands(managed):
    """Output alone on standard output: no time line, no echo."""
    good = managed.ssh("dossier-user", "show running-config hostname")
    assert (good.returncode, good.stdout, good.stderr) == (0, b"hostname xr1\n", b"")
    lines = managed.ssh("admin", "show clock\nshow version | include Version")
    assert lines.returncode == 0 and len(lines.stdout.splitlines()) == 2
    fed = managed.ssh("dossier-user", "", stdin=b"configure\nhostname fed\ncommit\nend\nshow running-config hostname\n")
    assert fed.returncode == 0 and b"hostname fed\n" in fed.stdout


# --- Ansible, which has ended by now --------------------------------------------------------------------------------------------------


def test_ansible_shows(played):
    version, hostname = played["show"]["stdout"]
    assert version.startswith("Chancery, Version ") and hostname == "hostname xr2"
    facts = played["facts"]["ansible_facts"]
    assert facts["ansible_net_system"] == "iosxr" and facts["ansible_net_hostname"] == "xr2" and facts["ansible_net_version"]
    assert "hostname xr3\ndomain name ansible.example\n" in facts["ansible_net_config"] and "unasked" not in facts["ansible_net_config"]


def test_ansible_refusals(played, playbook):
    assert "Invalid input detected" in played["unknown words"]["msg"]
    assert "Failed to commit" in played["refused"]["msg"]
    assert "label {Nested} is already used" in played["label of another commit"]["msg"]
    assert "somebody" not in running(playbook[0]) and "label.example" not in running(playbook[0])


def test_ansible_configures_once(played, playbook):
    """What is to be there is put there with its difference, and the second time nothing is changed."""
    changed = {name for name, outcome in played.items() if outcome["changed"]}
    assert changed == {"add", "add below", "without a comment", "only asked"}
    assert "+  domain name ansible.example\n" in played["add"]["diff"]["prepared"]
    assert "+  crypto ca trustpoint core\n+   description by ansible\n+   message-digest sha384\n" in played["add below"]["diff"]["prepared"]
    assert "-  domain name ansible.example\n+  domain name unasked.example\n" in played["only asked"]["diff"]["prepared"]
    listed = playbook[0].chancery("show configuration commit list detail").stdout
    assert listed.count("CommitId:") == 4 and "Label: Nested\n" in listed and listed.count("Comment:  configured by iosxr_config\n") == 2
