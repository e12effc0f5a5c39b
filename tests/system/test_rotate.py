# SPDX-License-Identifier: Apache-2.0
"""Another key-encryption key: every key is there afterwards, whenever it was interrupted, and the old one opens nothing."""

import signal

import pytest

from machine import wait_for

KEK = "/usr/lib/chancery/chancery-keyd-kek"
NEXT = "/var/lib/chancery/kek-next.cred"


@pytest.fixture(scope="module")
def machine(routers):
    """A booted router: systemd decrypts the credentials, and orders the units."""
    router = routers("rotate")
    router.wait_daemons()
    yield router
    router.stop()


def shown(machine):
    text = "".join(machine.chancery(f"show crypto key mypubkey {kind} | json").stdout for kind in ("rsa", "ed25519"))
    return sorted(line for line in text.splitlines() if "public-key" in line)


def test_all_keys_are_there(machine):
    machine.run(["chancery", "-c", "crypto key generate rsa usage-keys both"], "admin", stdin="1024\n")
    for number in range(8):
        machine.chancery(f"crypto key generate ed25519 key{number}")
    before, old = shown(machine), machine.read("/var/lib/chancery/kek.cred")
    files = {p.name: p.read_bytes() for p in machine.path("/var/lib/chancery/keyd").iterdir() if len(p.name) == 32}
    machine.run([KEK, "rotate"])
    assert machine.read("/var/lib/chancery/kek.cred") != old and not machine.path(NEXT).exists()
    assert len(before) == 12 and shown(machine) == before
    after = {p.name: p.read_bytes() for p in machine.path("/var/lib/chancery/keyd").iterdir() if len(p.name) == 32}
    # The sealed part, and the identity of what it is sealed with.
    assert set(after) == set(files) and all(after[name][8:24] != files[name][8:24] for name in files)
    # A restart opens them with the new one alone.
    machine.kill("keyd", signal.SIGKILL)
    machine.wait_daemons()
    assert shown(machine) == before


def test_interrupted(machine):
    """A next credential beside keys of which some are resealed already: what a kill in the middle leaves."""
    before = shown(machine)
    folder = machine.path("/var/lib/chancery/keyd")
    some = {p: p.read_bytes() for p in sorted(folder.iterdir())[:4] if len(p.name) == 32}
    old = machine.read("/var/lib/chancery/kek.cred")
    machine.run([KEK, "rotate"])
    machine.run(["systemctl", "stop", "chancery-keyd.service"])
    # Back to the middle: the new credential is the next one again, the old one is the one, some files are the old ones.
    machine.run(["mv", "/var/lib/chancery/kek.cred", NEXT])
    machine.path("/var/lib/chancery/kek.cred").write_bytes(old)
    machine.path("/var/lib/chancery/kek.cred").chmod(0o600)
    for path, content in some.items():
        path.write_bytes(content)
    machine.run(["systemctl", "start", "chancery-keyd.service"])
    machine.wait_daemons()
    assert not machine.path(NEXT).exists() and shown(machine) == before
    machine.run(["journalctl", "--sync"])
    journal = machine.output(["journalctl", "-o", "cat", "-t", "chancery-keyd-rekey"])
    assert f"Sealed {len(some)} key files anew; {12 - len(some)} were already, 0 are left alone" in journal


def test_killed(machine):
    before = shown(machine)
    for pause in ("0", "0.05", "0.1", "0.2", "0.4"):
        rotation = machine.popen(f"{KEK} rotate >/dev/null 2>&1")
        machine.run(f"sleep {pause}; systemctl kill --signal=KILL chancery-keyd-rekey.service; true")
        rotation.wait(60)
        machine.run([KEK, "rotate"])
        wait_for(lambda: not machine.path(NEXT).exists(), "the rotation to end")
        machine.wait_daemons()
        assert shown(machine) == before
