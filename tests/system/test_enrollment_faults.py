# SPDX-License-Identifier: Apache-2.0
"""kill -9 of enrolld, keyd and the network's worker while a CA has the question, at each step of SCEP, EST and CMP: nothing is lost, nobody is asked twice who must
not be, no certificate is there without its key, and the enrolment goes on by itself. The server stops at the step until the kill is done."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import workflow
from machine import ADMIN, wait_for
from terminal import complaints, rendered

PKI = pathlib.Path(__file__).resolve().parent.parent / "pki"
sys.path.insert(0, str(PKI))
import scep_ca  # noqa: E402

LINES = ("subject-name CN=core.example,O=Example", "rsakeypair fault-key", "serial-number none", "ip-address none")
DAEMONS = ("enrolld", "keyd", "fetch")


class Server:
    def __init__(self, machine, kind):
        self.machine, self.kind, self.folder = machine, kind, f"/tmp/faults-{kind}"
        words = ["/tmp/faults/cmp-ca", self.folder, "4711"] if kind == "cmp" else ["/usr/bin/python3", f"/tmp/faults/{kind}.py", self.folder]
        self.process = machine.popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = int(self.process.stdout.readline())
        self.url = f"https://127.0.0.1:{port}/" if kind == "est_server" else f"http://127.0.0.1:{port}/scep"

    def set(self, mode):
        self.machine.write(f"{self.folder}/mode", mode)

    def hold(self, point):
        """There, and no longer where it has been held before."""
        self.machine.write(f"{self.folder}/hold.new", point)
        self.machine.path(f"{self.folder}/hold.new").rename(self.machine.path(f"{self.folder}/hold"))

    def wait_held(self, point=""):
        held = self.machine.path(f"{self.folder}/held")
        wait_for(lambda: held.exists() and point in (held.read_text(), ""), f"the server to be asked: {point}")

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
    elif victim == "administrator":
        machine.run(["systemctl", "restart", "chancery-enrolld"])
    else:
        machine.kill(victim, 9)


def make_due(machine):
    """As after a long time switched off."""
    machine.run(["systemctl", "stop", "chancery-enrolld"])
    machine.run(["sh", "-c", "sed -i 's/\"next\":[0-9]*/\"next\":1/g' /var/lib/chancery/enrolld/*.json"])
    machine.run(["systemctl", "start", "chancery-enrolld"])
    machine.wait_daemons()


def strike(machine, server, name, point, victim, forget=False, text="\n\n"):
    """An enrolment that is struck at a point. Returns what its operator was told."""
    server.hold(point)
    operator = machine.popen(["chancery", "-c", f"crypto ca enroll {name}"], ADMIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    operator.stdin.write(text.encode())
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


def test_agreement_without_keyd(machine, scep):
    """The answer is encrypted for a key of a curve: keyd is killed before it can agree, and does when it is there again."""
    machine.run(["chancery", "-c", "crypto key generate ecdsa nistp256 agreed"], ADMIN)
    configure(machine, "crypto ca trustpoint agreed", f"enrollment url {scep.url}", LINES[0], "keypair ecdsanistp256 agreed", *LINES[2:])
    text = machine.output(["openssl", "x509", "-in", f"{scep.folder}/root.pem", "-noout", "-fingerprint", "-sha256"])
    machine.chancery(f"crypto ca authenticate agreed fingerprint {text.partition('=')[2].strip()}")
    said, status = strike(machine, scep, "agreed", "answered", "keyd")
    assert status == 0 and certificate(machine, "agreed")["status"] == "Available", said
    assert state(machine, "agreed")["state"] == "enrolled"


def test_stopped(machine, scep):
    """With all that is to be put in order at the end: the same as after a kill, and nothing is given up."""
    before, log = certificate(machine, "core")["serial-number"], scep.log()
    _, status = strike(machine, scep, "core", "answered", "administrator")
    assert status != 0
    goes_on(machine, "core", before)
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == ["19", "20"]


@pytest.mark.parametrize("victim", ["enrolld", "fetch"])
def test_request_that_never_came(machine, scep, victim):
    """The CA says that it knows of nothing: it is sent again, once."""
    before, log = certificate(machine, "core")["serial-number"], scep.log()
    strike(machine, scep, "core", "received", victim, forget=True)
    goes_on(machine, "core", before)
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == ["19", "20", "19"]


def test_request_that_never_came_and_is_refused(machine, scep):
    """It is sent again as well, and the CA's no is what it says then."""
    configure(machine, "crypto ca trustpoint refused", f"enrollment url {scep.url}", *LINES)
    text = machine.output(["openssl", "x509", "-in", f"{scep.folder}/root.pem", "-noout", "-fingerprint", "-sha256"])
    machine.chancery(f"crypto ca authenticate refused fingerprint {text.partition('=')[2].strip()}")
    log = scep.log()
    strike(machine, scep, "refused", "received", "enrolld", forget=True)
    scep.set("fail 2")
    make_due(machine)
    wait_for(lambda: state(machine, "refused")["state"] == "rejected", "the CA's no")
    scep.set("grant")
    assert "badRequest" in state(machine, "refused")["next-step"]
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == ["19", "20", "19"]
    machine.chancery("clear crypto ca certificates refused")


