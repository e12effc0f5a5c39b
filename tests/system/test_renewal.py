# SPDX-License-Identifier: Apache-2.0
"""Renewal with a new key: certificate and key change together, whoever is killed meanwhile; what was sealed before verifies under the one root. Services
are reloaded, and have to show the new certificate, or the previous pair goes back. The clocks of daemons go ahead, so that certificates are due. Each test is
one step and needs those before it."""

import json
import re
import signal
import subprocess
import time

import pytest

import workflow
from authorization import configure
from clock import Clock
from collector import root_certificate
from machine import ADMIN, wait_for

DAY = 86400


@pytest.fixture(scope="module")
def machine(routers, build):
    one = routers("renewal")
    one.wait_daemons()
    lifetimes = {"lifetime certificate 300": "lifetime certificate 30", "lifetime ca-certificate 367": "lifetime ca-certificate 5000"}
    configure(one, [*workflow.NAMES, *(lifetimes.get(line, line) for line in workflow.TRUSTPOINT)])
    for label in ("system-root-key", "system-enroll-key exportable"):
        one.chancery(f"crypto key generate rsa {label}", stdin="2048\n")
    one.chancery("crypto ca authenticate system-trustpoint")
    one.run(["chancery", "-c", "crypto ca enroll system-trustpoint"], ADMIN, stdin="yes\nno\n")
    with Clock(one, build, ["enrolld", "keyd", "dossierd"]) as clock:
        one.clock, one.day = clock, 0
        yield one
    one.stop()


def shown(machine):
    text = machine.chancery("show crypto ca certificates system-trustpoint | json").stdout
    return {c["role"]: c for c in json.loads(text[text.index("["):])}


def state(machine):
    text = machine.chancery("show crypto ca trustpoints | json").stdout
    return next(t for t in json.loads(text[text.index("["):]) if t["trustpoint"] == "system-trustpoint")


def public_key(machine):
    text = machine.chancery("show crypto key mypubkey rsa | json").stdout
    return next(k["public-key"] for k in json.loads(text[text.index("["):]) if k["label"] == "system-enroll-key")


def key_files(machine):
    return sum(len(p.name) == 32 for p in machine.path("/var/lib/chancery/keyd").iterdir())


def advance(machine, days):
    """Everybody's clock; a restart makes it look at once."""
    machine.day += days
    for daemon in ("enrolld", "keyd", "dossierd"):
        machine.clock.ahead(daemon, machine.day * DAY)
    machine.restart("enrolld")
    machine.wait_daemons()


def sealed(machine):
    return machine.chancery(f"show version | {workflow.SIGN}").stdout


def verify(machine, text, days):
    """Under the one root, as of the time when it was sealed."""
    machine.write("/tmp/sealed.json", text)
    machine.write("/tmp/root.pem", root_certificate(machine))
    when = str(int(time.time()) + days * DAY + 60)
    return machine.run(["chancery-verify", "--root", "/tmp/root.pem", "--nonce", workflow.NONCE, "--at", when, "/tmp/sealed.json"], check=False)


def settled(machine, before):
    now = shown(machine)["router"]
    return now if now["serial-number"] != before and state(machine)["state"] == "enrolled" and state(machine)["next-step"] == "Ready." else None


def foresee(machine, days, *options):
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + (machine.day + days) * DAY))
    return said(machine, f"{when}{''.join(options)}")


def said(machine, words, user=ADMIN):
    result = machine.run(["chancery", "-c", f"test crypto ca at {words}"], user, check=False)
    return result.stdout + result.stderr


def test_what_will_be(machine):
    """Without a renewal it ends; with one it does not, until the root does."""
    assert "not authorized" in said(machine, "2090-01-01", "nobody")
    for when in (foresee(machine, -3), said(machine, "2200-01-01")):
        assert "% The time to look at has to lie ahead, by at most 50 years" in when
    for word in ("yesterday", "2027", "2027-02-30", "2027-13-01", "2027-03-01T23:59:61Z", "99999-01-01"):
        assert "% The date is like 2027-03-01, or 2027-03-01T12:30:00Z" in said(machine, word), word
    assert "alert    system-trustpoint: It is said weekly that the router certificate ends." in foresee(machine, 2)
    text = foresee(machine, 31)
    assert "BREAKS   system-trustpoint: The router certificate has expired: crypto ca enroll system-trustpoint." in text and "1 thing breaks until" in text, text
    configure(machine, ["crypto ca trustpoint system-trustpoint", "auto-enroll 50"])
    assert "BREAKS" not in foresee(machine, 300) and foresee(machine, 300).count("renewal  system-trustpoint: ") >= 15
    text = foresee(machine, 5001, " | json")
    events = json.loads(text[text.index("["):])
    broken = [e for e in events if e["kind"] == "break"]
    root = shown(machine)["ca"]
    assert {e["text"] for e in broken} == {"The CA certificate has expired: clear crypto ca certificates system-trustpoint, then authenticate and enroll."}
    assert broken[0]["time"] == root["not-after"] + 1 and broken[0]["trustpoint"] == "system-trustpoint", (broken, root)
    configure(machine, ["crypto ca trustpoint system-trustpoint", "no auto-enroll"])


