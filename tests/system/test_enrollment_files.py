# SPDX-License-Identifier: Apache-2.0
"""Enrolment by files: on a TFTP server (Debian's, in the router), and in the operator's own folder. The CA is openssl. Each test is one step and needs
those before it."""

import json
import re

import pytest

import workflow
from machine import ADMIN, wait_for
from terminal import rendered

FOLDER = "/srv/tftp-test"
LINES = ("subject-name CN=core.example", "serial-number none", "ip-address none")
EXTENSIONS = {"": "digitalSignature,keyEncipherment", "-sign": "digitalSignature", "-encr": "keyEncipherment"}


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("files")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa one"], ADMIN, stdin="2048\n")
    one.run(["chancery", "-c", "crypto key generate rsa usage-keys pairs"], ADMIN, stdin="2048\n")
    one.run(["sh", "-c", f"mkdir -p {FOLDER} /srv/ca && chmod 777 {FOLDER} && cd /srv/ca && "
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out pem -days 30 -subj /CN=ca "
             "-addext keyUsage=critical,keyCertSign,cRLSign"])
    one.run(["systemd-run", "--quiet", "--unit=test-tftp", "in.tftpd", "--foreground", "--ipv4", "--user", "tftp", "--secure", "--create", "--address",
             ":69", FOLDER])
    yield one
    one.stop()


def configure(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, lines)
    assert "%" not in printed, printed


def say(machine, command, text=None):
    result = machine.run(["chancery", "-c", command], ADMIN, stdin=text, check=False)
    return result.returncode, rendered(result.stdout + result.stderr)


def refused(machine, command, *words, text=None):
    status, said = say(machine, command, text)
    assert status != 0 and all(word in said for word in words), said


def state(machine, name):
    shown = machine.chancery("show crypto ca trustpoints | json").stdout
    return {t["trustpoint"]: t for t in json.loads(shown[shown.index("["):])}[name]


def fingerprint(machine):
    return machine.output(["openssl", "x509", "-in", "/srv/ca/pem", "-noout", "-fingerprint", "-sha256"]).partition("=")[2].strip()


def issue(machine, request, certificate, usage):
    machine.write("/srv/ca/ext", f"basicConstraints=CA:FALSE\nkeyUsage=critical,{usage}\n")
    machine.run(["sh", "-c", f"openssl x509 -req -in '{request}' -CA /srv/ca/pem -CAkey /srv/ca/key -CAcreateserial -days 20 -extfile /srv/ca/ext "
                             f"-out '{certificate}' && chmod 644 '{certificate}'"])


# --- TFTP ----------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url, words", [("tftp:///core", "has no host"), ("tftp://127.0.0.1;a/b/core;x", "';'"), ("tftp://127.0.0.1;/core", "VRF"),
                                        ("tftp://user@127.0.0.1/core", "user name or password"), ("127.0.0.1;0123456789012345/core", "VRF")])
def test_urls_that_are_refused(machine, url, words):
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint core", f"enrollment url {url}"):
            console.command(line)
        console.command("commit")
        assert words in console.command("show configuration failed")
        console.command("abort")


def test_authenticate(machine):
    configure(machine, "crypto ca trustpoint core", "enrollment url tftp://127.0.0.1/lab/core", "rsakeypair one", *LINES)
    command = f"crypto ca authenticate core fingerprint {fingerprint(machine)}"
    wait_for(lambda: "File Not Found" in say(machine, command)[1], "the server")
    machine.run(["sh", "-c", f"mkdir {FOLDER}/lab && chmod 777 {FOLDER}/lab && echo hello > {FOLDER}/lab/core.ca && chmod 644 {FOLDER}/lab/core.ca"])
    refused(machine, command, "lab/core.ca", "neither PEM nor base64 nor DER")
    machine.run(["cp", "/srv/ca/pem", f"{FOLDER}/lab/core.ca"])
    refused(machine, f"crypto ca authenticate core fingerprint {64 * '0'}", "not the expected one")
    refused(machine, f"crypto ca authenticate core /srv/ca/pem fingerprint {64 * '0'}", "does not enroll by files")
    assert state(machine, "core")["state"] == "none"
    assert say(machine, command)[0] == 0
    assert state(machine, "core")["state"] == "authenticated" and state(machine, "core")["enrollment"] == "tftp"


