# SPDX-License-Identifier: Apache-2.0
"""CISCO-PKI-MIB: notifications as snmptrapd receives them, tables as snmpwalk reads them, and only while the configuration says so."""

import os
import pathlib
import re
import signal

import pytest

import workflow
from authorization import configure
from machine import wait_for

MIB = ".1.3.6.1.4.1.9.9.854"
CHAIN = f"{MIB}.2.2.1.1"
STATE = f"{MIB}.2.1.2.1.1.13"
INSTALLED, EXPIRING = f"{MIB}.1.1", f"{MIB}.1.2"
RECEIVED = "/run/received-traps"
SNMP = ["snmp-server community monitor RO", "snmp-server host 127.0.0.1 traps version 2c monitor", "snmp-server traps pki"]


def instance(label):
    return ".".join(str(n) for n in (len(label), *label.encode()))


def walk(machine, community="monitor"):
    text = machine.run(["snmpwalk", "-v2c", "-c", community, "-m", "", "-On", "-Oe", "-r", "1", "127.0.0.1", MIB], check=False).stdout
    return dict(re.findall(r'^(\.[\d.]+) = STRING: "(.*)"$', text, re.MULTILINE))


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
    assert len(rows) == 8, rows
    assert walk(managed, "other") == {}
    # What was there before is no news.
    assert traps(managed) == []


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