def test_what_will_be_of_the_trustpool(machine):
    """The CAs that end until then, as events of their own: they break nothing as long as there is another. Who may not read is told nothing."""
    def document(command):
        text = machine.chancery(f"{command} | json").stdout
        return json.loads(text[text.index("["):])

    def foreseen(when):
        events = document(f"test crypto ca at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(when))}")
        return [(e["time"], e["kind"]) for e in events if "trustpool" in e["text"]]

    pool = ["org.chancery.TrustPool1", "/org/chancery/TrustPool1", "org.chancery.TrustPool1"]
    first = int(machine.output(["busctl", "get-property", *pool, "EarliestExpiry"]).split()[1])
    assert (first + 1, "pool") not in foreseen(first)
    assert (first + 1, "pool") in (events := foreseen(first + 2)) and "alert" in [kind for _, kind in events], events
    said_then = said(machine, time.strftime("%Y-%m-%d", time.gmtime(first + 2 * DAY)))
    assert re.search(r"^.* pool     A CA certificate of the trustpool expires, and what it has issued is refused: \S", said_then, re.M), said_then
    # Fifty years on there is none left.
    kinds = [kind for _, kind in foreseen(time.time() + 49 * 366 * DAY)]
    living = [c for c in document("show crypto ca trustpool") if c["active"] and c["not-after"] >= time.time()]
    assert kinds.count("break") >= 1 and kinds.count("pool") + kinds.count("break") == len(living), kinds
    refused = machine.run(["busctl", "call", *pool, "Foresee", "x", str(first)], "nobody", check=False)
    assert refused.returncode != 0 and "crypto (READ) is missing" in refused.stderr, refused.stderr


def test_not_before_its_time(machine):
    configure(machine, ["crypto ca trustpoint system-trustpoint", "auto-enroll 50 regenerate"])
    assert " auto-enroll 50 regenerate\n" in machine.chancery("show running-config").stdout
    before = shown(machine)["router"]["serial-number"]
    advance(machine, 10)
    assert state(machine)["state"] == "enrolled" and state(machine)["next-attempt"] > 0
    assert shown(machine)["router"]["serial-number"] == before


def test_another_key_under_the_same_root(machine):
    before, key, files = shown(machine), public_key(machine), key_files(machine)
    first = sealed(machine)
    assert verify(machine, first, machine.day).returncode == 0
    advance(machine, 8)
    after = wait_for(lambda: settled(machine, before["router"]["serial-number"]), "the renewal")
    assert shown(machine)["ca"] == before["ca"] and after["subject"] == before["router"]["subject"]
    assert public_key(machine) != key
    wait_for(lambda: key_files(machine) == files, "the previous key to be gone")
    assert "KEY_ROTATED" in machine.journal("keyd")
    second = sealed(machine)
    for text, days in ((first, 10), (second, 18)):
        verified = verify(machine, text, days)
        assert verified.returncode == 0 and "CN=lab1-ads" in verified.stdout, verified.stdout + verified.stderr


def test_killed_meanwhile(machine):
    """At whatever moment: in the end there is one pair, and it goes together, because it signs."""
    for pause in ("0", "0.05", "0.2"):
        before, files = shown(machine)["router"]["serial-number"], key_files(machine)
        advance(machine, 18)
        machine.run(f"sleep {pause}")
        for daemon in ("enrolld", "keyd"):
            machine.kill(daemon, signal.SIGKILL)
        machine.wait_daemons()
        wait_for(lambda b=before: settled(machine, b), f"the renewal that was killed after {pause} s")
        assert shown(machine)["router"]["status"] == "Available"
        assert verify(machine, sealed(machine), machine.day).returncode == 0
        wait_for(lambda f=files: key_files(machine) == f, "the other keys to be gone")


UNIT = """[Service]
ExecStart=/usr/bin/openssl s_server -accept 127.0.0.1:8443 -cert {certificate} -key /tmp/front-key.pem -www
Restart=always
RestartSec=100ms
"""
HELD = "/run/held"  # as long as it is there, a reload of the service does not end
HOLD = f"ExecReload=/bin/sh -c 'while test -e {HELD}; do sleep 0.1; done'\n"
EXPORTED = "/run/chancery-certificates/system-trustpoint.pem"


