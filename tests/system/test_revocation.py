# SPDX-License-Identifier: Apache-2.0
"""CRLs on a booted router: fetched by http and ldap for verified chains only, cached, kept over restarts, never replaced by older ones."""

import base64
import ipaddress
import json
import signal

import pytest

import revocation_pki as pki
import workflow
from clock import Clock
from machine import ADMIN, wait_for
from revocation_pki import DAY, FOLDER, LOG, Party
from terminal import rendered

STATE = "/var/lib/chancery/poold"


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("revocation")
    one.wait_daemons()
    yield one
    one.stop()


class World:
    """A root of the pool, a CA below it, what it has issued, and a CA of a trustpoint that has its CRL in a directory."""

    def __init__(self, machine, port):
        self.machine, self.url = machine, f"http://127.0.0.1:{port}"
        self.root, self.sub, self.stranger, self.directory = Party("Root"), Party("Sub"), Party("Stranger"), Party("Issuer", "Directory")
        self.root_cert = self.root.certify(self.root)
        self.sub_cert = self.root.certify(self.sub, self.points("root.crl"))
        self.good, self.bad = (self.issue(self.points("sub.crl")) for _ in range(2))
        self.directory_cert = self.directory.certify(self.directory)

    def points(self, *names):
        return pki.x509.CRLDistributionPoints([pki.point(*(f"{self.url}/{name}" for name in names))])

    def issue(self, *extensions, by=None):
        return (by or self.sub).certify(Party("leaf"), *extensions, ca=False)

    def publish(self, name, der):
        self.machine.write(f"{FOLDER}/{name}", der)

    def asked(self):
        return self.machine.read(LOG).decode().split()

    def run(self, command, user=ADMIN):
        result = self.machine.run(["chancery", "-c", command], user, check=False, timeout=180.0)
        return result.returncode, rendered(result.stdout + result.stderr)

    def verify(self, *chain, words=""):
        self.machine.write("/srv/chain.pem", pki.pem(*chain))
        return self.run(f"crypto ca trustpool verify url file:///srv/chain.pem {words}")

    def crls(self):
        shown = self.machine.chancery("show crypto ca crls | json").stdout
        return {crl["url"].rpartition("/")[2]: crl for crl in json.loads(shown[shown.index("["):])}

    def clear(self):
        return self.run("clear crypto ca crl")

    def configure(self, *lines):
        with self.machine.console(ADMIN) as console:
            console.prompt()
            assert "Failed" not in workflow.commit(console, lines)


@pytest.fixture(scope="module")
def world(machine):
    with pki.served(machine) as port:
        one = World(machine, port)
        one.publish("pool.pem", pki.pem(one.root_cert))
        machine.chancery(f"crypto ca trustpool import url {one.url}/pool.pem")
        yield one


def test_nobody_else_may(world):
    for command in ("show crypto ca crls", "clear crypto ca crl", f"crypto ca crl request {world.url}/root.crl"):
        status, said = world.run(command, "nobody")
        assert status and "% This command is not authorized" in said, command
    assert world.asked() == ["/pool.pem"]


def test_refused_requests(world):
    for what, words in (("ftp://127.0.0.1/x", "http:// or ldap://"), ("http://user:pw@127.0.0.1/x", "a user name or password, which is not supported"),
                        ("http:///x", "has no host"), ("core", "There is no trustpoint 'core'"), (f"{world.url}/absent.crl", "HTTP status 404")):
        status, said = world.run(f"crypto ca crl request {what}")
        assert status and words in said, said
    assert world.crls() == {}


def test_nothing_is_fetched_for_a_bad_chain(world):
    """PEERS F23."""
    before = world.asked()
    status, said = world.verify(world.stranger.certify(Party("leaf"), world.points("stranger.crl"), ca=False))
    assert status and "unable to get local issuer certificate" in said
    assert world.asked() == before


