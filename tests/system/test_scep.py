# SPDX-License-Identifier: Apache-2.0
"""Enrolment over SCEP: against Debian's scepserver, which is an old one, and against a strict CA of our own, which can be wrong in one thing at a time.
The servers run in the router. Each test is one step and needs those before it."""

import contextlib
import json
import pathlib
import re
import subprocess

import pytest

import layouts
import workflow
from machine import ADMIN, wait_for
from terminal import complaints, rendered

FOLDER = "/tmp/scep-test"
SOURCE = pathlib.Path(__file__).resolve().parent.parent / "pki" / "scep_ca.py"
QUESTION = (r"Do you accept this certificate\?\? \[yes/no\]: ?", "yes")
LINES = ("subject-name CN=core.example,O=Example", "rsakeypair scep-key", "serial-number none", "ip-address none")
# PEERS F4 to F8: what the CA gets wrong, and what is said about it.
HOSTILE = {
    "message-type": "messageType is not CertRep", "transaction": "transactionID is not the request's", "nonce": "recipientNonce is not",
    "no-nonce": "recipientNonce is not", "replay": "recipientNonce is not", "no-sender-nonce": "senderNonce", "empty-sender-nonce": "senderNonce",
    "status": "pkiStatus", "no-status": "pkiStatus", "fail 7": "failInfo", "nothing": "holds nothing", "stranger": "not authenticated as CA or RA",
    "wrong-signature": "signature on it is wrong", "digest": "messageDigest", "content-type": "contentType", "twice": "there twice", "sha1": "SHA-1",
    "md5": "MD5", "des3": "Triple DES", "des": "single DES", "other-recipient": "for somebody else", "two-recipients": "exactly one recipient",
    "agreement": "one of an elliptic curve, which that of the router is not", "password": "under a password, although the router has a key",
    "envelope-other-version": "not that of its recipient",
    "bad-key": "cannot be decrypted", "no-certificates": "malformed", "other-key": "another key", "other-name": "common name",
    "extra-name": "was not asked for", "makes-a-ca": "a CA", "other-ca": "signature on it is wrong", "expired": "expired", "not-yet": "not valid yet",
    "sha1-certificate": "SHA-1", "revoked": "its CA has revoked it", "truncated": "no CMS SignedData", "empty": "no CMS SignedData", "html": "no CMS SignedData",
    "oversized": "larger than 256 KiB", "trailing": "no CMS SignedData", "ber-endless": "no CMS SignedData", "ber-deep": "no CMS SignedData",
    "redirect": "not followed", "status-500": "HTTP status 500", "version": "no CMS SignedData", "outer-type": "no CMS SignedData",
    "inner-type": "contentType is not that of its content", "signer-version": "exactly one signer", "envelope-type": "no CMS EnvelopedData",
    "envelope-version": "not that of its recipient", "recipient-version": "recipient is malformed", "bag-type": "bag of certificates",
    "signed-bag": "bag of certificates", "empty-bag": "no certificate in it", "capabilities-html": "does not offer", "capabilities-empty": "does not offer",
    "capabilities-oversized": "larger than", "capabilities-status": "does not offer",
    "no-aes": "does not offer AES", "no-sha256": "does not offer SHA-256",
}


@pytest.fixture(scope="module")
def machine(routers):
    """A booted router only: the servers listen where a host's would."""
    one = routers("scep")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa scep-key"], ADMIN, stdin="2048\n")
    yield one
    one.stop()


class Fixture:
    def __init__(self, machine, port, folder=FOLDER):
        self.machine, self.url, self.folder = machine, f"http://127.0.0.1:{port}/scep", folder

    def set(self, mode):
        self.machine.write(f"{self.folder}/mode", mode)

    def log(self):
        return self.machine.output(["cat", f"{self.folder}/log"])


