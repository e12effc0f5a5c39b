# SPDX-License-Identifier: Apache-2.0
"""CISCO-PKI-MIB: notifications as snmptrapd receives them, tables as snmpwalk reads them, and only while the configuration says so."""

import base64
import calendar
import hashlib
import json
import os
import pathlib
import re
import signal
import time

import pytest
from cryptography.hazmat.primitives import serialization

import revocation_pki as pki
import workflow
from authorization import configure
from machine import wait_for
from revocation_pki import DAY, Party, Requested

MIB = ".1.3.6.1.4.1.9.9.854"
CHAIN = f"{MIB}.2.2.1.1"
TRUSTPOINT = f"{MIB}.2.1.2.1.1"
STATE = f"{TRUSTPOINT}.13"
CRL = f"{MIB}.2.3.1.1.1"
OCSP = f"{MIB}.2.3.2.1.1"
INSTALLED, EXPIRING = f"{MIB}.1.1", f"{MIB}.1.2"
RECEIVED = "/run/received-traps"
SUBJECT = "CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR"
SNMP = ["snmp-server community monitor RO", "snmp-server host 127.0.0.1 traps version 2c monitor", "snmp-server traps pki"]


def instance(label):
    return ".".join(str(n) for n in (len(label), *label.encode()))


def walk(machine, community="monitor"):
    text = machine.run(["snmpwalk", "-v2c", "-c", community, "-m", "", "-On", "-Oe", "-r", "1", "127.0.0.1", MIB], check=False).stdout
    return {name: words or number for name, words, number in re.findall(r'^(\.[\d.]+) = (?:(?:STRING: )?"(.*)"|Gauge32: (\d+))$', text, re.MULTILINE)}


def row(rows, name, table=None):
    """One row, by the numbers of its columns."""
    found = (re.fullmatch(re.escape(table or TRUSTPOINT) + r"\.(\d+)\." + re.escape(instance(name)), at) for at in rows)
    return {int(m[1]): rows[m[0]] for m in found if m}


def shown(seconds):
    return time.strftime("%H:%M:%S UTC %a %b %d %Y", time.gmtime(seconds))


def traps(machine):
    """What has come so far: (notification, [(column, value), ...])"""
    found = []
    for line in machine.read(RECEIVED).decode().splitlines():
        parts = re.findall(r'(\.[\d.]+) = (?:OID: (\.[\d.]+)|STRING: "(.*?)"|[^\t]*)(?:\t|$)', line)
        kind = next((value for name, value, _ in parts if name == ".1.3.6.1.6.3.1.1.4.1.0"), "")
        if kind.startswith(MIB):
            found.append((kind, [(int(name[len(CHAIN) + 1:].split(".")[0]), text) for name, _, text in parts if name.startswith(CHAIN)]))
    return found


@pytest.fixture(scope="module")
def managed(routers):
    one = routers("snmp")
    one.wait_daemons()
    one.write("/run/snmptrapd.conf", "authCommunity log monitor\n")
    one.run("systemd-run --unit=test-snmptrapd --quiet /bin/sh -c "
            f"'exec snmptrapd -f -Lf {RECEIVED} -m \"\" -On -C -c /run/snmptrapd.conf udp:127.0.0.1:162'")
    one.run(["systemctl", "start", "snmpd.service"])
    wait_for(lambda: one.run(f"test -s {RECEIVED}", check=False).returncode == 0, "snmptrapd to listen")
    lines = [line.replace("lifetime certificate 300", "lifetime certificate 30") for line in workflow.TRUSTPOINT]
    configure(one, ["hostname ios", "domain name cisco.com", *lines])
    for label in ("system-root-key", "system-enroll-key"):
        one.chancery(f"crypto key generate rsa {label}", stdin="2048\n")
    yield one
    one.stop()


def active(machine):
    return machine.run(["systemctl", "is-active", "chancery-snmp.service"], check=False).stdout.strip()


def test_not_without_the_line(managed):
    configure(managed, SNMP[:2])
    assert active(managed) == "inactive" and walk(managed) == {}
    managed.chancery("crypto ca authenticate system-trustpoint")
    assert traps(managed) == []