def test_verify_fetches(world):
    world.publish("root.crl", world.root.revoke())
    status, said = world.verify(world.good, world.sub_cert)
    assert status and "unable to get certificate CRL" in said and "HTTP status 404" in said, said
    world.clear()  # and with it the memory of what has failed
    world.publish("sub.crl", world.sub.revoke(world.bad))
    status, said = world.verify(world.good, world.sub_cert)
    assert status == 0 and "The certificate is valid" in said, said
    status, said = world.verify(world.bad, world.sub_cert)
    assert status and "certificate revoked" in said
    crls = world.crls()
    assert set(crls) == {"root.crl", "sub.crl"} and crls["sub.crl"]["entries"] == 1
    # What is there is not fetched again.
    before = world.asked()
    assert world.verify(world.good, world.sub_cert)[0] == 0
    assert world.asked() == before
    shown = world.run("show crypto ca crls")[1]
    assert "CRL Entry\n=====\nIssuer : CN=Sub\nLast Update : [UTC] " in shown and f"CRL Distribution Point :\n    {world.url}/sub.crl" in shown


def test_verdicts_are_kept(world):
    """As long as nothing that they come from is another; and nobody is asked whom trustpoints trust, as long as they are the same."""
    def known():
        return world.machine.journal("poold").count("The verdict is known already")

    def verify(certificate, words=""):
        """Whether it is good, and whether that was known."""
        before = known()
        status, said = world.verify(certificate, world.sub_cert, words=words)
        return status == 0, known() > before, said

    world.machine.run(["systemctl", "service-log-level", "chancery-poold.service", "debug"])
    another = world.issue(world.points("sub.crl"))
    assert verify(another)[:2] == (True, False)
    assert verify(another)[:2] == (True, True)
    assert verify(another, "purpose tls-client")[:2] == (True, False)
    assert verify(world.bad)[:2] == verify(world.bad)[:2] == (False, False)
    # Another list, another trustpoint, another pool: it is looked at again.
    world.publish("root.crl", world.root.revoke(world.sub_cert, number=2))
    assert world.run(f"crypto ca crl request {world.url}/root.crl")[0] == 0
    good, was_known, said = verify(another)
    assert not good and not was_known and "certificate revoked" in said
    world.publish("root.crl", world.root.revoke(number=3))
    assert world.run(f"crypto ca crl request {world.url}/root.crl")[0] == 0
    assert verify(another)[:2] == (True, False) and verify(another)[:2] == (True, True)
    for line in ("crypto ca trustpoint Trustpool", "no crypto ca trustpoint Trustpool", "crypto ca trustpool policy", "no crypto ca trustpool policy"):
        world.configure(*([line, "crl optional"] if line[:2] != "no" else [line]))
        assert verify(another)[:2] == (True, False) and verify(another)[:2] == (True, True), line
    # enrolld, which says nothing now, has said it all.
    world.machine.run(["systemctl", "service-watchdogs", "no"])
    world.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=STOP", "chancery-enrolld.service"])
    try:
        assert verify(world.good, "purpose tls-server")[:2] == (True, False)
    finally:
        world.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=CONT", "chancery-enrolld.service"])
        world.machine.run(["systemctl", "service-watchdogs", "yes"])
    assert world.run("crypto ca trustpool import url clean")[0] == 0
    assert verify(another)[:2] == (False, False)
    assert world.run(f"crypto ca trustpool import url {world.url}/pool.pem")[0] == 0
    world.machine.run(["systemctl", "service-log-level", "chancery-poold.service", "info"])


def test_optional(world):
    world.clear()
    leaf = world.issue(world.points("missing.crl"))
    status, said = world.verify(leaf, world.sub_cert)
    assert status and "unable to get certificate CRL" in said
    world.configure("crypto ca trustpoint Trustpool", "crl optional")
    assert world.verify(leaf, world.sub_cert)[0] == 0
    status, said = world.verify(leaf, world.sub_cert, words="revocation required")
    assert status and "unable to get certificate CRL" in said
    status, said = world.verify(world.bad, world.sub_cert)
    assert status and "certificate revoked" in said
    world.configure("no crypto ca trustpoint Trustpool")


