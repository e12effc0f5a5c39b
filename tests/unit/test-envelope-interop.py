#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Others read our envelopes: the jose tool and the openssl tool, and refuse what was changed in them.

    test-envelope-interop.py ENVELOPE-MAKER CHANCERY-VERIFY
"""
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# ALGORITHM, DIGEST, how openssl makes such a key, JWS algorithm
KINDS = [
    ("rsa", "sha256", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "RS256"),
    ("rsa", "sha512", ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"], "RS512"),
    ("ecdsanistp256", "sha256", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ES256"),
    ("ecdsanistp384", "sha384", ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "ES384"),
    ("ecdsanistp521", "sha512", ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "ES512"),
    ("ed25519", "", ["ED25519"], "EdDSA"),
    ("dsa", "sha256", ["DSA"], "DSA256"),
]
SKIPPED = 77


def run(*command, data=b"", check=True):
    return subprocess.run(command, input=data, capture_output=True, check=check)


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def dsa_parameters():
    """Finding them takes long, so they are those of the unit tests."""
    lines = re.findall(r'"([^"]*)\\n"', (Path(__file__).parent / "dsa-key.h").read_text())
    return "\n".join(lines) + "\n"


def make_signer(folder, kind):
    """Root and leaf by openssl, as enrolld makes them."""
    root, leaf = folder / "root", folder / "leaf"
    for name in (root, leaf):
        if kind[0] == "DSA":
            (folder / "parameters").write_text(dsa_parameters())
            run("openssl", "genpkey", "-paramfile", str(folder / "parameters"), "-out", f"{name}.key")
        else:
            run("openssl", "genpkey", "-algorithm", *kind, "-out", f"{name}.key")
    run("openssl", "req", "-x509", "-new", "-key", f"{root}.key", "-subj", "/CN=root", "-days", "2", "-out", f"{root}.pem",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("openssl", "req", "-new", "-key", f"{leaf}.key", "-subj", "/CN=leaf", "-out", f"{leaf}.csr")
    extensions = folder / "extensions"
    extensions.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                          "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    run("openssl", "x509", "-req", "-in", f"{leaf}.csr", "-CA", f"{root}.pem", "-CAkey", f"{root}.key", "-CAcreateserial", "-days", "1",
        "-extfile", str(extensions), "-out", f"{leaf}.pem")
    (folder / "chain.pem").write_text(Path(f"{leaf}.pem").read_text() + Path(f"{root}.pem").read_text())
    return leaf, root


def number(data):
    return encode(data.lstrip(b"\0") or b"\0")


def jwk_of(leaf, kind):
    """The public key as a JWK, read from openssl's text: no other library is needed."""
    der = run("openssl", "pkey", "-in", f"{leaf}.key", "-pubout", "-outform", "DER").stdout
    if kind[0] == "RSA":
        text = run("openssl", "rsa", "-in", f"{leaf}.key", "-noout", "-modulus").stdout.decode()
        return {"kty": "RSA", "n": number(bytes.fromhex(text.strip().split("=")[1])), "e": "AQAB"}
    curve = kind[2].split(":")[1]
    size = {"P-256": 32, "P-384": 48, "P-521": 66}[curve]
    return {"kty": "EC", "crv": curve, "x": encode(der[-2 * size:-size]), "y": encode(der[-size:])}


def der_integer(data):
    data = data.lstrip(b"\0") or b"\0"
    data = b"\0" + data if data[0] & 0x80 else data
    return bytes([2, len(data)]) + data


def der_signature(raw):
    half = len(raw) // 2
    body = der_integer(raw[:half]) + der_integer(raw[half:])
    return (bytes([0x30, len(body)]) if len(body) < 128 else bytes([0x30, 0x81, len(body)])) + body


def openssl_accepts(folder, leaf, kind, digest, envelope):
    """The signature over BASE64URL(header) . BASE64URL(payload), as RFC 7515 section 5.2 has it."""
    raw = decode(envelope["signature"])
    (folder / "input").write_text(envelope["protected"] + "." + envelope["payload"])
    (folder / "signature").write_bytes(der_signature(raw) if kind[0] in ("EC", "DSA") else raw)
    command = ["openssl", "pkeyutl", "-verify", "-inkey", f"{leaf}.key", "-rawin", "-in", str(folder / "input"),
               "-sigfile", str(folder / "signature")]
    if digest:
        command += ["-digest", digest]
    return run(*command, check=False).returncode == 0


def jose_accepts(folder, jwk, envelope):
    (folder / "envelope.json").write_text(json.dumps(envelope))
    (folder / "key.jwk").write_text(json.dumps(jwk))
    result = run("jose", "jws", "ver", "-i", str(folder / "envelope.json"), "-k", str(folder / "key.jwk"), "-O", "-", check=False)
    return result.stdout if result.returncode == 0 else None


def flipped(envelope, member):
    data = bytearray(decode(envelope[member]))
    data[len(data) // 2] ^= 1
    return dict(envelope, **{member: encode(bytes(data))})


def check_verifier(verifier, folder, root, text, payload):
    command = [verifier, "--root", f"{root}.pem", "--nonce", "1580", "--max-age", "300", "--json"]
    for member in ("payload", "protected", "signature"):
        bad = json.dumps(flipped(json.loads(text), member)).encode()
        refused = run(*command, "--payload", str(folder / "out"), "-", data=bad, check=False)
        assert refused.returncode in (2, 3) and not (folder / "out").exists(), member
    (folder / "envelope.json").write_bytes(text)
    accepted = run(*command, "--payload", str(folder / "out"), str(folder / "envelope.json"), check=False)
    assert accepted.returncode == 0 and json.loads(accepted.stdout)["verdict"] == "good", accepted.stdout
    assert (folder / "out").read_bytes() == payload


def check_kind(maker, verifier, folder, algorithm, digest, kind, jws):
    payload = b'{"model-name":"urn:chancery:dossier","nonce":"1580"}\n'
    leaf, root = make_signer(folder, kind)
    text = run(maker, f"{leaf}.key", str(folder / "chain.pem"), algorithm, digest, "1580", "chancery-dossier+json", data=payload).stdout
    envelope = json.loads(text)
    header = json.loads(decode(envelope["protected"]))
    assert header["alg"] == jws and header["nonce"] == "1580" and len(header["x5c"]) == 2, header
    assert decode(envelope["payload"]) == payload
    for member in ("payload", "protected", "signature"):
        assert not openssl_accepts(folder, leaf, kind, digest, flipped(envelope, member)), f"{jws}: openssl took a changed {member}"
    assert openssl_accepts(folder, leaf, kind, digest, envelope), f"{jws}: openssl refused"
    if kind[0] in ("RSA", "EC"):  # jose 11 does not know EdDSA, and nobody's JOSE knows DSA
        jwk = jwk_of(leaf, kind)
        for member in ("payload", "signature"):
            assert jose_accepts(folder, jwk, flipped(envelope, member)) is None, f"{jws}: jose took a changed {member}"
        assert jose_accepts(folder, jwk, envelope) == payload, f"{jws}: jose refused"
    check_verifier(verifier, folder, root, text, payload)


def main():
    if not shutil.which("jose") or not shutil.which("openssl"):
        print("jose or openssl is not installed")
        return SKIPPED
    for algorithm, digest, kind, jws in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            check_kind(sys.argv[1], sys.argv[2], Path(folder), algorithm, digest, kind, jws)
        print(f"{jws}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