@pytest.mark.parametrize("mode", ["no-polls", "polls-refused"])
def test_request_that_never_came_to_a_ca_that_is_not_asked(machine, scep, mode):
    """It has an HTTP error for whoever asks, or another no than RFC 8894 wants of it: the request is sent again all the same."""
    before, log = certificate(machine, "core")["serial-number"], scep.log()
    strike(machine, scep, "core", "received", "enrolld", forget=True)
    scep.set(mode)
    goes_on(machine, "core", before)
    scep.set("grant")
    asked = [line.split()[0] for line in scep.log()[len(log):].splitlines() if line.split()[0] in ("17", "19", "20")]
    assert asked == ["19", "20", "19"]


def test_challenge_of_a_request_that_never_came(machine, scep):
    """It is configured, and said again: the CA would refuse what comes without it. It is written down nowhere in clear."""
    enrolled(machine, scep, "sealed", [f"enrollment url {scep.url}", "challenge-password clear canary-5c1d"])
    before, log = certificate(machine, "sealed")["serial-number"], scep.log()
    strike(machine, scep, "sealed", "received", "enrolld", forget=True)
    goes_on(machine, "sealed", before)
    said = [line for line in scep.log()[len(log):].splitlines() if line.startswith("challenge")]
    assert said == ["challenge ['canary-5c1d']"] * 2
    assert machine.run(["grep", "-r", "canary-5c1d", "/var/lib/chancery", "/run/chancery"], check=False).returncode == 1


@pytest.mark.parametrize("point", ["received", "answered"])
@pytest.mark.parametrize("victim", DAEMONS)
def test_est(machine, est, victim, point):
    """EST knows no question about a request: the same one is sent again (RFC 7030 section 4.2.3)."""
    before = certificate(machine, "est")["serial-number"]
    said, status = strike(machine, est, "est", point, victim)
    assert status == 0 or victim != "keyd", said
    goes_on(machine, "est", before)


@pytest.mark.parametrize("victim", DAEMONS)
def test_est_before_anything_is_sent(machine, est, victim):
    """While the server is asked what it wants in a request."""
    before = certificate(machine, "est")
    said, status = strike(machine, est, "est", "csrattrs", victim)
    if victim == "keyd":  # with what TLS is to be signed with; it is asked for anew
        assert status == 0 and certificate(machine, "est")["serial-number"] != before["serial-number"], said
        return
    assert status != 0, said
    assert certificate(machine, "est") == before and state(machine, "est")["state"] == "enrolled"
    machine.run(["chancery", "-c", "crypto ca enroll est"], ADMIN, stdin="\n\n")
    assert certificate(machine, "est")["serial-number"] != before["serial-number"]