def test_usage_that_the_pool_wants(world):
    """The trustpoint Trustpool says how the pool is used: what its CAs have issued has to be for what is configured there."""
    usages = pki.x509.oid.ExtendedKeyUsageOID
    for_servers, for_clients = (world.issue(world.points("sub.crl"), pki.x509.ExtendedKeyUsage([oid])) for oid in (usages.SERVER_AUTH, usages.CLIENT_AUTH))
    assert world.verify(for_clients, world.sub_cert, words="purpose any")[0] == 0
    world.configure("crypto ca trustpoint Trustpool", "extended-key-usage match server-auth")
    for refused in (world.good, for_clients):
        status, said = world.verify(refused, world.sub_cert, words="purpose any")
        assert status and "not for server authentication, which extended-key-usage match wants" in said, said
    assert world.verify(for_servers, world.sub_cert, words="purpose any")[0] == 0
    world.configure("no crypto ca trustpoint Trustpool")
    assert world.verify(for_clients, world.sub_cert, words="purpose any")[0] == 0


UNKNOWN = (pki.x509.UnrecognizedExtension(pki.x509.ObjectIdentifier("1.3.6.1.4.1.99999.8"), b"\5\0"), True)


def test_hostile_replies(world):
    good = world.sub.revoke(number=9)
    world.clear()
    for name, content, words in (
            ("stranger", world.sub.revoke(by=world.stranger), "nobody has signed it"), ("other", world.stranger.revoke(), "nobody has signed it"),
            ("stale", world.sub.revoke(begin=-3 * DAY, end=-DAY), "it has expired"), ("future", world.sub.revoke(begin=DAY), "not yet valid"),
            ("cut", good[:-1], "does not parse"), ("more", good + b"0", "does not parse"), ("critical", world.sub.revoke(extensions=[UNKNOWN]), "critical extension"),
            ("page", b"<html>Sign in</html>", "there is no CRL in it"), ("bent", good[:-8] + bytes(8), "nobody has signed it"),
            ("large", b"", "too large"), ("redirect", b"", "HTTP status 302")):
        world.publish(name, content)
        status, said = world.verify(world.issue(world.points(name)), world.sub_cert)
        assert status and "unable to get certificate CRL" in said and words in said, (name, said)
        assert set(world.crls()) <= {"root.crl"}, name


def test_older_one_is_refused(world):
    """On request, which is for CAs that are known by themselves."""
    world.publish("root9.crl", world.root.revoke(number=9))
    status, said = world.run(f"crypto ca crl request {world.url}/root9.crl")
    assert status == 0 and "1 CRL returned" in said
    kept = world.crls()
    assert kept["root9.crl"]["number"] == "09" and "root.crl" not in kept
    world.publish("root8.crl", world.root.revoke(number=8))
    status, said = world.run(f"crypto ca crl request {world.url}/root8.crl")
    assert status and "older than the CRL that is there" in said, said
    assert world.crls() == kept


def test_restart_and_kill(world):
    """kill -9 while the next list is being fetched: the one that is there stays."""
    assert world.verify(world.good, world.sub_cert)[0] == 0
    kept = world.crls()
    assert "sub.crl" in kept
    asked = len(world.asked())
    job = world.machine.popen(["chancery", "-c", f"crypto ca crl request {world.url}/stall"], ADMIN)
    wait_for(lambda: "/stall" in world.asked()[asked:], "the list to be asked for")
    world.machine.kill("poold", signal.SIGKILL)
    job.wait(timeout=180)
    world.machine.wait_daemons()
    assert {name: crl["sha256-fingerprint"] for name, crl in world.crls().items()} == {name: crl["sha256-fingerprint"] for name, crl in kept.items()}
    asked = world.asked()
    assert world.verify(world.good, world.sub_cert)[0] == 0
    assert world.asked() == asked


