# SPDX-License-Identifier: Apache-2.0
"""Enrolment by cut and paste: a CA made by openssl, whose certificates the operator carries. Each test is one step and needs those before it."""

import json
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

import workflow
from machine import ADMIN
from terminal import rendered

QUESTION = (r"Do you accept this certificate\?\? \[yes/no\]: ?", "yes")
SERIAL = (r"Include the router serial number in the subject name\? \[yes/no\]: ?", "no")
ADDRESS = (r"Include an IP address in the subject name\? \[yes/no\]: ?", "no")
TRUSTPOINT = ("crypto ca trustpoint core", "enrollment terminal", "keypair ecdsanistp256 core-key", "subject-name CN=core.example,O=Example",
              "subject-alternative-name DNS:core.example,IP:192.0.2.7", "key-usage certificate digitalsignature keyagreement")
REMOVE = r"Are you sure you want to do this\? \[yes/no\]: ?"
BUS = ["org.chancery.Enrollment1", "/org/chancery/Enrollment1", "org.chancery.Enrollment1"]


class Authority:
    """A root, a CA below it that issues, and somebody else's."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("root", "stranger"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                         f"{name}.pem", "-days", 30, "-subj", f"/O=Example/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "issuing.key", "-out", "issuing.csr",
                     "-subj", "/O=Example/CN=issuing")
        self.sign("issuing.csr", "root", "issuing.pem", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")

    def openssl(self, *words):
        return subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder).stdout

    def sign(self, request, by, to, extensions):
        (self.folder / "ext").write_text(extensions)
        self.openssl("x509", "-req", "-in", request, "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", 20, "-extfile", "ext",
                     "-out", to)
        return self.text(to)

    def text(self, name):
        return (self.folder / name).read_text()

    def issue(self, request, by="issuing", names="DNS:core.example,IP:192.0.2.7", more="basicConstraints=CA:FALSE\n"):
        (self.folder / "router.csr").write_text(request)
        return self.sign("router.csr", by, "router.pem", f"subjectAltName={names}\nkeyUsage=critical,digitalSignature,keyAgreement\n{more}")

    def fingerprint(self, name):
        return self.openssl("x509", "-in", f"{name}.pem", "-noout", "-fingerprint", "-sha256").decode().partition("=")[2].strip()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="module")
def kept():
    return {}


def say(machine, command, text=None, **options):
    result = machine.run(["chancery", "-c", command], ADMIN, stdin=text, check=False, **options)
    return result.returncode, rendered(result.stdout + result.stderr)


def state(machine, name="core"):
    shown = machine.chancery("show crypto ca trustpoints | json").stdout
    return {t["trustpoint"]: t for t in json.loads(shown[shown.index("["):])}.get(name, {})


def paste(console, command, text, answers=()):
    console.line(command)
    console.expect(r"on a line by itself")
    for line in text.strip().split("\n"):
        console.line(line)
    console.line("quit")
    printed = ""
    for question, answer in answers:
        printed += console.expect(question).string
        console.line(answer)
    console.prompt()
    return rendered(printed + console.before)


def test_unknown_names(machine):
    """One sentence that says so, nothing else, and a status of failure; a trustpoint that has nothing yet is no error."""
    for command in ("show crypto ca certificates absent", "show crypto ca certificates absent detail", "show crypto ca certificates absent | json",
                    "show crypto ca trustpoints absent", "show crypto ca trustpoints absent | json", "clear crypto ca certificates absent",
                    "crypto ca authenticate absent", "crypto ca enroll absent", "crypto ca import absent certificate", "crypto ca cancel-enroll absent",
                    "crypto ca import absent certificate /etc/hostname", "crypto ca import absent serial-number 12",
                    "crypto ca crl request absent"):
        status, said = say(machine, command)
        assert status != 0, command
        assert re.findall(r"^%.*$", said, re.M) == ["% There is no trustpoint 'absent'"] and "[]" not in said, (command, said)
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["crypto ca trustpoint empty"])
    for command in ("show crypto ca certificates empty", "show crypto ca trustpoints empty"):
        status, said = say(machine, command)
        assert status == 0 and "%" not in said, said
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["no crypto ca trustpoint empty"])


def test_digests_that_nobody_believes(machine):
    """The router had them; a caret alone would not say why they are gone."""
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint core"):
            console.command(line)
        for word, name in (("md5", "MD5"), ("sha1", "SHA-1")):
            said = console.command(f"message-digest {word}")
            assert f"% Nobody believes what is signed with {name}, which is broken: sha256, sha384 or sha512" in said, said
        assert "%" not in console.command("message-digest sha256")
        console.command("abort")


def test_lines_that_do_nothing_are_refused(machine):
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint core", "enrollment terminal", "lifetime certificate 300"):
            console.command(line)
        assert "Failed to commit" in console.command("commit")
        assert "a CA elsewhere decides that" in console.command("show configuration failed")
        console.command("abort")
    assert state(machine) == {}


def test_configure(machine):
    with machine.console(ADMIN) as console:
        console.prompt()
        assert "%" not in workflow.commit(console, TRUSTPOINT)
    machine.run(["chancery", "-c", "crypto key generate ecdsa nistp256 core-key"], ADMIN)
    assert state(machine)["state"] == "none"
    assert "authenticate" in state(machine)["next-step"]
    shown = machine.chancery("show running-config").stdout
    assert " enrollment terminal\n" in shown and " subject-alternative-name DNS:core.example,IP:192.0.2.7\n" in shown


def test_nobody_else_may(machine):
    for command in ("crypto ca authenticate core fingerprint " + 64 * "0", "crypto ca import core certificate", "crypto ca cancel-enroll core",
                    "show crypto ca trustpoints"):
        refused = machine.run(["chancery", "-c", command], "nobody", stdin="AAAA\nquit\n", check=False)
        assert "% This command is not authorized" in rendered(refused.stdout + refused.stderr), command
    assert state(machine)["state"] == "none"


def test_order_of_steps(machine):
    for command, words in (("crypto ca enroll core", "authenticate core first"), ("crypto ca import core certificate", "authenticate core first"),
                           ("crypto ca cancel-enroll core", "No request of core"), ("crypto ca authenticate edge", "There is no trustpoint 'edge'")):
        status, text = say(machine, command, "AAAA\nquit\n")
        assert status != 0 and words in text, text


def test_authenticate_without_a_terminal(machine, authority):
    """Nobody compares the fingerprint: it has to be given, and to be the right one."""
    issuing = authority.text("issuing.pem")
    for command, text, words in (("crypto ca authenticate core", issuing, "fingerprint HEX"),
                                 (f"crypto ca authenticate core fingerprint {authority.fingerprint('root')}", issuing, "not the expected one"),
                                 (f"crypto ca authenticate core fingerprint {64 * 'z'}", issuing, "hexadecimal"),
                                 (f"crypto ca authenticate core fingerprint {64 * '0'}", "AAAA\nquit\n", "no CA certificate"),
                                 (f"crypto ca authenticate core fingerprint {64 * '0'}", "\n", "Nothing was entered")):
        status, said = say(machine, command, text)
        assert status != 0 and words in said, said
    assert state(machine)["state"] == "none"


def test_pasted_from_elsewhere(machine, authority):
    """What openssl writes above the block is passed over. Each line followed by a blank one, as terminals make it of CR and LF, is whole; what is cut off ends with two
    blank lines; and nothing of either is taken for a command."""
    text = authority.openssl("x509", "-in", "root.pem", "-text").decode().strip().split("\n")
    doubled = authority.text("root.pem").strip().replace("\n", "\n\n").split("\n")
    with machine.console(ADMIN) as console:
        console.prompt()
        for lines, ends, words in ((text, 1, None), (doubled, 1, None), (text[:-3], 2, "no beginning or no end")):
            console.line("crypto ca authenticate core")
            console.expect(r"on a line by itself")
            for line in [*lines, *ends * [""]]:
                console.line(line)
            if not words:
                console.expect(QUESTION[0])
                console.line("no")
            console.prompt()
            printed = rendered(console.before)
            assert words in printed if words else "is not accepted" in printed, printed
            assert "Invalid input" not in printed and "Invalid input" not in console.command("show clock"), printed


def test_pasted_at_once(machine, authority):
    """A chain with blank lines between its certificates is one paste, with the end of a line as CR or as CR and LF. What is no certificate behind it was typed ahead, and
    answers the question."""
    chain = authority.text("root.pem") + "\n\n" + authority.text("issuing.pem")
    with machine.console(ADMIN) as console:
        console.prompt()
        for pasted, offered in ((authority.text("root.pem") + "\nno\nshow clock\n", "root"), (chain + "\nno\nshow clock\n", "issuing"), (chain + "\nquit\n", "issuing")):
            for end in ("\r", "\r\n"):
                console.line("crypto ca authenticate core")
                console.expect(r"on a line by itself")
                console.send(pasted.replace("\n", end))
                printed = console.expect(QUESTION[0]).string
                if "quit" in pasted:
                    console.line("no")
                printed += console.expect(r"% The certificate is not accepted").string
                if "clock" in pasted:
                    console.expect(r"\d\d:\d\d:\d\d\.\d+ UTC \w+ \w+ \d+ \d+\n")
                console.prompt()
                printed = rendered(printed)
                assert f"CN={offered},O=Example\nIssued By" in printed and "Answer yes" not in printed, printed
                assert "%" not in console.command("show clock")


def test_pasted_where_nobody_asked(machine, authority):
    """Neither at the prompt nor at a question is any line of it taken: not its "quit" either."""
    pasted = ("\n" + authority.text("root.pem") + "\n" + authority.text("issuing.pem") + "quit\n").replace("\n", "\r")
    with machine.console(ADMIN) as console:
        console.prompt()
        console.send(f"crypto ca import core certificate{pasted}")
        console.expect(r"% core has no CA certificate")
        console.expect(r"% Nothing is to be pasted here: it was dropped\.")
        assert "Invalid input" not in console.before
        console.prompt()
        console.line("crypto ca authenticate core")
        console.expect(r"on a line by itself")
        console.send(authority.text("root.pem").replace("\n", "\r") + "\r")
        console.expect(QUESTION[0])
        console.send(pasted[1:])
        console.expect(r"% Nothing is to be pasted here: it was dropped\.")
        console.expect(QUESTION[0])
        console.line("no")
        console.prompt()
        printed = rendered(console.before)
        assert "is not accepted" in printed and "Answer yes or no" not in printed, printed
        assert "%" not in console.command("show clock")
    assert state(machine)["state"] == "none"


def test_authenticate_by_paste(machine, authority):
    chain = authority.text("root.pem") + authority.text("issuing.pem")
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = paste(console, "crypto ca authenticate core", chain, [(QUESTION[0], "no")])
        assert "not accepted" in printed and state(machine)["state"] == "none"
        printed = paste(console, "crypto ca authenticate core", chain, [QUESTION])
    assert "CN=issuing,O=Example" in printed and authority.fingerprint("issuing").replace(":", "") in printed.replace("\n", "")
    assert state(machine)["state"] == "authenticated"
    status, said = say(machine, f"crypto ca authenticate core fingerprint {authority.fingerprint('root')}", chain)
    assert status != 0 and "authenticated already" in said
    # Nobody is asked for what there is no use for.
    status, said = say(machine, "crypto ca import core certificate", "AAAA\nquit\n")
    assert status != 0 and "No request of core waits for a certificate: crypto ca enroll core" in said and "Enter the base 64" not in said, said


def test_enroll_prints_a_request(machine, authority, kept):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = console.command("crypto ca enroll core", [SERIAL, ADDRESS])
    kept["request"] = re.search(r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n", printed, re.S).group()
    (authority.folder / "shown.csr").write_text(kept["request"])
    text = authority.openssl("req", "-in", "shown.csr", "-noout", "-text", "-nameopt", "RFC2253", "-verify").decode()
    for words in ("CN=core.example", "DNS:core.example, IP Address:192.0.2.7", "Digital Signature, Key Agreement"):
        assert words in text, text
    assert state(machine)["state"] == "pending" and "import core" in state(machine)["next-step"]


def test_import_refused(machine, authority, kept):
    """Each certificate is wrong in one thing; none is taken in, and the request stays."""
    other = authority.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "other.key", "-subj",
                              "/CN=core.example").decode()
    for text, words in ((authority.issue(kept["request"], by="stranger"), "another CA"),
                        (authority.issue(kept["request"], by="root"), "another CA"),
                        (authority.issue(other), "another key"),
                        (authority.issue(kept["request"], names="DNS:core.example,IP:192.0.2.7,DNS:extra.example"), "not asked for"),
                        (authority.issue(kept["request"], names="DNS:core.example"), "lacks"),
                        (authority.issue(kept["request"], more="basicConstraints=critical,CA:TRUE\n"), "a CA"),
                        ("hello\n", "no certificate")):
        status, said = say(machine, "crypto ca import core certificate", text)
        assert status != 0 and words in said, said
    assert state(machine)["state"] == "pending"
    assert "Router certificate" not in machine.chancery("show crypto ca certificates core").stdout


def test_request_survives(machine, authority, kept):
    """kill -9 and a reboot: the certificate that was made of the request meanwhile still fits."""
    points = "crlDistributionPoints=points\n[points]\nfullname=URI:http://crl.example/a.crl,dirName:issuer\n[issuer]\nCN=a\nO=Example\n"
    kept["certificate"] = authority.issue(kept["request"], more=f"basicConstraints=CA:FALSE\n{points}")
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    assert state(machine)["state"] == "pending"
    if machine.can_reboot:
        machine.reboot(hard=True)
        machine.wait_daemons()
    assert state(machine)["state"] == "pending"


def test_import_by_file(machine, kept):
    machine.write("/tmp/router.pem", kept["certificate"])
    status, said = say(machine, "crypto ca import core certificate /tmp/none.pem")
    assert status != 0 and "cannot be opened" in said
    status, said = say(machine, "crypto ca import core certificate /tmp/router.pem")
    assert status == 0 and "CN=core.example" in said, said
    assert state(machine)["state"] == "enrolled" and state(machine)["next-step"].startswith("Ready.")  # its CRL, which nobody has, may have been missed
    shown = machine.chancery("show crypto ca certificates core detail").stdout
    assert "Router certificate" in shown and kept["certificate"].split("\n")[1] in shown
    assert re.search(r"\nValidity End   : [^\n]+\nCRL Distribution Point\n    http://crl\.example/a\.crl\n    O=Example,CN=a\nSHA1 Fingerprint:\n", shown), shown
    assert "CERT_INSTALLED" in machine.journal("enrolld")


def test_renewal_by_paste(machine, authority):
    """Enrolled anew while the old certificate stays; cancelled, then done."""
    def request():
        with machine.console(ADMIN) as console:
            console.prompt()
            return re.search(r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n",
                             console.command("crypto ca enroll core", [SERIAL, ADDRESS]), re.S).group()

    request()
    assert state(machine)["state"] == "renewing"
    assert say(machine, "crypto ca cancel-enroll core")[0] == 0
    assert state(machine)["state"] == "enrolled"
    certificate = authority.issue(request())
    with machine.console(ADMIN) as console:
        console.prompt()
        assert "CN=core.example" in paste(console, "crypto ca import core certificate", certificate + authority.text("issuing.pem"))
    assert state(machine)["state"] == "enrolled"


# Lines of the trustpoint, what is answered, and what the request then has: its subject (with the router's serial number for %s), digest, and usages.
SUBJECTS = (
    (("serial-number", "ip-address none"), (), "serialNumber=%s,unstructuredName=request.example.com,O=Example,CN=rules", "sha256"),
    (("serial-number none", "ip-address 192.0.2.9"), (), "unstructuredAddress=192.0.2.9,unstructuredName=request.example.com,O=Example,CN=rules", "sha256"),
    (("serial-number none", "ip-address none", "message-digest sha384"), (), "unstructuredName=request.example.com,O=Example,CN=rules", "sha384"),
    (("no serial-number", "no ip-address", "message-digest sha512"), ("yes", "yes", "2001:db8::9"),
     "serialNumber=%s,unstructuredAddress=2001:db8::9,unstructuredName=request.example.com,O=Example,CN=rules", "sha512"),
    (("serial-number", "ip-address none", "no subject-name", "no message-digest"), (), "serialNumber=%s,unstructuredName=request.example.com", "sha256"),
    (("key-usage certificate digitalsignature nonrepudiation keyencipherment",), (), "serialNumber=%s,unstructuredName=request.example.com", "sha256"),
)


def test_what_is_in_the_subject(machine, authority):
    """Each line in a request: what is configured is not asked, and what is asked is what is in it. The encoded order is the configured one, then the router's names."""
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["hostname request", "domain name example.com", "crypto ca trustpoint rules", "enrollment terminal", "keypair ecdsanistp256 core-key",
                                  "subject-name CN=rules,O=Example"])
        assert "CN=issuing" in say(machine, f"crypto ca authenticate rules fingerprint {authority.fingerprint('issuing')}",
                                   authority.text("issuing.pem") + authority.text("root.pem") + "quit\n")[1]
        for lines, answers, subject, digest in SUBJECTS:
            workflow.commit(console, ["crypto ca trustpoint rules", *lines])
            status, printed = say(machine, "crypto ca enroll rules", "".join(f"{answer}\n" for answer in answers))
            assert status == 0 and (" [yes/no]" in printed) == bool(answers), printed
            request = x509.load_pem_x509_csr(re.search(r"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----\n", printed, re.S)[0].encode())
            serial = request.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
            names = {NameOID.UNSTRUCTURED_NAME: "unstructuredName", x509.ObjectIdentifier("1.2.840.113549.1.9.8"): "unstructuredAddress",
                     NameOID.SERIAL_NUMBER: "serialNumber"}
            assert request.subject.rfc4514_string(names) == (subject % serial[0].value if "%s" in subject else subject), lines
            assert len(serial) == subject.count("%s") and all(re.fullmatch("[0-9a-f]{8}", name.value) for name in serial)
            assert request.signature_hash_algorithm.name == digest and request.is_signature_valid, lines
        usage = request.extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical and usage.value == x509.KeyUsage(True, True, True, False, False, False, False, False, False)
        assert say(machine, "crypto ca cancel-enroll rules") == (0, "")
        workflow.commit(console, ["hostname router", "no domain name"])
    machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpoint rules\ncommit force\nend\n")
    machine.chancery("clear crypto ca certificates rules", check=False)


