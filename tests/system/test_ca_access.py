# SPDX-License-Identifier: Apache-2.0
"""How CAs and their servers are reached, on a router: source interface, HTTP proxy, time for CRLs. With servers and a proxy that run in it, and a second address. Each
test is one step and needs those before it."""

import json
import pathlib
import subprocess

import pytest

import workflow
from machine import ADMIN, wait_for
from test_scep import LINES, QUESTION, Fixture, configure, enroll, fingerprint, say, state

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "pki"
FOLDER, LOG = "/tmp/scep-test", "/tmp/proxy.log"


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("access")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa scep-key"], ADMIN, stdin="2048\n")
    one.run(["chancery", "-c", "crypto key generate ecdsa nistp256 est-key"], ADMIN)
    one.run(["ip", "address", "add", "192.0.2.77/32", "dev", "lo"])
    for name in ("scep_ca.py", "est_server.py", "http_proxy.py"):
        one.write(f"/tmp/{name}", (SOURCES / name).read_text())
    yield one
    one.stop()


def served(machine, *words):
    server = machine.popen(["/usr/bin/python3", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def authority(machine):
    for port in served(machine, "/tmp/scep_ca.py", FOLDER):
        yield Fixture(machine, port)


@pytest.fixture(scope="module")
def proxy(machine):
    yield from served(machine, "/tmp/http_proxy.py", LOG)


@pytest.fixture(scope="module")
def est(machine):
    yield from served(machine, "/tmp/est_server.py", "/tmp/est-test")


def seen(machine):
    """What went through the proxy since the last time."""
    lines = machine.output(["cat", LOG]).splitlines()
    machine.write(LOG, "")
    return lines


def refused(machine, line, words):
    with machine.console(ADMIN) as console:
        console.prompt()
        console.command("configure")
        said = console.command(line)
        if "%" not in said:
            console.command("commit")
            said = console.command("show configuration failed")
        assert words in said, said
        console.command("abort")


def test_lines(machine):
    for line, words in (("crypto ca source interface lo", "% Invalid input"), ("crypto ca source interface ipv4 a/b", "must have the name of an interface"),
                        ("crypto ca http-proxy 127.0.0.1", "% Incomplete"), ("crypto ca http-proxy http://a port 80", "and no URL"),
                        ("crypto ca http-proxy a port 0", "% Invalid input"), ("crypto ca http-proxy a port 65536", "% Invalid input"),
                        ("crypto ca crl curl-timeout 4", "% Invalid input"), ("crypto ca crl curl-timeout 301", "% Invalid input")):
        refused(machine, line, words)
    lines = ["crypto ca source interface ipv6 eth0", "crypto ca http-proxy 2001:db8::1 port 3128", "crypto ca crl curl-timeout 300"]
    configure(machine, "crypto ca source-interface ipv6 eth0", *lines[1:])
    with machine.console(ADMIN) as console:
        console.prompt()
        shown = console.command("show running-config crypto")
        assert [line for line in shown.splitlines() if line.startswith("crypto ca ")] == lines, shown
        console.command("configure")
        helped = console.command("no crypto ca http-proxy")
        assert "%" not in helped
        console.command("no crypto ca source-interface")
        console.command("no crypto ca crl curl-timeout")
        assert "Failed" not in console.command("commit")
        console.command("end")
        assert "crypto ca" not in console.command("show running-config crypto").partition("running-config")[2]


def test_interface_without_an_address(machine, authority):
    configure(machine, "crypto ca source interface ipv4 none", "crypto ca trustpoint core", f"enrollment url {authority.url}", *LINES)
    status, said = say(machine, f"crypto ca authenticate core fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")
    assert status != 0 and "The interface none has no IPv4 address to come from" in said, said
    assert state(machine, "core")["state"] == "none"


def test_scep_through_a_proxy(machine, authority, proxy):
    """From the second address of the interface, to the proxy, which asks the CA: certificates of the CA, enrolment, polls."""
    configure(machine, "crypto ca source interface ipv4 lo", f"crypto ca http-proxy 127.0.0.1 port {proxy}", "crypto ca trustpoint core",
              "enrollment retry period 1")
    with machine.console(ADMIN) as console:
        console.prompt()
        console.command("crypto ca authenticate core", [QUESTION])
    asked = seen(machine)
    assert asked and all(line.startswith(f"192.0.2.77 GET {authority.url}?operation=") for line in asked), asked
    authority.set("grant")
    status, said = enroll(machine, "core")
    assert status == 0, said
    assert state(machine, "core")["state"] == "enrolled"
    asked = seen(machine)
    assert any(line.startswith(f"192.0.2.77 POST {authority.url}?operation=PKIOperation") for line in asked), asked


def test_est_through_a_proxy(machine, est, proxy):
    """https: the proxy sees where to, and no more."""
    configure(machine, "crypto ca trustpoint est", f"enrollment url https://127.0.0.1:{est}/", "method est", "subject-name CN=core.example,O=Example",
              "keypair ecdsanistp256 est-key", "serial-number none", "ip-address none")
    status, said = say(machine, f"crypto ca authenticate est fingerprint {fingerprint(machine, '/tmp/est-test/root.pem')}")
    assert status == 0, said
    # core's CA is asked for its list of revoked certificates meanwhile.
    asked = [line for line in seen(machine) if f":{est}" in line]
    assert asked and set(asked) == {f"192.0.2.77 CONNECT 127.0.0.1:{est}"}, asked


def test_crl_through_a_proxy(machine, authority, proxy):
    status, said = say(machine, f"crypto ca crl request {authority.url}/none.crl")
    assert status != 0 and "No CRL was taken" in said, said
    assert seen(machine) == [f"192.0.2.77 GET {authority.url}/none.crl"]


def test_what_goes_through_no_proxy(machine, proxy):
    configure(machine, "crypto ca trustpoint files", "enrollment url tftp://127.0.0.1/", *LINES)
    for command in (f"crypto ca authenticate files fingerprint {64 * '0'}", "crypto ca crl request ldap://127.0.0.1/cn=x?certificateRevocationList"):
        status, said = say(machine, command)
        assert status != 0 and "Only http and https go through an HTTP proxy" in " ".join(said.split()), said
    assert seen(machine) == []


def test_proxy_that_is_away(machine, authority):
    """No other way is taken, until none is configured."""
    configure(machine, "crypto ca http-proxy 127.0.0.1 port 1")
    command = f"crypto ca authenticate core fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}"
    machine.chancery("clear crypto ca certificates core")
    status, said = say(machine, command)
    assert status != 0 and "cannot be reached" in said, said
    with machine.console(ADMIN) as console:
        console.prompt()
        assert "Failed" not in workflow.commit(console, ["no crypto ca http-proxy", "no crypto ca source interface"])
    status, said = say(machine, command)
    assert status == 0, said


def test_vrf_of_the_http_client(machine, authority):
    """For http, where the trustpoint names none; not for what is no HTTP."""
    command = f"crypto ca authenticate core fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}"
    refused(machine, "http client vrf a/b", "must have the name of the VRF's interface")
    refused(machine, "http client secure-verify-peer disable", "A server that is not verified is never believed")
    configure(machine, "http client vrf none")
    machine.chancery("clear crypto ca certificates core")
    status, said = say(machine, command)
    assert status != 0 and "The interface none cannot be used: No such device" in said, said
    status, said = say(machine, f"crypto ca crl request {authority.url}/none.crl")
    assert status != 0 and "The interface none cannot be used" in said, said
    status, said = say(machine, "crypto ca crl request ldap://127.0.0.1:1/cn=x?certificateRevocationList")
    assert status != 0 and "interface" not in said, said
    configure(machine, "crypto ca trustpoint core", "vrf lo")
    status, said = say(machine, command)
    assert status == 0, said
    machine.chancery("clear crypto ca certificates core")
    configure(machine, "crypto ca trustpoint core", "no vrf", "root", "http client vrf lo")
    status, said = say(machine, command)
    assert status == 0, said
    assert "\nhttp client vrf lo\n" in machine.chancery("show running-config").stdout
    configure(machine, "no http client vrf")


def test_address_as_a_common_name(machine):
    """Of a server that is called by its address: no name, unless a line says so."""
    machine.run(["mkdir", "-p", "/tmp/est-bare"])
    machine.write("/tmp/est-bare/bare", "")
    for port in served(machine, "/tmp/est_server.py", "/tmp/est-bare"):
        configure(machine, "crypto ca trustpoint bare", f"enrollment url https://127.0.0.1:{port}/", "method est", "subject-name CN=core.example,O=Example",
                  "keypair ecdsanistp256 est-key", "serial-number none", "ip-address none", "crl optional")
        assert say(machine, f"crypto ca authenticate bare fingerprint {fingerprint(machine, '/tmp/est-bare/root.pem')}")[0] == 0
        status, said = say(machine, "crypto ca enroll bare", "\n")
        assert status != 0 and "IP address mismatch" in said, said
        configure(machine, "crypto ca fqdn-check ip-address allow")
        assert "\ncrypto ca fqdn-check ip-address allow\n" in machine.chancery("show running-config crypto").stdout
        status, said = say(machine, "crypto ca enroll bare", "\n")
        assert status == 0 and state(machine, "bare")["state"] == "enrolled", said
        configure(machine, "no crypto ca fqdn-check ip-address allow")


# --- Many -----------------------------------------------------------------------------------------------------------------------------------------

MANY = 500


def test_five_hundred_trustpoints(machine, authority):
    """They load in one commit, are listed, and are there again after a restart of the daemon, with what each of them had."""
    lines = [line for number in range(MANY) for line in (f"crypto ca trustpoint many-{number:03}", f"enrollment url {authority.url}", *LINES)]
    text = "\n".join(["configure", *lines, "commit", "end", "exit", ""])
    printed = machine.run(["chancery"], ADMIN, stdin=text, timeout=600.0).stdout
    assert "Failed" not in printed and "% " not in printed, printed[-2000:]

    def listed():
        shown = machine.chancery("show crypto ca trustpoints | json").stdout
        return {t["trustpoint"]: t["state"] for t in json.loads(shown[shown.index("["):]) if t["trustpoint"].startswith("many-")}
    assert say(machine, f"crypto ca authenticate many-499 fingerprint {fingerprint(machine, f'{FOLDER}/root.pem')}")[0] == 0
    wanted = {f"many-{number:03}": "none" for number in range(MANY - 1)} | {"many-499": "authenticated"}
    assert listed() == wanted
    machine.run(["systemctl", "restart", "chancery-enrolld"])
    machine.wait_daemons()
    wait_for(lambda: listed() == wanted, "the trustpoints to be there again")
    assert machine.chancery("show crypto ca trustpoints many-250").stdout.count("Trustpoint") == 1
