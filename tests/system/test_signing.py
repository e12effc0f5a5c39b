# SPDX-License-Identifier: Apache-2.0
"""keyd signs only what it understands, and only for whom it is meant. The wrong callers here are the daemons' own users:
what a stolen daemon could try."""

import json
import pathlib
import shlex
import subprocess
import sys

import pytest

from authorization import CALL, call, put_tool

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pki"))
import scep_ca  # noqa: E402

PURPOSES = {"certificate-request": "chancery-enrolld", "certificate": "chancery-enrolld", "scep-certificate": "chancery-enrolld",
            "scep": "chancery-enrolld", "envelope": "chancery-dossierd"}
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
    for purpose in ("scep-certificate", "scep"):
        assert sign(signer, "chancery-enrolld", "system-enroll-key", purpose)[0] == MALFORMED
    assert sign(signer, "chancery-dossierd", "system-enroll-key", "envelope")[0] == MALFORMED


def test_keys_have_one_role(signer):
    """The leaf's key issues nothing, the root's key signs no evidence."""
    assert sign(signer, "chancery-enrolld", "system-enroll-key", "certificate")[0] == REFUSED
    assert sign(signer, "chancery-dossierd", "system-root-key", "envelope")[0] == REFUSED


@pytest.mark.parametrize("purpose", ["", "x", "tls", "scep-decrypt", "raw", "Certificate", "certificate\n"])
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


# --- Decrypting the content key of a SCEP reply ---

SIGNING = ["busctl", "--json=short", "call", "org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1.Signing"]
CONTENT_KEY = bytes(range(16))


def encrypt(machine, folder, label, data, padding="pkcs1"):
    """What anybody can do with the public key."""
    found = machine.run([*SIGNING, "GetPairPublicKey", "sss", "rsa", label, "encryption"], "chancery-enrolld").stdout
    (folder / "public.der").write_bytes(bytes(json.loads(found)["data"][0]))
    command = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", folder / "public.der", "-pkeyopt", f"rsa_padding_mode:{padding}"]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def test_both_pairs_at_once(signer):
    """The same as one after the other; by nobody else, and not of what is not there."""
    words = [*SIGNING, "GetPublicKeys", "ss", "rsa"]
    assert "denied" in signer.run([*words, "system-enroll-key"], "admin", check=False).stderr
    assert "no such key" in signer.run([*words, "no-such-key"], "chancery-enrolld", check=False).stderr
    both = json.loads(signer.run([*words, "system-enroll-key"], "chancery-enrolld").stdout)["data"]
    each = [json.loads(signer.run([*SIGNING, "GetPairPublicKey", "sss", "rsa", "system-enroll-key", pair], "chancery-enrolld").stdout)["data"][0]
            for pair in ("signature", "encryption")]
    assert both == each


def unwrap_words(label, encrypted, purpose="scep-decrypt", pair=None, algorithm="rsa"):
    context = ["1", "pair", "s", pair] if pair else ["0"]
    return [*SIGNING, "UnwrapKey", "sssa{sv}ayu", algorithm, label, purpose, *context, str(len(encrypted)), *map(str, encrypted), "16"]


def unwrap(machine, *arguments, user="chancery-enrolld", **options):
    result = machine.run(unwrap_words(*arguments, **options), user, check=False)
    return bytes(json.loads(result.stdout)["data"][0]) if result.returncode == 0 else result.stderr


def test_unwrap(signer, tmp_path):
    encrypted = encrypt(signer, tmp_path, "system-enroll-key", CONTENT_KEY)
    for user in ("chancery-dossierd", "admin"):
        assert "denied" in unwrap(signer, "system-enroll-key", encrypted, user=user)
    assert "nothing is decrypted for it" in unwrap(signer, "system-enroll-key", encrypted, purpose="scep")
    assert "no trustpoint names it as its keypair" in unwrap(signer, "system-root-key", encrypted)
    assert "not what is encrypted for a key of this size" in unwrap(signer, "system-enroll-key", encrypted[:-1])
    assert unwrap(signer, "system-enroll-key", encrypted) == CONTENT_KEY


