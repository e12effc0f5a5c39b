# SPDX-License-Identifier: Apache-2.0
"""The main job on a booted router, step by step, with the commands of the operator's guide. Each test is one step and needs those before it."""

import base64
import datetime
import hashlib
import json
import re
import subprocess

import pytest

import layouts
import workflow
from dossiers import read
from envelope import decode
from machine import ADMIN
from terminal import rendered


@pytest.fixture(scope="module")
def console(machine):
    with machine.ssh_console(ADMIN) as session:
        session.prompt()
        yield session


def show(machine, command, user=ADMIN):
    return rendered(machine.chancery(command, user).stdout)


def utc(text):
    return datetime.datetime.strptime(text, "%H:%M:%S UTC %a %b %d %Y")


def public_key_lines(der):
    """What openssl makes of a DER public key."""
    return subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-noout", "-text"], input=der, stdout=subprocess.PIPE,
                          check=True).stdout.decode()


def test_every_unit_is_up(machine):
    """`meson install` and a boot are enough: presets, users, folders, bus names, all without a hand."""
    for daemon in ("keyd", "enrolld", "poold", "dossierd", "policyd"):
        pid = machine.daemon_pid(daemon)
        assert pid and machine.bus_owner(daemon), daemon
        owner = machine.output(["stat", "-c", "%U", f"/proc/{pid}"]) if not machine.can_reboot else None
        assert owner in (None, f"chancery-{daemon}\n")
    if machine.can_reboot:
        failed = machine.output("systemctl --failed --no-legend --plain")
        assert failed == "", failed + machine.output("systemctl status --failed --no-pager --full --lines=50; true")
        assert machine.boot_result == "running"


def test_nobody_may_before_the_configuration_says_so(machine):
    """The twin of everything below: an ordinary account is refused, and told which task it lacks."""
    for command, task in (("show crypto key mypubkey rsa", "crypto"), ("crypto key generate ecdsa nistp256 theft", "crypto"),
                          ("show running-config", "config-services"), ("show crypto ca trustpool", "crypto")):
        refused = machine.chancery(command, user="nobody", check=False)
        text = rendered(refused.stdout + refused.stderr)
        assert refused.returncode != 0, command
        assert "% This command is not authorized" in text and task in text, text


def test_configure_names(machine, console):
    printed = workflow.commit(console, workflow.NAMES)
    assert "%" not in printed, printed
    assert console.transcript.rstrip().endswith("RP/0/RP0/CPU0:ios#")


def test_configure_user(machine, console):
    for lines in (workflow.TASKGROUP, workflow.USERGROUP, workflow.USERNAME):
        assert "%" not in workflow.commit(console, lines)


def test_prompts_follow_the_mode(machine, console):
    console.command("configure")
    for line, mode in (("taskgroup a-group", "config-tg"), ("usergroup b-group", "config-ug"), ("username c-user", "config-un"),
                       ("crypto ca trustpoint d", "config-trustp"), ("root", "config")):
        console.command(line)
        assert console.mode == mode, line
    console.command("abort")
    assert console.mode == ""


def test_configure_trustpoint(machine, console):
    assert "%" not in workflow.commit(console, workflow.TRUSTPOINT)


def test_running_configuration(machine):
    text = show(machine, "show running-config")
    lines = text.splitlines()
    assert "!! Building configuration..." in lines
    assert re.search(r"^!! Last configuration change at .* by admin$", text, re.M)
    assert lines[-1] == "end"
    for names in workflow.NAMES:
        assert names in lines
    for block in (workflow.TASKGROUP, workflow.USERGROUP, workflow.USERNAME, workflow.TRUSTPOINT):
        at = lines.index(block[0])
        body = lines[at + 1:lines.index("!", at)]
        assert sorted(body) == sorted(" " + line for line in block[1:]), block[0]
    assert show(machine, "show running-config domain").splitlines()[-1] == "domain name cisco.com"


def test_generate_rsa_keys(machine, console):
    for label in ("system-root-key", "system-enroll-key"):
        printed = workflow.generate_rsa(console, label)
        assert layouts.TIME_LINE.search(printed)
        assert f"The name for the keys will be: {label}" in printed
        flat = " ".join(printed.split())
        assert ("Choose the size of the key modulus in the range of 512 to 4096 for your General Purpose Keypair. "
                "Choosing a key modulus greater than 512 may take a few minutes.") in flat
        assert "Generating RSA keys ..." in printed
        assert printed.rstrip().endswith("Done w/ crypto generate keypair\n[OK]")


