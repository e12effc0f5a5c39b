# SPDX-License-Identifier: Apache-2.0
"""A signing channel gives its holder what a call of Sign would, and nothing more or longer."""

import contextlib
import subprocess

import pytest

CLIENT = "/usr/local/bin/channel-client"
ENROLLD = "chancery-enrolld"
LEAF = ("rsa", "system-enroll-key", "certificate-request")


@pytest.fixture(scope="module")
def signer(enrolled, build):
    enrolled.write(CLIENT, (build / "tests/channel-client").read_bytes(), 0o755)
    return enrolled


class Channel:
    def __init__(self, process):
        self.process = process
        self.greeting = process.stdout.readline().strip()

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextlib.contextmanager
def channel(machine, words, user=ENROLLD):
    process = machine.popen([CLIENT, *words], user, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Channel(process)
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.mark.parametrize(("user", "words", "error"), [
    ("chancery-dossierd", LEAF, "PurposeRefused"),
    (ENROLLD, ("rsa", "system-enroll-key", "envelope"), "PurposeRefused"),
    (ENROLLD, ("rsa", "system-enroll-key", "certificate"), "PurposeRefused"),
    (ENROLLD, ("rsa", "system-root-key", "certificate-request"), "PurposeRefused"),
    (ENROLLD, ("rsa", "system-enroll-key", "tls"), "PurposeRefused"),
    (ENROLLD, ("rsa", "no-such-key", "certificate-request"), "NoSuchObject"),
])
def test_not_opened(user, words, error, signer):
    with channel(signer, words, user) as refused:
        assert refused.greeting.startswith(f"org.chancery.Error.{error} "), refused.greeting


def test_others_are_not_let_near(signer):
    for user in ("admin", "root"):
        with channel(signer, LEAF, user) as refused:
            assert refused.greeting.split(" ")[0] in ("org.chancery.Error.NotAuthorized", "org.freedesktop.DBus.Error.AccessDenied")


def test_signs_what_it_reads_and_nothing_else(signer):
    with channel(signer, LEAF) as one:
        assert one.greeting == "open"
        assert one.ask("junk").startswith("refused 2 ")
        assert one.ask("other").startswith("refused 3 ")
        assert one.ask("sign") == "ok"
        assert one.ask("file") == "ok"
        assert one.ask("frame") == "ended"
        assert one.ask("sign") == "ended"


def test_ends_when_keyd_ends(signer):
    with channel(signer, LEAF) as one:
        assert one.ask("sign") == "ok"
        signer.restart("keyd")
        assert one.ask("sign") == "ended"
    with channel(signer, LEAF) as one:
        assert one.ask("sign") == "ok"


def configure(machine, *lines):
    machine.run(["chancery"], "admin", stdin="\n".join(["configure", *lines, "commit", "end", ""]), timeout=120)


def test_ends_with_the_key_and_with_its_role(signer):
    signer.chancery("crypto key generate ecdsa nistp256 brief")
    words = ("ecdsanistp256", "brief", "certificate-request")
    with channel(signer, words) as refused:
        assert "no trustpoint names it" in refused.greeting
    configure(signer, "crypto ca trustpoint brief", "keypair ecdsanistp256 brief")
    with channel(signer, words) as one, channel(signer, LEAF) as other:
        assert one.ask("sign") == "ok"
        signer.run(["chancery", "-c", "crypto key generate ecdsa nistp256 brief"], "admin", stdin="yes\n")
        assert one.ask("wait") == "ended"
        assert other.ask("sign") == "ok"
    with channel(signer, words) as one, channel(signer, LEAF) as other:
        assert one.ask("sign") == "ok"
        signer.run(["chancery", "-c", "crypto key zeroize ecdsa nistp256 brief"], "admin", stdin="yes\n")
        assert one.ask("wait") == "ended"
        assert other.ask("sign") == "ok"
    signer.chancery("crypto key generate ecdsa nistp256 brief")
    with channel(signer, words) as one, channel(signer, LEAF) as other:
        assert one.ask("sign") == "ok"
        configure(signer, "no crypto ca trustpoint brief")
        assert one.ask("wait") == "ended"
        assert other.ask("sign") == "ok"
    with channel(signer, words) as refused:
        assert "no trustpoint names it" in refused.greeting