def test_damaged_file(world):
    name = next(name for name in world.machine.output(["ls", STATE]).split() if name.startswith("crl-"))
    text = world.machine.read(f"{STATE}/{name}").decode()
    middle = text.index('"crl":"') + 200
    world.machine.write(f"{STATE}/{name}", text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1:])
    before = len(world.crls())
    world.machine.restart("poold")
    world.machine.wait_daemons()
    assert len(world.crls()) == before - 1
    assert f"{name}.corrupt" in world.machine.output(["ls", STATE]).split()
    status, said = world.verify(world.good, world.sub_cert)
    assert status == 0, said
    world.machine.run(["rm", f"{STATE}/{name}.corrupt"])


def test_refreshed_in_time(world, build):
    """A list that somebody relies on is fetched again before it ends."""
    world.clear()
    world.publish("sub.crl", world.sub.revoke(number=20))
    assert world.verify(world.good, world.sub_cert)[0] == 0
    assert world.crls()["sub.crl"]["number"] == "14"
    world.publish("sub.crl", world.sub.revoke(world.good, number=21, end=40 * DAY))
    with Clock(world.machine, build, ["poold"]) as clock:
        assert world.crls()["sub.crl"]["number"] == "14"
        clock.ahead("poold", int(9.5 * DAY.total_seconds()))
        world.machine.restart("poold")
        wait_for(lambda: world.crls()["sub.crl"]["number"] == "15", "the next list")
    status, said = world.verify(world.good, world.sub_cert)
    assert status and "certificate revoked" in said


def test_ocsp(world):
    """Where there is no CRL, the responder that the certificate names is asked."""
    port = pki.free_port()
    good, bad, unknown = (world.issue(pki.responder_at(port)) for _ in range(3))
    world.run("clear crypto ca crl")
    status, said = world.verify(good, world.sub_cert)
    assert status and "unable to get certificate CRL" in said and "127.0.0.1" in said
    index = {good: False, bad: True}
    world.clear()
    with pki.responder(world.machine, port, (world.root.certify(world.stranger, ca=False), world.stranger.key), world.sub_cert, index, wait_for):
        status, said = world.verify(good, world.sub_cert)
        assert status and "signed by nobody who may speak for the CA" in said, said
    world.clear()
    with pki.responder(world.machine, port, (world.sub_cert, world.sub.key), world.sub_cert, index, wait_for):
        assert world.verify(good, world.sub_cert)[0] == 0
        status, said = world.verify(bad, world.sub_cert)
        assert status and "certificate revoked" in said
        status, said = world.verify(unknown, world.sub_cert)
        assert status and "does not know the certificate" in said
        status, said = world.verify(bad, world.sub_cert, words="revocation optional")
        assert status and "certificate revoked" in said
    # The answers are good for a while.
    assert world.verify(good, world.sub_cert)[0] == 0
    status, said = world.verify(bad, world.sub_cert)
    assert status and "certificate revoked" in said
    world.clear()
    assert world.verify(good, world.sub_cert)[0]


