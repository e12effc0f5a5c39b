# SPDX-License-Identifier: Apache-2.0
"""Each field of each answer of a CMP server wrong in turn, and protected all the same as the CA protects it (tests/pki/cmp_hostile.py): nothing has changed afterwards, and
what was wrong is named."""

import subprocess

import pytest

from cmp_router import LINES, PEM, booted, front, root_party, scep_ca
from machine import wait_for
from test_cmp import authenticate, configure, make_due, say, serial, state

FOLDER, SECRET = "/tmp/cmp-fields", "canary-18d2"
IP, CP, KUP, PKICONF, ERROR, POLLREP = 1, 3, 8, 19, 23, 26

# What is wrong in the header of any answer, and what is said about it.
HEADER = {
    **dict.fromkeys(("pvno-1", "pvno-9", "pvno-negative"), "not of CMP version 2 or 3"), "sender-kind": "its sender is no directory name",
    **dict.fromkeys(("recipient-other", "recipient-kind"), "its recipient is somebody else"),
    **dict.fromkeys(("time-past", "time-future", "time-malformed"), "its messageTime is more than a day off"),
    "recip-kid": "its recipKID is not the request's senderKID", **dict.fromkeys(("transaction", "no-transaction"), "its transactionID is not the request's"),
    **dict.fromkeys(("no-sender-nonce", "empty-sender-nonce", "short-sender-nonce"), "its senderNonce is missing or shorter"),
    **dict.fromkeys(("recip-nonce", "no-recip-nonce"), "its recipNonce is not the request's senderNonce"),
    **dict.fromkeys(("free-text-kind", "info-malformed"), "no CMP message"), "header-trailing": "its header is malformed",
    "body-request": "no answer of a CA to this request", "body-rp": "no answer of a CA to this request", "body-nested": "no answer of a CA to this request",
}
# In what answers a request for a certificate.
BODY = {
    "request-id": "its certReqId is not the request's", **dict.fromkeys(("no-response", "two-responses", "twice"), "not about one certificate"),
    **dict.fromkeys(("status-9", "key-update-warning"), "its PKIStatus is none for an answer"),
    **dict.fromkeys(("status-negative", "failure-malformed"), "its PKIStatus cannot be read"),
    **dict.fromkeys(("revocation-warning", "revoked-notice"), "the certificate is being revoked"), "waiting-with-certificate": "nothing is decided, and has a certificate",
    "accepted-with-failure": "grants a certificate, and says why not", **dict.fromkeys(("no-certificate", "no-certificate-inside"), "grants a certificate, and has none"),
    "no-der": "no CMP message", "encrypted": "the certificate in it is encrypted", "private-key": "a private key, which nobody asked for",
    "body-kup": "no answer of a CA to this request", "confirmed-early": "no answer of a CA to this request", "body-empty": "its body is malformed",
    "poll-early": "no answer of a CA to this request", "error-accepted": "its PKIStatus is none of an error",
}
CERTIFICATE = {
    "other-subject": "common name", "other-issuer": "signature on it is wrong", "expired": "it has expired", "not-yet": "not valid yet", "makes-a-ca": "a CA",
    "other-key": "another key", "sha1-certificate": "SHA-1", "root-itself": "another key", "extra-name": "was not asked for",
}
SIGNER = dict.fromkeys(("signed-by-stranger", "signed-by-router", "signed-as-the-ca", "signed-by-expired"), "signed neither by the CA nor by somebody with that task")
PROTECTION = {
    **SIGNER, **dict.fromkeys(("mac", "other-secret"), "not protected with the shared secret: is that the right one?"),
    **dict.fromkeys(("no-protection", "empty-protection", "no-algorithm"), "it is not protected"), "sender-kid": "its senderKID is not the reference",
    **dict.fromkeys(("unknown-algorithm", "pbmac1", "pbm-md5", "pbm-mac-md5", "sha1-signature"), "protected in a way that is not good enough"),
    **dict.fromkeys(("pbm-once", "pbm-many", "pbm-absurd", "pbm-negative"), "the iterations of its protection"), "pbm-none": "its protection are malformed",
}
POLL = {
    "poll-other-id": "its certReqId is not the request's", **dict.fromkeys(("poll-negative", "poll-endless"), "its checkAfter is no time to wait"),
    "poll-none": "not about one certificate", "confirmed-early": "no answer of a CA to this request", "transaction": HEADER["transaction"], "recip-nonce": HEADER["recip-nonce"],
}
FEW = {wrong: HEADER[wrong] for wrong in ("pvno-1", "recipient-other", "time-past", "transaction", "recip-nonce", "empty-sender-nonce")}
CONFIRMATION = {**FEW, "body-ip": "no answer of a CA to this request", "mac": PROTECTION["mac"], "no-protection": PROTECTION["no-protection"]}
# Nothing of it is asked for, or means anything under a secret; all of it is allowed.
ALLOWED = ("implicit", "confirm-by", "unknown-info", "free-text", "authorities", "extra-certificates", "no-time", "recipient-none", "sender-other", "pbm-sha1",
           "signed-by-agent")


