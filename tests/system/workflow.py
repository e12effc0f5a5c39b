# SPDX-License-Identifier: Apache-2.0
"""The main job, as the operator's guide gives it: command by command, for the demo to show and for tests to check."""

from machine import ADMIN

NONCE = "1580"
SIGN = f"utility sign nonce {NONCE} include-certificate"
SELECTORS = ("packages", "reboot-history", "rollback-history", "system-integrity-snapshot", "system-inventory")
DOSSIER = f"show platform security integrity dossier include {' '.join(SELECTORS)} nonce {NONCE}"

NAMES = ("hostname ios", "domain name cisco.com")
TASKGROUP = ("taskgroup alltasks-dossier", "task read sysmgr", "task read system", "task read pkg-mgmt", "task read basic-services",
             "task read config-services", "task execute crypto", "task execute basic-services")
USERGROUP = ("usergroup dossier-group", "taskgroup alltasks-dossier")
USERNAME = ("username dossier-user", "group dossier-group")
TRUSTPOINT = (
    "crypto ca trustpoint system-trustpoint",
    "keypair rsa system-enroll-key",
    "ca-keypair rsa system-root-key",
    "subject-name CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
    "subject-name ca-certificate CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
    "enrollment url self",
    "key-usage certificate digitalsignature keyagreement dataencipherment",
    "lifetime certificate 300",
    "message-digest sha256",
    "key-usage ca-certificate digitalsignature keycertsign crlsign",
    "lifetime ca-certificate 367",
)
COMMITS = (NAMES, TASKGROUP, USERGROUP, USERNAME, TRUSTPOINT)

MODULUS = (r"How many bits in the modulus \[2048\]: ?", "2048")
SERIAL = (r"Include the router serial number in the subject name\? \[yes/no\]: ?", "yes")
ADDRESS = (r"Include an IP address in the subject name\? \[yes/no\]: ?", "no")


def commit(console, lines):
    """One configuration session with one commit; returns what was printed."""
    printed = console.command("configure")
    for line in lines:
        printed += console.command(line)
    printed += console.command("commit")
    return printed + console.command("end")


def configure(console):
    return "".join(commit(console, lines) for lines in COMMITS)


def generate_rsa(console, label):
    return console.command(f"crypto key generate rsa {label}", [MODULUS])


def generate_ecdsa(console, label):
    return console.command(f"crypto key generate ecdsa nistp384 {label}")


def authenticate(console):
    return console.command("crypto ca authenticate system-trustpoint")


def enroll(console):
    return console.command("crypto ca enroll system-trustpoint", [SERIAL, ADDRESS])


def up_to_enrolment(machine):
    """The whole workflow up to an enrolled system trustpoint."""
    with machine.console(ADMIN) as console:
        console.prompt()
        configure(console)
        for label in ("system-root-key", "system-enroll-key"):
            generate_rsa(console, label)
        authenticate(console)
        enroll(console)


def collect(machine, command=f"{DOSSIER} | {SIGN}", user="dossier-user"):
    """What the collector receives over ssh: the bytes of the envelope."""
    result = machine.ssh(user, command)
    if result.returncode:
        raise AssertionError(f"ssh {user} {command!r}: status {result.returncode}: {result.stderr.decode()}{result.stdout.decode()[:500]}")
    return result.stdout