HERE = pki.x509.SubjectAlternativeName([pki.x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


def downloaded(world, url):
    """Whether a bundle comes from there, and what is said."""
    world.clear()
    status, said = world.run(f"crypto ca trustpool import url {url}/pool.pem")
    return status == 0 and "1 certificate imported" in said, said


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_https_server(world, protocol):
    """Whoever serves over https is checked for revocation before anything is asked of him."""
    server = Party("server")
    certificate = world.sub.certify(server, HERE, world.points("server.crl"), ca=False)
    chain, sub = (certificate, world.sub_cert), (world.sub_cert, world.sub)
    world.publish("root.crl", world.root.revoke(number=30))

    # Its CRL is not to be had: no, unless that does not matter.
    world.machine.run(["rm", "--force", f"{pki.FOLDER}/server.crl"])
    with pki.secure(world.machine, chain, server, wait_for, protocol=protocol) as url:
        good, said = downloaded(world, url)
        assert not good and "is not accepted: unable to get certificate CRL" in said and "HTTP status 404" in said, said
        world.configure("crypto ca trustpool policy", "crl optional")
        assert downloaded(world, url)[0]
        world.configure("no crypto ca trustpool policy")
        # By its CRL it is good, and then revoked, which always matters.
        world.publish("server.crl", world.sub.revoke(number=31))
        assert downloaded(world, url)[0]
        world.publish("server.crl", world.sub.revoke(certificate, number=32))
        world.configure("crypto ca trustpool policy", "crl optional")
        good, said = downloaded(world, url)
        assert not good and "is not accepted: certificate revoked" in said, said
        world.configure("no crypto ca trustpool policy")
    # What a responder has said of it, and the server sends along, does as well. An old answer is none, nor is one of somebody else.
    world.machine.run(["rm", f"{pki.FOLDER}/server.crl"])
    answers = {"good": (pki.staple(certificate, world.sub_cert, sub), True, ""),
               "revoked": (pki.staple(certificate, world.sub_cert, sub, bad=True), False, "certificate revoked"),
               "old": (pki.staple(certificate, world.sub_cert, sub, begin=-3 * DAY, end=-DAY), False, "unable to get certificate CRL"),
               "other": (pki.staple(world.good, world.sub_cert, sub), False, "unable to get certificate CRL"),
               "forged": (pki.staple(certificate, world.sub_cert, (world.stranger.certify(world.stranger), world.stranger)), False, "unable to get certificate CRL")}
    for name, (staple, expected, words) in answers.items():
        with pki.secure(world.machine, chain, server, wait_for, staple=staple, protocol=protocol) as url:
            good, said = downloaded(world, url)
            assert good == expected and words in said, (name, said)


def authenticate(world, name, *lines, by):
    world.configure(f"crypto ca trustpoint {name}", "enrollment terminal", *lines)
    result = world.machine.run(["chancery", "-c", f"crypto ca authenticate {name} fingerprint {by.fingerprint(pki.hashes.SHA256()).hex()}"], ADMIN,
                               stdin=pki.pem(by) + "quit\n", check=False)
    assert result.returncode == 0, result


def test_diff_of_peers(world):
    """Who would be lost by an import: by the path, the policy and the revocation that count for him, and not who is refused already."""
    server, loss = Party("server"), " would stop validating"
    certificate = world.sub.certify(server, HERE, world.points("server.crl"), ca=False)
    stranger_cert = world.stranger.certify(world.stranger)
    world.clear()
    for name, content in (("root.crl", world.root.revoke(number=40)), ("server.crl", world.sub.revoke(number=40)), ("strangers.pem", pki.pem(stranger_cert)),
                          ("subs.pem", pki.pem(world.sub_cert))):
        world.publish(name, content)

    def lost(name):
        status, said = world.run(f"crypto ca trustpool diff url {world.url}/{name}")
        assert status == 0, said
        return {line.partition(loss)[0][2:]: line.partition(loss)[2] for line in said.splitlines() if line.startswith("! ")}

    with pki.secure(world.machine, (certificate, world.sub_cert), server, wait_for) as url:
        world.configure("crypto ca trustpool policy", f"cabundle url {url}/pool.pem")
        assert set(lost("strangers.pem")) == {f"{url}/pool.pem"}
        # The CA in between is enough, and of a CA of several levels it is the path that counts.
        assert not lost("subs.pem")
        authenticate(world, "below", by=world.sub_cert)
        authenticate(world, "apart", by=world.directory_cert)
        assert set(lost("strangers.pem")) == {f"{url}/pool.pem", "Trustpoint below"}
        assert lost("strangers.pem")["Trustpoint below"].startswith(" wherever the pool alone is trusted: unable to get")
        # The servers of trustpoints are peers too: by the pool, or by a CA of the trustpoint's, which comes first.
        world.configure("crypto ca trustpoint apart", "no enrollment terminal", "method est", f"enrollment url {url}/apart")
        assert set(lost("strangers.pem")) == {f"{url}/pool.pem", f"{url}/apart", "Trustpoint below"}
        world.configure("crypto ca trustpoint below", "no enrollment terminal", "method est", f"enrollment url {url}/below")
        assert set(lost("strangers.pem")) == {f"{url}/pool.pem", f"{url}/apart", "Trustpoint below"}
        # Revoked, they are refused now, and there is nothing to lose.
        world.publish("server.crl", world.sub.revoke(certificate, number=41))
        world.clear()
        assert set(lost("strangers.pem")) == {"Trustpoint below"}
        report = json.loads(world.machine.chancery(f"crypto ca trustpool diff url {world.url}/strangers.pem | json").stdout)
        assert [entry["trustpoint"] for entry in report if entry["change"] == "trustpoint-lost"] == ["below"]
    world.machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpool policy\nno crypto ca trustpoint below\nno crypto ca trustpoint apart\n"
                      "commit force\nend\n")


def test_trustpoint_and_directory(world):
    crl = base64.b64encode(world.directory.revoke()).decode()
    certificate = base64.b64encode(world.directory_cert.public_bytes(pki.serialization.Encoding.DER)).decode()
    ldif = f"dn: o=Directory\nobjectClass: organization\no: Directory\n\ndn: cn=Issuer,o=Directory\nobjectClass: organizationalRole\nobjectClass: pkiCA\n" \
           f"cn: Issuer\ncACertificate;binary:: {certificate}\ncertificateRevocationList;binary:: {crl}\n"
    leaf = world.directory.certify(Party("leaf"), ca=False)
    with pki.directory(world.machine, ldif, wait_for) as port:
        world.configure("crypto ca trustpoint core", "enrollment terminal", "rsakeypair none", f"query url ldap://127.0.0.1:{port}")
        status, said = world.run("crypto ca crl request core")
        assert status and "authenticate it first" in said
        fingerprint = world.directory_cert.fingerprint(pki.hashes.SHA256()).hex()
        result = world.machine.run(["chancery", "-c", f"crypto ca authenticate core fingerprint {fingerprint}"], ADMIN,
                                   stdin=pki.pem(world.directory_cert) + "quit\n", check=False)
        assert result.returncode == 0, result
        # The pool does not know this CA; the trustpoint does, and its CRL is where its query url says.
        status, said = world.verify(leaf)
        assert status == 0 and "Trustpoint : core" in said, said
        assert any(crl["url"].startswith("ldap://") for crl in world.crls().values())
        world.clear()
        status, said = world.run("crypto ca crl request core")
        assert status == 0 and "1 CRL returned" in said, said
    world.clear()
    status, said = world.verify(leaf)
    assert status and "unable to get certificate CRL" in said
    world.configure("crypto ca trustpoint core", "crl optional")
    assert world.verify(leaf)[0] == 0
    # Who is good may be for something else than what the trustpoint wants.
    usages = pki.x509.oid.ExtendedKeyUsageOID
    for_servers, for_clients, for_all = (world.directory.certify(Party("leaf"), pki.x509.ExtendedKeyUsage([oid]), ca=False)
                                         for oid in (usages.SERVER_AUTH, usages.CLIENT_AUTH, usages.ANY_EXTENDED_KEY_USAGE))
    assert world.verify(for_clients, words="purpose any")[0] == 0
    world.configure("crypto ca trustpoint core", "extended-key-usage match server-auth")
    for refused in (leaf, for_clients, for_all):
        status, said = world.verify(refused, words="purpose any")
        assert status and "not for server authentication, which extended-key-usage match wants" in said, said
    assert world.verify(for_servers)[0] == 0
    world.configure("crypto ca trustpoint core", "extended-key-usage match client-auth")
    status, said = world.verify(for_servers)
    assert status and "not for client authentication" in said
    assert world.verify(for_clients, words="purpose any")[0] == 0
    world.machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpoint core\ncommit force\nend\n")
