# SPDX-License-Identifier: Apache-2.0
"""Servers that take their time, through each protocol: nobody else waits for them, whoever has asked can do without, and there is an end to it by itself."""

import pathlib
import subprocess

import pytest

from cmp_router import PEM, scep_ca
from machine import ADMIN, wait_for
from terminal import rendered
from test_cmp import authenticate
from test_scep import configure, fingerprint, say, serial, state

PKI = pathlib.Path(__file__).resolve().parent.parent / "pki"
FOLDER, SECRET = "/tmp/slow", "canary-2e77"
RSA = ("subject-name CN=core.example,O=Example", "rsakeypair slow-key", "serial-number none", "ip-address none")
EC = ("subject-name CN=core.example,O=Example", "keypair ecdsanistp256 slow-ec", "serial-number none", "ip-address none")
# What an operator types after the command; which answer to stop in is what comes of the server's bytes.
TYPED = {"scep": "\n\n", "est": "\n\n", "cmp": f"4711\n{SECRET}\n", "tftp": ""}
PROTOCOLS = ("scep", "est", "cmp")
# Nothing at all; all that goes before the body, or the handshake before it; some of the body, also of a certificate in a handshake.
STOPS = {"scep": ("0", "bytes 30", "bytes 200", "drip 30"), "est": ("0", "bytes 60", "bytes 2200", "drip 60"), "cmp": ("0", "bytes 30", "bytes 300", "drip 30")}

# How it ends by itself, in half a minute; over TFTP a block is sent again all the while.
SENTENCES = {"scep": "too slow", "est": "takes too long to begin with TLS", "cmp": "too slow", "tftp": "Timeout was reached"}


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("slow")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa slow-key"], ADMIN, stdin="2048\n")
    one.run(["chancery", "-c", "crypto key generate ecdsa nistp256 slow-ec"], ADMIN)
    yield one
    one.stop()


