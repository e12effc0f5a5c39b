# SPDX-License-Identifier: Apache-2.0
"""Usage keys: two pairs of one label, made, shown, replaced and removed together, with a certificate each."""

import json
import re
import subprocess

import pytest

import workflow
from machine import ADMIN, wait_for
from terminal import complaints, rendered


def generate(machine, words, text="1024\n", **options):
    return machine.run(["chancery", "-c", f"crypto key generate rsa {words}"], "admin", stdin=text, **options).stdout


def pairs(machine):
    return json.loads(machine.chancery("show crypto key mypubkey rsa | json").stdout.partition("[")[1] +
                      machine.chancery("show crypto key mypubkey rsa | json").stdout.partition("[")[2])


def usages(machine, label):
    return [pair["usage"] for pair in pairs(machine) if pair["label"] == label]


def test_ed25519_has_none(machine):
    assert machine.chancery("crypto key generate ed25519 usage-keys x", check=False).returncode != 0


def test_two_pairs_are_shown(machine):
    text = generate(machine, "usage-keys both")
    assert "for your Signature and Encryption Keypairs." in text and text.endswith("Done w/ crypto generate keypair\n[OK]\n")
    shown = machine.chancery("show crypto key mypubkey rsa").stdout
    first = shown.index("Key label: both\nType      : RSA Signature\nSize      : 1024\n")
    assert first < shown.index("\n\nKey label: both\nType      : RSA Encryption\nSize      : 1024\n")
    assert usages(machine, "both") == ["signature", "encryption"]
    assert len({pair["public-key"] for pair in pairs(machine)}) == len(pairs(machine))


def test_survive_a_kill(machine):
    before = pairs(machine)
    machine.kill("keyd", 9)
    machine.wait_daemons()
    assert pairs(machine) == before


def test_replaced_together(machine):
    text = generate(machine, "general-keys both", "yes\n1024\n")
    assert "% You already have keys defined for both\n" in text
    assert usages(machine, "both") == ["general"]
    generate(machine, "usage-keys both", "yes\n1024\n")
    assert usages(machine, "both") == ["signature", "encryption"]


def test_removed_together(machine):
    text = machine.run(["chancery", "-c", "crypto key zeroize rsa both"], "admin", stdin="yes\n").stdout
    assert text.count("both") == 1
    assert usages(machine, "both") == []


# --- Certificates: one for each pair -----------------------------------------------------------------------------------------------------------

EXTENSIONS = {"signature": "keyUsage=critical,digitalSignature\n", "encryption": "keyUsage=critical,keyEncipherment,dataEncipherment\n"}
REQUEST = r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n"
LINES = ("crypto ca trustpoint core", "enrollment terminal", "rsakeypair pairs", "subject-name CN=core.example", "serial-number none", "ip-address none")
SELF = ("crypto ca trustpoint system-trustpoint", "enrollment url self", "keypair rsa pairs", "ca-keypair rsa root", "subject-name CN=leaf",
        "subject-name ca-certificate CN=root", "serial-number none", "ip-address none")


def configure(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, lines)
    assert not complaints(printed), printed


def say(machine, command, text=None):
    result = machine.run(["chancery", "-c", command], ADMIN, stdin=text, check=False)
    return result.returncode, rendered(result.stdout + result.stderr)


def state(machine, name="core"):
    shown = machine.chancery("show crypto ca trustpoints | json").stdout
    return {t["trustpoint"]: t for t in json.loads(shown[shown.index("["):])}[name]


def certificates(machine, name="core"):
    shown = machine.chancery(f"show crypto ca certificates {name} | json").stdout
    return {c["role"]: c for c in json.loads(shown[shown.index("["):])}


