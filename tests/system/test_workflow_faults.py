# SPDX-License-Identifier: Apache-2.0
"""The main job again, with every daemon killed between the steps, and again across reboots: nothing that was acknowledged is lost."""

import base64
import json
import re
import signal
import uuid

import pytest

import layouts
import workflow
from machine import ADMIN, DAEMONS, wait_for
from terminal import rendered


@pytest.fixture(scope="module")
def killed(machine):
    """A machine whose daemons have all been killed, and a fresh console on it, for each step."""
    def step(work):
        if machine.can_reboot:  # systemd counts starts, to end loops; this many deaths in seconds are the test's doing
            machine.run("systemctl reset-failed 'chancery-*'")
        for daemon in DAEMONS:
            pid = machine.kill(daemon, signal.SIGKILL)
            if pid:
                wait_for(lambda d=daemon, p=pid: machine.daemon_pid(d) != p, f"chancery-{daemon} to be gone")
        # No wait for them to be back: whoever asks now is answered all the same, by the bus's activation.
        with machine.console(ADMIN) as console:
            console.prompt()
            printed = work(console)
        assert "% " not in re.sub(r"% (The|Include) [^\n]*", "", printed), printed
        return printed

    return step


STEPS = (
    *((f"commit {lines[0]}", lambda console, lines=lines: workflow.commit(console, lines)) for lines in workflow.COMMITS),
    ("generate root", lambda console: workflow.generate_rsa(console, "system-root-key")),
    ("generate leaf", lambda console: workflow.generate_rsa(console, "system-enroll-key")),
    ("generate ecdsa", lambda console: workflow.generate_ecdsa(console, "system-enroll-key")),
    ("authenticate", workflow.authenticate),
    ("enroll", workflow.enroll),
)


@pytest.mark.parametrize("name, work", STEPS, ids=[step[0].replace(" ", "-") for step in STEPS])
def test_step_after_kill(killed, name, work):
    killed(work)


def facts(machine):
    """What an operator can see of the state: configuration, commits, keys, certificates, trustpool."""
    running = rendered(machine.chancery("show running-config").stdout)
    return {
        "running": [line for line in running.splitlines() if not line.startswith("!!") and not layouts.TIME_LINE.match(line)],
        "commits": rendered(machine.chancery("show configuration commit list").stdout).splitlines()[1:],
        "rsa": layouts.keys(rendered(machine.chancery("show crypto key mypubkey rsa").stdout)),
        "ecdsa": layouts.keys(rendered(machine.chancery("show crypto key mypubkey ecdsa").stdout)),
        "certificates": layouts.SHOWN.search(rendered(machine.chancery("show crypto ca certificates system-trustpoint").stdout)).groupdict(),
        "trustpool": layouts.POOL.findall(rendered(machine.chancery("show crypto ca trustpool").stdout)),
    }


def signed_by(machine):
    """Collects, and returns the thumbprint of the certificate that signed."""
    envelope = json.loads(workflow.collect(machine, f"{workflow.DOSSIER} | {workflow.SIGN}"))
    header = json.loads(base64.urlsafe_b64decode(envelope["protected"] + "=="))
    return header["x5t#S256"]


def test_dossier_after_kill(killed, machine):
    before = facts(machine)
    signer = signed_by(machine)
    killed(lambda console: console.command("show version"))
    assert facts(machine) == before
    assert signed_by(machine) == signer


@pytest.mark.parametrize("hard", [False, True], ids=["reboot", "power-cut"])
def test_everything_is_there_after(machine, hard):
    if not machine.can_reboot:
        pytest.skip("no reboot without a booted router")
    before, signer = facts(machine), signed_by(machine)
    machine.reboot(hard=hard)
    machine.wait_daemons()
    assert machine.boot_result == "running"
    assert facts(machine) == before
    assert signed_by(machine) == signer


def test_reboot_history_has_the_boots(machine):
    if not machine.can_reboot:
        pytest.skip("no reboot without a booted router")
    envelope = json.loads(workflow.collect(machine, "show platform security integrity dossier include reboot-history nonce 1580 | "
                                           + workflow.SIGN))
    dossier = json.loads(base64.urlsafe_b64decode(envelope["payload"] + "=="))
    history = json.dumps(dossier["reboot-history"])
    boots = re.findall(r"\b[0-9a-f]{32}\b", machine.output("journalctl --list-boots"))
    assert len(boots) >= 3
    for boot in boots:
        assert boot in history or str(uuid.UUID(boot)) in history, history