def test_tables(managed):
    configure(managed, SNMP[2:])
    assert active(managed) == "active"
    label = instance("system-trustpoint-CA")
    rows = wait_for(lambda: walk(managed), "the tables")
    assert rows[f"{CHAIN}.6.{label}"] == "CA" and rows[f"{CHAIN}.8.{label}"] == "system-trustpoint"
    assert re.fullmatch(r"([0-9A-F]{2}:){8}[0-9A-F]{2}", rows[f"{CHAIN}.2.{label}"])
    assert rows[f"{CHAIN}.3.{label}"] == rows[f"{CHAIN}.9.{label}"] and rows[f"{CHAIN}.3.{label}"].endswith("CN=lab1-ca")
    shown = managed.chancery("show crypto ca certificates system-trustpoint").stdout
    assert rows[f"{CHAIN}.4.{label}"] in shown and rows[f"{CHAIN}.5.{label}"] in shown
    assert rows[f"{STATE}.{instance('system-trustpoint')}"] == "Authenticated"
    assert row(rows, "system-trustpoint") == {2: SUBJECT, 3: "", 4: "", 5: "enrollment self", 6: "", 7: "", 8: "", 10: "", 11: "revocation-check crl", 12: "sha256",
                                              13: "Authenticated"}
    assert len(rows) == 7 + 11, rows
    assert walk(managed, "other") == {}
    # What was there before is no news.
    assert traps(managed) == []


def test_trustpoint_table(managed):
    """What is configured, and nothing that is not."""
    configure(managed, ["crypto ca trustpoint other", "enrollment url http://127.0.0.1:1/scep", "rsakeypair system-enroll-key", "subject-name CN=other",
                        f"subject-alternative-name DNS:{'a' * 40}.example.com", "vrf lo", "auto-enroll 80 regenerate", "crl optional", "message-digest sha384"])
    rows = wait_for(lambda: row(walk(managed), "other"), "the trustpoint")
    assert rows == {2: "CN=other", 3: f"DNS:{'a' * 40}.examp"[:50], 4: "", 5: "enrollment url http://127.0.0.1:1/scep", 6: "lo", 7: "", 8: "auto-enroll 80", 10: "",
                    11: "revocation-check crl none", 12: "sha384", 13: "None"}
    configure(managed, ["no crypto ca trustpoint other"])
    wait_for(lambda: row(walk(managed), "other") == {}, "the row to be gone")


def start_by_paste(managed, name, ca):
    """A trustpoint with the CA's certificate."""
    configure(managed, [f"crypto ca trustpoint {name}", "enrollment terminal", "rsakeypair system-enroll-key", f"subject-name CN={name}"])
    managed.run(["chancery", "-c", f"crypto ca authenticate {name} fingerprint {ca.fingerprint(pki.hashes.SHA256()).hex()}"], "admin", stdin=pki.pem(ca) + "quit\n")


def remove(managed, name, certificates):
    managed.chancery(f"clear crypto ca certificates {name}")
    configure(managed, [f"no crypto ca trustpoint {name}"])
    wait_for(lambda: row(walk(managed), name) == {}, "the row to be gone")
    wait_for(lambda: [kind for kind, _ in traps(managed)] == [INSTALLED] * certificates, "what was said of its certificates")
    managed.write(RECEIVED, "")


def test_crl_table(managed):
    """The CRL of a CA that poold has in its cache, until it is cleared. It is taken in over http, which only asks for what CAs of trustpoints have signed."""
    ca = Party("Listed")
    with pki.served(managed) as port:
        start_by_paste(managed, "listed", ca.certify(ca))
        assert row(walk(managed), "listed", CRL) == {}
        der = ca.revoke()
        managed.write(f"{pki.FOLDER}/listed.crl", der)
        managed.chancery(f"crypto ca crl request http://127.0.0.1:{port}/listed.crl")
        rows = wait_for(lambda: row(walk(managed), "listed", CRL), "the list")
        assert rows[2] == "CN=Listed" and rows[5] == str(len(der)) and rows[6] == "0" and set(rows) == {2, 3, 4, 5, 6}
        crl = json.loads((text := managed.chancery("show crypto ca crls | json").stdout)[text.index("["):])[0]
        assert rows[3] == (crl["number"] or "")
        assert rows[4] == shown(crl["next-update"])
        managed.chancery("clear crypto ca crl")
        wait_for(lambda: row(walk(managed), "listed", CRL) == {}, "the list to be gone")
    remove(managed, "listed", 1)