class Hostile:
    def __init__(self, machine, root, url):
        self.machine, self.root, self.url = machine, root, url

    def set(self, wrong="", body=1, mode="grant"):
        self.machine.path(f"{FOLDER}/done").unlink(missing_ok=True)
        self.machine.write(f"{FOLDER}/mode", mode)
        self.machine.write(f"{FOLDER}/wrong", f"{body} {wrong}" if wrong else "")

    def was_done(self):
        return self.machine.path(f"{FOLDER}/done").exists()


@pytest.fixture(scope="module")
def machine(routers):
    yield from booted(routers, "cmp-fields", FOLDER)


def save_key(machine, name, key):
    machine.write(f"{FOLDER}/{name}.key", key.private_bytes(PEM, scep_ca.serialization.PrivateFormat.PKCS8, scep_ca.serialization.NoEncryption()))


def request_of(machine, root):
    """For the key, over a trustpoint at the terminal."""
    configure(machine, "crypto ca trustpoint paper", "enrollment terminal", *LINES)
    authenticate(machine, root, "paper")
    said = say(machine, "crypto ca enroll paper")[1]
    begin, end = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"
    return scep_ca.cx509.load_pem_x509_csr(said[said.index(begin):said.index(end) + len(end)].encode())


def make_certificates(machine, root):
    """What the hostile one hands out, and signs with."""
    asked, der = request_of(machine, root), scep_ca.serialization.Encoding.DER
    day, now = scep_ca.DAY, scep_ca.datetime.datetime.utcnow()
    other = scep_ca.key_new()
    stranger = scep_ca.Party("root", ca=True, usage=("key_cert_sign",), key=other)
    names = scep_ca.cx509.SubjectAlternativeName([scep_ca.cx509.DNSName("else.example")])
    purpose = scep_ca.cx509.ObjectIdentifier("1.3.6.1.5.5.7.3.28")

    def certify(subject=asked.subject, key=asked.public_key(), issuer=root, ca=False, starts=-1, ends=90, **more):
        return scep_ca.certify(subject, key, issuer, None, ca, ("digital_signature",), (now + starts * day, now + ends * day), **more)
    made = {"root": root.certificate, "stranger": stranger.certificate, "router": certify(scep_ca.name_of("router"), other.public_key()),
            "other-subject": certify(scep_ca.name_of("somebody")),
            "other-issuer": certify(issuer=stranger), "expired": certify(starts=-9, ends=-1), "not-yet": certify(starts=9), "makes-a-ca": certify(ca=True),
            "other-key": certify(key=other.public_key()), "sha1": certify(digest=scep_ca.hashes.SHA1()), "extra-name": certify(names=names),
            "agent": certify(scep_ca.name_of("agent"), other.public_key(), purposes=[purpose]),
            "agent-expired": certify(scep_ca.name_of("agent"), other.public_key(), purposes=[purpose], starts=-9, ends=-1)}
    for name, certificate in made.items():
        machine.write(f"{FOLDER}/{name}.der", certificate.public_bytes(der))
    for name, key in (("root", root.key), *((name, other) for name in ("stranger", "router", "agent", "agent-expired"))):
        save_key(machine, name, key)


