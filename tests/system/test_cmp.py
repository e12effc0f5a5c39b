# SPDX-License-Identifier: Apache-2.0
"""Enrolment over CMP, against OpenSSL's mock server behind a proxy that can be wrong in one thing at a time. Both run in the router. The server hands out the certificate
that it was started with. Each test is one step and needs those before it."""

import contextlib
import json
import subprocess

import pytest

import revocation_pki
from cmp_router import LINES, PEM, booted, front, root_party, scep_ca
from machine import ADMIN, wait_for
from test_scep import configure, say, serial, state

FOLDER = "/tmp/cmp-test"
CA_FOLDER = "/tmp/cmp-ca-test"
CANARY = "canary-51fb"
# What the proxy makes of the server's answers, and what is said about it.
HOSTILE = {
    "type": "content type is not application/pkixcmp", "html": "no CMP message", "empty": "no CMP message", "truncated": "no CMP message",
    "trailing": "no CMP message", "oversized": "larger than 256 KiB", "redirect": "not followed", "status-500": "HTTP status 500",
    "cut-off": "cannot be reached", "echo": "no answer of a CA", "replay": "its transactionID is not", "nonce": "its recipNonce is not", "bit": "cannot be used",
    "mac": "not good enough",
}


@pytest.fixture(scope="module")
def machine(routers):
    yield from booted(routers, "cmp", FOLDER)


@pytest.fixture(scope="module")
def root():
    return root_party()


@pytest.fixture(scope="module")
def proxy(machine):
    """Prints its port; where the server is, is in the file port."""
    process = front(machine, "cmp_proxy.py", FOLDER)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.wait()


def mode(machine, text):
    machine.write(f"{FOLDER}/mode", text)