def test_a_key_is_not_replaced_unasked(machine, console):
    before = show(machine, "show crypto key mypubkey rsa")
    printed = console.command("crypto key generate rsa system-root-key",
                              [(r"Do you really want to replace them\? \[yes/no\]: ?", "no")])
    assert "% You already have keys defined for system-root-key" in printed
    assert layouts.keys(show(machine, "show crypto key mypubkey rsa")) == layouts.keys(before)


def test_generate_ecdsa_keys(machine, console):
    for label in ("system-root-key", "system-enroll-key"):
        printed = workflow.generate_ecdsa(console, label)
        assert f"The name for the keys will be: {label}" in printed
        assert printed.rstrip().endswith("Done w/ crypto generate keypair\n[OK]")


@pytest.mark.parametrize("algorithm, kind, size, text", [("rsa", "RSA General purpose", 2048, "Public-Key: (2048 bit)"),
                                                         ("ecdsa", None, 384, "secp384r1")])
def test_show_keys(machine, algorithm, kind, size, text):
    shown = show(machine, f"show crypto key mypubkey {algorithm}")
    found = layouts.keys(shown)
    assert sorted(key[0] for key in found) == ["system-enroll-key", "system-root-key", "the_default"]
    for _, shown_kind, shown_size, der in (key for key in found if key[0] != "the_default"):
        assert kind in (None, shown_kind) and shown_size == size
        assert text in public_key_lines(der)


def test_authenticate(machine, console):
    printed = workflow.authenticate(console)
    assert "% The subject name in the certificate will include: CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR" in printed
    assert "% The subject name in the certificate will include: ios.cisco.com" in printed
    root = layouts.ISSUED.search(printed)
    assert root, printed
    assert re.fullmatch(r"serialNumber=\w+,unstructuredName=ios\.cisco\.com,OU=ASR,O=cisco systems,L=San Jose,ST=CA,C=US,CN=lab1-ca",
                        root["subject"])
    assert root["issuer"] == root["subject"]
    assert utc(root["end"]) - utc(root["start"]) == datetime.timedelta(days=367)


def test_enroll(machine, console):
    printed = workflow.enroll(console)
    assert "% The subject name in the certificate will include: CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR" in printed
    serial = re.search(r"^% The serial number in the certificate will be: (\w+)$", printed, re.M)
    assert serial
    assert re.search(r"^Certificate keypair configured Type: 1, Label: system-enroll-key\. Leaf cert key usage string: "
                     r"critical,[A-Za-z,]+\.", printed, re.M)
    leaf = layouts.ISSUED.search(printed.replace(". Serial Number", ".\nSerial Number"))
    assert leaf, printed
    assert leaf["subject"] == (f"serialNumber={serial[1]},unstructuredName=ios.cisco.com,OU=ASR,O=cisco systems,L=San Jose,"
                               "ST=CA,C=US,CN=lab1-ads")
    assert utc(leaf["end"]) - utc(leaf["start"]) == datetime.timedelta(days=300)


def test_show_certificates(machine):
    shown = layouts.SHOWN.search(show(machine, "show crypto ca certificates system-trustpoint"))
    assert shown
    assert shown["trustpoint"] == shown["associated"] == "system-trustpoint"
    assert shown["usage"] == "General Purpose" and shown["status"] == "Available"
    assert shown["issuer"] == shown["ca_subject"] == shown["ca_issuer"]
    # The serial numbers follow each other.
    ca, leaf = (int(shown[name].replace(":", ""), 16) for name in ("ca_serial", "serial"))
    assert leaf == ca + 1


def test_trustpool_shows_built_in_authorities(machine):
    shown = show(machine, "show crypto ca trustpool")
    blocks = [block for block in re.split(r"^(?=Trustpool: )", shown, flags=re.M) if block.startswith("Trustpool: ")]
    assert len(blocks) >= 10
    for block in blocks:
        assert block.startswith("Trustpool: Built-In\n")
        assert re.search(rf"^\s*SHA1 Fingerprint:\s+{layouts.SHA1}$", block, re.M), block
    if machine.can_reboot:
        # They are the machine's own: one of the bundle's, by its fingerprint.
        bundle = machine.output("openssl x509 -in /etc/ssl/certs/ca-certificates.crt -noout -fingerprint -sha1")
        assert bundle.strip().split("=")[1].replace(":", "") in shown


