# SPDX-License-Identifier: Apache-2.0
"""A CA that changes its key (RFC 8894 section 4.7), against our own, whose certificate has seen most of its days. Each test is one step and needs those before it."""

import json
import subprocess

import pytest

from machine import ADMIN, wait_for
from test_scep import LINES, SOURCE, Fixture, configure, enroll, fingerprint, make_due, say, serial, state

FOLDER = "/tmp/scep-test"
# What is wrong with the answer to GetNextCACert, and what is said about it.
HOSTILE = {
    "status": "HTTP status 404", "type": "something else than application/x-x509-next-ca-cert", "unsigned": "not exactly one signer",
    "stranger": "not authenticated", "by-itself": "not authenticated", "agent": "not authenticated", "tampered": "signature on it is wrong",
    "digest": "messageDigest", "sha1": "SHA-1", "same": "the one that the CA has now", "shorter": "ends no later", "two": "several CAs",
    "no-ca": "none of it is the certificate of a CA", "nothing": "no certificate in it", "no-certificates": "malformed", "truncated": "no CMS SignedData",
    "html": "no CMS SignedData", "oversized": "larger than 256 KiB",
}


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("rollover")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa scep-key"], ADMIN, stdin="2048\n")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def authority(machine):
    machine.write("/tmp/scep_ca.py", SOURCE.read_text())
    server = machine.popen(["/usr/bin/python3", "/tmp/scep_ca.py", FOLDER, "-200", "100"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    try:
        yield Fixture(machine, int(server.stdout.readline()))
    finally:
        server.kill()
        server.wait()


def rollover(machine, text):
    machine.write(f"{FOLDER}/rollover", text)


def certificates(machine):
    """By role, the fingerprints."""
    shown = machine.chancery("show crypto ca certificates roll | json").stdout
    return {c["role"]: c["sha256-fingerprint"].replace(":", "") for c in json.loads(shown[shown.index("["):])}


def of_file(machine, name):
    return fingerprint(machine, f"{FOLDER}/{name}.pem").replace(":", "")


def authenticate(machine):
    """Anew, as soon as nothing is under way."""
    wait_for(lambda: state(machine, "roll")["state"] == "none" or say(machine, "clear crypto ca certificates roll", "yes\n")[0] == 0, "an idle trustpoint")
    status, said = say(machine, f"crypto ca authenticate roll fingerprint {of_file(machine, 'root')}")
    assert status == 0, said


def next_step(machine):
    return state(machine, "roll")["next-step"]


def test_hostile(machine, authority):
    """The next certificate is not had, and why is said."""
    configure(machine, "crypto ca trustpoint roll", f"enrollment url {authority.url}", "auto-enroll 10", *LINES)
    known = of_file(machine, "root")
    with machine.console(ADMIN) as console:
        console.prompt()
        for wrong, words in HOSTILE.items():
            rollover(machine, wrong)
            wait_for(lambda: "running" not in console.command("clear crypto ca certificates roll"), "an idle trustpoint")
            said = console.command(f"crypto ca authenticate roll fingerprint {known}")
            assert "%" not in said, said
            wait_for(lambda words=words: words in console.command("show crypto ca trustpoints roll"), f"{wrong}: {words}")
            assert "rollover" not in console.command("show crypto ca certificates roll"), wrong
        # The last of them is asked once more at most, and says the same again.
        machine.kill("enrolld", 9)
        machine.wait_daemons()
        wait_for(lambda: words in console.command("show crypto ca trustpoints roll"), "the reason after a restart")
    assert certificates(machine) == {"ca": known}
    assert "The next CA certificate of trustpoint roll cannot be had" in machine.journal("enrolld")


def test_nothing_offered(machine, authority):
    rollover(machine, "")
    asked = authority.log().count("GET GetCACaps")
    authenticate(machine)
    wait_for(lambda: authority.log().count("GET GetCACaps") > asked, "the question")
    assert next_step(machine) == "Request a certificate: crypto ca enroll roll." and certificates(machine) == {"ca": of_file(machine, "root")}


def test_offered(machine, authority):
    """It is kept beside the present one, which goes on."""
    rollover(machine, "ber")
    authenticate(machine)
    wait_for(lambda: "rollover" in certificates(machine), "the next certificate")
    assert certificates(machine) == {"ca": of_file(machine, "root"), "rollover": of_file(machine, "next")}
    shown = machine.chancery("show crypto ca certificates roll").stdout
    assert shown.index("CA certificate\n") < shown.index("CA certificate (rollover)\n")
    rollover(machine, "present-as-well")
    authority.set("old")
    status, said = enroll(machine, "roll")
    assert status == 0, said
    assert certificates(machine)["ca"] == of_file(machine, "root")


def test_not_ready(machine, authority):
    """The CA does not issue with it yet: the router's certificate stays, and the present one renews it."""
    wait_for(lambda: "has failed 1 time," in next_step(machine), "the renewal under the next certificate")
    before = certificates(machine)
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert certificates(machine) == before and set(before) == {"ca", "rollover", "router"}
    rollover(machine, "offer")
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: certificates(machine)["router"] != before["router"], "the renewal under the present certificate")
    assert certificates(machine)["ca"] == of_file(machine, "root") and "next CA certificate is there" in next_step(machine)


def test_switched(machine, authority):
    """With the router's first certificate by the next one, it is the CA's, and the one before is gone."""
    authority.set("old")
    assert enroll(machine, "roll")[0] == 0
    first = serial(machine, "roll")
    wait_for(lambda: "has failed 1 time," in next_step(machine), "the renewal under the next certificate")
    authority.set("grant")
    rollover(machine, "switched")
    make_due(machine)
    wait_for(lambda: "has failed 2 times," in next_step(machine), "the renewal under the present certificate")
    make_due(machine)
    wait_for(lambda: serial(machine, "roll") not in ([], first), "the renewal")
    wait_for(lambda: set(certificates(machine)) == {"ca", "router"}, "the end of the one before")
    assert certificates(machine)["ca"] == of_file(machine, "next") and state(machine, "roll")["state"] == "enrolled"
    assert "CA certificate of trustpoint roll installed by enrolld" in machine.journal("enrolld")
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert certificates(machine)["ca"] == of_file(machine, "next")
