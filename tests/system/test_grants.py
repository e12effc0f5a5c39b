# SPDX-License-Identifier: Apache-2.0
"""The configuration lets a user or a group use one key for one thing, and nobody else for anything."""

import contextlib
import subprocess

import pytest

CLIENT = "/usr/local/bin/granted-client"
WEB = ("ed25519", "web", "tls")
REFUSED = "org.chancery.Error.PurposeRefused"


@pytest.fixture(scope="module")
def granting(machine, build):
    machine.write(CLIENT, (build / "tests/granted-client").read_bytes(), 0o755)
    machine.chancery("crypto key generate ed25519 web")
    machine.chancery("crypto key generate ecdsa nistp256 other")
    return machine


class Client:
    def __init__(self, process):
        self.process = process

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextlib.contextmanager
def client(machine, user, words=WEB):
    process = machine.popen([CLIENT, *words], user, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Client(process)
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def configure(machine, *lines):
    result = machine.run(["chancery"], "admin", stdin="\n".join(["configure", *lines, "commit", "show configuration failed", "abort", ""]), check=False)
    return result.stdout + result.stderr


def grant(name, purpose="tls", *who, key="ed25519 web"):
    return (f"crypto key grant {name}", f"keypair {key}", f"purpose {purpose}", *who)


def test_nobody_is_granted_anything(granting):
    for user in ("nobody", "admin", "root", "chancery-enrolld"):
        with client(granting, user) as one:
            assert one.ask("list") == ""
            assert one.ask("sign").startswith(REFUSED) and one.ask("open").startswith(REFUSED)
    # Nor learns which keys there are.
    with client(granting, "nobody", ("ed25519", "no-such-key", "tls")) as one:
        assert "this purpose is not for this caller" in one.ask("sign")


@pytest.mark.parametrize("lines, reason", [
    (("crypto key grant web", "purpose tls", "user nobody"), "It has to name a keypair"),
    (("crypto key grant web", "keypair ed25519 web", "user nobody"), "It has to have the purpose tls or ssh"),
    (("crypto key grant web", "keypair ed25519 web", "purpose tls"), "It has to name a user or a group"),
    ((*grant("web", "tls", "user nobody"), "root", *grant("more", "ssh", "user nobody")), "This key is granted for another purpose already"),
])
def test_refused_configurations(lines, reason, granting):
    assert reason in configure(granting, *lines)
    with client(granting, "nobody") as one:
        assert one.ask("list") == ""


def test_user(granting):
    assert "Failed" not in configure(granting, *grant("web", "tls", "user nobody"))
    with client(granting, "admin") as other, client(granting, "nobody", ("ed25519", "web", "ssh")) as otherwise:
        assert other.ask("list") == "" and other.ask("open").startswith(REFUSED)
        assert otherwise.ask("sign").startswith(REFUSED)
    for words in (("ecdsanistp256", "other", "tls"), ("ed25519", "web", "envelope"), ("ed25519", "web", "certificate"), ("ed25519", "web", "scep")):
        with client(granting, "nobody", words) as otherwise:
            assert otherwise.ask("sign").startswith(REFUSED), words
    with client(granting, "nobody") as one:
        assert one.ask("list") == "ed25519/web/tls"
        assert one.ask("sign") == "ok"
        assert one.ask("open") == "open"
        assert one.ask("junk").startswith("refused it is neither a CertificateVerify of TLS 1.3")
        assert one.ask("server") == "ok" and one.ask("client") == "ok"


def test_withdrawn(granting):
    """Also what is open ends."""
    with client(granting, "nobody") as one:
        assert one.ask("open") == "open"
        assert one.ask("list") == "ed25519/web/tls" and one.ask("server") == "ok"
        configure(granting, "no crypto key grant web")
        assert one.ask("wait") == "ended"
        assert one.ask("sign").startswith(REFUSED) and one.ask("open").startswith(REFUSED)


def test_group(granting):
    group = granting.output(["id", "-gn", "nobody"]).strip()
    configure(granting, *grant("web", "tls", f"group {group}"))
    with client(granting, "admin") as other:
        assert other.ask("open").startswith(REFUSED)
    with client(granting, "nobody") as one:
        assert one.ask("list") == "ed25519/web/tls" and one.ask("sign") == "ok"
    granting.restart("keyd")
    with client(granting, "nobody") as one:
        assert one.ask("list") == "ed25519/web/tls" and one.ask("sign") == "ok"
    assert "crypto key grant web\n keypair ed25519 web\n purpose tls\n group" in granting.chancery("show running-config").stdout


def test_key_is_replaced(granting):
    with client(granting, "nobody") as one:
        assert one.ask("open") == "open"
        granting.run(["chancery", "-c", "crypto key generate ed25519 web"], "admin", stdin="yes\n")
        assert one.ask("wait") == "ended"
        assert one.ask("list") == "ed25519/web/tls" and one.ask("sign") == "ok"
