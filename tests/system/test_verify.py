# SPDX-License-Identifier: Apache-2.0
"""What a collector can tell: a dossier as it was signed is accepted by chancery-verify, by jose and by openssl; whatever has been done to
it, or to the question that it answers, is refused with a reason and an exit status of its own."""

import base64
import json
import os
import shlex
import subprocess
import time

import pytest

import workflow
from clock import Clock
from collector import Collector, root_certificate
from bus_contract import ROOT
from dossiers import read
from envelope import ENVELOPE_BEGIN, Envelope, decode, encode, not_signed
from machine import ADMIN, wait_for
from terminal import rendered

# Exit statuses of chancery-verify(1).
GOOD, USAGE, MALFORMED, BAD_SIGNATURE, UNTRUSTED, NONCE, EXPIRED, STALE, WHEN_SIGNED, NOT_COLLECTED = 0, 1, 2, 3, 4, 5, 6, 7, 8, 10
NAMES = {GOOD: "good", MALFORMED: "malformed", BAD_SIGNATURE: "bad-signature", UNTRUSTED: "untrusted", NONCE: "nonce-mismatch",
         EXPIRED: "expired", STALE: "stale", WHEN_SIGNED: "valid-when-signed", NOT_COLLECTED: "not-collected"}
DAY = 86400


@pytest.fixture(scope="module")
def collector(enrolled, build, tmp_path_factory):
    return Collector(tmp_path_factory.mktemp("collector"), root_certificate(enrolled), build / "cli/verify")


@pytest.fixture(scope="module")
def envelope(enrolled, collector):
    data = workflow.collect(enrolled)
    (collector.folder / "dossier.json").write_bytes(data)
    one = Envelope(data)
    read(one.payload.decode())
    collector.take_apart(one)
    return one


@pytest.fixture(scope="module")
def verdict(collector):
    """A function that judges an envelope and returns the exit status and the reason; the verdict's name must go with the status."""
    def judge(text, *options, root="root.pem", nonce=workflow.NONCE):
        (collector.folder / "judged.json").write_text(text)
        result = collector.run(["chancery-verify", "--root", root, "--nonce", nonce, "--json", *options, "judged.json"])
        told = json.loads(result.stdout)
        assert told["verdict"] == NAMES[result.returncode] and told["status"] == result.returncode
        if result.returncode != GOOD:
            assert "signer" not in told or result.returncode in (NONCE, EXPIRED, STALE, WHEN_SIGNED, NOT_COLLECTED)
        return result.returncode, told.get("reason", "")
    return judge


def refused(judged, status):
    assert judged[0] == status, judged
    assert len(judged[1]) > 10
    return True


def jose(collector, name):
    return collector.run(["jose", "jws", "ver", "-i", name, "-k", "leaf.jwk"]).returncode


def test_good(envelope, verdict):
    assert verdict(envelope.text())[0] == GOOD


def test_payload_comes_out_as_it_was_signed(envelope, collector):
    result = collector.run(["chancery-verify", "--root", "root.pem", "--payload", "payload.json", "dossier.json"])
    assert result.returncode == GOOD
    assert (collector.folder / "payload.json").read_bytes() == envelope.payload


def test_jose_accepts(envelope, collector):
    assert jose(collector, "dossier.json") == 0


def test_openssl_accepts(envelope, collector):
    assert collector.openssl("verify", "-x509_strict", "-CAfile", "root.pem", "leaf.pem") == b"leaf.pem: OK\n"
    collector.openssl("dgst", "-sha256", "-verify", "leaf.pub", "-signature", "signature.bin", "signed.txt")


@pytest.mark.parametrize("part", ["payload", "header", "signature"])
def test_flipped(part, envelope, verdict, collector):
    text = getattr(envelope, f"{part}_flipped")()
    # The nonce in a changed header is looked at only once the signature holds.
    assert refused(verdict(text, nonce=workflow.NONCE), BAD_SIGNATURE)
    (collector.folder / "flipped.json").write_text(text)
    assert jose(collector, "flipped.json") != 0


def test_flipped_certificate(envelope, verdict):
    assert refused(verdict(envelope.certificate_flipped()), BAD_SIGNATURE)