@contextlib.contextmanager
def server(machine, root, request, starts=-1, secret=True, again=False, **certify):
    """Hands out a certificate for the key of a request. With a secret it protects all of its answers with that, and without one it signs them. again: the
    certificate of the last one."""
    asked = scep_ca.cx509.load_pem_x509_csr(request)
    now = scep_ca.datetime.datetime.utcnow()
    issued = scep_ca.certify(certify.pop("subject", asked.subject), certify.pop("key", asked.public_key()), certify.pop("issuer", root), None,
                             certify.pop("ca", False), ("digital_signature",), (now + starts * scep_ca.DAY, now + 90 * scep_ca.DAY))
    if not again:
        machine.write(f"{FOLDER}/issued.pem", issued.public_bytes(PEM).decode())
    protection = "-srv_cert root.pem -srv_key root.key -srv_trusted root.pem" + (f" -srv_ref 4711 -srv_secret pass:{CANARY}" if secret else "")
    process = machine.popen(["sh", "-c", f"cd {FOLDER} && exec openssl cmp -config '' -port 0 {protection} -rsp_cert issued.pem {certify.pop('more', '')}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = next(line for line in process.stdout if line.startswith("ACCEPT"))
        machine.write(f"{FOLDER}/port", line.rpartition(":")[2].split()[0])
        yield issued
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def request_of_router(machine, root, proxy):
    """A request for the key, over a trustpoint at the terminal."""
    machine.write(f"{FOLDER}/root.pem", root.certificate.public_bytes(PEM).decode())
    machine.write(f"{FOLDER}/root.key", root.key.private_bytes(PEM, scep_ca.serialization.PrivateFormat.PKCS8, scep_ca.serialization.NoEncryption()).decode())
    configure(machine, "crypto ca trustpoint paper", "enrollment terminal", *LINES)
    authenticate(machine, root, "paper")
    said = say(machine, "crypto ca enroll paper")[1]
    begin, end = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"
    pem = said[said.index(begin):said.index(end) + len(end)]
    configure(machine, "crypto ca trustpoint core", "method cmp", f"enrollment url {proxy}", *LINES)
    return pem.encode()


def authenticate(machine, root, name):
    pem = root.certificate.public_bytes(PEM).decode()
    fingerprint = root.certificate.fingerprint(scep_ca.hashes.SHA256()).hex()
    status, said = say(machine, f"crypto ca authenticate {name} fingerprint {fingerprint}", pem + "\n")
    assert status == 0, said


def enroll(machine, reference="", secret=""):
    return say(machine, "crypto ca enroll core", f"{reference}\n{secret}\n")


def test_what_is_refused(machine, root, request_of_router):
    for lines, words in ((("enrollment url https://ca/",), "begins with http://"), (("enrollment url http://ca/", "keypair ed25519 other"), "keypair ed25519 other\n!!% CMP is for rsa and ecdsa"),
                         (("enrollment url http://ca/", "enrollment legacy"), "only with a SCEP server")):
        with machine.console(ADMIN) as console:
            console.prompt()
            for line in ("configure", "crypto ca trustpoint bad", "method cmp", *lines):
                console.command(line)
            console.command("commit")
            assert words in console.command("show configuration failed"), lines
            console.command("abort")
    authenticate(machine, root, "core")
    status, said = enroll(machine)
    assert status != 0 and "reference and a shared secret only: crypto ca enroll core" in said and "not authorized" not in said, said
    # There is nothing else: it is not offered, and nothing further is asked.
    assert "otherwise press return" not in said and "The subject name" not in said and max(map(len, said.partition("Reference:")[0].splitlines())) <= 80, said
    assert state(machine, "core")["state"] == "authenticated"


def test_hostile(machine, root, request_of_router):
    """Each answer wrong in turn: said what, and nothing has changed."""
    before = state(machine, "core")
    with server(machine, root, request_of_router):
        for wrong, words in HOSTILE.items():
            mode(machine, wrong)
            status, said = enroll(machine, "4711", CANARY)
            assert status != 0 and words in said, (wrong, said)
            assert state(machine, "core") == before, wrong
        mode(machine, "pass")
        status, said = enroll(machine, "4711", "wrong")
        assert status != 0, said


@pytest.mark.parametrize(("wrong", "words"), [
    ({"key": "other"}, "another key"), ({"issuer": "other"}, "signature on it is wrong"), ({"ca": True}, "a CA"), ({"subject": "other"}, "common name")])
def test_wrong_certificate(machine, root, request_of_router, wrong, words):
    """The CA is told that it is not taken."""
    other = scep_ca.Party("root", ca=True, usage=("key_cert_sign",))
    wrong = {name: {"key": other.key.public_key(), "issuer": other, "subject": scep_ca.name_of("somebody")}.get(name, value) for name, value in wrong.items()}
    mode(machine, "pass")
    with server(machine, root, request_of_router, **wrong):
        status, said = enroll(machine, "4711", CANARY)
    assert status != 0 and words in said, said
    assert state(machine, "core")["state"] in ("authenticated", "rejected")


@pytest.mark.parametrize("more", ["", "-grant_implicitconf"])
def test_with_secret(machine, root, request_of_router, more):
    mode(machine, "pass")
    with server(machine, root, request_of_router, starts=-30, more=more) as issued:
        status, said = enroll(machine, "4711", CANARY)
        assert status == 0 and "CN=core.example" in said and "canary" not in said, said
        assert serial(machine, "core")[0].replace(":", "").lstrip("0").lower() == f"{issued.serial_number:x}"
    found = machine.run(["grep", "-rl", CANARY, "/var/lib/chancery", "/var/log/journal", "/run/log/journal", "/etc"], check=False)
    assert found.stdout == ""


def test_with_certificate(machine, root, request_of_router):
    """A cr, which keyd signs."""
    before = serial(machine, "core")
    with server(machine, root, request_of_router, secret=False, starts=-30):
        status, said = enroll(machine)
        assert status == 0 and "\notherwise press return" in said and max(map(len, said.partition("Reference:")[0].splitlines())) <= 80, said
    assert serial(machine, "core") != before


def test_pending_survives(machine, root, request_of_router):
    """kill -9 while the CA decides: the transaction is gone, and begins anew."""
    before = serial(machine, "core")
    with server(machine, root, request_of_router, secret=False, starts=-30, more="-poll_count 9 -check_after 3600"):
        status, said = enroll(machine)
        assert status == 0 and "has not decided" in said, said
        now = int(machine.output(["date", "+%s"]))
        assert state(machine, "core")["state"] == "renewing" and state(machine, "core")["next-attempt"] > now + 1800
        machine.kill("enrolld", 9)
        machine.wait_daemons()
        assert state(machine, "core")["state"] == "renewing" and serial(machine, "core") == before
    with server(machine, root, request_of_router, secret=False, starts=-30):
        make_due(machine)
        wait_for(lambda: serial(machine, "core") not in ([], before), "the poll")
    assert state(machine, "core")["state"] == "enrolled"


def make_due(machine):
    machine.run(["systemctl", "stop", "chancery-enrolld"])
    machine.run(["sh", "-c", "sed -i 's/\"next\":[0-9]*/\"next\":1/' /var/lib/chancery/enrolld/*.json"])
    machine.run(["systemctl", "start", "chancery-enrolld"])
    machine.wait_daemons()


def test_renewal(machine, root, request_of_router):
    """A kur, signed with the certificate that is there. That one once more is no renewal; and what the CA says when it refuses is told."""
    before = serial(machine, "core")
    with server(machine, root, request_of_router, secret=False, again=True):
        configure(machine, "crypto ca trustpoint core", "auto-enroll 10")
        wait_for(lambda: "it is the one that is there already" in machine.journal("enrolld"), "the renewal that is none")
    with server(machine, root, request_of_router, secret=False, again=True, more="-pkistatus 2 -failure 19 -statusstring no-renewals-today"):
        make_due(machine)
        wait_for(lambda: ": badCertTemplate: no-renewals-today." in state(machine, "core")["next-step"], "the refusal")
    assert serial(machine, "core") == before and state(machine, "core")["state"] == "enrolled"


class Authority:
    """One that makes certificates, and writes down what it is told of them."""

    def __init__(self, machine, port):
        self.machine, self.url = machine, f"http://127.0.0.1:{port}/"

    def set(self, text):
        self.machine.write(f"{CA_FOLDER}/mode", text)

    def log(self):
        return self.machine.output(["cat", f"{CA_FOLDER}/log"]).splitlines()


@pytest.fixture(scope="module")
def authority(machine, root, request_of_router, build):
    machine.write("/tmp/cmp-ca", (build / "enrolld/cmp-ca").read_bytes(), 0o755)
    machine.run(["sh", "-c", f"mkdir -p {CA_FOLDER} && cp {FOLDER}/root.* {CA_FOLDER}"])
    machine.write(f"{CA_FOLDER}/secret", CANARY)
    process = machine.popen(["/tmp/cmp-ca", CA_FOLDER, "4711"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield Authority(machine, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def list_revoked(machine, root):
    """What poold knows of the root's certificates, whoever has asked for it: 7E57 is revoked."""
    cx509, now = scep_ca.cx509, scep_ca.datetime.datetime.utcnow()
    revoked = cx509.RevokedCertificateBuilder().serial_number(0x7e57).revocation_date(now - scep_ca.DAY).build()
    crl = (cx509.CertificateRevocationListBuilder().issuer_name(root.certificate.subject).last_update(now - scep_ca.DAY).next_update(now + 9 * scep_ca.DAY)
           .add_revoked_certificate(revoked).sign(root.key, scep_ca.hashes.SHA256()))
    with revocation_pki.served(machine) as port:
        machine.write(f"{revocation_pki.FOLDER}/ca.crl", crl.public_bytes(scep_ca.serialization.Encoding.DER))
        status, said = say(machine, f"crypto ca crl request http://127.0.0.1:{port}/ca.crl")
        assert status == 0, said


def test_what_is_confirmed(machine, root, authority):
    """The CA hears that a certificate is taken when it has been checked, and not before."""
    configure(machine, "crypto ca trustpoint fresh", "method cmp", f"enrollment url {authority.url}", *LINES)
    authenticate(machine, root, "fresh")
    list_revoked(machine, root)
    for wrong, words in (("refuse", "not today"), ("other-key", "another key"), ("makes-a-ca", "a CA"), ("revoked", "its CA has revoked it")):
        authority.set(wrong)
        status, said = say(machine, "crypto ca enroll fresh", f"4711\n{CANARY}\n")
        assert status != 0 and words in said, (wrong, said)
        assert serial(machine, "fresh") == []
        assert wrong == "refuse" or authority.log()[-1].startswith("certConf PKIStatus: rejection"), authority.log()
        refused = state(machine, "fresh")["next-step"]
        assert wrong == "refuse" or ("The last certificate that came was refused" in refused and words in refused), (wrong, refused)
    authority.set("old")
    status, said = say(machine, "crypto ca enroll fresh", f"4711\n{CANARY}\n")
    assert status == 0 and "CN=core.example" in said, said
    assert authority.log()[-2:] == ["ir ", "certConf PKIStatus: accepted"]


def test_profile(machine, authority):
    """Reference and secret are configured, and nobody is asked; keyd has sealed the secret."""
    first = serial(machine, "fresh")
    profile = ("client-authentication profile cmp", "username 4711")
    configure(machine, *profile, "password clear wrong", "root", "crypto ca trustpoint fresh", "enrollment authentication-profile cmp")
    status, said = say(machine, "crypto ca enroll fresh")
    assert status != 0 and "Reference" not in said and serial(machine, "fresh") == first, said
    configure(machine, *profile, f"password clear {CANARY}")
    status, said = say(machine, "crypto ca enroll fresh")
    assert status == 0 and serial(machine, "fresh") not in ([], first), said
    assert authority.log()[-2:] == ["ir ", "certConf PKIStatus: accepted"]
    assert CANARY not in machine.chancery("show running-config").stdout
    configure(machine, "crypto ca trustpoint fresh", "no enrollment authentication-profile")


def test_key_update(machine, authority):
    """A kur: the same certificate is refused, in words to the CA; another one takes its place."""
    first = serial(machine, "fresh")
    authority.set("echo")
    configure(machine, "crypto ca trustpoint fresh", "auto-enroll 10")
    wait_for(lambda: "has failed 1 time," in state(machine, "fresh")["next-step"], "the renewal that is none")
    assert authority.log()[-2] == "kur " and authority.log()[-1].startswith("certConf PKIStatus: rejection"), authority.log()
    assert "there already" in machine.journal("enrolld") and serial(machine, "fresh") == first
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, "fresh") not in ([], first), "the renewal")
    assert authority.log()[-2:] == ["kur ", "certConf PKIStatus: accepted"] and state(machine, "fresh")["state"] == "enrolled"


def public_key(machine):
    shown = machine.chancery("show crypto key mypubkey ecdsa | json").stdout
    return next(k["public-key"] for k in json.loads(shown[shown.index("["):]) if k["label"] == "cmp-key")


def test_key_update_with_a_new_key(machine, authority):
    """Signed with the certificate of the key before; both change together."""
    configure(machine, "crypto ca trustpoint fresh", "no auto-enroll")
    authority.set("old")
    assert say(machine, "crypto ca enroll fresh", "\n\n")[0] == 0
    assert authority.log()[-2:] == ["cr ", "certConf PKIStatus: accepted"]
    first, key = serial(machine, "fresh"), public_key(machine)
    authority.set("other-key")
    configure(machine, "crypto ca trustpoint fresh", "auto-enroll 10 regenerate")
    wait_for(lambda: "has failed 1 time," in state(machine, "fresh")["next-step"], "the renewal that is for another key")
    assert serial(machine, "fresh") == first and public_key(machine) == key
    authority.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, "fresh") not in ([], first), "the renewal")
    wait_for(lambda: state(machine, "fresh")["next-step"] == "Ready.", "its end")
    assert public_key(machine) != key and authority.log()[-2:] == ["kur ", "certConf PKIStatus: accepted"]


def test_renewal_cancelled(machine, authority):
    """While the CA decides: it counts as one that has failed, and the next one does not go out at once."""
    configure(machine, "crypto ca trustpoint fresh", "no auto-enroll")
    assert "Next renewal" not in machine.chancery("show crypto ca trustpoints fresh").stdout
    authority.set("old")
    assert say(machine, "crypto ca enroll fresh", "\n\n")[0] == 0
    first = serial(machine, "fresh")
    authority.set("pending")
    configure(machine, "crypto ca trustpoint fresh", "auto-enroll 10")
    wait_for(lambda: state(machine, "fresh")["state"] == "renewing", "the renewal")
    assert "\nNext attempt   : " in machine.chancery("show crypto ca trustpoints fresh").stdout
    asked = authority.log().count("kur ")
    assert say(machine, "crypto ca cancel-enroll fresh")[0] == 0
    shown = machine.chancery("show crypto ca trustpoints fresh").stdout
    assert "State          : enrolled" in shown and "has failed 1 time, and is tried again: it was cancelled." in " ".join(shown.split()), shown
    assert "\nNext renewal   : " in shown and authority.log().count("kur ") == asked and serial(machine, "fresh") == first
    status, said = say(machine, "crypto ca cancel-enroll fresh")
    assert status != 0 and "No request of fresh" in said, said


def test_request_replaced(machine, authority):
    """Whoever asks once more is told that a request is open already."""
    authority.set("pending")
    for replaced in (False, True):
        status, said = say(machine, "crypto ca enroll fresh", "\n\n")
        assert status == 0 and "has not decided" in said, said
        assert ("% A request of fresh waits already: this one takes its place.\n" in said) == replaced, said
    assert say(machine, "crypto ca cancel-enroll fresh")[0] == 0