def test_ocsp_table(managed):
    """What a responder has said about the router certificate, until it is forgotten."""
    ca = Party("Asked")
    ca_cert, port = ca.certify(ca), pki.free_port()
    start_by_paste(managed, "asked", ca_cert)
    asked = managed.run(["chancery", "-c", "crypto ca enroll asked"], "admin", stdin="no\nno\n").stdout
    certificate = ca.certify(Requested(re.search(r"-----BEGIN CERT.*?-----END CERTIFICATE REQUEST-----\n", asked, re.S).group()), pki.responder_at(port), ca=False)
    with pki.responder(managed, port, (ca_cert, ca.key), ca_cert, {certificate: False}, wait_for):
        assert row(walk(managed), "asked", OCSP) == {}
        managed.run(["chancery", "-c", "crypto ca import asked certificate"], "admin", stdin=pki.pem(certificate) + "quit\n")
        rows = wait_for(lambda: row(walk(managed), "asked", OCSP), "the answer")
    begin = calendar.timegm(time.strptime(rows[3], "%H:%M:%S UTC %a %b %d %Y"))
    assert rows == {2: "CN=Asked", 3: shown(begin), 4: shown(begin + 5 * DAY.total_seconds())} and abs(time.time() - begin) < 3600
    managed.chancery("clear crypto ca crl")
    wait_for(lambda: row(walk(managed), "asked", OCSP) == {}, "the answer to be gone")
    remove(managed, "asked", 2)


def test_notifications(managed):
    managed.run(["chancery", "-c", "crypto ca enroll system-trustpoint"], "admin", stdin="yes\nno\n")
    got = wait_for(lambda: t if len(t := traps(managed)) >= 2 else None, "the notifications")
    rows = walk(managed)
    label = instance("system-trustpoint-ID")
    installed = next(values for kind, values in got if kind == INSTALLED)
    assert installed == [(column, rows[f"{CHAIN}.{column}.{label}"]) for column in (2, 3, 4, 5, 6, 8, 9)]
    expiring = next(values for kind, values in got if kind == EXPIRING)
    assert [column for column, _ in expiring] == [2, 9, 3, 6, 8, 7]
    assert expiring[:-1] == [(column, rows[f"{CHAIN}.{column}.{label}"]) for column in (2, 9, 3, 6, 8)]
    assert re.fullmatch(r"(30 days, 0 hours, 0|29 days, 23 hours, 59) minutes, \d+ seconds", expiring[-1][1])
    assert rows[f"{STATE}.{instance('system-trustpoint')}"] == "Enrolled" and len(got) == 2
    assert row(rows, "system-trustpoint")[10] == "system-enroll-key"


def test_whoever_restarts(managed):
    """The tables come back, and nothing is told twice."""
    rows, told = walk(managed), traps(managed)
    assert rows
    managed.restart("enrolld")
    managed.wait_daemons()
    wait_for(lambda: walk(managed) == rows, "the tables after enrolld")
    pid = managed.main_pid("chancery-snmp.service")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: managed.main_pid("chancery-snmp.service") not in (0, pid), "the subagent to be back")
    wait_for(lambda: walk(managed) == rows, "the tables after the subagent")
    managed.run(["systemctl", "restart", "snmpd.service"])
    wait_for(lambda: walk(managed) == rows, "the tables after snmpd")
    assert traps(managed) == told


