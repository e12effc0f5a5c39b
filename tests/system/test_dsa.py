# SPDX-License-Identifier: Apache-2.0
"""DSA: made, shown, kept over a restart, removed; and good for nothing that keyd signs."""

import base64
import json
import subprocess

import pytest


def generate(machine, label, text, **options):
    return machine.run(["chancery", "-c", f"crypto key generate dsa {label}"], "admin", stdin=text, **options)


def listed(machine):
    text = machine.chancery("show crypto key mypubkey dsa | json").stdout
    return json.loads(text[text.index("["):])


@pytest.mark.parametrize("bits", ["2048", "511", "x", "-1024"])
def test_other_sizes(bits, machine):
    assert generate(machine, "bad", f"{bits}\n", check=False).returncode != 0
    assert listed(machine) == []


@pytest.mark.parametrize("bits", ["512", "768", "1024"])
def test_sizes(bits, machine):
    text = generate(machine, f"d{bits}", f"{bits}\n").stdout
    assert "Modulus size can be 512, 768, or 1024 bits." in text and "Generating DSA keys ...\nDone w/" in text


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