def openssl(folder, *words):
    return subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, text=True).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("usage")
    openssl(path, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", 30,
            "-subj", "/CN=ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return path


def issue(folder, request, extensions):
    (folder / "csr").write_text(request)
    (folder / "ext").write_text("basicConstraints=CA:FALSE\n" + extensions)
    return openssl(folder, "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 20, "-extfile", "ext")


def enroll(machine):
    """The two requests, as shown."""
    status, text = say(machine, "crypto ca enroll core")
    assert status == 0, text
    signature, encryption = re.findall(REQUEST, text, re.S)
    assert text.index("Signature key certificate request -") < text.index(signature) < text.index("Encryption key certificate request -")
    return signature, encryption


def test_enroll_asks_for_two(machine, folder):
    generate(machine, "usage-keys pairs", "2048\n")
    configure(machine, *LINES)
    fingerprint = openssl(folder, "x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256").partition("=")[2].strip()
    assert say(machine, f"crypto ca authenticate core fingerprint {fingerprint}", (folder / "ca.pem").read_text())[0] == 0
    for request, words in zip(enroll(machine), ("Digital Signature\n", "Key Encipherment, Data Encipherment\n")):
        (folder / "shown").write_text(request)
        assert words in openssl(folder, "req", "-in", "shown", "-noout", "-text", "-verify")
    assert state(machine)["state"] == "pending" and "twice" in state(machine)["next-step"]


@pytest.mark.parametrize("first", ["signature", "encryption"])
def test_import_in_either_order(machine, folder, first):
    """Refused: what is for the other thing. A kill between the two loses nothing."""
    requests = dict(zip(("signature", "encryption"), enroll(machine)))
    second = "encryption" if first == "signature" else "signature"
    status, text = say(machine, "crypto ca import core certificate", issue(folder, requests[first], EXTENSIONS[second]))
    assert status != 0 and "key usage leaves nothing" in text, text
    status, text = say(machine, "crypto ca import core certificate", issue(folder, requests[first], EXTENSIONS[first]))
    assert status == 0 and "CN=core.example" in text, text
    assert f"for the {second} key" in state(machine)["next-step"]
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert f"for the {second} key" in state(machine)["next-step"]
    status, text = say(machine, "crypto ca import core certificate", issue(folder, requests[second], EXTENSIONS[second]))
    assert status == 0, text
    assert state(machine)["state"] == "enrolled" and state(machine)["next-step"] == "Ready."
    shown = machine.chancery("show crypto ca certificates core").stdout
    signature = shown.index("Router certificate\nKey usage      : Signature\nStatus         : Available\n")
    assert signature < shown.index("Router certificate\nKey usage      : Encryption\nStatus         : Available\n")
    assert shown.count("Router certificate\n") == 2 and shown.count("Associated Trustpoint: core") == 1


def test_cancel_forgets_both(machine):
    before = certificates(machine)
    enroll(machine)
    assert state(machine)["state"] == "renewing"
    assert say(machine, "crypto ca cancel-enroll core")[0] == 0
    assert say(machine, "crypto ca cancel-enroll core")[0] != 0
    assert state(machine)["state"] == "enrolled" and certificates(machine) == before


def test_self_makes_two(machine):
    """Both at once; then a general pair, whose certificate takes the place of both."""
    generate(machine, "root", "2048\n")
    configure(machine, "hostname ios", "domain name example.com")
    configure(machine, *SELF)
    assert say(machine, "crypto ca authenticate system-trustpoint")[0] == 0
    status, text = say(machine, "crypto ca enroll system-trustpoint")
    assert status == 0 and text.count("Serial Number :") == 2, text
    made = certificates(machine, "system-trustpoint")
    assert [made[role]["key-usage"] for role in ("router", "encryption")] == ["Signature", "Encryption"]
    numbers = [int(made[role]["serial-number"].replace(":", ""), 16) for role in ("ca", "router", "encryption")]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert certificates(machine, "system-trustpoint") == made
    generate(machine, "general-keys pairs", "yes\n2048\n")
    wait_for(lambda: certificates(machine, "system-trustpoint")["encryption"]["status"] == "Key replaced", "the change of the key")
    status, text = say(machine, "crypto ca enroll system-trustpoint")
    assert status == 0, text
    made = certificates(machine, "system-trustpoint")
    assert made["router"]["key-usage"] == "General Purpose" and "encryption" not in made
    assert int(made["router"]["serial-number"].replace(":", ""), 16) == numbers[2] + 1
