# SPDX-License-Identifier: Apache-2.0
"""Keys that only sign, Ed25519 and DSA: enrolled, renewed with the same key and with a new one, and asked for once more, over each protocol as far as it can be.
Each test is one step and needs those before it."""

import json
import pathlib
import subprocess

import pytest

from machine import ADMIN, wait_for
from test_scep import Fixture, certifier, configure, fingerprint, make_due, say, serial, state

KINDS = ("ed25519", "dsa")
CANARY = "canary-7a44"
LINES = ("subject-name CN=core.example,O=Example", "serial-number none", "ip-address none", "crl optional")
SERVER = pathlib.Path(__file__).resolve().parent.parent / "pki" / "est_server.py"


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("key-kinds")
    one.wait_daemons()
    for protocol in ("scep", "est"):
        one.run(["chancery", "-c", f"crypto key generate ed25519 {protocol}"], ADMIN)
        one.run(["chancery", "-c", f"crypto key generate dsa {protocol}"], ADMIN, stdin="2048\n", timeout=300)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def scep(machine):
    with certifier(machine, "/tmp/kinds-scep") as one:
        yield one


@pytest.fixture(scope="module")
def est(machine, scep):
    machine.write("/tmp/est_server.py", SERVER.read_text())
    process = machine.popen(["/usr/bin/python3", "/tmp/est_server.py", "/tmp/kinds-est"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(process.stdout.readline())
        one = Fixture(machine, port, "/tmp/kinds-est")
        one.url = f"https://127.0.0.1:{port}/"
        yield one
    finally:
        process.kill()
        process.wait()


def public_key(machine, kind, label):
    shown = machine.chancery(f"show crypto key mypubkey {kind} | json").stdout
    return next(k["public-key"] for k in json.loads(shown[shown.index("["):]) if k["label"] == label)


def refused(machine, name, *lines):
    """What a commit that fails says."""
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", f"crypto ca trustpoint {name}", *lines):
            console.command(line)
        console.command("commit")
        said = " ".join(console.command("show configuration failed").split())
        console.command("abort")
    return said


def bring(machine, authority, protocol, kind, *lines):
    """A trustpoint with a certificate that has begun long ago."""
    name = f"{protocol}-{kind}"
    configure(machine, f"crypto ca trustpoint {name}", f"enrollment url {authority.url}", *LINES, f"keypair {kind} {protocol}", *lines)
    assert say(machine, f"crypto ca authenticate {name} fingerprint {fingerprint(machine, f'{authority.folder}/root.pem')}")[0] == 0
    enroll(machine, authority, name)
    return name


def enroll(machine, authority, name):
    before = serial(machine, name)
    authority.set("old")
    status, said = say(machine, f"crypto ca enroll {name}", "\n\n")
    assert status == 0 and serial(machine, name) not in ([], before), said


def renewed(machine, authority, kind, name, wrong, words, lines=(), more=""):
    """First the CA gets it wrong, and nothing changes; then by itself, with the same key or another one. What the CA was asked."""
    label = name.partition("-")[0]
    first, key, before = serial(machine, name), public_key(machine, kind, label), len(authority.log())
    authority.set(wrong)
    configure(machine, f"crypto ca trustpoint {name}", f"auto-enroll 10{more}", *lines)
    wait_for(lambda: "has failed 1 time," in state(machine, name)["next-step"], "the renewal that fails")
    assert words in state(machine, name)["next-step"], state(machine, name)
    assert serial(machine, name) == first and public_key(machine, kind, label) == key
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, name) not in ([], first), "the renewal")
    wait_for(lambda: state(machine, name)["next-step"] == "Ready.", "its end")
    assert (public_key(machine, kind, label) == key) == (not more)
    configure(machine, f"crypto ca trustpoint {name}", "no auto-enroll", *(f"no {line.rpartition(' ')[0]}" for line in lines))
    enroll(machine, authority, name)
    return authority.log()[before:]


@pytest.mark.parametrize("kind", KINDS)
def test_scep(machine, scep, kind):
    """Answers come under the challenge password, which is configured then: also those of renewals."""
    assert "under the challenge password" in refused(machine, "scep-none", f"enrollment url {scep.url}", f"keypair {kind} scep")
    name = bring(machine, scep, "scep", kind, f"challenge-password clear {CANARY}")
    for lines, number in (((), "19"), (("renewal-message-type renewalreq",), "17")):
        for more in ("", " regenerate"):
            log = renewed(machine, scep, kind, name, "wrong-password", "cannot be decrypted with the challenge password", lines, more=more)
            assert f"\n{number} " in log and f"challenge ['{CANARY}']" in log, log


@pytest.mark.parametrize("kind", KINDS)
def test_scep_lost(machine, scep, kind):
    """GetCert: what was issued, and whose answer got lost."""
    name = f"scep-{kind}"
    before = serial(machine, name)
    scep.set("pending-issued")
    status, said = say(machine, f"crypto ca enroll {name}")
    assert status == 0 and "has not decided" in said, said
    issued = [line.partition(" ")[2] for line in scep.log().splitlines() if line.startswith("issued ")][-1]
    for mode, number, words in (("grant", "1234", "badCertId"), ("wrong-password", issued, "cannot be decrypted with the challenge password")):
        scep.set(mode)
        status, said = say(machine, f"crypto ca import {name} serial-number {number}")
        assert status != 0 and words in said and serial(machine, name) == before, (mode, said)
    scep.set("grant")
    status, said = say(machine, f"crypto ca import {name} serial-number {issued}")
    assert status == 0 and serial(machine, name) not in ([], before) and state(machine, name)["state"] == "enrolled", said


def test_est_ed25519(machine, est):
    """Known by the certificate that is there."""
    name = bring(machine, est, "est", "ed25519", "method est")
    for more in ("", " regenerate"):
        log = renewed(machine, est, "ed25519", name, "other-key", "another key", more=more)
        assert "simplereenroll application/pkcs10 client ['core.example']" in log, log


def test_est_dsa(machine, est):
    """TLS signs nothing with such a key: the server has to know the router by another certificate, at renewals too."""
    said = refused(machine, "est-dsa", "method est", f"enrollment url {est.url}", *LINES, "keypair dsa est")
    assert "for which a DSA key is none" in said and "ssl-profile" in said, said
    configure(machine, "ssl profile other", "certificate est-ed25519")
    name = bring(machine, est, "est", "dsa", "method est", "ssl-profile other")
    for more in ("", " regenerate"):
        log = renewed(machine, est, "dsa", name, "other-key", "another key", more=more)
        assert "simplereenroll application/pkcs10 client ['core.example']" in log, log


@pytest.mark.parametrize("kind", KINDS)
def test_cmp(machine, kind):
    """Renewals are signed with the key, which these are none for: it is said before there is anything to renew."""
    said = refused(machine, "cmp-none", "method cmp", "enrollment url http://127.0.0.1:1/", *LINES, f"keypair {kind} scep")
    assert "CMP is for rsa and ecdsa keys: no others sign its messages, as each renewal needs" in said, said