@contextlib.contextmanager
def certifier(machine, folder, *options):
    machine.write("/tmp/scep_ca.py", SOURCE.read_text())
    server = machine.popen(["/usr/bin/python3", "/tmp/scep_ca.py", folder, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    try:
        yield Fixture(machine, int(server.stdout.readline()), folder)
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def authority(machine):
    with certifier(machine, FOLDER) as one:
        yield one


@contextlib.contextmanager
def scepserver(machine, challenge="secret"):
    """Debian's, with a challenge. Its CA key opens no legacy algorithm of ours: what is legacy is in its replies."""
    machine.run(["sh", "-c", "mkdir -p /tmp/depot-home && cd /tmp/depot-home && scepserver ca -init -depot depot -keySize 2048 -key-password capw "
                             "-organization Peers"])
    server = machine.popen(["sh", "-c", "cd /tmp/depot-home && exec scepserver -depot depot -port 2016 -capass capw -challenge $0 -allowrenew 0", challenge],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: machine.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/2016"], check=False).returncode == 0, "scepserver")
        yield "http://127.0.0.1:2016/scep"
    finally:
        server.kill()
        server.wait()


def configure(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, lines)
    assert not complaints(printed), printed


def say(machine, command, text=None):
    result = machine.run(["chancery", "-c", command], ADMIN, stdin=text, check=False)
    return result.returncode, rendered(result.stdout + result.stderr)


def state(machine, name):
    shown = machine.chancery("show crypto ca trustpoints | json").stdout
    return {t["trustpoint"]: t for t in json.loads(shown[shown.index("["):])}.get(name, {})


def fingerprint(machine, path):
    text = machine.output(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"])
    return text.partition("=")[2].strip()


def enroll(machine, name, password=""):
    return say(machine, f"crypto ca enroll {name}", f"{password}\n{password}\n")


def test_urls_that_are_refused(machine):
    for url, words in (("https://ca/", "begins with http://"), ("http://user:pass@ca/", "user name or password"), ("http://ca/#a", "fragment")):
        with machine.console(ADMIN) as console:
            console.prompt()
            for line in ("configure", "crypto ca trustpoint core", f"enrollment url {url}"):
                console.command(line)
            console.command("commit")
            assert words in console.command("show configuration failed"), url
            console.command("abort")


def test_authenticate(machine, authority):
    configure(machine, "crypto ca trustpoint core", f"enrollment url {authority.url}", "subject-alternative-name DNS:core.example", *LINES)
    good = fingerprint(machine, f"{FOLDER}/root.pem")
    authority.set("no-ca")
    status, said = say(machine, f"crypto ca authenticate core fingerprint {good}")
    assert status != 0 and "no CA certificate" in said, said
    for wrong, words in WRONG_CA.items():
        authority.set(wrong)
        status, said = say(machine, f"crypto ca authenticate core fingerprint {good}")
        assert status != 0 and words in said and state(machine, "core")["state"] == "none", (wrong, said)
    authority.set("grant")
    status, said = say(machine, f"crypto ca authenticate core fingerprint {64 * '0'}")
    assert status != 0 and "not the expected one" in said, said
    status, said = say(machine, "crypto ca authenticate core")
    assert status != 0 and "fingerprint HEX" in said, said
    assert state(machine, "core")["state"] == "none"
    assert layouts.TRUSTPOINT.search(machine.chancery("show crypto ca trustpoints core").stdout)["step"] == (
        "Authenticate the CA: crypto ca authenticate core.")
    with machine.console(ADMIN) as console:
        console.prompt()
        assert good.replace(":", "") in console.command("crypto ca authenticate core", [QUESTION]).replace("\n", "")
    assert state(machine, "core")["state"] == "authenticated"


# The same of what it answers to GetCACert.
WRONG_CA = {"ca-empty": "no CA certificate", "ca-html": "no CA certificate", "ca-truncated": "no CA certificate", "ca-trailing": "no CA certificate",
            "ca-oversized": "larger than", "ca-empty-bag": "no CA certificate", "ca-signed": "no CA certificate", "ca-two": "several CAs",
            "ca-leaf": "none of it is the certificate of a CA", "ca-status": "HTTP status 500"}
# These come to a certificate, which is not taken: that is also what the trustpoint says then.
CERTIFICATES = ("other-key", "other-name", "extra-name", "makes-a-ca", "other-ca", "expired", "not-yet", "sha1-certificate", "revoked")


def without_refusal(shown):
    return re.sub(r"\s*The last certificate that came was refused:.*?\.\s", " ", shown + " ", flags=re.S).split()


# An empty one, as often as it is asked for.
PASSWORDS = [("Password:", ""), ("Re-enter Password:", "")]


def enroll_in_vain(machine, authority, trustpoint, modes, answers=()):
    """Each is told in its words, and leaves the trustpoint as it was; of a certificate the state says it too."""
    with machine.console(ADMIN) as console:
        console.prompt()
        before = console.command(f"show crypto ca trustpoints {trustpoint}").partition("Trustpoint")[2]
        assert "authenticated" in before and "refused" not in before
        for mode, words in modes.items():
            authority.set(mode)
            said = console.command(f"crypto ca enroll {trustpoint}", answers)
            assert words in said, (mode, said)
            after = console.command(f"show crypto ca trustpoints {trustpoint}").partition("Trustpoint")[2]
            assert without_refusal(after) == before.split(), (mode, after)
            assert mode not in CERTIFICATES or words in " ".join(after.split()), (mode, after)


def test_hostile(machine, authority):
    """Each field of each reply wrong in turn: said what, and nothing has changed."""
    enroll_in_vain(machine, authority, "core", HOSTILE, PASSWORDS)
    said = machine.journal("enrolld")
    assert "CERT_REFUSED : A certificate that came for trustpoint core is refused: its CA has revoked it" in said


def test_unreachable(machine):
    configure(machine, "crypto ca trustpoint away", "enrollment url http://127.0.0.1:1/", *LINES)
    status, said = say(machine, f"crypto ca authenticate away fingerprint {64 * '0'}")
    assert status != 0 and "cannot be reached" in said, said
    configure(machine, "no crypto ca trustpoint away")


def test_rejected(machine, authority):
    """Each failInfo says what to do."""
    for number, words in enumerate(("badAlg (the CA does not take its algorithms", "badMessageCheck (the CA cannot read or verify it",
                                    "badRequest (the CA does not allow it", "badTime (the CA takes its time for wrong", "badCertId (the CA knows no such")):
        authority.set(f"fail {number}")
        status, said = enroll(machine, "core")
        assert status != 0 and f"rejected the request: {words}" in said, said
        assert words in state(machine, "core")["next-step"]
    authority.set("fail 2")
    assert enroll(machine, "core")[0] != 0
    assert state(machine, "core")["state"] == "rejected" and "badRequest" in state(machine, "core")["next-step"]
    assert "REQUEST_ENDED" in machine.journal("enrolld")


def test_granted(machine, authority):
    """With a challenge password, which is nowhere afterwards."""
    authority.set("grant")
    before = authority.log()
    with machine.console(ADMIN) as console:
        console.prompt()
        said = console.command("crypto ca enroll core", [("Password:", "canary-7d1f"), ("Re-enter Password:", "canary-7d1f")])
    # What is asked belongs together, and goes over one connection.
    assert [line for line in authority.log()[len(before):].splitlines() if " P" in line or line == "connection" or "Caps" in line] == [
        "connection", "GET GetCACaps", "POST PKIOperation"]
    # The dialogue is the router's, the fingerprints those of the request that the CA had before it.
    shown = layouts.ENROLLED.search(said)
    assert shown and layouts.ISSUED.match(said, shown.end()) and "CN=core.example" in said, said
    assert shown["names"] == "% The subject name in the certificate will include: CN=core.example,O=Example\n"
    assert f"request {shown['md5'].replace(' ', '')} {shown['sha256']}" in authority.log().splitlines()
    assert state(machine, "core")["state"] == "enrolled"
    assert "challenge ['canary-7d1f']" in authority.log() and "canary" not in said
    found = machine.run(["grep", "-rl", "canary-7d1f", "/var/lib/chancery", "/var/log/journal", "/run/log/journal", "/etc"], check=False)
    assert found.stdout == ""


def test_over_get(machine, authority):
    authority.set("get")
    with machine.console(ADMIN) as console:
        console.prompt()
        said = console.command("crypto ca enroll core", [("Password:", "one"), ("Re-enter Password:", "another"), ("Password:", "same"), ("Re-enter Password:", "same")])
    assert "\n% The passwords are not the same.\nPassword:\nRe-enter Password:\n" in said and "CN=core.example" in said, said
    assert "challenge ['same']" in authority.log() and "challenge ['one']" not in authority.log()
    assert "GET PKIOperation" in authority.log()


LISTS = {"no-list": "badCertId", "list-of-stranger": "nobody has signed it who is trusted to", "empty-bag": "no revocation list in it",
         "two-lists": "not exactly one revocation list", "list-broken": "no bag of revocation lists", "nonce": "recipientNonce is not",
         "other-recipient": "for somebody else", "stranger": "not authenticated as CA or RA", "status-500": "HTTP status 500"}


def crls(machine):
    shown = machine.chancery("show crypto ca crls | json").stdout
    return [crl["url"] for crl in json.loads(shown[shown.index("["):])]


def test_revocation_list(machine, authority):
    """GetCRL, where nothing says where the list is: asked for with the certificate, checked, kept, and relied on."""
    authority.set("no-list")
    machine.chancery("clear crypto ca crl")  # what is here was brought by the tests before
    for name in ("never", "away"):
        status, said = say(machine, f"crypto ca crl request {name}")
        assert status != 0 and "no trustpoint" in said, said
    for wrong, words in LISTS.items():
        authority.set(wrong)
        status, said = say(machine, "crypto ca crl request core")
        assert status != 0 and words in said, (wrong, said)
        assert crls(machine) == [], wrong
    machine.chancery("clear crypto ca crl")  # and with it the memory of what has failed
    machine.write("/tmp/core.pem", chain(machine, "core"))
    authority.set("no-list")
    status, said = say(machine, "crypto ca trustpool verify url file:///tmp/core.pem")
    assert status != 0 and "unable to get certificate CRL" in said, said
    machine.chancery("clear crypto ca crl")
    authority.set("grant")
    status, said = say(machine, "crypto ca trustpool verify url file:///tmp/core.pem")
    assert status == 0 and "The certificate is valid" in said, said
    listed = machine.chancery("show crypto ca crls").stdout
    assert [m["issuer"] for m in layouts.CRL.finditer(listed)] == ["CN=root,O=Example"], listed
    assert crls(machine) == ["scep:core"] and authority.log().rstrip().splitlines()[-1].startswith("22 ")
    status, said = say(machine, "crypto ca crl request core")
    assert status == 0, said


def chain(machine, name):
    shown = machine.chancery(f"show crypto ca certificates {name} | json").stdout
    return "".join(f"-----BEGIN CERTIFICATE-----\n{c['certificate']}\n-----END CERTIFICATE-----\n" for c in json.loads(shown[shown.index("["):])
                   if c["role"] == "router")


def test_lost_certificate(machine, authority):
    """The CA has made it, and says only that it has not decided: GetCert."""
    status, said = say(machine, "crypto ca import core serial-number 1234")
    assert status != 0 and "No request of core waits" in said, said
    before = serial(machine, "core")
    authority.set("pending-issued")
    status, said = enroll(machine, "core")
    assert status == 0 and "has not decided" in said, said
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    issued = [line.partition(" ")[2] for line in authority.log().splitlines() if line.startswith("issued ")][-1]
    for mode, number, words in (("grant", "xyz", "hexadecimal digits"), ("grant", "1234", "badCertId"), ("another", issued, "another key"),
                                ("stranger", issued, "not authenticated as CA or RA"), ("other-recipient", issued, "for somebody else")):
        authority.set(mode)
        status, said = say(machine, f"crypto ca import core serial-number {number}")
        assert status != 0 and words in said, (mode, number, said)
        assert serial(machine, "core") == before and state(machine, "core")["state"] == "renewing"
    authority.set("grant")
    status, said = say(machine, f"crypto ca import core serial-number {issued}")
    assert status == 0 and "CN=core.example" in said, said
    assert serial(machine, "core") not in ([], before) and state(machine, "core")["state"] == "enrolled"
    assert "\n21 " in authority.log()


def test_ber(machine, authority):
    """All of it with indefinite lengths and strings in pieces, also what is inside of what is signed and encrypted."""
    configure(machine, "crypto ca trustpoint ber", f"enrollment url {authority.url}", *LINES)
    authority.set("ber")
    assert say(machine, f"crypto ca authenticate ber fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    status, said = enroll(machine, "ber")
    assert status == 0 and "CN=core.example" in said, said
    machine.chancery("clear crypto ca crl")
    status, said = say(machine, "crypto ca crl request ber")
    assert status == 0 and crls(machine) == ["scep:ber"], said


def test_registration_authority(machine, authority):
    """Signs with one certificate, is written to with another; a stranger's is none."""
    configure(machine, "crypto ca trustpoint agent", f"enrollment url {authority.url}", *LINES)
    authority.set("strange-ra")
    assert say(machine, f"crypto ca authenticate agent fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    authority.set("ra")
    status, said = enroll(machine, "agent")
    assert status != 0 and "not authenticated as CA or RA" in said, said
    machine.chancery("clear crypto ca certificates agent")
    assert say(machine, f"crypto ca authenticate agent fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    status, said = enroll(machine, "agent")
    assert status == 0, said
    assert state(machine, "agent")["state"] == "enrolled"


def test_pending_survives(machine, authority):
    """kill -9 while the CA decides; the clock jumps; then the certificate comes by itself."""
    machine.chancery("clear crypto ca certificates agent")
    assert say(machine, f"crypto ca authenticate agent fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    authority.set("pending")
    status, said = enroll(machine, "agent")
    assert status == 0 and "has not decided" in said, said
    assert state(machine, "agent")["state"] == "pending" and state(machine, "agent")["next-attempt"] > 0
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert state(machine, "agent")["state"] == "pending"
    authority.set("grant")
    before = authority.log()
    make_due(machine)
    wait_for(lambda: state(machine, "agent")["state"] == "enrolled", "the poll")
    polled = authority.log()[len(before):].splitlines()
    assert polled.count("connection") == 1 and len([line for line in polled if line.startswith("20 ")]) == 1, polled


def test_shorter_pause(machine, authority):
    """A request that the CA is to be asked about in an hour: with another line it is in a minute."""
    machine.chancery("clear crypto ca certificates agent")
    assert say(machine, f"crypto ca authenticate agent fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    configure(machine, "crypto ca trustpoint agent", "enrollment retry period 60")
    authority.set("pending")
    status, said = enroll(machine, "agent")
    assert status == 0 and "has not decided" in said, said
    authority.set("grant")
    configure(machine, "crypto ca trustpoint agent", "no enrollment retry period")
    wait_for(lambda: state(machine, "agent")["state"] == "enrolled", "the poll")


def test_usage_keys(machine, authority):
    """Two requests; the second waits, over a kill, while the first is granted."""
    machine.run(["chancery", "-c", "crypto key generate rsa usage-keys pairs"], ADMIN, stdin="2048\n")
    configure(machine, "crypto ca trustpoint usage", f"enrollment url {authority.url}", *LINES, "rsakeypair pairs")
    authority.set("grant")
    assert say(machine, f"crypto ca authenticate usage fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    authority.set("other-key")
    status, said = enroll(machine, "usage")
    assert status != 0 and "another key" in said and state(machine, "usage")["state"] == "authenticated", said
    authority.set("then-pending")
    status, said = enroll(machine, "usage")
    assert status == 0 and "has not decided" in said and "CN=core.example" in said, said
    assert state(machine, "usage")["state"] == "pending" and usages(machine, "usage") == ["Signature"]
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: state(machine, "usage")["state"] == "enrolled", "the poll")
    assert usages(machine, "usage") == ["Signature", "Encryption"]
    status, said = enroll(machine, "usage")
    assert status == 0 and said.count("Serial Number :") == 2 and state(machine, "usage")["state"] == "enrolled", said


def usages(machine, name):
    shown = machine.chancery(f"show crypto ca certificates {name} | json").stdout
    return [c["key-usage"] for c in json.loads(shown[shown.index("["):]) if c["role"] != "ca"]


def make_due(machine):
    """As after a long time switched off: the file is changed while nobody has it open."""
    machine.run(["systemctl", "stop", "chancery-enrolld"])
    machine.run(["sh", "-c", "sed -i 's/\"next\":[0-9]*/\"next\":1/g' /var/lib/chancery/enrolld/*.json"])
    machine.run(["systemctl", "start", "chancery-enrolld"])
    machine.wait_daemons()


def decided_after_a_kill(machine, authority, trustpoint, typed=None):
    """The server has not decided when enrolld is killed; whoever comes after it asks again, and has the certificate."""
    before = serial(machine, trustpoint)
    authority.set("pending")
    status, said = say(machine, f"crypto ca enroll {trustpoint}", typed)
    assert status == 0 and "has not decided" in said, said
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, trustpoint) not in ([], before), "the poll")


def serial(machine, name):
    shown = machine.chancery(f"show crypto ca certificates {name} | json").stdout
    return [c["serial-number"] for c in json.loads(shown[shown.index("["):]) if c["role"] == "router"]


def test_renewal(machine, authority):
    """PEERS F10: the same certificate again is no renewal, and the old one stays; then a new one comes, asked for with the old one."""
    authority.set("old")
    assert enroll(machine, "agent")[0] == 0
    first = serial(machine, "agent")
    authority.set("echo")
    configure(machine, "crypto ca trustpoint agent", "auto-enroll 10", "renewal-message-type renewalreq")
    wait_for(lambda: "has failed 1 time," in state(machine, "agent")["next-step"], "the renewal that is none")
    assert "it is the one that is there already" in machine.journal("enrolld")
    assert serial(machine, "agent") == first and state(machine, "agent")["state"] == "enrolled"
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, "agent") not in ([], first), "the renewal")
    assert "\n17 " in authority.log()
    assert state(machine, "agent")["next-step"] == "Ready." and state(machine, "agent")["next-attempt"] > 0


def public_key(machine):
    shown = machine.chancery("show crypto key mypubkey rsa | json").stdout
    return next(k["public-key"] for k in json.loads(shown[shown.index("["):]) if k["label"] == "scep-key")


def test_renewal_with_a_new_key(machine, authority):
    """Asked for with the certificate of the old key; the CA takes its time, and enrolld is killed meanwhile. Until then the old pair is what there is."""
    configure(machine, "crypto ca trustpoint agent", "no auto-enroll", "no renewal-message-type")
    authority.set("old")
    assert enroll(machine, "agent")[0] == 0
    first, key = serial(machine, "agent"), public_key(machine)
    authority.set("pending")
    configure(machine, "crypto ca trustpoint agent", "auto-enroll 10 regenerate", "renewal-message-type renewalreq")
    wait_for(lambda: state(machine, "agent")["state"] == "renewing", "the renewal")
    assert serial(machine, "agent") == first and public_key(machine) == key
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert state(machine, "agent")["state"] == "renewing"
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: state(machine, "agent")["next-step"] == "Ready.", "the poll")
    assert serial(machine, "agent") not in ([], first) and public_key(machine) != key


def test_renewal_as_a_first_request(machine, authority):
    """The new key asks for itself."""
    configure(machine, "crypto ca trustpoint agent", "no auto-enroll", "no renewal-message-type")
    authority.set("old")
    assert enroll(machine, "agent")[0] == 0
    first, key = serial(machine, "agent"), public_key(machine)
    authority.set("fail 2")
    configure(machine, "crypto ca trustpoint agent", "auto-enroll 10 regenerate")
    wait_for(lambda: state(machine, "agent")["next-attempt"] > 0 and "rejected" in state(machine, "agent")["next-step"], "the renewal that is rejected")
    assert serial(machine, "agent") == first and public_key(machine) == key
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, "agent") not in ([], first), "the renewal")
    assert public_key(machine) != key


# --- With keys of elliptic curves of the router's own: answers come by key agreement -----------------------------------------------------------------------

CURVE_LINES = (LINES[0], "keypair ecdsanistp256 curve", *LINES[2:])
# The same as HOSTILE, of what only such answers have.
HOSTILE_AGREEMENT = {
    "derived-sha1": "derived with SHA-1 or SHA-224, which only 'enrollment legacy' admits", "openssl": "which only 'enrollment legacy' admits",
    "unknown-agreement": "agreed upon with an algorithm that is not known", "unknown-wrap": "wrapped with an algorithm that is not known",
    "point-off-curve": "no point of the curve", "point-at-infinity": "no point of the curve", "point-of-another-curve": "no point of the curve",
    "names-another-curve": "one of another curve than the router's", "two-recipients": "exactly one recipient", "two-keys": "exactly one recipient",
    "other-recipient": "for somebody else", "other-key-id": "for somebody else", "transport": "for an RSA key, which that of the router is not",
    "agreement-version": "recipient is malformed", "envelope-version": "not that of its recipient", "envelope-other-version": "not that of its recipient",
    "wrapped-short": "not the length of a key of its cipher", "wrapped-nothing": "recipient is malformed", "wrapped-wrong": "cannot be decrypted",
    "derived-otherwise": "cannot be decrypted", "bad-key": "cannot be decrypted", "other-key": "another key",
}


def test_keys_that_cannot_receive(machine, authority):
    """What is encrypted for a key has to be readable with it."""
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint curve", f"enrollment url {authority.url}", "keypair ed25519 curve"):
            console.command(line)
        console.command("commit")
        assert "only rsa and ecdsa keys can read" in " ".join(console.command("show configuration failed").split())
        console.command("abort")


def test_hostile_agreement(machine, authority):
    """Each part of a key agreement wrong in turn: said what, and nothing has changed."""
    for bits in ("256", "384", "521"):
        machine.run(["chancery", "-c", f"crypto key generate ecdsa nistp{bits} curve"], ADMIN)
    configure(machine, "crypto ca trustpoint curve", f"enrollment url {authority.url}", *CURVE_LINES)
    authority.set("grant")
    assert say(machine, f"crypto ca authenticate curve fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    enroll_in_vain(machine, authority, "curve", HOSTILE_AGREEMENT, PASSWORDS)


def test_agreement(machine, authority):
    """Written in all ways that there are, by the CA and by the openssl program; for each curve; then CRL and certificate are asked for with the key as well."""
    for mode in ("grant", "named", "compressed", "material", "openssl-sha256", "ber"):
        before = serial(machine, "curve")
        authority.set(mode)
        status, said = enroll(machine, "curve", "canary-3b9e")
        assert status == 0 and serial(machine, "curve") not in ([], before), (mode, said)
    assert "challenge ['canary-3b9e']" in authority.log() and state(machine, "curve")["state"] == "enrolled"
    authority.set("derived-sha1")
    status, said = say(machine, "crypto ca crl request curve")
    assert status != 0 and "enrollment legacy" in said and "scep:curve" not in crls(machine), said
    authority.set("key-id")
    status, said = say(machine, "crypto ca crl request curve")
    assert status == 0 and "scep:curve" in crls(machine), said
    for bits in ("384", "521"):
        configure(machine, "crypto ca trustpoint curve", f"keypair ecdsanistp{bits} curve")
        before = serial(machine, "curve")
        authority.set("wrapped-wrong")
        status, said = enroll(machine, "curve")
        assert status != 0 and "cannot be decrypted" in said and serial(machine, "curve") == before, said
        authority.set("grant")
        status, said = enroll(machine, "curve")
        assert status == 0 and serial(machine, "curve") != before, said
    configure(machine, "crypto ca trustpoint curve", CURVE_LINES[1])


def test_legacy_agreement(machine, authority):
    """The derivation that the openssl program takes by itself."""
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ("crypto ca trustpoint curve", "enrollment legacy"))
    before = serial(machine, "curve")
    authority.set("openssl")
    status, said = enroll(machine, "curve")
    assert status == 0 and serial(machine, "curve") != before, said
    configure(machine, "crypto ca trustpoint curve", "no enrollment legacy")


def test_agreement_pending_and_lost(machine, authority):
    """Polled after a kill; or asked for by its number."""
    decided_after_a_kill(machine, authority, "curve", "\n\n")
    before = serial(machine, "curve")
    authority.set("pending-issued")
    assert enroll(machine, "curve")[0] == 0
    issued = [line.partition(" ")[2] for line in authority.log().splitlines() if line.startswith("issued ")][-1]
    authority.set("point-off-curve")
    status, said = say(machine, f"crypto ca import curve serial-number {issued}")
    assert status != 0 and "no point of the curve" in said and serial(machine, "curve") == before, said
    authority.set("grant")
    status, said = say(machine, f"crypto ca import curve serial-number {issued}")
    assert status == 0 and serial(machine, "curve") not in ([], before), said


def test_agreement_renewal(machine, authority):
    """RenewalReq with a new key, to which the CA writes as to the old one; its answer is broken first, and the old pair is what there is."""
    def key():
        shown = machine.chancery("show crypto key mypubkey ecdsa | json").stdout
        return next(k["public-key"] for k in json.loads(shown[shown.index("["):]) if (k["label"], k["size"]) == ("curve", 256))
    authority.set("old")
    assert enroll(machine, "curve")[0] == 0
    first, old = serial(machine, "curve"), key()
    authority.set("wrapped-short")
    configure(machine, "crypto ca trustpoint curve", "auto-enroll 10 regenerate", "renewal-message-type renewalreq")
    wait_for(lambda: "has failed 1 time," in state(machine, "curve")["next-step"], "the renewal that fails")
    assert "not the length of a key of its cipher" in machine.journal("enrolld")
    assert serial(machine, "curve") == first and key() == old
    log = authority.log()
    authority.set("key-id")
    make_due(machine)
    wait_for(lambda: serial(machine, "curve") not in ([], first), "the renewal")
    assert key() != old and "\n17 " in authority.log()[len(log):]
    # And the new key by itself.
    configure(machine, "crypto ca trustpoint curve", "no auto-enroll", "no renewal-message-type")
    authority.set("old")
    assert enroll(machine, "curve")[0] == 0
    first, old = serial(machine, "curve"), key()
    authority.set("grant")
    configure(machine, "crypto ca trustpoint curve", "auto-enroll 10 regenerate")
    wait_for(lambda: serial(machine, "curve") not in ([], first), "the renewal")
    assert key() != old
    configure(machine, "crypto ca trustpoint curve", "no auto-enroll")


def test_large_key(machine):
    """A CA of 8192 bits."""
    machine.write("/tmp/rsa8192.pem", SOURCE.with_name("rsa8192.pem").read_text())
    with certifier(machine, "/tmp/scep-large", "-1", "300", "/tmp/rsa8192.pem") as large:
        configure(machine, "crypto ca trustpoint large", f"enrollment url {large.url}", *LINES)
        assert say(machine, f"crypto ca authenticate large fingerprint {fingerprint(machine, f'{large.folder}/root.pem')}")[0] == 0
        large.set("wrong-signature")
        status, said = enroll(machine, "large")
        assert status != 0 and "signature on it is wrong" in said, said
        large.set("grant")
        status, said = enroll(machine, "large")
        assert status == 0 and state(machine, "large")["state"] == "enrolled", said


def test_elliptic_authority(machine):
    """The request is encrypted for its key by agreement, and the answer for the router's RSA key; its registration authority may have RSA."""
    with certifier(machine, "/tmp/scep-ec", "-1", "300", "ec") as elliptic:
        configure(machine, "crypto ca trustpoint ec", f"enrollment url {elliptic.url}", *LINES)
        good = fingerprint(machine, f"{elliptic.folder}/root.pem")
        assert say(machine, f"crypto ca authenticate ec fingerprint {good}")[0] == 0
        elliptic.set("wrong-signature")
        status, said = enroll(machine, "ec")
        assert status != 0 and "signature algorithm does not go with its digest and key" in said, said
        elliptic.set("grant")
        status, said = enroll(machine, "ec", "canary-9c2e")
        assert status == 0 and state(machine, "ec")["state"] == "enrolled" and "challenge ['canary-9c2e']" in elliptic.log(), said
        machine.chancery("clear crypto ca certificates ec")
        elliptic.set("ra")
        assert say(machine, f"crypto ca authenticate ec fingerprint {good}")[0] == 0
        status, said = enroll(machine, "ec")
        assert status == 0 and state(machine, "ec")["state"] == "enrolled", said
        # And both with curves.
        machine.chancery("clear crypto ca certificates ec")
        configure(machine, "crypto ca trustpoint ec", "no rsakeypair", "keypair ecdsanistp384 curve")
        elliptic.set("grant")
        assert say(machine, f"crypto ca authenticate ec fingerprint {good}")[0] == 0
        status, said = enroll(machine, "ec")
        assert status == 0 and state(machine, "ec")["state"] == "enrolled", said


def test_scepserver(machine):
    """Debian's SCEP server answers in single DES and SHA-1."""
    with scepserver(machine) as url:
        configure(machine, "crypto ca trustpoint peer", f"enrollment url {url}", *LINES)
        good = fingerprint(machine, "/tmp/depot-home/depot/ca.pem")
        assert say(machine, f"crypto ca authenticate peer fingerprint {good}")[0] == 0
        status, said = enroll(machine, "peer", "secret")
        assert status != 0 and "SHA-1, which only 'enrollment legacy' admits" in said, said
        assert state(machine, "peer")["state"] == "authenticated"
        with machine.console(ADMIN) as console:
            console.prompt()
            printed = workflow.commit(console, ("crypto ca trustpoint peer", "enrollment legacy"))
        assert [line for line in printed.splitlines() if "%" in line] == [line for line in printed.splitlines() if "% Warning: " in line] != []
        status, said = enroll(machine, "peer", "wrong")
        assert status != 0, said
        status, said = enroll(machine, "peer", "secret")
        assert status == 0 and "CN=core.example" in said, said
        assert state(machine, "peer")["state"] == "enrolled" and "legacy" in state(machine, "peer")["next-step"]


# --- With keys that nothing can be encrypted for: answers come under the challenge password ----------------------------------------------------------------

CANARY = "canary-51d7"
SIGNING_LINES = (LINES[0], "keypair ed25519 signing", f"challenge-password clear {CANARY}", *LINES[2:])
# The same as HOSTILE, of what only such answers have.
HOSTILE_PASSWORD = {
    "wrong-password": "cannot be decrypted with the challenge password", "check": "cannot be decrypted with the challenge password",
    "wrapped-wrong": "cannot be decrypted with the challenge password", "many-iterations": "more than 2000000 iterations",
    "few-iterations": "less than 1000 iterations", "no-iterations": "derivation is malformed", "short-salt": "derivation is malformed",
    "derived-length": "not the length that its cipher has", "derived-sha1": "from the password with SHA-1", "openssl": "from the password with SHA-1",
    "derived-md5": "a function that is not taken here", "unknown-derivation": "otherwise than with PBKDF2", "no-derivation": "recipient is malformed",
    "unknown-wrap": "wrapped with an algorithm that is not known", "wrap-des3": "another cipher than AES", "wrapped-short": "recipient is malformed",
    "password-version": "recipient is malformed", "envelope-other-version": "not that of its recipient", "two-recipients": "exactly one recipient",
    "key-as-well": "exactly one recipient", "key-recipient": "not under the challenge password", "des3": "Triple DES", "other-key": "another key",
}


def test_hostile_password(machine, authority):
    """Each part of what derives from the password wrong in turn: said what, and nothing has changed."""
    machine.run(["chancery", "-c", "crypto key generate ed25519 signing"], ADMIN)
    configure(machine, "crypto ca trustpoint signing", f"enrollment url {authority.url}", *SIGNING_LINES)
    authority.set("grant")
    assert say(machine, f"crypto ca authenticate signing fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    enroll_in_vain(machine, authority, "signing", HOSTILE_PASSWORD)


def test_password(machine, authority):
    """With the password of the configuration, also after a kill, and in what the openssl program makes of it where that is admitted; it is nowhere else."""
    for key, mode in (("ed25519", "grant"), ("ed25519", "ber"), ("dsa", "wrong-password"), ("dsa", "grant")):
        if key == "dsa" and mode == "wrong-password":
            machine.run(["chancery", "-c", "crypto key generate dsa signing"], ADMIN, stdin="2048\n", timeout=300)
            configure(machine, "crypto ca trustpoint signing", "keypair dsa signing")
        before = serial(machine, "signing")
        authority.set(mode)
        status, said = say(machine, "crypto ca enroll signing")
        assert (status == 0) == (serial(machine, "signing") not in ([], before)) == (mode != "wrong-password"), (key, mode, said)
        assert status == 0 or "cannot be decrypted with the challenge password" in said, (key, said)
    assert f"challenge ['{CANARY}']" in authority.log()
    decided_after_a_kill(machine, authority, "signing")
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ("crypto ca trustpoint signing", "enrollment legacy"))
    before = serial(machine, "signing")
    authority.set("openssl")
    status, said = say(machine, "crypto ca enroll signing")
    assert status == 0 and serial(machine, "signing") not in ([], before), said
    assert CANARY not in machine.output(["journalctl", "--no-pager", "-o", "json"])
