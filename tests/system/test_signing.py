# SPDX-License-Identifier: Apache-2.0
"""keyd signs only what it understands, and only for whom it is meant. The wrong callers here are the daemons' own users:
what a stolen daemon could try."""

import pytest

from authorization import CALL, call, put_tool

PURPOSES = {"certificate-request": "chancery-enrolld", "certificate": "chancery-enrolld", "envelope": "chancery-dossierd"}
REFUSED = "org.chancery.Error.PurposeRefused"
MALFORMED = "org.chancery.Error.Malformed"


@pytest.fixture(scope="module")
def signer(enrolled, build):
    put_tool(enrolled, build)
    return enrolled


def sign(machine, user, label, purpose, digest="sha256"):
    """Asks for a signature over two bytes, which are no request, no certificate and no envelope."""
    words = [CALL, "org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1.Signing", "Sign", "ssssa{sv}h", "rsa", label, purpose, digest]
    return call(machine, words, user)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_wrong_caller(purpose, signer):
    other = next(user for user in PURPOSES.values() if user != PURPOSES[purpose])
    for label in ("system-enroll-key", "system-root-key"):
        name, sentence = sign(signer, other, label, purpose)
        assert name == REFUSED and purpose in sentence, (name, sentence)


def test_what_does_not_parse(signer):
    assert sign(signer, "chancery-enrolld", "system-enroll-key", "certificate-request")[0] == MALFORMED
    assert sign(signer, "chancery-enrolld", "system-root-key", "certificate")[0] == MALFORMED
    assert sign(signer, "chancery-dossierd", "system-enroll-key", "envelope")[0] == MALFORMED


def test_keys_have_one_role(signer):
    """The leaf's key issues nothing, the root's key signs no evidence."""
    assert sign(signer, "chancery-enrolld", "system-enroll-key", "certificate")[0] == REFUSED
    assert sign(signer, "chancery-dossierd", "system-root-key", "envelope")[0] == REFUSED


@pytest.mark.parametrize("purpose", ["", "x", "tls", "scep", "raw", "Certificate", "certificate\n"])
def test_unknown_purpose(purpose, signer):
    for user in ("chancery-enrolld", "chancery-dossierd"):
        assert sign(signer, user, "system-enroll-key", purpose)[0] == REFUSED


@pytest.mark.parametrize("digest", ["", "md5", "sha1", "sha224", "SHA256", "none"])
def test_unknown_digest(digest, signer):
    assert sign(signer, "chancery-enrolld", "system-enroll-key", "certificate-request", digest)[0] != "ok"


def test_unknown_key(signer):
    assert sign(signer, "chancery-enrolld", "no-such-key", "certificate-request")[0] == "org.chancery.Error.NoSuchObject"


def test_key_that_no_trustpoint_names(signer):
    signer.chancery("crypto key generate ecdsa nistp256 spare")
    words = [CALL, "org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1.Signing", "Sign", "ssssa{sv}h", "ecdsanistp256", "spare",
             "certificate-request", "sha256"]
    assert call(signer, words, "chancery-enrolld")[0] == REFUSED
