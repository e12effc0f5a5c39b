# SPDX-License-Identifier: Apache-2.0
"""Enrolment over EST, against a strict server of our own that can be wrong in one thing at a time. It runs in the router. Each test is one step and needs those before
it."""

import contextlib
import json
import pathlib
import re
import subprocess

import pytest

import workflow
from machine import ADMIN, wait_for
from test_scep import QUESTION, configure, fingerprint, make_due, say, serial, state, without_refusal

FOLDER = "/tmp/est-test"
SOURCES = pathlib.Path(__file__).resolve().parent.parent / "pki"
LINES = ("method est", "subject-name CN=core.example,O=Example", "keypair ecdsanistp256 est-key", "serial-number none", "ip-address none",
         "subject-alternative-name DNS:core.example", "crl optional")
CANARY = "canary-3c8e"
# What the server gets wrong, and what is said about it.
HOSTILE = {
    "type": "content type is not application/pkcs7-mime", "multipart": "content type is not application/pkcs7-mime", "smime-type": "not certs-only",
    "not-base64": "not base64", "truncated": "no CMS SignedData", "empty": "no CMS SignedData", "oversized": "larger than 384 KiB",
    "bare": "no CMS SignedData", "signed": "no bag of certificates", "trailing": "no CMS SignedData", "nothing": "no certificate in it",
    "other-key": "another key", "other-name": "common name", "extra-name": "was not asked for", "makes-a-ca": "a CA",
    "other-ca": "signature on it is wrong", "expired": "expired", "not-yet": "not valid yet", "sha1-certificate": "SHA-1", "redirect": "not followed",
    "status-500": "HTTP status 500", "no-content": "HTTP status 204", "cut-off": "cannot be reached", "attributes-type": "not application/csrattrs",
    "bad-attributes": "no list of attributes", "other-curve": "another kind of key", "rsa-only": "another kind of key", "binding": "bound to their TLS",
    "ber-endless": "no CMS SignedData", "basic": "wants a user name and password: crypto ca enroll core", "digest": "wants a user name and password: crypto ca enroll core",
    "binding-with-value": "bound to their TLS", **dict.fromkeys(("ed25519-only", "unknown-curve"), "another kind of key"),
    **dict.fromkeys(("too-many", "attributes-cut-off", "negative-size"), "cannot be read: it is no list of attributes"),
    "template-subject": "wants O=Other in the subject", "template-missing": "configure 'subject-name' with it", "template-rsa": "'keypair rsa LABEL'",
    "template-names": "other alternative names than the trustpoint", "template-address": "an address among the alternative names",
    "template-purposes": "leaves its value to the router", "template-ca": "make the router a CA", "template-binding": "bound to their TLS",
    **dict.fromkeys(("template-twice", "template-version"), "cannot be read: it is no list of attributes"),
    "attributes-oversized": "larger than 64 KiB", "attributes-302": "not followed", "attributes-503": "HTTP status 503",
}
# What the server wants and can have: with which digest the request is signed.
WISHES = {"no-wishes": "sha256", "names-only": "sha256", "unknown": "sha256", "either-key": "sha256", "any-ec": "sha256", "sha512": "sha512", "sha1-only": "sha256",
          "sha1-or-384": "sha384", "makes-a-ca-wish": "sha256", "attributes-404": "sha256"}


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("est")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate ecdsa nistp256 est-key"], ADMIN)
    one.run(["chancery", "-c", "crypto key generate rsa est-rsa"], ADMIN, stdin="2048\n")
    yield one
    one.stop()


class Server:
    def __init__(self, machine, port):
        self.machine, self.port = machine, port
        self.url = f"https://127.0.0.1:{port}/"

    def set(self, mode):
        self.machine.write(f"{FOLDER}/mode", mode)

    def log(self):
        return self.machine.output(["cat", f"{FOLDER}/log"])