class Servers:
    def __init__(self, machine, build):
        self.machine, self.running, self.proxy = machine, [], {}
        self.root = scep_ca.Party("root", ca=True, usage=("key_cert_sign", "crl_sign", "digital_signature"))
        for name in ("scep_ca.py", "est_server.py", "slow_proxy.py"):
            machine.write(f"/tmp/slow-pki/{name}", (PKI / name).read_text())
        machine.write("/tmp/slow-pki/cmp-ca", (build / "enrolld/cmp-ca").read_bytes(), 0o755)
        key = self.root.key.private_bytes(PEM, scep_ca.serialization.PrivateFormat.PKCS8, scep_ca.serialization.NoEncryption())
        for name, content in (("root.pem", self.pem()), ("root.key", key), ("secret", SECRET), ("mode", "grant")):
            machine.write(f"{FOLDER}-cmp/{name}", content)
        machine.write(f"{FOLDER}/files/core.ca", self.pem())
        started = {"scep": self.popen("/usr/bin/python3", "/tmp/slow-pki/scep_ca.py", f"{FOLDER}-scep"),
                   "est": self.popen("/usr/bin/python3", "/tmp/slow-pki/est_server.py", f"{FOLDER}-est"),
                   "cmp": self.popen("/tmp/slow-pki/cmp-ca", f"{FOLDER}-cmp", "4711")}
        self.port = {kind: int(process.stdout.readline()) for kind, process in started.items()}
        process = self.popen("/usr/bin/python3", "/tmp/slow-pki/slow_proxy.py", FOLDER, *(str(self.port[kind]) for kind in PROTOCOLS))
        for kind in PROTOCOLS:
            self.proxy[kind] = int(process.stdout.readline())
            self.set(kind, "all")

    def pem(self):
        return self.root.certificate.public_bytes(PEM).decode()

    def popen(self, *words):
        process = self.machine.popen(list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.running.append(process)
        return process

    def set(self, kind, how):
        self.machine.path(f"{FOLDER}/{self.port[kind]}.stopped").unlink(missing_ok=True)
        self.machine.write(f"{FOLDER}/{self.port[kind]}", how)

    def wait_stopped(self, kind):
        wait_for(self.machine.path(f"{FOLDER}/{self.port.get(kind, 69)}.stopped").exists, "the server to be asked")


def lines_of(kind, port):
    return {"scep": (f"enrollment url http://127.0.0.1:{port}/scep", *RSA), "est": ("method est", f"enrollment url https://127.0.0.1:{port}/", "crl optional", *RSA),
            "cmp": ("method cmp", f"enrollment url http://127.0.0.1:{port}/", *EC), "tftp": ("enrollment url tftp://127.0.0.1/core", *EC)}[kind]


def believe(machine, servers, kind, name):
    if kind == "cmp":
        return authenticate(machine, servers.root, name)
    if kind == "tftp":
        return say(machine, f"crypto ca authenticate {name} fingerprint {servers.root.certificate.fingerprint(scep_ca.hashes.SHA256()).hex()}")
    return say(machine, f"crypto ca authenticate {name} fingerprint {fingerprint(machine, f'{FOLDER}-{kind}/root.pem')}")


@pytest.fixture(scope="module")
def servers(machine, build):
    one = Servers(machine, build)
    for kind in (*PROTOCOLS, "tftp"):
        configure(machine, f"crypto ca trustpoint {kind}", *lines_of(kind, one.proxy.get(kind)))
        believe(machine, one, kind, kind)
        assert state(machine, kind)["state"] == "authenticated", kind
    configure(machine, "crypto ca trustpoint free", *lines_of("scep", one.port["scep"]))
    believe(machine, one, "scep", "free")
    yield one
    for process in one.running:
        process.kill()
        process.wait()


class Operator:
    def __init__(self, machine, kind):
        self.process = machine.popen(["chancery", "-c", f"crypto ca enroll {kind}"], ADMIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.process.stdin.write(TYPED[kind].encode())
        self.process.stdin.close()

    def result(self):
        said = rendered(self.process.stdout.read().decode())
        return self.process.wait(), said


@pytest.mark.parametrize("kind", PROTOCOLS)
def test_cancelled(machine, servers, kind):
    """Wherever it stops: others are served, and who has asked is told that it is over when somebody says so."""
    before = state(machine, kind)
    status, said = say(machine, f"crypto ca cancel-enroll {kind}")
    assert status != 0 and "No request" in said, said
    for how in STOPS[kind]:
        servers.set(kind, how)
        operator = Operator(machine, kind)
        servers.wait_stopped(kind)
        said = say(machine, f"crypto ca enroll {kind}", TYPED[kind])[1]
        assert "Another enrollment" in said and f"or crypto ca cancel-enroll {kind}" in said and "Start certificate" not in said, (how, said)
        assert state(machine, kind)["next-step"] == f"The CA is being asked: crypto ca cancel-enroll {kind} ends that.", how
        if how == "0":
            mine = serial(machine, "free")
            status, said = say(machine, "crypto ca enroll free", "\n\n")
            assert status == 0 and serial(machine, "free") != mine, said
        status, said = say(machine, f"crypto ca cancel-enroll {kind}")
        assert status == 0, (how, said)
        status, said = operator.result()
        assert status != 0 and f"The enrollment of {kind} was cancelled" in said, (how, said)
        assert state(machine, kind) == before and SECRET not in said, how


def test_authentication_cancelled(machine, servers):
    """By whoever waits for the CA's certificate."""
    for kind in ("scep", "est"):
        configure(machine, f"crypto ca trustpoint new-{kind}", *lines_of(kind, servers.proxy[kind]))
        servers.set(kind, "0")
        with machine.ssh_console(ADMIN) as console:
            console.prompt()
            console.line(f"crypto ca authenticate new-{kind}")
            servers.wait_stopped(kind)
            console.send("\x03")
            console.expect(f"% The authentication of new-{kind} was cancelled\n")
            console.prompt()
        assert state(machine, f"new-{kind}")["state"] == "none"
        servers.set(kind, "all")
        assert believe(machine, servers, kind, f"new-{kind}")[0] == 0


def test_progress(machine, servers):
    """Whose terminal has asked is shown how far it is, nobody else's; and nothing of it stays behind."""
    servers.set("scep", "0")
    with machine.console(ADMIN) as console, machine.console(ADMIN) as other:
        console.prompt()
        other.prompt()
        console.line("crypto ca enroll scep")
        for question in ("Password:", "Re-enter Password:"):
            console.expect(question)
            console.line("")
        shown = console.expect(r" +\d+% [A-Z][a-z]+ the [a-z]+").group()
        servers.wait_stopped("scep")
        for command in ("show crypto ca trustpoints scep", "crypto ca cancel-enroll scep"):
            assert "% " not in other.command(command), command
        console.expect("The enrollment of scep was cancelled")
        assert shown not in rendered(shown + console.before), console.before
        console.prompt()
    servers.set("scep", "all")


def test_limit(machine, servers):
    """Nobody cancels anything: each ends by itself with a sentence, and can be asked again."""
    before = {kind: state(machine, kind) for kind in SENTENCES}
    for kind, how in (("scep", "bytes 200"), ("est", "bytes 60"), ("cmp", "drip 30")):
        servers.set(kind, how)
    operators = {kind: Operator(machine, kind) for kind in SENTENCES}
    for kind in SENTENCES:
        servers.wait_stopped(kind)
    assert say(machine, "crypto ca enroll free", "\n\n")[0] == 0
    for kind, words in SENTENCES.items():
        status, said = operators[kind].result()
        assert status != 0 and words in said, (kind, said)
        assert state(machine, kind) == before[kind], kind
    for kind in PROTOCOLS:
        servers.set(kind, "all")
        status, said = Operator(machine, kind).result()
        assert status == 0 and state(machine, kind)["state"] == "enrolled", said


def test_renewal_cancelled(machine, servers):
    """What goes on by itself ends too, and counts as a renewal that has failed; the certificate stays."""
    machine.write(f"{FOLDER}-scep/mode", "old")
    assert Operator(machine, "scep").result()[0] == 0
    mine = serial(machine, "scep")
    servers.set("scep", "0")
    configure(machine, "crypto ca trustpoint scep", "auto-enroll 10")
    servers.wait_stopped("scep")
    status, said = say(machine, "crypto ca cancel-enroll scep")
    assert status == 0, said
    wait_for(lambda: "has failed 1 time," in state(machine, "scep")["next-step"], "its end")
    assert serial(machine, "scep") == mine and state(machine, "scep")["state"] == "enrolled"


def test_removed(machine, servers):
    """While the CA is asked, the certificates stay, and what is said leads to the end of both, also when the trustpoint is no longer configured."""
    servers.set("scep", "0")
    operator = Operator(machine, "scep")
    servers.wait_stopped("scep")
    for gone in (False, True):
        status, said = say(machine, "clear crypto ca certificates scep")
        assert status != 0 and "crypto ca cancel-enroll scep, then clear crypto ca certificates scep" in " ".join(said.split()), said
        if not gone:
            machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpoint scep\ncommit\nend\n")
    assert "No longer configured" in state(machine, "scep")["next-step"]
    status, said = say(machine, "crypto ca cancel-enroll scep")
    assert status == 0, said
    status, said = operator.result()
    assert status != 0 and "The enrollment of scep was cancelled" in said, said
    status, said = say(machine, "crypto ca cancel-enroll scep")
    assert status != 0 and "no longer configured" in said, said
    assert say(machine, "clear crypto ca certificates scep")[0] == 0 and state(machine, "scep") == {}