def test_every_part_of_the_payload_is_covered(envelope, verdict):
    """A bit at the front, at the end, and at places in between."""
    size = len(envelope.payload)
    for at in (0, 1, size // 7, size // 3, size - 2, size - 1):
        changed = bytearray(envelope.payload)
        changed[at] ^= 0x10
        assert refused(verdict(envelope.text(payload=encode(bytes(changed)))), BAD_SIGNATURE)


def test_wrong_nonce(envelope, verdict):
    for nonce in ("1581", "158", "15800", "01580", "0x62c"):
        assert refused(verdict(envelope.text(), nonce=nonce), NONCE)


def test_dossier_and_envelope_answer_the_same_question(enrolled, verdict):
    """F17: a dossier that was collected for another nonce than it is signed for."""
    text = workflow.collect(enrolled, "show platform security integrity dossier include packages nonce 99 | utility sign nonce 1580 "
                            "include-certificate").decode()
    assert refused(verdict(text), NONCE)


def test_invented_dossier(enrolled, envelope, verdict, build):
    """Whoever holds crypto execute can have any bytes signed. A dossier that the device has not collected itself is told from one that
    it has: one that is invented, one that was changed in a single place, and a true one of another boot of dossierd."""
    enrolled.write("/run/dossier-stream", (build / "dossierd/dossier-stream").read_bytes(), 0o755)

    def sealed(payload):
        return enrolled.run(["/run/dossier-stream", "seal", workflow.NONCE], "dossier-user", stdin=payload.decode()).stdout
    changed = envelope.payload.replace(b'"architecture":"amd64"', b'"architecture":"arm64"', 1)
    assert changed != envelope.payload
    for payload in (b'{"model-name":"urn:chancery:dossier","nonce":"1580"}', changed):
        assert refused(verdict(sealed(payload)), NOT_COLLECTED)
    assert verdict(sealed(envelope.payload))[0] == GOOD, "the device still knows what it has collected a moment ago"
    assert "cty" not in Envelope(sealed(b"any text")).header and verdict(sealed(b"any text"))[0] == GOOD
    enrolled.kill("dossierd", 9)
    enrolled.wait_daemons(["dossierd"])
    assert refused(verdict(sealed(envelope.payload)), NOT_COLLECTED)


def test_another_root(envelope, verdict, collector):
    """F18: of the very same names, made by somebody else; the leaf itself; and a root that has nothing to do with it."""
    subject = "/CN=lab1-ca/C=US/ST=CA/L=San Jose/O=cisco systems/OU=ASR"
    for name in (subject, "/CN=other"):
        collector.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "other.key", "-out", "other.pem", "-days", "30",
                          "-subj", name)
        assert refused(verdict(envelope.text(), root="other.pem"), UNTRUSTED)
    assert refused(verdict(envelope.text(), root="leaf.pem"), UNTRUSTED)


def test_expired_leaf(envelope, verdict):
    """F29: what was good when it was signed is told from what never was, and from what is good now."""
    now = int(time.time())
    assert verdict(envelope.text(), "--at", str(now + 299 * DAY))[0] == GOOD
    assert refused(verdict(envelope.text(), "--at", str(now + 301 * DAY)), WHEN_SIGNED)
    assert refused(verdict(envelope.text(), "--at", str(now + 400 * DAY)), WHEN_SIGNED)


def test_old_and_early(envelope, verdict):
    now = int(time.time())
    assert refused(verdict(envelope.text(), "--max-age", "60", "--at", str(now + 3600)), STALE)
    assert refused(verdict(envelope.text(), "--at", str(now - 3600)), STALE)


def test_without_certificate(enrolled, envelope, verdict, collector):
    """The chain may come from elsewhere; the envelope is then bound to it by the thumbprint."""
    text = workflow.collect(enrolled, "show version | utility sign nonce 1580").decode()
    assert refused(verdict(text), UNTRUSTED)
    assert verdict(text, "--chain", "leaf.pem")[0] == GOOD
    assert verdict(text, "--chain", "root.pem")[0] != GOOD


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"payload":"","protected":"","signature":""}', "\x7fELF"])
def test_not_an_envelope(text, envelope, verdict):
    assert refused(verdict(text), MALFORMED)


def test_more_than_one_reading(envelope, verdict):
    """A member given twice, or one that nobody knows, could mean two things to two readers."""
    members = envelope.members
    twice = "{" + ",".join(f'"{name}":{json.dumps(value)}' for name, value in [*members.items(), ("payload", encode(b"other"))]) + "}"
    assert refused(verdict(twice), MALFORMED)
    assert refused(verdict(envelope.text(header={"alg": "none"})), MALFORMED)
    assert refused(verdict(envelope.text() + "{}"), MALFORMED)