@pytest.fixture(scope="module")
def server(machine):
    for name in ("scep_ca.py", "est_server.py"):
        machine.write(f"/tmp/{name}", (SOURCES / name).read_text())
    process = machine.popen(["/usr/bin/python3", "/tmp/est_server.py", FOLDER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    try:
        yield Server(machine, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def enroll(machine, name, user="", password=""):
    return say(machine, f"crypto ca enroll {name}", f"{user}\n{password}\n")


def shown(console, name):
    return console.command(f"show crypto ca trustpoints {name}").partition("Trustpoint")[2]


def test_what_is_refused(machine):
    for lines, words in ((("enrollment url http://ca/",), "begins with https://"), (("enrollment url https://ca/#x",), "nor a fragment"),
                         (("enrollment url https://ca/", "enrollment legacy"), "only with a SCEP server"), (("enrollment terminal",), "URL of a server"),
                         (("enrollment url https://ca/", "keypair dsa other"), "keypair dsa other\n!!% EST servers know the router by its certificate in TLS")):
        with machine.console(ADMIN) as console:
            console.prompt()
            for line in ("configure", "crypto ca trustpoint core", "method est", *lines):
                console.command(line)
            console.command("commit")
            assert words in console.command("show configuration failed"), lines
            console.command("abort")


def test_authenticate(machine, server):
    configure(machine, "crypto ca trustpoint core", f"enrollment url {server.url}", *LINES)
    good = fingerprint(machine, f"{FOLDER}/root.pem")
    for mode, words in (("no-ca", "no CMS SignedData"), ("ca-type", "content type"), ("ca-empty-bag", "no certificate in it"), ("ca-two", "several CAs"),
                        ("ca-leaf", "none of it is the certificate of a CA"), ("ca-signed", "no bag of certificates")):
        server.set(mode)
        status, said = say(machine, f"crypto ca authenticate core fingerprint {good}")
        assert status != 0 and words in said, said
    # In BER, and with what is no CA beside it.
    for mode in ("ca-ber", "ca-agents"):
        server.set(mode)
        status, said = say(machine, f"crypto ca authenticate core fingerprint {good}")
        assert status == 0 and set(roles(machine, "core")) == {"ca"}, (mode, said)
        machine.chancery("clear crypto ca certificates core")
    server.set("grant")
    status, said = say(machine, f"crypto ca authenticate core fingerprint {64 * '0'}")
    assert status != 0 and "not the expected one" in said, said
    status, said = say(machine, "crypto ca authenticate core")
    assert status != 0 and "fingerprint HEX" in said, said
    assert state(machine, "core")["state"] == "none"
    with machine.console(ADMIN) as console:
        console.prompt()
        assert good.replace(":", "") in console.command("crypto ca authenticate core", [QUESTION]).replace("\n", "")
    assert state(machine, "core")["state"] == "authenticated"


def test_stranger(machine, server):
    """The server's name, or who vouches for it, is not the trustpoint's: nothing is sent."""
    configure(machine, "crypto ca trustpoint away", f"enrollment url https://localhost:{server.port}", *LINES)
    assert say(machine, f"crypto ca authenticate away fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    asked = server.log()
    status, said = enroll(machine, "away", "router", CANARY)
    assert status != 0 and "cannot be reached" in said and "localhost" in said, said
    assert server.log() == asked
    assert state(machine, "away")["state"] == "authenticated"
    machine.chancery("clear crypto ca certificates away")
    configure(machine, "no crypto ca trustpoint away")


def test_revocation(machine, server):
    """Of a server whose CA has no CRL nothing is asked, unless that does not matter to this trustpoint, whatever does to another one with the same CA."""
    configure(machine, "crypto ca trustpoint another", f"enrollment url {server.url}", *LINES)
    assert say(machine, f"crypto ca authenticate another fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    configure(machine, "crypto ca trustpoint core", "no crl optional")
    asked = server.log()
    status, said = enroll(machine, "core", "router", CANARY)
    assert status != 0 and "the server's certificate is not accepted: unable to get certificate CRL, and 'crl optional' is not configured" in said, said
    assert server.log() == asked and state(machine, "core")["state"] == "authenticated"
    configure(machine, "crypto ca trustpoint core", "crl optional")
    machine.chancery("clear crypto ca certificates another")
    configure(machine, "no crypto ca trustpoint another")


def test_hostile(machine, server):
    """Each field of each answer wrong in turn: said what, and nothing has changed."""
    with machine.console(ADMIN) as console:
        console.prompt()
        before = shown(console, "core")
        assert "authenticated" in before
        for mode, words in HOSTILE.items():
            server.set(mode)
            said = console.command("crypto ca enroll core", [("Username: ", "")])
            assert words in said and "not authorized" not in said, (mode, said)
            assert without_refusal(shown(console, "core")) == before.split(), mode


def test_rejected(machine, server):
    server.set("refuse")
    status, said = enroll(machine, "core")
    assert status != 0 and "rejected the request: HTTP status 400, not? today" in said, said
    assert state(machine, "core")["state"] == "rejected" and "not? today" in state(machine, "core")["next-step"]


def test_password(machine, server):
    """Asked for, sent to who is verified, and nowhere afterwards."""
    server.set("basic")
    status, said = enroll(machine, "core", "router", "wrong")
    assert status != 0 and "another user name and password" in said, said
    status, said = enroll(machine, "core", "router", CANARY)
    assert status == 0 and "CN=core.example" in said and "canary" not in said, said
    assert state(machine, "core")["state"] == "enrolled"
    machine.chancery("clear crypto ca certificates core")
    assert say(machine, f"crypto ca authenticate core fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    server.set("digest")
    status, said = enroll(machine, "core", "router", CANARY)
    assert status == 0, said
    found = machine.run(["grep", "-rl", CANARY, "/var/lib/chancery", "/var/log/journal", "/run/log/journal", "/etc"], check=False)
    assert found.stdout == ""


def test_attributes(machine, server):
    """What the server wants is in the request, as far as it is known."""
    server.set("attributes")
    status, said = enroll(machine, "core")
    assert status == 0, said
    assert "asked sha384 ['2.5.29.17', '2.5.29.37']" in server.log()
    for mode, digest in WISHES.items():
        server.set(mode)
        status, said = enroll(machine, "core")
        assert status == 0 and server.log().splitlines()[-1] == f"asked {digest} ['2.5.29.17']", (mode, said, server.log()[-300:])


def test_template(machine, server):
    """RFC 9908: what is given is taken, what is left open is filled in, and nothing else of the list counts."""
    for mode, subject, extensions in (("template", "OU=lab", ["2.5.29.15", "2.5.29.17", "2.5.29.37"]), ("template-open", "O=Example", ["2.5.29.15", "2.5.29.17"]),
                                      ("template-empty", "O=Example", ["2.5.29.17"])):
        server.set(mode)
        status, said = enroll(machine, "core")
        assert status == 0 and subject in said.partition("Subject:")[2], (mode, said)
        assert server.log().splitlines()[-1] == f"asked sha256 {extensions}", (mode, server.log()[-300:])


def test_with_certificate(machine, server):
    """The key is in keyd; the worker that speaks TLS has a channel to it."""
    server.set("client")
    first = serial(machine, "core")
    status, said = enroll(machine, "core")
    assert status == 0, said
    assert serial(machine, "core") != first
    assert "client ['core.example']" in server.log()
    machine.chancery("clear crypto ca certificates core")
    assert say(machine, f"crypto ca authenticate core fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    status, said = enroll(machine, "core")
    assert status != 0 and "show a certificate" in said, said


def test_usage_of_the_server(machine, server):
    """extended-key-usage match: the server's certificate has to be for what is configured, or nothing is sent."""
    server.set("grant")
    configure(machine, "crypto ca trustpoint usage", f"enrollment url {server.url}", *LINES, "extended-key-usage match client-auth")
    assert "\n extended-key-usage match client-auth\n" in machine.chancery("show running-config crypto ca trustpoint usage").stdout
    assert say(machine, f"crypto ca authenticate usage fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    asked = server.log()
    status, said = enroll(machine, "usage")
    assert status != 0 and "not for client authentication, which extended-key-usage match wants" in said, said
    assert server.log() == asked and state(machine, "usage")["state"] == "authenticated"
    configure(machine, "crypto ca trustpoint usage", "extended-key-usage match server-auth")
    status, said = enroll(machine, "usage")
    assert status == 0, said
    machine.chancery("clear crypto ca certificates usage")
    configure(machine, "no crypto ca trustpoint usage")


@pytest.mark.parametrize("key", ["rsa est-rsa", "ed25519 est-edwards"])
def test_with_other_keys(machine, server, key):
    """What TLS 1.3 signs with them is made in keyd too."""
    if key.startswith("ed25519"):
        machine.chancery("crypto key generate ed25519 est-edwards")
    configure(machine, "crypto ca trustpoint other", f"enrollment url {server.url}", *LINES, f"keypair {key}")
    assert say(machine, f"crypto ca authenticate other fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    server.set("grant")
    status, said = enroll(machine, "other")
    assert status == 0, said
    server.set("client")
    status, said = enroll(machine, "other")
    assert status == 0, said
    machine.chancery("clear crypto ca certificates other")
    configure(machine, "no crypto ca trustpoint other")


# Later versions of curl cut what is longer to six hours.
HOURS = 6 * 3600


@pytest.mark.parametrize(("when", "least", "most"), [
    ("Fri, 01 Jan 2100 00:00:00 GMT", HOURS, 86400), ("Fri, 01 Jan 2010 00:00:00 GMT", 0, 60), ("99999999999", HOURS, 86400), ("9" * 40, 0, 86400),
    ("-7200", 0, 60), ("0", 0, 60), ("soon", 0, 60)])
def test_retry_after(machine, server, when, least, most):
    """As a date and as a number; never longer than a day, and what is neither is as if nothing had been said."""
    server.set(f"pending {when}")
    begun = int(machine.output(["date", "+%s"]))
    status, said = enroll(machine, "core")
    ended = int(machine.output(["date", "+%s"]))
    assert status == 0 and "has not decided" in said, said
    attempt = state(machine, "core")["next-attempt"]
    assert begun + least <= attempt <= ended + most + 60, (when, attempt - begun)


def test_pending_survives(machine, server):
    """kill -9 while the CA decides; it is asked when the CA has said, not before; then the certificate comes by itself."""
    server.set("pending")
    status, said = enroll(machine, "core")
    assert status == 0 and "has not decided" in said, said
    now = int(machine.output(["date", "+%s"]))
    assert state(machine, "core")["state"] == "pending" and state(machine, "core")["next-attempt"] > now + 3600
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert state(machine, "core")["state"] == "pending" and state(machine, "core")["next-attempt"] > now + 3600
    server.set("ber")  # the certificate in BER is one as well
    make_due(machine)
    wait_for(lambda: state(machine, "core")["state"] == "enrolled", "the poll")
    server.set("old")
    first = serial(machine, "core")
    assert enroll(machine, "core")[0] == 0
    assert serial(machine, "core") != first


def test_renewal(machine, server):
    """With the certificate that is there. The same once more is no renewal, and the old one stays; then a new one comes."""
    first = serial(machine, "core")
    server.set("echo")
    configure(machine, "crypto ca trustpoint core", "auto-enroll 10")
    wait_for(lambda: "has failed 1 time," in state(machine, "core")["next-step"], "the renewal that is none")
    assert "it is the one that is there already" in machine.journal("enrolld")
    assert re.search("is tried again: .*it is the one that is there already", state(machine, "core")["next-step"]), state(machine, "core")
    assert serial(machine, "core") == first and state(machine, "core")["state"] == "enrolled"
    server.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, "core") not in ([], first), "the renewal")
    assert "simplereenroll application/pkcs10 client ['core.example']" in server.log()
    assert state(machine, "core")["next-step"] == "Ready."


def test_renewal_of_names(machine, server):
    """What the CA has added to the names is asked for again, or it would be another certificate; what is configured goes before it, and the server says no."""
    lines = [line for line in LINES if "alternative" not in line]
    configure(machine, "crypto ca trustpoint named", f"enrollment url {server.url}", *lines)
    assert say(machine, f"crypto ca authenticate named fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    server.set("own-name")
    status, said = enroll(machine, "named")
    assert status == 0, said
    first = serial(machine, "named")
    configure(machine, "crypto ca trustpoint named", "subject-alternative-name DNS:other.example", "auto-enroll 10")
    wait_for(lambda: "other names than in the certificate" in state(machine, "named")["next-step"], "the renewal with other names")
    assert serial(machine, "named") == first
    server.set("grant")
    configure(machine, "crypto ca trustpoint named", "no subject-alternative-name")
    make_due(machine)
    wait_for(lambda: serial(machine, "named") not in ([], first), "the renewal")
    wait_for(lambda: state(machine, "named")["next-step"] == "Ready.", "its end")
    machine.chancery("clear crypto ca certificates named")
    configure(machine, "no crypto ca trustpoint named")


def public_key(machine):
    shown = machine.chancery("show crypto key mypubkey ecdsa | json").stdout
    return next(k["public-key"] for k in json.loads(shown[shown.index("["):]) if k["label"] == "est-key")


def test_renewal_with_a_new_key(machine, server):
    """Over TLS with the certificate of the key before; nothing changes before the new certificate is there and good, then both together."""
    configure(machine, "crypto ca trustpoint fresh", f"enrollment url {server.url}", *LINES)
    assert say(machine, f"crypto ca authenticate fresh fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    server.set("old")
    status, said = enroll(machine, "fresh")
    assert status == 0, said
    first, key = serial(machine, "fresh"), public_key(machine)
    server.set("other-key")
    configure(machine, "crypto ca trustpoint fresh", "auto-enroll 10 regenerate")
    wait_for(lambda: "has failed 1 time," in state(machine, "fresh")["next-step"], "the renewal that is for another key")
    assert serial(machine, "fresh") == first and public_key(machine) == key
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert serial(machine, "fresh") == first and public_key(machine) == key
    server.set("grant")
    make_due(machine)
    wait_for(lambda: serial(machine, "fresh") not in ([], first), "the renewal")
    wait_for(lambda: state(machine, "fresh")["next-step"] == "Ready.", "its end")
    assert public_key(machine) != key
    assert "simplereenroll application/pkcs10 client ['core.example']" in server.log().rstrip().splitlines()[-2]


PROFILED = ("subject-name CN=edge.example", "keypair rsa est-rsa", "subject-alternative-name DNS:edge.example")


def refused(machine, *lines, answers=()):
    """What is typed wrong is told at once, the rest at the commit."""
    with machine.console(ADMIN) as console:
        console.prompt()
        console.command("configure")
        said = "".join(console.command(line) for line in lines)
        if "%" not in said:
            console.command("commit", answers)
            said = console.command("show configuration failed")
        console.command("abort")
    return " ".join(said.split())


def test_profiles_that_are_refused(machine, server):
    edge = ("crypto ca trustpoint edge", f"enrollment url {server.url}", *LINES)
    for lines, words in (((*edge, "enrollment authentication-profile nobody"), "there is no 'client-authentication profile nobody'"),
                         (("client-authentication profile half", "username x", *edge, "enrollment authentication-profile half"), "needs both 'username' and 'password'"),
                         (("client-authentication profile bad", "username a:b"), "has neither a colon"),
                         (("client-authentication profile bad", "password 6"), "% Incomplete"), (("client-authentication profile bad", "password x"), "% Invalid"),
                         (("client-authentication profile bad", "password 6 not/sealed"), "no sealed password"),
                         (("client-authentication profile bad", "username " + 257 * "x"), "% Invalid"),
                         ((*edge, "ssl-profile nothing"), "there is no 'ssl profile nothing'"),
                         (("ssl profile first", "certificate nobody"), "there is no such trustpoint"),
                         (("ssl profile first", *edge, "ssl-profile first"), "needs 'certificate'"),
                         (("ssl profile first", "certificate edge", *edge, "ssl-profile first"), "names this trustpoint"),
                         (("ssl profile first", "certificate core", "crypto ca trustpoint paste", "enrollment terminal", "ssl-profile first"), "only with 'method est'")):
        assert words in refused(machine, *lines), (lines, words)


def test_profile(machine, server):
    """Nobody is asked, also after a restart while the CA decides; another password is not, and none that was sealed elsewhere."""
    server.set("basic")
    configure(machine, "client-authentication profile ca", "username router", "password clear wrong", "root", "crypto ca trustpoint edge",
              f"enrollment url {server.url}", "enrollment authentication-profile ca", *LINES, *PROFILED)
    assert say(machine, f"crypto ca authenticate edge fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    status, said = say(machine, "crypto ca enroll edge")
    assert status != 0 and "wants another user name and password: see its authentication-profile" in " ".join(said.split()), said
    sealed = re.search(r"^ password 6 (\S+)$", machine.chancery("show running-config client-authentication profile ca").stdout, re.M)[1]
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, ["client-authentication profile ca", f"password 6 {'B' + sealed[1:]}"])
    assert "was not sealed by this router" in " ".join(printed.split()), printed
    status, said = say(machine, "crypto ca enroll edge")
    assert status != 0 and "cannot be opened" in " ".join(said.split()), said
    server.set("basic pending")
    configure(machine, "client-authentication profile ca", f"password clear {CANARY}")
    status, said = say(machine, "crypto ca enroll edge")
    assert status == 0 and "Username" not in said and "has not decided" in said, said
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert state(machine, "edge")["state"] == "pending"
    server.set("digest old")
    make_due(machine)
    wait_for(lambda: state(machine, "edge")["state"] == "enrolled", "the poll")
    assert "known by digest" in server.log()
    found = machine.run(["grep", "-rl", CANARY, "/var/lib/chancery", "/var/log/journal", "/run/log/journal", "/etc"], check=False)
    assert found.stdout == ""


def test_profile_of_renewals(machine, server):
    """Of its own: that of the enrolment does not count."""
    first = serial(machine, "edge")
    assert len(first) == 1
    server.set("basic")
    configure(machine, "crypto ca trustpoint edge", "auto-enroll 10")
    wait_for(lambda: "has failed" in state(machine, "edge")["next-step"], "the renewal without a password")
    assert "configure 're-enrollment authentication-profile'" in machine.journal("enrolld")
    assert serial(machine, "edge") == first
    configure(machine, "crypto ca trustpoint edge", "re-enrollment authentication-profile ca")
    make_due(machine)
    wait_for(lambda: serial(machine, "edge") not in ([], first), "the renewal")
    assert "simplereenroll application/pkcs10 client ['edge.example']" in server.log()


def test_ssl_profile(machine, server):
    """TLS shows the certificate of another trustpoint, with its key; while that has none, nothing is sent."""
    server.set("client")
    configure(machine, "crypto ca trustpoint factory", "enrollment terminal", "root", "ssl profile first", "certificate factory", "root", "crypto ca trustpoint late",
              f"enrollment url {server.url}", "ssl-profile first", *LINES)
    assert say(machine, f"crypto ca authenticate late fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    asked = server.log()
    # With that, its own key need not be one for TLS.
    configure(machine, "crypto ca trustpoint late", "keypair dsa other")
    configure(machine, "crypto ca trustpoint late", *(line for line in LINES if line.startswith("keypair")))
    status, said = enroll(machine, "late")
    assert status != 0 and "the certificate of trustpoint factory, which has none yet: crypto ca enroll factory" in " ".join(said.split()), said
    assert server.log() == asked
    # One that the server's CA has not issued: who says no is not whoever cannot be reached.
    for label in ("system-root-key", "system-enroll-key"):
        machine.chancery(f"crypto key generate ecdsa nistp256 {label}")
    configure(machine, "crypto ca trustpoint system-trustpoint", "keypair ecdsanistp256 system-enroll-key", "ca-keypair ecdsanistp256 system-root-key",
              "subject-name CN=own", "subject-name ca-certificate CN=own-ca", "enrollment url self", "serial-number none", "ip-address none", "root",
              "domain name example.net", "ssl profile first", "certificate system-trustpoint")
    for command in ("authenticate", "enroll"):
        assert say(machine, f"crypto ca {command} system-trustpoint")[0] == 0
    status, said = enroll(machine, "late")
    assert status != 0 and re.search("The server (does not accept the router's certificate: it does not know its CA|has hung up when it was shown the router's certificate)",
                                     said), said
    assert server.log() == asked
    configure(machine, "ssl profile first", "certificate edge")
    machine.chancery("clear crypto ca certificates system-trustpoint")
    configure(machine, "no crypto ca trustpoint system-trustpoint")
    assert "there is no such trustpoint" in refused(machine, "no crypto ca trustpoint edge", answers=[(r"\[yes/no\]: ?$", "yes")])
    assert len(serial(machine, "edge")) == 1
    for number in (1, 2):  # the second time it has one of its own
        status, said = enroll(machine, "late")
        assert status == 0, said
        assert server.log().count("simpleenroll application/pkcs10 client ['edge.example']") == number
    # Nobody without a certificate is even shown those of the CA.
    machine.chancery("clear crypto ca certificates late")
    machine.write(f"{FOLDER}/demand", "")
    configure(machine, "crypto ca trustpoint late", "no ssl-profile")
    command = f"crypto ca authenticate late fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}"
    status, said = say(machine, command)
    # Whether TLS says so, or the connection is gone before that is read.
    assert status != 0 and "cannot be reached: The server wants a certificate, and the router shows none" in said and state(machine, "late")["state"] == "none", said
    configure(machine, "ssl profile first", "certificate factory", "root", "crypto ca trustpoint late", "ssl-profile first")
    status, said = say(machine, command)
    assert status != 0 and "the certificate of trustpoint factory, which has none yet: crypto ca enroll factory" in " ".join(said.split()), said
    configure(machine, "ssl profile first", "certificate edge")
    assert say(machine, command)[0] == 0 and enroll(machine, "late")[0] == 0
    machine.run(["rm", f"{FOLDER}/demand"])
    machine.chancery("clear crypto ca certificates edge")
    status, said = enroll(machine, "late")
    assert status != 0 and "the certificate of trustpoint edge, which has none yet: crypto ca enroll edge" in " ".join(said.split()), said
    for name in ("late", "edge", "factory"):
        machine.chancery(f"clear crypto ca certificates {name}")
    configure(machine, *(f"no crypto ca trustpoint {name}" for name in ("late", "edge", "factory")), "no ssl profile first", "no client-authentication profile ca")


def roles(machine, name):
    shown = machine.chancery(f"show crypto ca certificates {name} | json").stdout
    return {c["role"]: c["sha256-fingerprint"] for c in json.loads(shown[shown.index("["):])}


def test_rollover(machine, server):
    """The CA is going to be another one: believed when the present one has signed for it, and not because a server says so."""
    folder = f"{FOLDER}-old"
    process = machine.popen(["/usr/bin/python3", "/tmp/est_server.py", folder, "-200", "100"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    try:
        url = f"https://127.0.0.1:{int(process.stdout.readline())}/"
        configure(machine, "crypto ca trustpoint roll", f"enrollment url {url}", *LINES, "keypair rsa est-rsa", "auto-enroll 10")
        present, following = (fingerprint(machine, f"{folder}/{name}.pem").replace(":", "") for name in ("root", "next"))
        assert say(machine, f"crypto ca authenticate roll fingerprint {present}")[0] == 0
        for wrong in ("", "unlinked", "stranger"):
            wait_for(lambda: "rollover-failures" in machine.output(["sh", "-c", "cat /var/lib/chancery/enrolld/*.json"]), "the first question")
            machine.write(f"{folder}/rollover", wrong)
            asked = machine.output(["cat", f"{folder}/log"]).count("cacerts")
            make_due(machine)
            wait_for(lambda asked=asked: machine.output(["cat", f"{folder}/log"]).count("cacerts") > asked, "the question for the next one")
            assert roles(machine, "roll") == {"ca": present}, wrong
        machine.write(f"{folder}/rollover", "offer")
        make_due(machine)
        wait_for(lambda: "rollover" in roles(machine, "roll"), "the next certificate")
        assert roles(machine, "roll") == {"ca": present, "rollover": following}
        # Whoever comes only now gets both, and those with which one vouches for the other.
        configure(machine, "crypto ca trustpoint late", f"enrollment url {url}", *LINES)
        assert say(machine, f"crypto ca authenticate late fingerprint {64 * '0'}")[0] != 0
        status, said = say(machine, f"crypto ca authenticate late fingerprint {present}")
        assert status == 0 and roles(machine, "late")["ca"] == present, said
        machine.chancery("clear crypto ca certificates late")
        configure(machine, "no crypto ca trustpoint late")
        assert enroll(machine, "roll")[0] == 0
        assert roles(machine, "roll")["ca"] == present
        machine.write(f"{folder}/rollover", "switched")
        first = serial(machine, "roll")
        machine.write(f"{folder}/mode", "old")
        assert enroll(machine, "roll")[0] == 0
        machine.write(f"{folder}/mode", "grant")
        assert serial(machine, "roll") != first
        wait_for(lambda: set(roles(machine, "roll")) == {"ca", "router"} and roles(machine, "roll")["ca"] == following, "the next one")
        assert state(machine, "roll")["state"] == "enrolled"
    finally:
        process.kill()
        process.wait()
