# SPDX-License-Identifier: Apache-2.0
"""Renewal with a new key: certificate and key change together, whoever is killed meanwhile; what was sealed before verifies under the one root; nothing
changes when the new certificate is none. The clock of enrolld goes ahead, so that certificates are due. Each test is one step and needs those before it."""

import json
import signal
import time

import pytest

import workflow
from authorization import configure
from clock import Clock
from collector import root_certificate
from machine import ADMIN, wait_for

DAY = 86400


@pytest.fixture(scope="module")
def machine(routers, build):
    one = routers("renewal")
    one.wait_daemons()
    lifetimes = {"lifetime certificate 300": "lifetime certificate 30", "lifetime ca-certificate 367": "lifetime ca-certificate 5000"}
    configure(one, [*workflow.NAMES, *(lifetimes.get(line, line) for line in workflow.TRUSTPOINT)])
    for label in ("system-root-key", "system-enroll-key"):
        one.chancery(f"crypto key generate rsa {label}", stdin="2048\n")
    one.chancery("crypto ca authenticate system-trustpoint")
    one.run(["chancery", "-c", "crypto ca enroll system-trustpoint"], ADMIN, stdin="yes\nno\n")
    with Clock(one, build, ["enrolld", "keyd", "dossierd"]) as clock:
        one.clock, one.day = clock, 0
        yield one
    one.stop()


def shown(machine):
    text = machine.chancery("show crypto ca certificates system-trustpoint | json").stdout
    return {c["role"]: c for c in json.loads(text[text.index("["):])}


def state(machine):
    text = machine.chancery("show crypto ca trustpoints | json").stdout
    return next(t for t in json.loads(text[text.index("["):]) if t["trustpoint"] == "system-trustpoint")


def public_key(machine):
    text = machine.chancery("show crypto key mypubkey rsa | json").stdout
    return next(k["public-key"] for k in json.loads(text[text.index("["):]) if k["label"] == "system-enroll-key")


def key_files(machine):
    return sum(len(p.name) == 32 for p in machine.path("/var/lib/chancery/keyd").iterdir())


def advance(machine, days):
    """Everybody's clock; a restart makes it look at once."""
    machine.day += days
    for daemon in ("enrolld", "keyd", "dossierd"):
        machine.clock.ahead(daemon, machine.day * DAY)
    machine.restart("enrolld")
    machine.wait_daemons()


def sealed(machine):
    return machine.chancery(f"show version | {workflow.SIGN}").stdout


def verify(machine, text, days):
    """Under the one root, as of the time when it was sealed."""
    machine.write("/tmp/sealed.json", text)
    machine.write("/tmp/root.pem", root_certificate(machine))
    when = str(int(time.time()) + days * DAY + 60)
    return machine.run(["chancery-verify", "--root", "/tmp/root.pem", "--nonce", workflow.NONCE, "--at", when, "/tmp/sealed.json"], check=False)


def settled(machine, before):
    now = shown(machine)["router"]
    return now if now["serial-number"] != before and state(machine)["state"] == "enrolled" and state(machine)["next-step"] == "Ready." else None


def test_not_before_its_time(machine):
    configure(machine, ["crypto ca trustpoint system-trustpoint", "auto-enroll 50 regenerate"])
    assert " auto-enroll 50 regenerate\n" in machine.chancery("show running-config").stdout
    before = shown(machine)["router"]["serial-number"]
    advance(machine, 10)
    assert state(machine)["state"] == "enrolled" and state(machine)["next-attempt"] > 0
    assert shown(machine)["router"]["serial-number"] == before


def test_another_key_under_the_same_root(machine):
    before, key, files = shown(machine), public_key(machine), key_files(machine)
    first = sealed(machine)
    assert verify(machine, first, machine.day).returncode == 0
    advance(machine, 8)
    after = wait_for(lambda: settled(machine, before["router"]["serial-number"]), "the renewal")
    assert shown(machine)["ca"] == before["ca"] and after["subject"] == before["router"]["subject"]
    assert public_key(machine) != key
    wait_for(lambda: key_files(machine) == files, "the previous key to be gone")
    assert "KEY_ROTATED" in machine.journal("keyd")
    second = sealed(machine)
    for text, days in ((first, 10), (second, 18)):
        verified = verify(machine, text, days)
        assert verified.returncode == 0 and "CN=lab1-ads" in verified.stdout, verified.stdout + verified.stderr


def test_killed_meanwhile(machine):
    """At whatever moment: in the end there is one pair, and it goes together, because it signs."""
    for pause in ("0", "0.05", "0.2"):
        before, files = shown(machine)["router"]["serial-number"], key_files(machine)
        advance(machine, 18)
        machine.run(f"sleep {pause}")
        for daemon in ("enrolld", "keyd"):
            machine.kill(daemon, signal.SIGKILL)
        machine.wait_daemons()
        wait_for(lambda b=before: settled(machine, b), f"the renewal that was killed after {pause} s")
        assert shown(machine)["router"]["status"] == "Available"
        assert verify(machine, sealed(machine), machine.day).returncode == 0
        wait_for(lambda f=files: key_files(machine) == f, "the other keys to be gone")
