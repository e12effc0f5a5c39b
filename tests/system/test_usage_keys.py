# SPDX-License-Identifier: Apache-2.0
"""Usage keys: two pairs of one label, made, shown, replaced and removed together."""

import json


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
