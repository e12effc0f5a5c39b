# SPDX-License-Identifier: Apache-2.0
"""Notices of certificates that end soon: in the journal and on the bus, each once, over restarts and kills."""

import base64
import itertools
import json
import re
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from authorization import configure
from machine import wait_for
from revocation_pki import DAY, Party
from workflow import TRUSTPOINT

NOTICES = "/var/lib/chancery/enrolld/expiry-notices"
WARNING = re.compile(r"%SECURITY-CEPKI-4-CERT_EXPIRING_WARNING : Certificate expiring WITHIN 60 DAYS\. Trustpoint Name= system-trustpoint, Certificate Type= ID, "
                     r"Serial Number= ([0-9A-F]{2}:)+[0-9A-F]{2}, Issuer Name= .*CN=lab1-ca, Subject name= .*CN=lab1-ads, "
                     r"Time Left= (30 days, 0 hours, 0|29 days, 23 hours, 59) minutes, \d+ seconds")
CA_ALERT = re.compile(r"%SECURITY-CEPKI-1-CERT_EXPIRING_ALERT : Certificate expiring WITHIN A WEEK\. Trustpoint Name= system-trustpoint, Certificate Type= CA, "
                      r"Serial Number= ([0-9A-F]{2}:)*[0-9A-F]{2}, Issuer Name= CN=lab2-ca, Subject name= CN=lab2-ca, Time Left= 2 days, \d+ hours, \d+ minutes, \d+ seconds")
OVER = re.compile(r"%SECURITY-CEPKI-1-CERT_EXPIRED : Certificate HAS EXPIRED\. Trustpoint Name= system-trustpoint, Certificate Type= ID, "
                  r"Serial Number= ([0-9A-F]{2}:)*[0-9A-F]{2}, Issuer Name= CN=lab2-ca, Subject name= CN=lab2-ads, Time Left= 0 days, 0 hours, 0 minutes, 0 seconds")
ALERT = re.compile(r"%SECURITY-CEPKI-1-CERT_EXPIRING_ALERT : Certificate expiring WITHIN A WEEK\. Trustpoint Name= system-trustpoint, Certificate Type= ID, "
                   r"Serial Number= 0B:63, Issuer Name= CN=lab1-ca, Subject name= CN=lab1-ads, Time Left= [45] days, \d+ hours, \d+ minutes, \d+ seconds")


def notices(machine):
    machine.run(["journalctl", "--sync"])
    return machine.output(["journalctl", "-o", "cat", "--no-pager", "-t", "chancery-enrolld", "-p", "warning"]).splitlines()


@pytest.fixture(scope="module")
def ending(routers):
    """A router whose own certificate is to be valid for thirty days."""
    one = routers("expiry")
    one.wait_daemons()
    lines = [line.replace("lifetime certificate 300", "lifetime certificate 30") for line in TRUSTPOINT]
    configure(one, ["hostname ios", "domain name cisco.com", *lines])
    for label in ("system-root-key", "system-enroll-key"):
        one.chancery(f"crypto key generate rsa {label}", stdin="2048\n")
    yield one
    one.stop()


def test_said_when_it_is_installed(ending):
    ending.chancery("crypto ca authenticate system-trustpoint")
    # 367 days of the CA, and no certificate of the router's yet.
    assert not [line for line in notices(ending) if "CERT_EXPIR" in line]
    words = ["busctl", "monitor", "--match=type='signal',member='CertificateExpiring'"]
    with ending.popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as monitor:
        try:
            assert any("Monitoring bus" in line for line in iter(monitor.stdout.readline, ""))
            ending.run(["chancery", "-c", "crypto ca enroll system-trustpoint"], "admin", stdin="yes\nno\n")
            told = list(itertools.takewhile(lambda line: "};" not in line, iter(monitor.stdout.readline, "")))
        finally:
            monitor.kill()
    assert any('OBJECT_PATH "/org/chancery/Enrollment1/trustpoint/system_2dtrustpoint/router"' in line for line in told), told
    assert any('STRING "warning"' in line for line in told), told
    said = [line for line in notices(ending) if "CERT_EXPIR" in line]
    assert len(said) == 1 and WARNING.fullmatch(said[0]), said


def test_fields_for_programs(ending):
    row = ending.output(["journalctl", "-o", "export", "--no-pager", "MESSAGE_ID=c472c73679224ae9be20ce77359dd178"])
    fields = dict(line.split("=", 1) for line in row.splitlines() if "=" in line)
    assert fields["CHANCERY_TRUSTPOINT"] == "system-trustpoint" and fields["CHANCERY_CERTIFICATE_TYPE"] == "ID" and fields["PRIORITY"] == "4"
    assert 29 * 86400 < int(fields["CHANCERY_SECONDS_LEFT"]) <= 30 * 86400
    explained = ending.output(["journalctl", "-x", "--no-pager", "MESSAGE_ID=c472c73679224ae9be20ce77359dd178"])
    assert "Subject: A certificate of trustpoint system-trustpoint ends in less than 60 days" in explained