@pytest.mark.parametrize("changes", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}, {"crit": ["b64"], "b64": False}, {"jku": "https://x"}],
                         ids=lambda changes: next(iter(changes)) + str(next(iter(changes.values()))))
def test_header_is_not_for_the_sender_to_choose(changes, envelope, verdict):
    status, reason = verdict(envelope.with_header(**changes))
    assert status in (MALFORMED, BAD_SIGNATURE) and reason


def test_wrong_usage(collector, envelope):
    for argv in (["chancery-verify", "dossier.json"], ["chancery-verify", "--root", "missing.pem", "dossier.json"],
                 ["chancery-verify", "--root", "root.pem", "missing.json"], ["chancery-verify", "--root", "root.pem", "--at", "soon", "dossier.json"]):
        result = collector.run(argv)
        assert result.returncode == USAGE and result.stderr, argv


def test_nonce_that_comes_again_is_said(enrolled, collector, verdict):
    """F17: to the caller, beside the envelope, and in the journal."""
    command = "show version | utility sign nonce 0xfeedbeef include-certificate"
    first, second = (enrolled.ssh("dossier-user", command) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert b"signed for before" not in first.stderr and second.stderr.startswith(b"% This nonce has been signed for before")
    assert enrolled.kill("dossierd", 9)
    enrolled.wait_daemons(["dossierd"])
    third = enrolled.ssh("dossier-user", command)
    assert third.returncode == 0 and third.stderr.startswith(b"% This nonce has been signed for before"), third.stderr
    for answer in (first, second):
        assert verdict(answer.stdout.decode(), nonce="0xfeedbeef")[0] == GOOD
    if enrolled.can_reboot:
        enrolled.run(["journalctl", "--sync"])
        said = enrolled.output(["journalctl", "--output=json", "--unit=chancery-dossierd.service", "CHANCERY_NONCE=0xfeedbeef"]).splitlines()
        assert [json.loads(line)["CHANCERY_NONCE_SEEN"] for line in said] == ["no", "yes", "yes"]


def test_short_nonces(enrolled, verdict):
    """Only where the configuration wants longer ones."""
    def sign(nonce):
        return enrolled.ssh("dossier-user", f"show version | utility sign {nonce} include-certificate")

    def configure(line):
        with enrolled.console(ADMIN) as console:
            console.prompt()
            return workflow.commit(console, [line])
    assert "Invalid input" in configure("crypto envelope nonce minimum-length 65")
    configure("crypto envelope nonce minimum-length 8")
    assert "crypto envelope nonce minimum-length 8\n" in rendered(enrolled.chancery("show running-config").stdout)
    enrolled.kill("dossierd", 9)
    enrolled.wait_daemons(["dossierd"])
    # It works with the empty section until it has been told.
    wait_for(lambda: sign("nonce 1580").returncode != 0, "dossierd to have its section again")
    for nonce in ("", "nonce 1580", "nonce 0x00112233445566", "nonce 1234567890123456789"):
        refused = sign(nonce)
        assert refused.returncode != 0 and b"payload" not in refused.stdout
        assert b"at least 8 bytes: 16 hexadecimal digits after 0x, or 20 decimal digits" in refused.stdout + refused.stderr
    for nonce in ("0x0011223344556677", "12345678901234567890"):
        assert verdict(sign(f"nonce {nonce}").stdout.decode(), nonce=nonce)[0] == GOOD
    configure("no crypto envelope nonce minimum-length")
    assert verdict(sign("nonce 15").stdout.decode(), nonce="15")[0] == GOOD


def test_collector_of_many(enrolled, collector, build):
    """chancery-collect over ssh: a router that has not got the root that it should have, then one that has; and what a commit between two rounds changes."""
    if not enrolled.can_reboot:
        pytest.skip("there is no sshd of the router's own")
    (collector.folder / "ssh").write_text("#!/bin/sh\nexec " + shlex.join(enrolled.ssh_words()) + ' "$@"\n')
    (collector.folder / "ssh").chmod(0o755)
    routers = [{"id": name, "host": enrolled.address(), "user": user, "root": "root.pem"} for name, user in (("mine", "dossier-user"), ("foreign", ADMIN))]
    routers[1]["root"] = "leaf.pem"

    def collect():
        (collector.folder / "routers").write_text("\n".join(json.dumps(router) for router in routers))
        result = collector.run([ROOT / "cli/verify/chancery-collect", "routers", "kept", "--compare", "--include", "packages", "rollback-history",
                                "--ssh", "./ssh", "--verify", str(build / "cli/verify/chancery-verify")])
        return {one["id"]: one for one in map(json.loads, result.stdout.splitlines())}, result.returncode

    first, status = collect()
    assert first["foreign"]["verdict"] == "untrusted" and status == 15, first
    assert first["mine"]["verdict"] == "good", first
    with enrolled.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["crypto ca trustpoint probe"])
        workflow.commit(console, ["no crypto ca trustpoint probe"])
    second = collect()[0]["mine"]
    assert second["verdict"] == "differs", second
    paths = [one["path"] for one in second["differences"]]
    assert len(paths) == 2 and all(path.startswith("/rollback-history/rollback-history/commits/1") for path in paths), paths