def test_remove(machine):
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "no crypto ca trustpoint core"):
            assert "%" not in console.command(line)
        said = console.command("commit", [(REMOVE, "no")])
        assert "destroys its certificates" in said and said.rstrip().endswith("% The changes are not committed."), said
        assert "no crypto ca trustpoint core" in console.command("show configuration")
        console.command("abort")
    assert state(machine)["state"] == "enrolled"
    # Nobody can be asked: what cannot be had back stays, and that is said.
    result = machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpoint core\ncommit\nend\n")
    assert "stay until they are removed: clear crypto ca certificates core" in " ".join((result.stdout + result.stderr).split())
    assert "No longer configured" in state(machine)["next-step"]
    # And with a rollback it is whole again; one forward says the same once more.
    assert "successfully rolled back" in machine.chancery("rollback configuration last 1").stdout
    assert state(machine)["state"] == "enrolled"
    result = machine.chancery("rollback configuration last 1")
    assert "stay until they are removed" in " ".join((result.stdout + result.stderr).split())
    machine.chancery("rollback configuration last 1")
    assert state(machine)["state"] == "enrolled"
    # Who replaces everything by something without it is told, too.
    result = machine.run(["chancery"], ADMIN, stdin="configure\nhostname replaced\ncommit replace\nyes\nend\n")
    assert "stay until they are removed: clear crypto ca certificates core" in " ".join((result.stdout + result.stderr).split())
    machine.chancery("rollback configuration last 1")
    assert state(machine)["state"] == "enrolled"


def test_remove_for_good(machine, authority):
    """Asked, with yes; and a request that is open goes the same way without a question. Keys stay."""
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "no crypto ca trustpoint core"):
            console.command(line)
        assert "The certificates and requests of core are removed" in console.command("commit", [(REMOVE, "yes")])
        console.command("end")
    assert state(machine) == {}
    with machine.console(ADMIN) as console:
        console.prompt()
        assert "%" not in workflow.commit(console, TRUSTPOINT)
    machine.run(["chancery", "-c", f"crypto ca authenticate core fingerprint {authority.fingerprint('issuing')}"], ADMIN,
                stdin=authority.text("issuing.pem") + authority.text("root.pem") + "quit\n")
    assert say(machine, "crypto ca enroll core", "no\nno\n")[0] == 0
    assert state(machine)["state"] == "pending"
    result = machine.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpoint core\ncommit force\nend\n")
    assert "stay until" not in result.stdout + result.stderr
    assert state(machine) == {} and "Key label: core-key" in machine.chancery("show crypto key mypubkey ecdsa").stdout
