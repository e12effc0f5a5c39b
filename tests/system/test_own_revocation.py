# SPDX-License-Identifier: Apache-2.0
"""The router's own certificates, looked at as poold looks at others': what their CA revokes is shown and said."""

import json
import re

import pytest

import revocation_pki as pki
import workflow
from machine import ADMIN, wait_for
from revocation_pki import FOLDER, Party, Requested
from terminal import rendered

SAID = "CERT_REVOKED"
SILENT = "poold does not say whether certificates are revoked"


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("own-revocation")
    one.wait_daemons()
    yield one
    one.stop()


class World:
    """A CA, and what it says is revoked."""

    def __init__(self, machine, port):
        self.machine, self.url = machine, f"http://127.0.0.1:{port}/ca.crl"
        self.ca = Party("CA")
        self.ca_cert = self.ca.certify(self.ca)
        self.number = 0

    def run(self, command, text=None):
        result = self.machine.run(["chancery", "-c", command], ADMIN, stdin=text, check=False, timeout=180.0)
        return result.returncode, rendered(result.stdout + result.stderr)

    def configure(self, *lines):
        with self.machine.console(ADMIN) as console:
            console.prompt()
            assert "Failed" not in workflow.commit(console, lines)

    def request(self):
        status, said = self.run("crypto ca enroll own", "no\nno\n")
        assert status == 0, said
        return re.search(r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n", said, re.S).group()

    def issue(self, request, by=None):
        return (by or self.ca).certify(Requested(request), pki.x509.CRLDistributionPoints([pki.point(self.url)]), ca=False)

    def bring(self, *certificates):
        return self.run("crypto ca import own certificate", pki.pem(*certificates) + "quit\n")

    def publish(self, *certificates):
        """What is revoked from now on."""
        self.number += 1
        self.machine.write(f"{FOLDER}/ca.crl", self.ca.revoke(*certificates, number=self.number))

    def fetch(self):
        status, said = self.run(f"crypto ca crl request {self.url}")
        assert status == 0, said

    def status(self):
        shown = self.machine.chancery("show crypto ca certificates own | json").stdout
        return {c["role"]: c for c in json.loads(shown[shown.index("["):])}.get("router", {}).get("status")

    def next_step(self):
        shown = self.machine.chancery("show crypto ca trustpoints own | json").stdout
        return json.loads(shown[shown.index("["):])[0]["next-step"]

    def said(self, words=SAID):
        return self.machine.journal("enrolld").count(words)


@pytest.fixture(scope="module")
def world(machine):
    with pki.served(machine) as port:
        one = World(machine, port)
        one.configure("crypto ca trustpoint own", "enrollment terminal", "keypair ecdsanistp256 own-key", "subject-name CN=own.example")
        machine.chancery("crypto key generate ecdsa nistp256 own-key")
        fingerprint = one.ca_cert.fingerprint(pki.hashes.SHA256()).hex()
        status, said = one.run(f"crypto ca authenticate own fingerprint {fingerprint}", pki.pem(one.ca_cert) + "quit\n")
        assert status == 0, said
        yield one


@pytest.fixture(scope="module")
def kept():
    return {}


def test_good(world, kept):
    world.publish()
    request = world.request()
    kept["own"] = world.issue(request)
    status, said = world.bring(kept["own"])
    assert status == 0, said
    # It has been asked about: poold has the CRL that it names.
    wait_for(lambda: "ca.crl" in world.run("show crypto ca crls")[1], "poold to be asked")
    assert world.status() == "Available" and world.next_step() == "Ready." and not world.said()


def test_another_is_revoked(world, kept):
    world.publish(world.ca.certify(Party("other"), ca=False))
    world.fetch()
    world.machine.restart("enrolld")
    world.machine.wait_daemons()
    assert world.status() == "Available" and not world.said()


def test_revoked(world, kept):
    world.publish(kept["own"])
    world.fetch()
    wait_for(lambda: world.status() == "Revoked", "it to be known as revoked")
    assert world.next_step() == "The router certificate is revoked, its CA has revoked it: crypto ca enroll own."
    assert "Revoked" in world.run("show crypto ca certificates own")[1]
    wait_for(lambda: world.said() == 1, "it to be said")


def test_said_once(world, kept):
    """Neither a restart nor another CRL says it again; and nobody has to answer for it to be known."""
    world.machine.run(["systemctl", "stop", "chancery-poold.service"])
    world.machine.restart("enrolld")
    assert world.status() == "Revoked"
    wait_for(lambda: world.said(SILENT), "poold's silence to be said")
    assert world.status() == "Revoked"
    world.machine.run(["systemctl", "start", "chancery-poold.service"])
    world.machine.wait_daemons()
    # It is asked now: what was on hold and is on no list any more is good.
    world.publish()
    world.fetch()
    wait_for(lambda: world.status() == "Available", "it to be known as good")
    world.publish(kept["own"])
    world.fetch()
    wait_for(lambda: world.status() == "Revoked", "it to be known as revoked again")
    wait_for(lambda: world.said() == 2, "it to be said")


def router_certificate(world):
    shown = world.machine.chancery("show crypto ca certificates own | json").stdout
    return {c["role"]: c for c in json.loads(shown[shown.index("["):])}["router"]["sha256-fingerprint"]


def test_revoked_before_it_comes(world, kept):
    """Not taken: what is there stays, and the trustpoint says why."""
    before = router_certificate(world)
    kept["new"] = world.issue(world.request())
    world.publish(kept["own"], kept["new"])
    world.fetch()
    status, said = world.bring(kept["new"])
    assert status != 0 and "cannot be used by own: its CA has revoked it" in said, said
    assert router_certificate(world) == before
    refused = "The last certificate that came was refused: its CA has revoked it."
    assert "waits for its certificate" in world.next_step() and refused in world.next_step()
    assert world.said("CERT_REFUSED : A certificate that came for trustpoint own is refused: its CA has revoked it") == 1
    # That is known after a restart, too.
    world.machine.restart("enrolld")
    world.machine.wait_daemons()
    assert refused in world.next_step()


def test_without_poold(world, kept):
    """Who does not answer holds nothing up; what he would have said is known when he does."""
    world.machine.run(["systemctl", "stop", "chancery-poold.service"])
    status, said = world.bring(kept["new"])
    assert status == 0, said
    assert world.said("is taken without poold")
    assert "refused" not in world.next_step()
    world.machine.run(["systemctl", "start", "chancery-poold.service"])
    world.machine.wait_daemons()
    wait_for(lambda: world.status() == "Revoked", "it to be known as revoked")


def test_constraints_of_the_ca(world):
    """A CA that may not issue for this name: its signature alone is not enough."""
    constraints = pki.x509.NameConstraints(None, [pki.x509.DNSName("example")])
    ca = Party("narrow CA")
    certificate = ca.certify(ca, constraints)
    world.configure("crypto ca trustpoint narrow", "enrollment terminal", "keypair ecdsanistp256 own-key", "subject-name CN=own.example")
    status, said = world.run(f"crypto ca authenticate narrow fingerprint {certificate.fingerprint(pki.hashes.SHA256()).hex()}", pki.pem(certificate) + "quit\n")
    assert status == 0, said
    status, said = world.run("crypto ca enroll narrow", "no\nno\n")
    request = re.search(r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n", said, re.S).group()
    status, said = world.run("crypto ca import narrow certificate", pki.pem(ca.certify(Requested(request), ca=False)) + "quit\n")
    assert status != 0 and "cannot be used by narrow: it does not verify, excluded subtree violation" in said, said
    shown = world.machine.chancery("show crypto ca trustpoints narrow | json").stdout
    shown = json.loads(shown[shown.index("["):])[0]
    assert shown["state"] == "pending" and "it does not verify, excluded subtree violation" in shown["next-step"]


def test_enrolled_again(world, kept):
    kept["new"] = world.issue(world.request())
    status, said = world.bring(kept["new"])
    assert status == 0, said
    assert world.status() == "Available" and world.next_step() == "Ready."