def test_who_is_stopped_stays_stopped(managed):
    """And what he said last is shown. Each answer of the agent is a turn in which it has heard of what went before."""
    daemons = ["chancery-poold.service", "chancery-enrolld.service"]
    rows = wait_for(lambda: (seen := walk(managed)) == walk(managed) and seen, "the tables, whole")
    managed.run(["systemctl", "stop", *daemons])
    try:
        for _ in range(2):
            wait_for(lambda: walk(managed) == rows, "the tables without both")
        assert managed.run(["systemctl", "is-active", *daemons], check=False).stdout.split() == ["inactive", "inactive"]
    finally:
        managed.run(["systemctl", "start", *daemons])
    managed.wait_daemons()
    wait_for(lambda: walk(managed) == rows, "the tables after both")


def base64url(certificate):
    return base64.urlsafe_b64encode(certificate.public_bytes(serialization.Encoding.DER)).rstrip(b"=").decode()


def put_record(machine, trustpoint, successor):
    """As if it had been installed long ago: a CA that ends in 20 days, what follows it from its day on (None: nothing does), a registration authority's and the router's."""
    ca, following, own = Party(f"ca of {trustpoint}"), Party(f"next ca of {trustpoint}"), Party(trustpoint)
    record = {"version": 1, "trustpoint": trustpoint, "ca": {"certificate": base64url(ca.certify(ca, ends=20 * DAY))},
              "chain": [base64url(ca.certify(Party("registration"), ca=False, ends=20 * DAY))],
              "router": {"certificate": base64url(ca.certify(own, ca=False, ends=20 * DAY)), "algorithm": "rsa", "label": "system-enroll-key"}}
    if successor is not None:
        record["rollover"] = {"certificate": base64url(following.certify(following, begins=successor * DAY, ends=400 * DAY))}
    file = f"/var/lib/chancery/enrolld/{hashlib.sha256(f'trustpoint {trustpoint}'.encode()).hexdigest()[:32]}.json"
    machine.write(file, json.dumps(record), 0o600)
    machine.run(["chown", "--reference=/var/lib/chancery/enrolld", file])


def test_what_follows_without_a_gap(managed):
    """The MIB's rule: nothing is said of a certificate that ends when its successor is there, begins in time, and will be taken because renewal is configured. The
    notice of the router's certificate is given behind that of its CA's, if there is one."""
    cases = {"in-time": 10, "at-once": -1, "gap": 21, "alone": None, "by-hand": 10}
    lines = []
    for trustpoint in cases:
        lines += [f"crypto ca trustpoint {trustpoint}", "enrollment url http://127.0.0.1:1/scep", "rsakeypair system-enroll-key", f"subject-name CN={trustpoint}",
                  *([] if trustpoint == "by-hand" else ["auto-enroll 99"])]
    configure(managed, lines)
    managed.write(RECEIVED, "")
    managed.run(["systemctl", "stop", "chancery-enrolld.service"])
    for trustpoint, successor in cases.items():
        put_record(managed, trustpoint, successor)
    managed.run(["systemctl", "start", "chancery-enrolld.service"])
    managed.wait_daemons()

    def told(kind):
        return {tuple(dict(values)[column] for column in (8, 6)) for which, values in traps(managed) if which == kind and dict(values)[8] in cases}

    routers = {(trustpoint, "ID") for trustpoint in cases}
    wait_for(lambda: routers <= told(EXPIRING), "the notices of the routers' certificates")
    assert told(EXPIRING) == routers | {("gap", "CA"), ("alone", "CA"), ("by-hand", "CA")}
    # It is installed, as all but the registration authority's are.
    wait_for(lambda: told(INSTALLED) >= routers | {(trustpoint, "CA") for trustpoint in cases}, "what has been installed")
    subjects = [dict(values)[9] for which, values in traps(managed) if which == INSTALLED]
    assert "CN=next ca of in-time" in subjects and "CN=registration" not in subjects, subjects
    # Without the renewal there is nothing any more that will take the next one.
    configure(managed, ["crypto ca trustpoint in-time", "no auto-enroll"])
    wait_for(lambda: ("in-time", "CA") in told(EXPIRING), "the notice about the certificate of the CA")
    assert ("at-once", "CA") not in told(EXPIRING)
    for trustpoint in cases:
        managed.chancery(f"clear crypto ca certificates {trustpoint}")
    configure(managed, [f"no crypto ca trustpoint {trustpoint}" for trustpoint in cases])


