# SPDX-License-Identifier: Apache-2.0
"""A key that was zeroized is gone: from the disk, from the bus, and from what it was used for."""

from authorization import CALL, call, put_tool

KEYS = ["org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1"]


def files(machine):
    return sorted(p.name for p in machine.path("/var/lib/chancery/keyd").iterdir())


def answer(machine, command, text, **options):
    return machine.run(["chancery", "-c", command], "admin", stdin=text, **options)


def test_without_the_task(machine, build):
    put_tool(machine, build)
    machine.chancery("crypto key generate ed25519 kept")
    assert call(machine, [CALL, *KEYS, "Zeroize", "ss", "ed25519", "kept"], "nobody")[0] != "ok"
    assert "kept" in machine.chancery("show crypto key mypubkey ed25519").stdout


def test_no_is_no(machine):
    before = files(machine)
    text = answer(machine, "crypto key zeroize ed25519 kept", "no\n").stdout
    assert "% Keys to be removed are named kept\nDo you really want to remove these keys ?? [yes/no]: no\n" in text
    assert files(machine) == before
    assert answer(machine, "crypto key zeroize ed25519 kept", "", check=False).returncode != 0
    assert files(machine) == before


def test_no_such_key(machine):
    assert "% No ED25519 keys are named other.\n" in answer(machine, "crypto key zeroize ed25519 other", "").stdout
    assert "% There are no ECDSA keys.\n" in answer(machine, "crypto key zeroize ecdsa nistp384", "").stdout


def test_one(machine):
    before = files(machine)
    machine.chancery("crypto key generate ed25519 gone")
    assert len(files(machine)) == len(before) + 1
    answer(machine, "crypto key zeroize ed25519 gone", "yes\n")
    assert files(machine) == before
    shown = machine.chancery("show crypto key mypubkey ed25519").stdout
    assert "kept" in shown and "gone" not in shown
    journal = machine.journal("keyd")
    assert "%SECURITY-CEPKI-6-KEY_DELETED : The ed25519 key gone was removed by admin" in journal
    # and it may come again
    machine.chancery("crypto key generate ed25519 gone")


def test_trustpoints_are_named(machine):
    machine.run(["chancery", "-c", "configure\ncrypto ca trustpoint tz\n keypair ed25519 kept\ncommit\nend"], "admin")
    text = answer(machine, "crypto key zeroize ed25519 kept", "no\n").stdout
    assert "% Keys to be removed are named kept\n% The key kept is used by trustpoint tz\nDo you really" in text


def test_all(machine):
    text = answer(machine, "crypto key zeroize ed25519", "yes\n").stdout
    assert sorted(text.partition("are named ")[2].splitlines()[0].split(", ")) == ["gone", "kept", "the_default"]
    assert "Key label" not in machine.chancery("show crypto key mypubkey ed25519").stdout
    machine.kill("keyd", 9)
    machine.wait_daemons()
    assert "Key label" not in machine.chancery("show crypto key mypubkey ed25519").stdout