def test_router_that_accepts_the_session_and_says_nothing(enrolled, collector, build):
    """It counts as one that does not answer once its time is over, and nothing of it is kept."""
    if not enrolled.can_reboot:
        pytest.skip("there is no sshd of the router's own")
    enrolled.write("/usr/local/bin/says-nothing", "#!/bin/sh\nexec sleep infinity\n", 0o755)
    enrolled.run(["useradd", "--create-home", "--shell", "/usr/local/bin/says-nothing", "silent"])
    enrolled.run(["usermod", "--password", "*", "silent"])
    keys = enrolled.read("/etc/ssh/authorized_keys.d/dossier-user")
    enrolled.write("/etc/ssh/authorized_keys.d/silent", keys)
    (collector.folder / "silent-ssh").write_text("#!/bin/sh\nexec " + shlex.join(enrolled.ssh_words()) + ' "$@"\n')
    (collector.folder / "silent-ssh").chmod(0o755)
    (collector.folder / "silent").write_text(json.dumps({"id": "one", "host": enrolled.address(), "user": "silent", "root": "root.pem"}))
    result = collector.run([ROOT / "cli/verify/chancery-collect", "silent", "kept-silent", "--timeout", "4", "--tries", "1", "--ssh", "./silent-ssh",
                            "--verify", str(build / "cli/verify/chancery-verify")])
    assert result.returncode == 15 and json.loads(result.stdout) == {"id": "one", "verdict": "no-answer", "reason": "no answer within 4 seconds"}
    assert not list((collector.folder / "kept-silent/one").iterdir())