def told_of(machine, names):
    """Of these trustpoints, what has come about certificates that end: (trustpoint, type), each as often as it came."""
    ends = [dict(values) for kind, values in traps(machine) if kind == EXPIRING]
    return sorted((end[8], end[6]) for end in ends if end[8] in names)


def both_of(trustpoint):
    return [(trustpoint, "CA"), (trustpoint, "ID")]


def given(machine, trustpoint):
    """enrolld has given its notices of both certificates."""
    rows = machine.output(["journalctl", "-o", "cat", "--no-pager", "-t", "chancery-enrolld", "-p", "warning"]).splitlines()
    return sum("CERT_EXPIRING" in line and f"Trustpoint Name= {trustpoint}," in line for line in rows) == 2


def test_given_while_nobody_listened(managed):
    """At boot enrolld may be first, and snmpd last. Each notice is told once, whoever is killed."""
    names = ["early", "later", "last"]
    configure(managed, [line for name in names for line in (f"crypto ca trustpoint {name}", "enrollment terminal", "rsakeypair system-enroll-key", f"subject-name CN={name}")])
    managed.write(RECEIVED, "")

    def arrive(name, without):
        managed.run(["systemctl", "stop", without, "chancery-enrolld.service"])
        put_record(managed, name, None)
        managed.run(["systemctl", "start", "chancery-enrolld.service"])
        managed.wait_daemons()
        wait_for(lambda: given(managed, name), "the notices in the journal")
        assert told_of(managed, [name]) == []
        managed.run(["systemctl", "start", without])
        wait_for(lambda: len(told_of(managed, [name])) >= 2, "the notices, when somebody listens")

    arrive("early", "chancery-snmp.service")
    for restart in (lambda: managed.kill("enrolld", signal.SIGKILL), lambda: os.kill(managed.main_pid("chancery-snmp.service"), signal.SIGKILL),
                    lambda: managed.run(["systemctl", "restart", "chancery-snmp.service"])):
        pids = [managed.main_pid(f"chancery-{name}.service") for name in ("enrolld", "snmp")]
        restart()
        wait_for(lambda: pids != (now := [managed.main_pid(f"chancery-{name}.service") for name in ("enrolld", "snmp")]) and 0 not in now, "who was ended to be back")
        wait_for(lambda: row(walk(managed), "early"), "the tables")
    # The master agent is away: what it is not there to send waits.
    arrive("later", "snmpd.service")
    # Traps come in order: with these, whatever had been said twice would be there.
    arrive("last", "chancery-snmp.service")
    assert told_of(managed, names) == sorted(both_of("early") + both_of("later") + both_of("last"))
    for name in names:
        managed.chancery(f"clear crypto ca certificates {name}")
    configure(managed, [f"no crypto ca trustpoint {name}" for name in names])


def test_confined(managed):
    pid = managed.main_pid("chancery-snmp.service")
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0
    assert "0" not in status["Uid"].split()
    # Reading is all it may do on the bus.
    refused = managed.run(["busctl", "call", "org.chancery.Enrollment1", "/org/chancery/Enrollment1", "org.chancery.Enrollment1", "Clear", "s", "system-trustpoint"],
                          "chancery-snmp", check=False)
    assert refused.returncode != 0 and "crypto (EXECUTE) is missing" in refused.stderr


def test_withdrawn(managed):
    configure(managed, ["no snmp-server traps pki"])
    assert active(managed) == "inactive"
    wait_for(lambda: walk(managed) == {}, "the tables to be gone")
    assert "agentXPerms" not in managed.read("/var/lib/chancery-host/snmpd.conf").decode()


def test_again(managed):
    """After the line has come back, and after enrolld was killed, which ends nothing here."""
    configure(managed, ["snmp-server traps pki"])
    pid = managed.main_pid("chancery-snmp.service")
    rows = wait_for(lambda: walk(managed), "the tables")
    managed.kill("enrolld", signal.SIGKILL)
    wait_for(lambda: managed.bus_owner("enrolld"), "enrolld to be back")
    wait_for(lambda: walk(managed) == rows, "the tables")
    assert managed.main_pid("chancery-snmp.service") == pid