@pytest.mark.parametrize("victim", ["enrolld", "fetch"])
def test_est_without_the_authority(machine, est, victim):
    """While the certificates of the CA are asked for."""
    configure(machine, "crypto ca trustpoint late", "method est", f"enrollment url {est.url}", "crl optional", *LINES)
    text = machine.output(["openssl", "x509", "-in", f"{est.folder}/root.pem", "-noout", "-fingerprint", "-sha256"])
    command = ["chancery", "-c", f"crypto ca authenticate late fingerprint {text.partition('=')[2].strip()}"]
    est.hold("cacerts")
    operator = machine.popen(command, ADMIN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    est.wait_held()
    kill(machine, victim)
    machine.wait_daemons()
    est.release()
    operator.stdout.read()
    assert operator.wait() != 0 and state(machine, "late")["state"] == "none"
    machine.run(command, ADMIN)
    assert state(machine, "late")["state"] == "authenticated"
    machine.run(["chancery", "-c", "clear crypto ca certificates late"], ADMIN)
    configure(machine, "no crypto ca trustpoint late")


@pytest.fixture(scope="module")
def replaced(machine, est):
    """A trustpoint with a key of its own, which is replaced."""
    machine.run(["chancery", "-c", "crypto key generate ecdsa nistp256 new-each-time"], ADMIN)
    lines = [line.replace("rsakeypair fault-key", "keypair ecdsanistp256 new-each-time") for line in LINES]
    configure(machine, "crypto ca trustpoint replaced", "method est", f"enrollment url {est.url}", "crl optional", *lines)
    text = machine.output(["openssl", "x509", "-in", f"{est.folder}/root.pem", "-noout", "-fingerprint", "-sha256"])
    machine.chancery(f"crypto ca authenticate replaced fingerprint {text.partition('=')[2].strip()}")
    return "replaced"


@pytest.mark.parametrize("point", ["received", "answered"])
@pytest.mark.parametrize("victim", DAEMONS)
def test_est_renewal_with_a_new_key(machine, est, replaced, victim, point):
    """By itself; the old pair is what there is until the new one has come, and no third key stays."""
    est.set("old")
    machine.run(["chancery", "-c", f"crypto ca enroll {replaced}"], ADMIN, stdin="\n\n")
    est.set("grant")
    before, keys = certificate(machine, replaced)["serial-number"], key_files(machine)
    est.hold(point)
    configure(machine, f"crypto ca trustpoint {replaced}", "auto-enroll 10 regenerate")
    est.wait_held()
    kill(machine, victim)
    machine.wait_daemons()
    assert certificate(machine, replaced)["serial-number"] == before and certificate(machine, replaced)["status"] == "Available"
    est.release()
    wait_for(lambda: certificate(machine, replaced)["serial-number"] != before or state(machine, replaced)["next-attempt"] > 0, "the renewal, or its next attempt")
    goes_on(machine, replaced, before)
    wait_for(lambda: key_files(machine) == keys, "the other keys to be gone")
    configure(machine, f"crypto ca trustpoint {replaced}", "no auto-enroll")


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


# --- CMP: the transaction is in enrolld's memory, and begins anew without it -------------------------------------------------------------------------------

SECRET = "canary-70b1"
CMP_LINES = ("subject-name CN=core.example,O=Example", "keypair ecdsanistp256 fault-ec", "serial-number none", "ip-address none")


@pytest.fixture(scope="module")
def cmp(machine, build):
    root = scep_ca.Party("root", ca=True, usage=("key_cert_sign", "crl_sign", "digital_signature"))
    encoding = scep_ca.serialization.Encoding.PEM
    machine.write("/tmp/faults/cmp-ca", (build / "enrolld/cmp-ca").read_bytes(), 0o755)
    machine.run(["mkdir", "-p", "/tmp/faults-cmp"])
    key = root.key.private_bytes(encoding, scep_ca.serialization.PrivateFormat.PKCS8, scep_ca.serialization.NoEncryption())
    for name, content in (("root.pem", root.certificate.public_bytes(encoding)), ("root.key", key), ("secret", SECRET.encode()), ("mode", b"old")):
        machine.write(f"/tmp/faults-cmp/{name}", content)
    server = Server(machine, "cmp")
    machine.run(["chancery", "-c", "crypto key generate ecdsa nistp256 fault-ec"], ADMIN)
    configure(machine, "crypto ca trustpoint cmp", "method cmp", f"enrollment url {server.url}", *CMP_LINES)
    server.root = root.certificate
    believe(machine, server)
    yield server
    server.process.kill()
    server.process.wait()


def believe(machine, server):
    pem = server.root.public_bytes(scep_ca.serialization.Encoding.PEM).decode()
    fingerprint = server.root.fingerprint(scep_ca.hashes.SHA256()).hex()
    machine.run(["chancery", "-c", f"crypto ca authenticate cmp fingerprint {fingerprint}"], ADMIN, stdin=pem + "\n")


def enroll_with(machine, text):
    machine.run(["chancery", "-c", "crypto ca enroll cmp"], ADMIN, stdin=text)


def roles(machine):
    return {c["role"] for c in shown(machine, "show crypto ca certificates cmp")}


def key_files(machine):
    return sum(len(p.name) == 32 for p in machine.path("/var/lib/chancery/keyd").iterdir())


def public_key(machine):
    return next(k["public-key"] for k in shown(machine, "show crypto key mypubkey ecdsa") if k["label"] == "fault-ec")


# Before the CA has decided, and afterwards.
RECEIVED, ANSWERED = "received", "answered"


def strike_keyd(machine, server, points):
    """At each of them, on the way of one enrolment. The server is held at the first already."""
    for point in points:
        server.hold(point)
        server.wait_held(point)
        machine.kill("keyd", 9)
        machine.wait_daemons()
    server.release()


def points_of(request):
    return [f"{point} {step}" for step in (request, "certConf") for point in (RECEIVED, ANSWERED)]


def requests_of(log):
    """What the CA has decided about."""
    return [line.strip() for line in log.splitlines() if line.strip() in ("ir", "cr", "kur")]


def without_certificate(machine, cmp):
    cmp.set("old")
    if "router" in roles(machine):
        machine.run(["chancery", "-c", "clear crypto ca certificates cmp"], ADMIN)
        believe(machine, cmp)


@pytest.mark.parametrize(("point", "step"), [(RECEIVED, "ir"), (ANSWERED, "ir"), (ANSWERED, "certConf")])
@pytest.mark.parametrize("victim", ["enrolld", "fetch"])
def test_cmp_first(machine, cmp, victim, point, step):
    """Under a secret, which nobody has written down: whoever has it enrolls again."""
    without_certificate(machine, cmp)
    keys, secret, log = key_files(machine), f"4711\n{SECRET}\n", cmp.log() if machine.path(f"{cmp.folder}/log").exists() else ""
    said, status = strike(machine, cmp, "cmp", f"{point} {step}", victim, forget=point == RECEIVED, text=secret)
    assert status != 0 and roles(machine) == {"ca"} and state(machine, "cmp")["state"] == "pending", said
    enroll_with(machine, secret)
    assert requests_of(cmp.log()[len(log):]) == ["ir"] * (1 if point == RECEIVED else 2)
    assert roles(machine) == {"ca", "router"} and state(machine, "cmp")["state"] == "enrolled"
    assert certificate(machine, "cmp")["status"] == "Available" and key_files(machine) == keys
    found = machine.run(["grep", "-rl", SECRET, "/var/lib/chancery", "/var/log/journal", "/run/log/journal"], check=False)
    assert found.stdout == ""


@pytest.mark.parametrize("step", ["ir", "cr"])
def test_cmp_without_keyd(machine, cmp, step):
    """It is asked for the next message, and is there again: the one transaction goes on to its end, and the secret is still known."""
    cmp.set("old")
    if step == "ir":
        without_certificate(machine, cmp)
    elif "router" not in roles(machine):
        enroll_with(machine, f"4711\n{SECRET}\n")
    before = {c["serial-number"] for c in shown(machine, "show crypto ca certificates cmp")}
    log, points = cmp.log(), points_of(step)
    cmp.hold(points[0])
    operator = machine.popen(["chancery", "-c", "crypto ca enroll cmp"], ADMIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    operator.stdin.write(f"4711\n{SECRET}\n".encode() if step == "ir" else b"\n\n")
    operator.stdin.close()
    strike_keyd(machine, cmp, points)
    said = operator.stdout.read().decode()
    assert operator.wait() == 0 and certificate(machine, "cmp")["serial-number"] not in before, said
    assert requests_of(cmp.log()[len(log):]) == [step] and state(machine, "cmp")["state"] == "enrolled"


@pytest.mark.parametrize(("point", "step", "victim"), [
    *((point, step, victim) for step in ("cr", "certConf", "pollReq") for point in (RECEIVED, ANSWERED) for victim in ("enrolld", "fetch")),
    (RECEIVED, "pollReq", "keyd"), (ANSWERED, "pollReq", "keyd")])
def test_cmp_with_the_certificate(machine, cmp, point, step, victim):
    """Asked for, or asked about, and lost: it is asked for once more, under the certificate that is there."""
    before, log = certificate(machine, "cmp")["serial-number"], cmp.log()
    cmp.set("pending" if step == "pollReq" else "old")
    strike(machine, cmp, "cmp", f"{point} {step}", victim, forget=point == RECEIVED and victim != "keyd")
    assert certificate(machine, "cmp")["serial-number"] == before and state(machine, "cmp")["state"] == "renewing"
    cmp.set("old")
    goes_on(machine, "cmp", before)
    assert requests_of(cmp.log()[len(log):]) == ["cr"] * (1 if (point, step) == (RECEIVED, "cr") else 2)


@pytest.mark.parametrize(("victim", "points"), [
    *((victim, [point]) for victim in ("enrolld", "fetch") for point in ("received kur", "answered kur", "answered certConf")), ("keyd", points_of("kur"))])
def test_cmp_renewal_with_a_new_key(machine, cmp, victim, points):
    """By itself: the old pair is what there is until the new one has come, and no third key stays."""
    cmp.set("old")
    enroll_with(machine, "\n\n")
    cmp.set("grant")
    before, old, keys = certificate(machine, "cmp")["serial-number"], public_key(machine), key_files(machine)
    cmp.hold(points[0])
    configure(machine, "crypto ca trustpoint cmp", "auto-enroll 10 regenerate")
    cmp.wait_held(points[0])
    assert certificate(machine, "cmp")["serial-number"] == before and public_key(machine) == old
    if victim == "keyd":
        strike_keyd(machine, cmp, points)
    else:
        kill(machine, victim)
        machine.wait_daemons()
        assert certificate(machine, "cmp")["serial-number"] == before and public_key(machine) == old
        cmp.release(forget=points[0] == "received kur")
    wait_for(lambda: certificate(machine, "cmp")["serial-number"] != before or state(machine, "cmp")["next-attempt"] > 0, "the renewal, or its next attempt")
    goes_on(machine, "cmp", before)
    wait_for(lambda: state(machine, "cmp")["next-step"] == "Ready.", "its end")
    wait_for(lambda: key_files(machine) == keys, "the other keys to be gone")
    assert public_key(machine) != old
    configure(machine, "crypto ca trustpoint cmp", "no auto-enroll")