def test_dossier_over_ssh(machine):
    """Collected as the guide says; the content is the machine's own."""
    envelope = json.loads(workflow.collect(machine))
    header = json.loads(decode(envelope["protected"]))
    assert header["alg"] == "RS256" and header["nonce"] == workflow.NONCE and len(header["x5c"]) == 2
    dossier = read(decode(envelope["payload"]).decode())
    assert str(dossier["nonce"]) == workflow.NONCE
    assert dossier["collection-end-time"] >= dossier["collection-start-time"]
    for member in ("model-name", "model-revision", "license-udi", "version", "platform"):
        assert member in dossier
    for selector in workflow.SELECTORS:
        # A machine without a TPM, say, has an integrity snapshot in parts; each missing part says so itself.
        allowed = ("Success",) if selector in ("packages", "rollback-history") else ("Success", "Partial")
        if selector == "reboot-history" and not machine.can_reboot:
            allowed = ("Not available",)  # nothing has booted, and there is no journal: it says so
        assert dossier[selector]["result-code"] in allowed, (selector, dossier[selector])
        assert selector in dossier[selector]
        assert dossier[selector]["result-code"] == "Success" or dossier[selector]["reason"]
    check_content(machine, dossier)


def check_content(machine, dossier):
    packages = json.dumps(dossier["packages"]["packages"])
    for line in machine.output("dpkg-query --show --showformat='${db:Status-Status} ${Package} ${Version}\\n' libc6 systemd").splitlines():
        status, name, version = line.split()
        assert status != "installed" or (f'"{name}"' in packages and f'"{version}"' in packages), line
    commits = json.dumps(dossier["rollback-history"]["rollback-history"])
    for number in range(1, len(workflow.COMMITS) + 1):
        assert f"{1000000000 + number}" in commits
    integrity = json.dumps(dossier["system-integrity-snapshot"])
    assert machine.output("cat /proc/cmdline").strip().split()[0] in integrity
    if machine.can_reboot:
        boot = machine.output("cat /proc/sys/kernel/random/boot_id").strip().replace("-", "")
        assert machine.output("journalctl --list-boots").count("\n") >= 1 and boot


def test_the_pipe_needs_its_task_too(machine):
    """Twin of the collection: a user with the tasks of the selectors but without crypto gets no signature."""
    with machine.console(ADMIN) as session:
        session.prompt()
        workflow.commit(session, ("taskgroup only-read", "task read basic-services", "task read pkg-mgmt"))
        workflow.commit(session, ("usergroup readers", "taskgroup only-read"))
        workflow.commit(session, ("username nobody", "group readers"))
    allowed = machine.chancery("show platform security integrity dossier include packages nonce 7", "nobody")
    assert json.loads(re.sub(layouts.TIME_LINE, "", allowed.stdout))["packages"]["result-code"] == "Success"
    for command in ("show platform security integrity dossier include packages nonce 7 | utility sign nonce 7",
                    "show platform security integrity dossier include reboot-history nonce 7"):
        refused = machine.chancery(command, "nobody", check=False)
        assert refused.returncode != 0 and "% This command is not authorized" in refused.stdout + refused.stderr, command


def test_any_output_can_be_signed(machine):
    envelope = json.loads(workflow.collect(machine, "show version | utility sign nonce 1580"))
    assert b"Chancery" in decode(envelope["payload"])
    assert "x5c" not in json.loads(decode(envelope["protected"]))


def test_two_commands_that_do_not_exist(machine):
    """What is not built does not exist."""
    for command in ("crypto key borrow rsa", "show platform security integrity rumour"):
        result = machine.chancery(command, check=False)
        assert result.returncode != 0 and "% Invalid input detected at '^' marker." in result.stdout + result.stderr, command


def test_nothing_is_broken_in_the_journal(machine):
    """No crash, no sandbox violation, no daemon restarted, in all of the above."""
    if not machine.can_reboot:
        pytest.skip("no journal without a booted router")
    text = machine.output("journalctl --no-pager -o cat -p warning _SYSTEMD_UNIT=init.scope + SYSLOG_IDENTIFIER=systemd")
    assert not re.search(r"chancery-\w+\.service: (?:Main process exited|Failed with)", text), text
    restarts = machine.output("systemctl show --property=NRestarts --value 'chancery-*.service'")
    assert set(restarts.split()) <= {"0"}


def test_certificate_fingerprints_agree(machine):
    """What the operator is shown is what the collector gets."""
    shown = layouts.SHOWN.search(show(machine, "show crypto ca certificates system-trustpoint"))
    envelope = json.loads(workflow.collect(machine, f"show version | {workflow.SIGN}"))
    chain = [base64.b64decode(text) for text in json.loads(decode(envelope["protected"]))["x5c"]]
    assert [hashlib.sha1(der).hexdigest().upper() for der in chain] == [shown["fingerprint"], shown["ca_fingerprint"]]