def configured(machine):
    """A daemon that has just started has its configuration, and has said what is to be said."""
    wait_for(lambda: "No longer configured" not in machine.chancery("show crypto ca trustpoints system-trustpoint").stdout, "the configuration")


def test_said_once(ending):
    """Neither a restart nor a kill repeats it; what has not been remembered is said again."""
    ending.restart("enrolld")
    ending.wait_daemons()
    pid = ending.kill("enrolld", signal.SIGKILL)
    wait_for(lambda: ending.daemon_pid("enrolld") not in (0, pid) and ending.bus_owner("enrolld"), "enrolld to be back")
    configured(ending)
    assert len([line for line in notices(ending) if "CERT_EXPIR" in line]) == 1
    ending.path(NOTICES).unlink()
    ending.restart("enrolld")
    ending.wait_daemons()
    configured(ending)
    assert len([line for line in notices(ending) if "CERT_EXPIR" in line]) == 2


def test_a_damaged_memory_is_set_aside(ending):
    ending.write(NOTICES, "{", 0o600)
    ending.restart("enrolld")
    ending.wait_daemons()
    configured(ending)
    said = notices(ending)
    assert any("%SECURITY-STATE-3-CORRUPT" in line and "expiry-notices" in line for line in said), said
    assert len([line for line in said if "CERT_EXPIR" in line]) == 3


def short_lived(folder):
    """A CA and a certificate that it signed for five days, each as base64url of its DER."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    for name in ("ca", "leaf"):
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{name}.key")
    openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=lab1-ca", "-days", "367", "-outform", "DER", "-out", "ca.der")
    openssl("req", "-new", "-key", "leaf.key", "-subj", "/CN=lab1-ads", "-out", "leaf.csr")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.der", "-CAform", "DER", "-CAkey", "ca.key", "-set_serial", "0x0B63", "-days", "5", "-outform", "DER",
            "-out", "leaf.der")
    return [base64.urlsafe_b64encode((folder / f"{name}.der").read_bytes()).rstrip(b"=").decode() for name in ("ca", "leaf")]


def replace(machine, authority, leaf):
    file = next(machine.path("/var/lib/chancery/enrolld").glob("*.json"))
    record = json.loads(file.read_text())
    record["ca"]["certificate"], record["router"]["certificate"] = authority, leaf
    machine.run(["systemctl", "stop", "chancery-enrolld.service"])
    machine.write(f"/var/lib/chancery/enrolld/{file.name}", json.dumps(record), 0o600)
    machine.run(["systemctl", "start", "chancery-enrolld.service"])
    machine.wait_daemons()
    configured(machine)


def test_a_week_before_the_end(ending, tmp_path):
    """As if these certificates had been installed long ago: while the router was off, the last week has begun."""
    replace(ending, *short_lived(tmp_path))
    said = [line for line in notices(ending) if "CERT_EXPIRING_ALERT" in line]
    assert len(said) == 1 and ALERT.fullmatch(said[0]), notices(ending)


def base64url(certificate):
    return base64.urlsafe_b64encode(certificate.public_bytes(serialization.Encoding.DER)).rstrip(b"=").decode()


def test_the_end(ending):
    """The certificate of the CA, which counts as there is one of the router's, ends in two days and a half; that of the router has ended."""
    authority, leaf = Party("lab2-ca"), Party("lab2-ads")
    signed = authority.certify(authority, ends=2 * DAY + DAY / 2)
    replace(ending, base64url(signed), base64url(authority.certify(leaf, ca=False, ends=-DAY)))
    said = [line for line in notices(ending) if "lab2-" in line]
    assert len(said) == 2, said
    assert sum(bool(CA_ALERT.fullmatch(line)) for line in said) == sum(bool(OVER.fullmatch(line)) for line in said) == 1, said
    expired = ending.output(["journalctl", "-o", "export", "--no-pager", "MESSAGE_ID=6e3103362e46493b9acf1e025e61ad68"])
    fields = dict(line.split("=", 1) for line in expired.splitlines() if "=" in line)
    assert fields["PRIORITY"] == "1" and fields["CHANCERY_SECONDS_LEFT"] == "0" and fields["CHANCERY_SUBJECT"] == "CN=lab2-ads"
    explained = ending.output(["journalctl", "-x", "--no-pager", "MESSAGE_ID=6e3103362e46493b9acf1e025e61ad68"])
    assert "Subject: A certificate of trustpoint system-trustpoint has expired" in explained
