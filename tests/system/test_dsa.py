# SPDX-License-Identifier: Apache-2.0
"""DSA: made, shown, kept over a restart, removed; of 2048 bits it enrolls and seals, smaller it signs nothing."""

import base64
import json
import subprocess

import pytest

import workflow
from collector import Collector, root_certificate
from envelope import Envelope
from machine import ADMIN


def generate(machine, label, text, **options):
    return machine.run(["chancery", "-c", f"crypto key generate dsa {label}"], "admin", stdin=text, **options)


def listed(machine):
    text = machine.chancery("show crypto key mypubkey dsa | json").stdout
    return json.loads(text[text.index("["):])


@pytest.mark.parametrize("bits", ["3072", "511", "x", "-1024"])
def test_other_sizes(bits, machine):
    assert generate(machine, "bad", f"{bits}\n", check=False).returncode != 0
    assert listed(machine) == []


@pytest.mark.parametrize("bits", ["512", "768", "1024"])
def test_sizes(bits, machine):
    text = generate(machine, f"d{bits}", f"{bits}\n").stdout
    assert "Modulus size can be 512, 768, 1024, or 2048 bits." in text and "Generating DSA keys ...\nDone w/" in text
    assert "% Of less than 2048 bits it signs nothing here.\n" in text


def test_default_and_layout(machine):
    generate(machine, "", "\n")
    assert "Key label: the_default\nType      : DSA\nSize      : 1024\n" in machine.chancery("show crypto key mypubkey dsa").stdout


def test_are_public_keys_and_stay(machine, tmp_path):
    before = listed(machine)
    assert sorted(key["size"] for key in before) == [512, 768, 1024, 1024]
    for key in before:
        (tmp_path / "key").write_bytes(base64.b64decode(key["public-key"]))
        shown = subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-in", tmp_path / "key", "-noout", "-text"],
                               capture_output=True, text=True, check=True).stdout
        assert f"({key['size']} bit)" in shown
    machine.kill("keyd", 9)
    machine.wait_daemons()
    assert listed(machine) == before


def test_all_removed(machine):
    machine.run(["chancery", "-c", "crypto key zeroize dsa"], "admin", stdin="yes\n")
    assert listed(machine) == []


def configure(machine):
    with machine.console(ADMIN) as console:
        console.prompt()
        for lines in workflow.COMMITS[:4]:
            workflow.commit(console, lines)
        dsa = {"keypair rsa system-enroll-key": "keypair dsa system-enroll-key"}
        assert "Invalid input" in console.command("configure") + console.command("crypto ca trustpoint probe ca-keypair dsa x")
        console.command("end")
        workflow.commit(console, [dsa.get(line, line) for line in workflow.TRUSTPOINT])
        workflow.generate_rsa(console, "system-root-key")


def test_enrolls_and_seals(machine, build, tmp_path):
    """Refused for a key of 1024 bits; with one of 2048 bits openssl and chancery-verify take the envelope, whatever digest the trustpoint has."""
    configure(machine)
    generate(machine, "system-enroll-key", "1024\n")
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.authenticate(console)
        refusal = console.command("crypto ca enroll system-trustpoint", [workflow.SERIAL, workflow.ADDRESS])
    assert "below 2048 bits signs nothing: make a larger one" in " ".join(refusal.split()), refusal
    assert machine.chancery("show version | utility sign nonce 1580", check=False).returncode != 0
    assert "signs nothing" not in generate(machine, "system-enroll-key", "yes\n2048\n", timeout=300).stdout
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["crypto ca trustpoint system-trustpoint", "message-digest sha512"])
        workflow.enroll(console)
    collector = Collector(tmp_path, root_certificate(machine), build / "cli/verify")
    envelope = Envelope(workflow.collect(machine, f"show version | {workflow.SIGN}"))
    assert envelope.header["alg"] == "DSA256"
    collector.take_apart(envelope)
    (collector.folder / "good.json").write_text(envelope.text())
    (collector.folder / "bad.json").write_text(envelope.signature_flipped())
    judge = ["chancery-verify", "--root", "root.pem", "--nonce", workflow.NONCE]
    assert collector.run([*judge, "bad.json"]).returncode == 3
    assert collector.run([*judge, "good.json"]).returncode == 0
    collector.openssl("dgst", "-sha256", "-verify", "leaf.pub", "-signature", "signature.bin", "signed.txt")
    # There is a name for DSA here, but in no registry: what others are to read is not made with it.
    for form in ("eat-jwt", "eat-cwt"):
        refusal = machine.chancery(f"show version | utility sign {form}", check=False)
        assert refusal.returncode != 0 and "registered algorithm" in refusal.stdout + refusal.stderr, refusal