def test_enroll(machine):
    """Nothing waits for a certificate when the request could not be written."""
    machine.run(["chmod", "555", f"{FOLDER}/lab"])
    refused(machine, "crypto ca enroll core", "request of core cannot be written")
    assert state(machine, "core")["state"] == "authenticated"
    machine.run(["chmod", "777", f"{FOLDER}/lab"])
    status, said = say(machine, "crypto ca enroll core")
    assert status == 0 and "% The certificate request is at tftp://127.0.0.1/lab/core.req\n" in said, said
    assert state(machine, "core")["state"] == "pending"
    assert "subject=CN=core.example\n" in machine.output(["openssl", "req", "-in", f"{FOLDER}/lab/core.req", "-noout", "-subject", "-nameopt", "RFC2253", "-verify"])


def test_import(machine):
    refused(machine, "crypto ca import core certificate", "core.crt", "File Not Found")
    machine.run(["sh", "-c", f"cp /srv/ca/pem {FOLDER}/lab/core.crt && chmod 644 {FOLDER}/lab/core.crt"])
    refused(machine, "crypto ca import core certificate", "core.crt cannot be used", "another key")
    assert state(machine, "core")["state"] == "pending"
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    issue(machine, f"{FOLDER}/lab/core.req", f"{FOLDER}/lab/core.crt", EXTENSIONS[""])
    status, said = say(machine, "crypto ca import core certificate")
    assert status == 0 and "CN=core.example" in said, said
    assert state(machine, "core")["state"] == "enrolled"
    refused(machine, "crypto ca import core certificate", "No request of core")


def test_nobody_else_may(machine):
    for command in ("crypto ca import core certificate", "crypto ca enroll core", "crypto ca authenticate core"):
        denied = machine.run(["chancery", "-c", command], "nobody", check=False)
        assert "% This command is not authorized" in rendered(denied.stdout + denied.stderr), command


def test_usage_keys_in_a_vrf(machine):
    """Through the interface of a VRF, of which this kernel has none: any interface does. The files have the router's name."""
    configure(machine, "hostname ios", "domain name example.com")
    configure(machine, "crypto ca trustpoint usage", "enrollment url 127.0.0.1;none/", "rsakeypair pairs", *LINES)
    command = f"crypto ca authenticate usage fingerprint {fingerprint(machine)}"
    machine.run(["cp", "/srv/ca/pem", f"{FOLDER}/ios.example.com.ca"])
    refused(machine, command, "The interface none cannot be used: No such device")
    configure(machine, "crypto ca trustpoint usage", "enrollment url tftp://127.0.0.1;lo/")
    assert say(machine, command)[0] == 0
    status, said = say(machine, "crypto ca enroll usage")
    assert status == 0 and re.findall(r"request is at .*/(.*)", said) == ["ios.example.com-sign.req", "ios.example.com-encr.req"], said
    assert state(machine, "usage")["next-step"] == "The two requests wait for their certificates: crypto ca import usage certificate."
    for infix in ("-sign", "-encr"):
        name = f"{FOLDER}/ios.example.com{infix}"
        issue(machine, f"{name}.req", f"{name}.crt", EXTENSIONS[infix])
    status, said = say(machine, "crypto ca import usage certificate")
    assert status == 0 and said.count("Serial Number :") == 2, said
    assert state(machine, "usage")["state"] == "enrolled"


def test_vrf_line(machine):
    """A line of its own, which must not say otherwise."""
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint usage", "vrf other"):
            console.command(line)
        console.command("commit")
        assert "the URL names another one" in console.command("show configuration failed")
        console.command("abort")
    configure(machine, "crypto ca trustpoint core", "vrf none")
    machine.chancery("clear crypto ca certificates core")
    command = f"crypto ca authenticate core fingerprint {fingerprint(machine)}"
    refused(machine, command, "The interface none cannot be used: No such device")
    configure(machine, "crypto ca trustpoint core", "vrf lo")
    assert say(machine, command)[0] == 0