def test_usage_of_a_pair(signer, tmp_path):
    signer.run(["chancery", "-c", "crypto key generate rsa usage-keys both"], "admin", stdin="1024\n")
    signer.run(["chancery"], "admin", stdin="configure\ncrypto ca trustpoint both\nkeypair rsa both\ncommit\nend\n")
    encrypted = encrypt(signer, tmp_path, "both", CONTENT_KEY)
    assert "it lacks the usage encryption" in unwrap(signer, "both", encrypted, pair="signature")
    assert unwrap(signer, "both", encrypted) == CONTENT_KEY


def test_decryption_is_no_oracle(signer, tmp_path):
    """F3: badly padded, every answer is a key, the same for the same input; then the counter trips, for what is good as well."""
    good = encrypt(signer, tmp_path, "system-enroll-key", CONTENT_KEY)
    bad = [encrypt(signer, tmp_path, "system-enroll-key", bytes([0, kind]) + b"A" * 254, "none") for kind in (1, 2)]
    script = "".join(f"{shlex.join(unwrap_words('system-enroll-key', bad[i % 2]))} 2>&1\n" for i in range(40))
    answers = signer.run(["sh", "-c", script], "chancery-enrolld", check=False).stdout.splitlines()
    keys = [bytes(json.loads(line)["data"][0]) for line in answers[:32]]
    assert {len(key) for key in keys} == {16} and len(set(keys)) == 2 and CONTENT_KEY not in keys
    assert all("wait ten minutes" in line for line in answers[32:]) and len(answers) == 40
    assert "wait ten minutes" in unwrap(signer, "system-enroll-key", good)
    assert sign(signer, "chancery-enrolld", "system-enroll-key", "certificate-request")[0] == MALFORMED


def agree(machine, label, wrong=""):
    """A content key that is agreed upon with a key of a curve, by what anybody can know of it."""
    found = machine.run([*SIGNING, "GetPublicKey", "ss", "ecdsanistp256", label], "chancery-enrolld").stdout
    public = scep_ca.serialization.load_der_public_key(bytes(json.loads(found)["data"][0]))
    somebody = scep_ca.Party("somebody", key=scep_ca.ec.generate_private_key(scep_ca.ec.SECP256R1()))
    return scep_ca.agree(CONTENT_KEY, somebody.asn1, public, wrong)


def test_unwrap_agreed(signer):
    """One error for whatever is wrong with it, the point of another curve as well as a bit of the wrapped key; then the counter trips."""
    for label in ("agreed", "unnamed"):
        signer.chancery(f"crypto key generate ecdsa nistp256 {label}")
    signer.run(["chancery"], "admin", stdin="configure\ncrypto ca trustpoint agreed\nkeypair ecdsanistp256 agreed\ncommit\nend\n")
    good, curve = agree(signer, "agreed"), {"algorithm": "ecdsanistp256"}
    for user in ("chancery-dossierd", "admin"):
        assert "denied" in unwrap(signer, "agreed", good, user=user, **curve)
    assert "nothing is decrypted for it" in unwrap(signer, "agreed", good, purpose="scep", **curve)
    assert "no trustpoint names it as its keypair" in unwrap(signer, "unnamed", agree(signer, "unnamed"), **curve)
    said = {unwrap(signer, "agreed", wrong, **curve) for wrong in (b"", good[:-1], good + b"\0", agree(signer, "unnamed"), *(agree(signer, "agreed", mode) for mode in (
        "point-off-curve", "point-at-infinity", "point-of-another-curve", "names-another-curve", "two-keys", "wrapped-wrong", "wrapped-short", "derived-otherwise")))}
    assert len(said) == 1 and "not what is encrypted for a key of this size" in said.pop()
    assert unwrap(signer, "agreed", good, **curve) == CONTENT_KEY
    bad = agree(signer, "agreed", "wrapped-wrong")
    script = f"{shlex.join(unwrap_words('agreed', bad, **curve))} 2>&1\n" * 32
    answers = signer.run(["sh", "-c", script], "chancery-enrolld", check=False).stdout.splitlines()
    assert "not what is encrypted" in answers[0] and "wait ten minutes" in answers[-1]
    assert "wait ten minutes" in unwrap(signer, "agreed", good, **curve)