def test_attestation_tokens(enrolled, collector):
    """RFC 9711: the dossier as a JWT, which jose takes too, and as a CWT, which comes over ssh as it is. Refused first: without the task, as two tokens,
    on a terminal, and what a user had signed that looks like a dossier."""
    command = "show platform security integrity dossier include reboot-history nonce 1580 | utility sign nonce 1580 include-certificate"
    options = ["chancery-verify", "--root", "root.pem", "--json", "--nonce"]
    enrolled.run(["useradd", "--create-home", "nobody-else"], check=False)
    for words in ("eat-jwt", "eat-cwt"):
        refused_call = enrolled.chancery(f"show version | utility sign {words}", "nobody-else", check=False)
        assert refused_call.returncode != 0 and "Task ID" in refused_call.stdout + refused_call.stderr, refused_call
    assert enrolled.chancery("show version | utility sign eat-jwt eat-cwt", check=False).returncode != 0
    with enrolled.console(ADMIN) as console:
        console.prompt()
        assert "not for a terminal" in console.command("show version | utility sign eat-cwt")
    forms = {}
    for form in ("eat-jwt", "eat-cwt"):
        forms[form] = workflow.collect(enrolled, f"{command} {form}")
        (collector.folder / form).write_bytes(forms[form])
        assert collector.run([*options, "1581", form]).returncode == NONCE
        result = collector.run([*options, "1580", "--payload", f"{form}.payload", form])
        told = json.loads(result.stdout)
        assert result.returncode == GOOD and told["format"] == form and told["payload"]["kind"] == "dossier", told
        assert json.loads((collector.folder / f"{form}.payload").read_text())["nonce"] == "1580"
        spoilt = forms[form][:len(forms[form]) // 2] + b"A" + forms[form][len(forms[form]) // 2 + 1:]
        (collector.folder / "spoilt").write_bytes(spoilt if spoilt != forms[form] else forms[form][:-90])
        assert collector.run([*options, "1580", "spoilt"]).returncode in (MALFORMED, BAD_SIGNATURE)
        posing = workflow.collect(enrolled, f"show version | utility sign nonce 1580 include-certificate {form}")
        (collector.folder / "output").write_bytes(posing)
        assert json.loads(collector.run([*options, "1580", "output"]).stdout)["payload"]["kind"] == "other"
    assert forms["eat-cwt"][:3] == b"\xd8\x3d\xd2"
    (collector.folder / "token.jwt").write_bytes(forms["eat-jwt"].strip())
    claims = collector.run(["jose", "jws", "ver", "-i", "token.jwt", "-k", "leaf.jwk", "-O", "-"])
    claims = json.loads(claims.stdout)
    assert claims["eat_nonce"] == encode(bytes(6) + b"\x06\x2c") and claims["eat_profile"] == "urn:chancery:eat:dossier"
    assert claims["measurements"][0][0] == 50 and claims["swname"] and claims["intuse"] == "generic"
    assert len(decode(claims["sueids"]["machine-id"])) == 17


def test_envelopes_of_an_earlier_key_stay_good(enrolled, envelope, verdict):
    """Under one root: before the leaf is re-keyed, and after."""
    with enrolled.console(ADMIN) as console:
        console.prompt()
        console.command("crypto key generate rsa system-enroll-key",
                        [(r"Do you really want to replace them\? \[yes/no\]: ?", "yes"), workflow.MODULUS])
        unsigned = enrolled.ssh("dossier-user", "show version | utility sign nonce 1580 include-certificate")
        workflow.enroll(console)
    assert unsigned.returncode != 0 and b"payload" not in unsigned.stdout, "the certificate is not of this key"
    later = Envelope(workflow.collect(enrolled))
    assert later.header["x5t#S256"] != envelope.header["x5t#S256"]
    assert later.header["x5c"][1:] == envelope.header["x5c"][1:]
    for one in (envelope, later):
        assert verdict(one.text())[0] == GOOD


@pytest.fixture(scope="module")
def clock(enrolled, build):
    """The router's daemons with clocks of their own: keyd's, that of enrolld, which names the signer, and that of dossierd, which signs."""
    if not enrolled.can_reboot:
        pytest.skip("the daemons are not started by systemd here")
    enrolled.write("/run/dossier-stream", (build / "dossierd/dossier-stream").read_bytes(), 0o755)
    enrolled.write("/run/late-signer", (build / "dossierd/late-signer").read_bytes(), 0o755)
    with Clock(enrolled, build, ("keyd", "enrolld", "dossierd")) as clocks:
        yield clocks


LATE = 301 * DAY  # the certificate is for 300


@pytest.mark.parametrize("daemon", ["enrolld", "dossierd"])
def test_router_refuses_to_sign_with_an_expired_certificate(daemon, enrolled, clock):
    """Each of the two notices by itself."""
    def sign():
        return enrolled.ssh("dossier-user", "show version | utility sign nonce 1580 include-certificate")
    clock.ahead(daemon, LATE)
    refusal = sign()
    clock.ahead(daemon, 0)
    assert refusal.returncode != 0 and b"payload" not in refusal.stdout
    assert b"expired" in refusal.stdout + refusal.stderr and b"enroll again" in refusal.stdout + refusal.stderr
    good = sign()
    assert good.returncode == 0 and b"payload" in good.stdout


def test_certificate_expires_while_the_payload_is_read(enrolled, clock):
    """The time in the header is the one that the certificate was looked at for."""
    with enrolled.popen(["/run/dossier-stream", "slow-seal", workflow.NONCE], "dossier-user", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE) as process:
        assert process.stderr.readline() == b"Reading\n"
        for daemon in ("keyd", "dossierd"):
            clock.ahead(daemon, LATE)
        output, error = process.communicate(b"text", 60)
        for daemon in ("keyd", "dossierd"):
            clock.ahead(daemon, 0)
    assert process.returncode != 0 and output == b""
    assert error.startswith(b"org.chancery.Error.Expired "), error


# More than is held before the first byte goes out, by less than fits into a pipe; and what keyd must have read, header and all, once so much of its text
# is here: more than fits into a pipe, by more than keyd reads at a time.
SOME = bytes((1 << 20) + (1 << 15))
SOME_TEXT = (1 << 20) + (1 << 18)


@pytest.fixture
def under_way(enrolled, clock):
    """An envelope of which the begin is out already, while its payload is still being given. Returns what goes on with it: with something done
    meanwhile, and the rest."""
    def sealed(begin, meanwhile, rest):
        with enrolled.popen(["/run/dossier-stream", "seal", workflow.NONCE], "dossier-user", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE) as process:
            process.stdin.write(begin)
            process.stdin.flush()
            first = b""
            while len(first) < SOME_TEXT:  # of more text; past Python's buffer, which communicate() does not know
                first += os.read(process.stdout.fileno(), SOME_TEXT - len(first)) or pytest.fail(f"it ended: {process.stderr.read()}")
            assert first.startswith(ENVELOPE_BEGIN) and base64.b64encode(begin).startswith(first[len(ENVELOPE_BEGIN):]), "it goes out as it comes in"
            meanwhile()
            output, error = process.communicate(rest, 60)
        return process.returncode, first + output, error
    return sealed


@pytest.mark.parametrize("begin", [b"", b'{"collection-start-time":1'])
def test_envelope_goes_out_as_it_comes_in(begin, under_way, verdict):
    """And is as any other. What begins as a dossier and is none from here is not said to be one."""
    payload = begin.ljust(3 << 20, b"x")
    status, output, error = under_way(payload[:len(SOME)], lambda: None, payload[len(SOME):])
    assert status == 0, error
    sealed = Envelope(output.decode())
    assert sealed.payload == payload and "cty" not in sealed.header
    assert verdict(output.decode())[0] == GOOD


def test_keyd_dies_while_it_hashes(enrolled, under_way, verdict):
    def die():
        enrolled.kill("keyd", 9)
        enrolled.wait_daemons(["keyd"])
    unfinished = under_way(SOME, die, b"text")
    assert not_signed(*unfinished, "Failed"), unfinished[2]
    assert b"could not be signed" in unfinished[2]
    assert verdict(unfinished[1].decode())[0] not in (GOOD, EXPIRED)
    assert under_way(SOME, lambda: None, b"text")[0] == 0


def test_certificate_expires_while_keyd_hashes(under_way, clock):
    def later():
        for daemon in ("keyd", "dossierd"):
            clock.ahead(daemon, LATE)
    unfinished = under_way(SOME, later, b"text")
    for daemon in ("keyd", "dossierd"):
        clock.ahead(daemon, 0)
    assert not_signed(*unfinished, "Expired"), unfinished[2]


@pytest.mark.parametrize("seconds", [3000, 7200, -3000])
def test_clock_is_set_while_keyd_hashes(seconds, under_way, clock, verdict):
    """The time in the header is that of the begin, which keyd signs for an hour, and never before."""
    made = under_way(SOME, lambda: clock.ahead("keyd", seconds), b"text")
    clock.ahead("keyd", 0)
    if seconds == 3000:
        assert made[0] == 0, made[2]
        assert Envelope(made[1].decode()).header["iat"] <= time.time()
        assert verdict(made[1].decode())[0] == GOOD
    else:
        assert not_signed(*made, "Failed") and b"not of the last hour" in made[2], made[2]


def test_signed_after_its_certificate_had_expired(enrolled, clock, verdict):
    """F29: a dossierd that does not look at the certificate gets its envelope past keyd only when keyd's clock agrees, and past nobody who
    verifies it."""
    def forge(seconds):
        return enrolled.run(["/run/late-signer", str(seconds), workflow.NONCE], "chancery-dossierd", stdin="text", check=False)
    assert verdict(forge(0).stdout)[0] == GOOD
    early = forge(LATE)
    assert early.returncode != 0 and "iat is not the present time" in early.stderr
    clock.ahead("keyd", LATE)
    late = forge(LATE)
    clock.ahead("keyd", 0)
    assert late.returncode == 0, late.stderr
    now = int(time.time())
    for options in ((), ("--at", str(now + LATE)), ("--at", str(now + 400 * DAY)), ("--max-age", "60")):
        status, reason = verdict(late.stdout, *options)
        assert status == EXPIRED and "signed outside the validity" in reason, (options, status, reason)
