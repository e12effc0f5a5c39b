# SPDX-License-Identifier: Apache-2.0
"""kill -9 of enrolld, keyd and the network's worker while a CA has the question, at each step of SCEP and EST: nothing is lost, nobody is asked twice who must
not be, no certificate is there without its key, and the enrolment goes on by itself. The server stops at the step until the kill is done."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

import workflow
from machine import ADMIN, wait_for
from terminal import complaints, rendered

PKI = pathlib.Path(__file__).resolve().parent.parent / "pki"
LINES = ("subject-name CN=core.example,O=Example", "rsakeypair fault-key", "serial-number none", "ip-address none")
DAEMONS = ("enrolld", "keyd", "fetch")


class Server:
    def __init__(self, machine, kind):
        self.machine, self.kind, self.folder = machine, kind, f"/tmp/faults-{kind}"
        self.process = machine.popen(["/usr/bin/python3", f"/tmp/faults/{kind}.py", self.folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, text=True)
        port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{port}/scep" if kind == "scep_ca" else f"https://127.0.0.1:{port}/"

    def set(self, mode):
        self.machine.write(f"{self.folder}/mode", mode)

    def hold(self, point):
        self.machine.write(f"{self.folder}/hold", point)

    def wait_held(self):
        wait_for(self.machine.path(f"{self.folder}/held").exists, "the server to be asked")

    def release(self, forget=False):
        """forget: what it holds has never come."""
        if forget:
            self.machine.write(f"{self.folder}/forget", "")
        self.machine.run(["rm", f"{self.folder}/hold"])
        wait_for(lambda: not self.machine.path(f"{self.folder}/held").exists(), "the server to go on")
        self.machine.run(["rm", "-f", f"{self.folder}/forget"])

    def log(self):
        return self.machine.output(["cat", f"{self.folder}/log"])


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("faults")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa fault-key"], ADMIN, stdin="2048\n")
    for name in ("scep_ca", "est_server"):
        one.write(f"/tmp/faults/{name}.py", (PKI / f"{name}.py").read_text())
    yield one
    one.stop()


@pytest.fixture(scope="module")
def scep(machine):
    server = Server(machine, "scep_ca")
    yield enrolled(machine, server, "core", [f"enrollment url {server.url}"])
    server.process.kill()
    server.process.wait()


@pytest.fixture(scope="module")
def est(machine):
    server = Server(machine, "est_server")
    yield enrolled(machine, server, "est", ["method est", f"enrollment url {server.url}", "crl optional"])
    server.process.kill()
    server.process.wait()


def enrolled(machine, server, name, lines):
    """With a certificate that is there already, and has begun long ago."""
    configure(machine, f"crypto ca trustpoint {name}", *lines, *LINES)
    text = machine.output(["openssl", "x509", "-in", f"{server.folder}/root.pem", "-noout", "-fingerprint", "-sha256"])
    machine.chancery(f"crypto ca authenticate {name} fingerprint {text.partition('=')[2].strip()}")
    server.set("old")
    machine.run(["chancery", "-c", f"crypto ca enroll {name}"], ADMIN, stdin="\n\n")
    server.set("grant")
    return server


def configure(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, lines)
    assert not complaints(printed), printed


def shown(machine, command):
    text = machine.chancery(f"{command} | json").stdout
    return json.loads(text[text.index("["):])


def state(machine, name):
    return next(t for t in shown(machine, "show crypto ca trustpoints") if t["trustpoint"] == name)


def certificate(machine, name):
    return next(c for c in shown(machine, f"show crypto ca certificates {name}") if c["role"] == "router")


def kill(machine, victim):
    if victim == "fetch":  # the worker ends with it
        os.kill(machine.main_pid("chancery-fetch.service"), signal.SIGKILL)
    else:
        machine.kill(victim, 9)


def make_due(machine):
    """As after a long time switched off."""
    machine.run(["systemctl", "stop", "chancery-enrolld"])
    machine.run(["sh", "-c", "sed -i 's/\"next\":[0-9]*/\"next\":1/g' /var/lib/chancery/enrolld/*.json"])
    machine.run(["systemctl", "start", "chancery-enrolld"])
    machine.wait_daemons()


def strike(machine, server, name, point, victim, forget=False):
    """An enrolment that is struck at a point. Returns what its operator was told."""
    server.hold(point)
    operator = machine.popen(["chancery", "-c", f"crypto ca enroll {name}"], ADMIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    operator.stdin.write(b"\n\n")
    operator.stdin.close()
    server.wait_held()
    kill(machine, victim)
    if victim == "fetch":  # the answer is lost at once
        said = operator.stdout.read()
        operator.wait()
        server.release(forget)
    else:
        machine.wait_daemons()
        server.release(forget)
        said = operator.stdout.read()
        operator.wait()
    return rendered(said.decode()), operator.returncode


def goes_on(machine, name, before):
    """By itself, to a certificate that its key belongs to."""
    def there():
        return certificate(machine, name)["serial-number"] != before
    if not there():
        assert state(machine, name)["next-attempt"] > 0, state(machine, name)
        make_due(machine)
        wait_for(there, "the certificate")
    assert state(machine, name)["state"] == "enrolled"
    assert certificate(machine, name)["status"] == "Available"


@pytest.mark.parametrize("victim", DAEMONS)
def test_before_anything_is_sent(machine, scep, victim):
    """While the CA is asked what it can: nothing has begun, and whoever asked begins again."""
    before = certificate(machine, "core")
    said, status = strike(machine, scep, "core", "asked", victim)
    if victim == "keyd":  # it is asked for afterwards, and there again
        assert status == 0, said
        return
    assert status != 0, said
    assert certificate(machine, "core") == before and state(machine, "core")["state"] == "enrolled"
    machine.run(["chancery", "-c", "crypto ca enroll core"], ADMIN, stdin="\n\n")
    assert certificate(machine, "core")["serial-number"] != before["serial-number"]


@pytest.mark.parametrize("victim", DAEMONS)
def test_answer_that_is_lost(machine, scep, victim):
    """The CA has decided: it is asked what, and not asked for another certificate."""
    before, log = certificate(machine, "core")["serial-number"], scep.log()
    said, status = strike(machine, scep, "core", "answered", victim)
    if victim == "keyd":
        assert status == 0, said
    elif victim == "fetch":
        assert status != 0 and "asks again" in said, said
    goes_on(machine, "core", before)
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == (["19"] if victim == "keyd" else ["19", "20"])


@pytest.mark.parametrize("victim", ["enrolld", "fetch"])
def test_request_that_never_came(machine, scep, victim):
    """The CA says that it knows of nothing: it is sent again, once."""
    before, log = certificate(machine, "core")["serial-number"], scep.log()
    strike(machine, scep, "core", "received", victim, forget=True)
    goes_on(machine, "core", before)
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == ["19", "20", "19"]


@pytest.mark.parametrize("point", ["received", "answered"])
@pytest.mark.parametrize("victim", ["enrolld", "fetch"])
def test_est(machine, est, victim, point):
    """EST knows no question about a request: the same one is sent again (RFC 7030 section 4.2.3)."""
    before = certificate(machine, "est")["serial-number"]
    strike(machine, est, "est", point, victim)
    goes_on(machine, "est", before)


@pytest.mark.parametrize("victim", DAEMONS)
def test_renewal_with_a_new_key(machine, scep, victim):
    """Asked for by itself, with a new key; the old pair is what there is until the new one has come."""
    def key():
        return next(k["public-key"] for k in shown(machine, "show crypto key mypubkey rsa") if k["label"] == "fault-key")
    scep.set("old")
    machine.run(["chancery", "-c", "crypto ca enroll core"], ADMIN, stdin="\n\n")
    scep.set("grant")
    before, old, log = certificate(machine, "core")["serial-number"], key(), scep.log()
    scep.hold("answered")
    configure(machine, "crypto ca trustpoint core", "auto-enroll 10 regenerate")
    scep.wait_held()
    assert certificate(machine, "core")["serial-number"] == before and key() == old
    kill(machine, victim)
    machine.wait_daemons()
    assert certificate(machine, "core")["serial-number"] == before and key() == old
    scep.release()
    if victim == "keyd":  # nothing has to be asked again
        wait_for(lambda: certificate(machine, "core")["serial-number"] != before, "the certificate")
    else:
        wait_for(lambda: state(machine, "core")["next-attempt"] > 0, "the next attempt")
    goes_on(machine, "core", before)
    assert key() != old
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == (["19"] if victim == "keyd" else ["19", "20"])
    configure(machine, "crypto ca trustpoint core", "no auto-enroll")