# --- sftp ----------------------------------------------------------------------------------------------------------------------------------------

SSHD = ["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", "/root/sftp_key", "-p", "2222", "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no", "-o", "PidFile=none",
        "-o", "Subsystem=sftp internal-sftp"]
PASSWORD = "canary-sftp%1"


@pytest.fixture(scope="module")
def host_key(machine):
    machine.run(["useradd", "--create-home", "--shell", "/bin/sh", "requests"])
    machine.run(["chpasswd"], stdin=f"requests:{PASSWORD}\n")
    machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/sftp_key"])
    machine.run(["systemd-run", "--quiet", "--unit=test-sftp", *SSHD])
    machine.run(["sh", "-c", "mkdir /home/requests/ca && chown requests /home/requests/ca"])
    return machine.output(["ssh-keygen", "-l", "-f", "/root/sftp_key.pub"]).split()[1]


@pytest.mark.parametrize("lines, words", [
    (("enrollment url sftp://requests@127.0.0.1/core",), "the user is named by 'sftp-username'"),
    (("enrollment url sftp://127.0.0.1/core", "sftp-username requests", "sftp-host-key SHA256:" + 43 * "A"), "needs 'sftp-password'"),
    (("enrollment url sftp://127.0.0.1/core", "sftp-username requests", "sftp-password clear x"), "needs 'sftp-host-key'"),
    (("enrollment url sftp://127.0.0.1/core", "sftp-username a:b"), "other characters than"),
    (("enrollment url sftp://127.0.0.1/core", "sftp-host-key SHA256:x"), "as ssh-keygen -l shows it"),
    (("enrollment terminal", "sftp-password clear x"), "has an effect only with the sftp URL"),
])
def test_sftp_lines_that_are_refused(machine, lines, words):
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint safe", *lines):
            console.command(line)
        console.command("commit")
        assert words in console.command("show configuration failed")
        console.command("abort")


def test_sftp(machine, host_key):
    """The router logs in with a password that keyd has sealed, and only at the server whose host key is configured: that is looked at before the password goes out."""
    wrong = "SHA256:" + 43 * "A"
    configure(machine, "crypto ca trustpoint safe", "enrollment url sftp://127.0.0.1:2222/home/requests/ca/core", "sftp-username requests",
              f"sftp-password clear {PASSWORD}x", f"sftp-host-key {wrong}", "rsakeypair one", *LINES)
    command = f"crypto ca authenticate safe fingerprint {fingerprint(machine)}"
    wait_for(lambda: f"host key is {host_key}, which is not the one that is known: refused" in say(machine, command)[1], "the server")
    assert "Failed password" not in machine.output(["journalctl", "--unit=test-sftp", "--no-pager"])
    configure(machine, "crypto ca trustpoint safe", f"sftp-host-key {host_key}")
    refused(machine, command, "core.ca", "lets nobody in with this user and password")
    configure(machine, "crypto ca trustpoint safe", f"sftp-password clear {PASSWORD}")
    refused(machine, command, "core.ca", "No such file")
    machine.run(["cp", "/srv/ca/pem", "/home/requests/ca/core.ca"])
    assert say(machine, command)[0] == 0
    assert state(machine, "safe")["state"] == "authenticated" and state(machine, "safe")["enrollment"] == "sftp"


def test_sftp_enroll(machine, host_key):
    machine.run(["chmod", "555", "/home/requests/ca"])
    refused(machine, "crypto ca enroll safe", "request of safe cannot be written")
    assert state(machine, "safe")["state"] == "authenticated"
    machine.run(["chmod", "755", "/home/requests/ca"])
    assert say(machine, "crypto ca enroll safe")[0] == 0
    assert state(machine, "safe")["state"] == "pending"
    refused(machine, "crypto ca import safe certificate", "core.crt", "No such file")
    machine.restart("keyd")
    machine.kill("enrolld", 9)
    machine.wait_daemons()
    issue(machine, "/home/requests/ca/core.req", "/home/requests/ca/core.crt", EXTENSIONS[""])
    status, said = say(machine, "crypto ca import safe certificate")
    assert status == 0 and "CN=core.example" in said, said
    assert state(machine, "safe")["state"] == "enrolled"