@pytest.fixture(scope="module")
def hostile(machine, build):
    root = root_party()
    machine.write(f"{FOLDER}/root.pem", root.certificate.public_bytes(PEM).decode())
    machine.write(f"{FOLDER}/secret", SECRET)
    make_certificates(machine, root)
    machine.write("/tmp/cmp-ca-fields", (build / "enrolld/cmp-ca").read_bytes(), 0o755)
    ca = machine.popen(["/tmp/cmp-ca-fields", FOLDER, "4711"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    machine.write(f"{FOLDER}/port", str(int(ca.stdout.readline())))
    hostile_front = front(machine, "cmp_hostile.py", FOLDER)
    one = Hostile(machine, root, f"http://127.0.0.1:{int(hostile_front.stdout.readline())}/")
    configure(machine, "crypto ca trustpoint core", "method cmp", f"enrollment url {one.url}", *LINES)
    authenticate(machine, root, "core")
    yield one
    for process in (hostile_front, ca):
        process.kill()
        process.wait()


def enroll(machine, text=f"4711\n{SECRET}\n"):
    return say(machine, "crypto ca enroll core", text)


def unchanged(before, after, words):
    """But for what was refused last, which the trustpoint says too."""
    step = after["next-step"]
    return {**after, "next-step": ""} == {**before, "next-step": ""} and (step == before["next-step"] or words in step)


def assert_refused(machine, hostile, cases, body, mode="grant", **more):
    before, mine = state(machine, "core"), serial(machine, "core")
    for wrong, words in cases.items():
        hostile.set(wrong, body, mode)
        status, said = enroll(machine, **more)
        assert hostile.was_done() and status != 0 and words in said, (wrong, said)
    assert unchanged(before, state(machine, "core"), words) and serial(machine, "core") == mine, state(machine, "core")


def forget(machine, hostile):
    machine.chancery("clear crypto ca certificates core")
    authenticate(machine, hostile.root, "core")


def test_first_answer(machine, hostile):
    """Protected as it should be, and wrong in one field."""
    assert_refused(machine, hostile, HEADER, IP)
    assert_refused(machine, hostile, BODY, IP)
    assert_refused(machine, hostile, CERTIFICATE, IP)


def test_protection(machine, hostile):
    """By somebody else, with something else, or not at all; how much work it is to find out is limited."""
    assert_refused(machine, hostile, PROTECTION, IP)


def test_polls(machine, hostile):
    assert_refused(machine, hostile, POLL, POLLREP, "pending")


def test_confirmation(machine, hostile):
    """Whether the CA knows that its certificate is taken is not known without the last answer: it is not installed."""
    assert_refused(machine, hostile, CONFIRMATION, PKICONF)


@pytest.mark.parametrize("body", [IP, PKICONF])
def test_hearsay(machine, hostile, body):
    """A CA that says no without protection, as EJBCA does, is not believed; what it says is told, because there is nothing else to go by."""
    words = "it is not protected, and may be from anybody: badRequest: closed? today"
    assert_refused(machine, hostile, {"bare-error": words}, body)


@pytest.mark.parametrize(("body", "wrong", "words"), [
    (IP, "rejected-with-certificate", "no?[31m, thanks"), (IP, "error", "closed? today"), (PKICONF, "error", "closed? today"),
    (IP, "error-code", "it gives no reason")])
def test_rejected(machine, hostile, body, wrong, words):
    """In the CA's own words, as far as they can be shown."""
    hostile.set(wrong, body)
    status, said = enroll(machine)
    assert hostile.was_done() and status != 0 and "The CA of core rejected the request: " in said and words in said, said
    assert "\x1b[31m" not in said and "\x07" not in said
    assert state(machine, "core")["state"] == "rejected" and serial(machine, "core") == []


def test_allowed(machine, hostile):
    """It changes nothing: neither whom the trustpoint believes, nor what is shown."""
    for wrong in ALLOWED:
        hostile.set(wrong, IP)
        status, said = enroll(machine)
        assert hostile.was_done() and status == 0 and "hello" not in said, (wrong, said)
        shown = machine.chancery("show crypto ca certificates core").stdout
        assert shown.count("Serial Number") == 2, (wrong, shown)
        forget(machine, hostile)


def test_signed(machine, hostile):
    """The same where both sign."""
    hostile.set(mode="old")
    assert enroll(machine)[0] == 0
    cases = {**FEW, **SIGNER, "sender-other": SIGNER["signed-by-router"], "sender-kid": SIGNER["signed-by-router"], "body-ip": BODY["body-kup"],
             "mac": SIGNER["signed-by-stranger"], "other-key": CERTIFICATE["other-key"]}
    assert_refused(machine, hostile, cases, CP, text="\n\n")
    assert_refused(machine, hostile, {"recip-nonce": HEADER["recip-nonce"], "signed-by-router": SIGNER["signed-by-router"]}, PKICONF, text="\n\n")


@pytest.mark.parametrize(("wrong", "words"), [("recip-nonce", HEADER["recip-nonce"]), ("signed-by-router", SIGNER["signed-by-router"]), ("other-key", "another key")])
def test_renewal(machine, hostile, wrong, words):
    """By itself; the certificate that is there stays."""
    before, said = serial(machine, "core"), machine.journal("enrolld").count(words)
    hostile.set(wrong, KUP)
    if wrong == "recip-nonce":
        configure(machine, "crypto ca trustpoint core", "auto-enroll 10")
    else:
        make_due(machine)
    wait_for(lambda: hostile.was_done() and machine.journal("enrolld").count(words) > said, "the refusal")
    assert serial(machine, "core") == before and state(machine, "core")["state"] in ("enrolled", "renewing")