def private_key(machine, tmp_path):
    """The service's copy of the exportable key: as CMS for a recipient who is us."""
    openssl = lambda *words, data=None: subprocess.run(["openssl", *map(str, words)], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout  # noqa: E731
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=us", "-days", "3650", "-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem")
    text = machine.run(["chancery", "-c", "crypto key export system-enroll-key wrapped"], ADMIN, stdin=(tmp_path / "c.pem").read_text()).stdout
    cms = text[text.index("-----BEGIN CMS-----"):]
    plain = openssl("cms", "-decrypt", "-inform", "PEM", "-inkey", tmp_path / "k.pem", data=cms.encode())
    return openssl("pkey", "-inform", "DER", data=plain) if not plain.startswith(b"-----") else plain


def serve(machine, certificate, more=""):
    machine.write("/run/systemd/system/front.service", UNIT.format(certificate=certificate) + more)
    machine.run("systemctl daemon-reload && systemctl restart front.service")
    wait_for(lambda: served(machine), "the service")


def served(machine):
    """The serial number that the service shows."""
    text = machine.run("openssl s_client -connect 127.0.0.1:8443 </dev/null 2>/dev/null | openssl x509 -noout -serial", check=False).stdout
    return text.strip().partition("=")[2]


def serial(machine):
    return shown(machine)["router"]["serial-number"].replace(":", "")


def exported(machine):
    return machine.output(["openssl", "x509", "-in", EXPORTED, "-noout", "-serial"]).strip().partition("=")[2]


def test_lines_that_are_refused(machine):
    for line, words in (("renewal reload chancery-keyd.service", "not the name of a service"), ("renewal reload front.socket", "not the name of a service"),
                        ("renewal probe 127.0.0.1", "not HOST:PORT"), ("renewal probe user@host:1", "not HOST:PORT")):
        with machine.console(ADMIN) as console:
            console.prompt()
            for each in ("configure", "crypto ca trustpoint system-trustpoint", line, "commit"):
                console.command(each)
            assert words in console.command("show configuration failed"), line
            console.command("abort")


def reload_as_enrolld(machine, unit):
    words = ["busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ReloadOrTryRestartUnit", "ss",
             unit, "replace"]
    return machine.run(words, "chancery-enrolld", check=False).returncode == 0


def test_a_service_shows_the_new_one(machine, tmp_path):
    machine.write("/tmp/front-key.pem", private_key(machine, tmp_path), 0o600)
    serve(machine, EXPORTED)
    before = serial(machine)
    assert served(machine) == exported(machine) == before
    assert not reload_as_enrolld(machine, "front.service")
    configure(machine, ["crypto ca trustpoint system-trustpoint", "no auto-enroll", "auto-enroll 50", "renewal reload front.service",
                        "renewal probe 127.0.0.1:8443"])
    assert reload_as_enrolld(machine, "front.service") and not reload_as_enrolld(machine, "systemd-journald.service")
    advance(machine, 18)
    wait_for(lambda: settled(machine, shown_as(before)), "the renewal")
    assert served(machine) == exported(machine) == serial(machine) != before
    assert machine.run(["openssl", "verify", "-partial_chain", "-no_check_time", "-CAfile", EXPORTED.replace(".pem", ".ca"), EXPORTED]).returncode == 0


def shown_as(digits):
    return ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))


def test_a_service_does_not(machine):
    """It goes on with what it has: the previous pair goes back, and the operator is told. Meanwhile nobody enrolls."""
    machine.run(["cp", EXPORTED, "/tmp/old.pem"])
    serve(machine, "/tmp/old.pem", HOLD)
    configure(machine, ["crypto ca trustpoint system-trustpoint", "no auto-enroll", "auto-enroll 50 regenerate"])
    before, key, files = serial(machine), public_key(machine), key_files(machine)
    machine.write(HELD, "")
    advance(machine, 18)
    wait_for(lambda: "has yet to prove itself" in state(machine)["next-step"], "the trial of the renewed certificate")
    refused = machine.run(["chancery", "-c", "crypto ca enroll system-trustpoint"], ADMIN, stdin="yes\nno\n", check=False)
    assert refused.returncode != 0 and "A renewed certificate of system-trustpoint is being put in place" in refused.stdout + refused.stderr
    machine.run(["rm", HELD])
    wait_for(lambda: "RENEWAL_UNDONE" in machine.journal("enrolld"), "the renewal to be undone")
    wait_for(lambda: "has failed 1 time, and is tried again: 127.0.0.1:" in state(machine)["next-step"], "the previous pair to be back")
    assert "127.0.0.1:8443 still shows another certificate" in machine.journal("enrolld")
    assert serial(machine) == exported(machine) == before and public_key(machine) == key and key_files(machine) == files
    assert verify(machine, sealed(machine), machine.day).returncode == 0