def test_sftp_password_is_nowhere(machine, host_key):
    shown = machine.chancery("show running-config crypto").stdout
    assert " sftp-username requests\n" in shown and f" sftp-host-key {host_key}\n" in shown and " sftp-password 6 " in shown
    assert PASSWORD not in shown
    found = machine.run(["grep", "-rlF", PASSWORD, "/var/lib/chancery", "/var/log/journal", "/run/log/journal", "/etc/polkit-1"], check=False)
    assert found.stdout == ""
    sealed = next(line.split()[-1] for line in shown.splitlines() if "sftp-password" in line)
    # What was sealed for one purpose is opened for no other.
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, ("crypto ca trustpoint other", "enrollment url http://127.0.0.1/", "rsakeypair one", f"challenge-password 6 {sealed}"))
    assert "was not sealed by this router" in printed, printed


# --- The operator's files ------------------------------------------------------------------------------------------------------------------------


def test_local(machine):
    configure(machine, "crypto ca trustpoint files", "enrollment local", "rsakeypair pairs", *LINES)
    right = f"fingerprint {fingerprint(machine)}"
    refused(machine, f"crypto ca authenticate files {right}", "authenticate files FILE")
    assert state(machine, "files")["next-step"] == "Authenticate the CA: crypto ca authenticate files FILE."
    machine.run(["sh", "-c", "cd /harddisk: && openssl crl2pkcs7 -nocrl -certfile /srv/ca/pem -outform DER -out ca.p7c && : > empty && truncate -s 1M large && "
                             "mkfifo fifo && cp /srv/ca/key key.pem && chmod 644 *"])
    for name, why in (("none.pem", "cannot be opened"), ("", "is a folder."), ("empty", "is empty."), ("large", "is larger than 262144 bytes."), ("fifo", "is no file."),
                      ("key.pem", "a PEM block is something else than a certificate")):
        refused(machine, f"crypto ca authenticate files harddisk:/{name} {right}", why)
    refused(machine, f"crypto ca authenticate files harddisk:/ca.p7c fingerprint {64 * '0'}", "not the expected one")
    assert say(machine, f"crypto ca authenticate files harddisk:/ca.p7c {right}")[0] == 0
    refused(machine, "crypto ca enroll files", "enroll files FILE")
    assert state(machine, "files")["next-step"] == "Request a certificate: crypto ca enroll files FILE."
    refused(machine, "crypto ca enroll files /nowhere/requests.pem", "cannot be written")
    status, said = say(machine, "crypto ca enroll files harddisk:/requests.pem")
    assert status == 0 and "The certificate request is in harddisk:/requests.pem" in said, said
    refused(machine, "crypto ca import files certificate", "import files certificate FILE")
    assert state(machine, "files")["next-step"] == "The two requests wait for their certificates: crypto ca import files certificate FILE, twice."
    requests = machine.read("/harddisk:/requests.pem")
    requests = (requests.decode() if isinstance(requests, bytes) else requests).split("-----END CERTIFICATE REQUEST-----\n")
    for request, infix in zip(requests, ("-sign", "-encr")):
        machine.write("/srv/ca/csr", request + "-----END CERTIFICATE REQUEST-----\n")
        issue(machine, "/srv/ca/csr", "/harddisk:/router.pem", EXTENSIONS[infix])
        if infix == "-encr":
            machine.run(["sh", "-c", "cd /harddisk: && openssl crl2pkcs7 -nocrl -certfile router.pem -certfile /srv/ca/pem -out router.p7b && mv router.p7b router.pem && "
                                     "chmod 644 router.pem"])
        assert say(machine, "crypto ca import files certificate harddisk:/router.pem")[0] == 0
    assert state(machine, "files")["state"] == "enrolled"
    refused(machine, "crypto ca import files certificate harddisk:/router.pem", "No request of files waits for a certificate: crypto ca enroll files FILE")
