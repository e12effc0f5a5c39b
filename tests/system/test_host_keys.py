# SPDX-License-Identifier: Apache-2.0
"""Host keys are there from the first boot on, and are made again by no later one; keys with which users log in elsewhere."""

import json
import subprocess

import pytest

KINDS = ("rsa", "ecdsa", "ed25519", "dsa")
INFO = "%SECURITY-CEPKI-6-KEY_INFO : One or more host keypairs exist. Not auto-generating keypairs."


@pytest.fixture(scope="module")
def machine(routers):
    """A router that boots more than once."""
    router = routers("host-keys")
    router.wait_daemons()
    yield router
    router.stop()


def shown(machine, kind):
    return json.loads(machine.chancery(f"show crypto key mypubkey {kind} | json").stdout)


def shown_all(machine):
    return {kind: shown(machine, kind) for kind in KINDS}


def answer(machine, command, text):
    return machine.run(["chancery", "-c", command], "admin", stdin=text).stdout


def test_first_boot(machine):
    keys = shown_all(machine)
    assert {(key["algorithm"], key["label"], key["size"]) for kind in KINDS for key in keys[kind]} == {
        ("rsa", "the_default", 2048), ("ecdsanistp256", "the_default", 256), ("ed25519", "the_default", 256)}
    journal = machine.journal("keyd")
    assert "%SECURITY-CEPKI-6-KEY_GENERATED : The rsa key the_default, 2048 bits, was generated at the first boot" in journal
    assert "KEY_INFO" not in journal


def test_restart_is_no_boot(machine):
    """What was removed stays removed, also when the daemon dies."""
    before = shown_all(machine)
    for command in ("rsa", "ecdsa nistp256", "ed25519"):
        answer(machine, f"crypto key zeroize {command}", "yes\n")
    machine.kill("keyd", 9)
    machine.wait_daemons()
    assert not any(shown_all(machine).values())
    machine.reboot()
    machine.wait_daemons()
    after = shown_all(machine)
    assert {kind: len(after[kind]) for kind in KINDS} == {kind: len(before[kind]) for kind in KINDS}
    assert after["rsa"][0]["public-key"] != before["rsa"][0]["public-key"]


def test_next_boot(machine):
    """One is enough: the others were removed on purpose."""
    answer(machine, "crypto key zeroize rsa the_default", "yes\n")
    answer(machine, "crypto key zeroize ecdsa nistp256 the_default", "yes\n")
    before = shown_all(machine)
    machine.reboot()
    machine.wait_daemons()
    assert shown_all(machine) == before and not before["rsa"] and before["ed25519"]
    assert INFO in machine.journal("keyd")


def test_killed_in_the_middle(machine):
    """As a kill after the first of them leaves it: the others are made at the next start."""
    before = shown(machine, "ed25519")
    machine.run(["touch", "/var/lib/chancery/keyd/host-keys-pending"])
    machine.kill("keyd", 9)
    machine.wait_daemons()
    assert shown(machine, "ed25519") == before
    assert len(shown(machine, "rsa")) == len(shown(machine, "ecdsa")) == 1
    assert "host-keys-pending" not in machine.output(["ls", "/var/lib/chancery/keyd"])


def test_key_of_an_ssh_client(machine, tmp_path):
    assert answer(machine, "crypto key zeroize authentication-ssh rsa", "").endswith("% There are no RSA keys.\n")
    text = answer(machine, "crypto key generate authentication-ssh rsa", "1024\n")
    assert "The name for the keys will be: admin\n" in text and text.endswith("Done w/ crypto generate keypair\n[OK]\n")
    answer(machine, "crypto key generate authentication-ssh rsa username alice", "\n")
    text = machine.chancery("show crypto key mypubkey authentication-ssh rsa").stdout
    assert "Key label: admin\nType      : RSA General purpose\nSize      : 1024\n" in text
    assert "Key label: alice\nType      : RSA General purpose\nSize      : 2048\n" in text
    line = text.splitlines()[-1]
    assert line.startswith("ssh-rsa AAAA") and line.endswith(" alice")
    (tmp_path / "key.pub").write_text(line)
    # ssh-keygen reads it, and as the key that the data is.
    pem = subprocess.run(["ssh-keygen", "-e", "-m", "PKCS8", "-f", tmp_path / "key.pub"], stdout=subprocess.PIPE, text=True, check=True).stdout
    keys = {key["label"]: key for key in shown(machine, "authentication-ssh rsa")}
    assert keys["alice"]["public-key"] in "".join(pem.splitlines()) and line.startswith(keys["alice"]["openssh-public-key"])
    # They are no keys of the router, and no trustpoint takes them.
    assert not {"admin", "alice"} & {key["label"] for key in shown(machine, "rsa")}
    text = answer(machine, "crypto key zeroize authentication-ssh rsa admin", "yes\n")
    assert "% Keys to be removed are named admin\n" in text
    assert [key["label"] for key in shown(machine, "authentication-ssh rsa")] == ["alice"]
