#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Others read our attestation tokens (RFC 9711), and our envelopes: python3-jwcrypto and jose those that are JOSE, a decoder of CBOR that knows
nothing of ours those that are COSE, with signatures checked by python3-cryptography. chancery-verify says of all three forms the same.

    test-token-interop.py ENVELOPE-MAKER CHANCERY-VERIFY
"""
import base64
import hashlib
import importlib
import json
import sys
import tempfile
from pathlib import Path

try:
    from cose import COSE, Cbor, dump, signature_holds
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from jwcrypto import jwk, jws
    from jwcrypto.common import JWException
except ImportError as error:
    print(error)
    sys.exit(77)

interop = importlib.import_module("test-envelope-interop")
decode, run = interop.decode, interop.run
DOSSIER = b'{"model-name":"urn:chancery:dossier","nonce":"1580"}\n'
NONCE = bytes(6) + b"\x06\x2c"
UEID, SUEID = b"\x01\x01\x02" + bytes(14), b"\x01\x03\x04" + bytes(14)
SOFTWARE = 'Debian "GNU"/Linux \u00fc'
FORMATS = ("envelope", "eat-jwt", "eat-cwt")


class Signer:
    """One kind of key: what it signs in each form, and who says what of it."""

    def __init__(self, folder, maker, verifier, kind):
        self.algorithm, self.digest, key, self.jws = kind
        self.folder, self.maker, self.verifier = folder, maker, verifier
        self.leaf, self.root = interop.make_signer(folder, key)
        self.certificate = x509.load_pem_x509_certificate(Path(f"{self.leaf}.pem").read_bytes())

    def make(self, form, payload=DOSSIER, nonce="1580", content="chancery-dossier+json", check=True):
        words = [self.maker, f"{self.leaf}.key", str(self.folder / "chain.pem"), self.algorithm, self.digest, nonce, content]
        made = run(*words, *([] if form == "envelope" else [form]), data=payload, check=check)
        return made.stdout if made.returncode == 0 else None

    def judge(self, data, *options, nonce="1580"):
        (self.folder / "judged").write_bytes(data)
        result = run(self.verifier, "--root", f"{self.root}.pem", "--nonce", nonce, "--json", *options, str(self.folder / "judged"), check=False)
        told = json.loads(result.stdout)
        assert told["status"] == result.returncode
        return told

    def thumbprint(self):
        return self.certificate.fingerprint(hashes.SHA256())


def check_claims(claims, label, decoded):
    """The same claims, by the names of JWT or the numbers of CWT."""
    assert claims[label("eat_nonce", 10)] == decoded(NONCE)
    assert claims[label("ueid", 256)] == decoded(UEID) and claims[label("sueids", 257)] == {"machine-id": decoded(SUEID)}
    assert claims[label("uptime", 261)] == 12345 and claims[label("eat_profile", 265)] == "urn:chancery:eat:dossier"
    assert claims[label("swname", 270)] == SOFTWARE and claims[label("swversion", 271)] == ["12"]
    assert isinstance(claims[label("iat", 6)], int) and claims[label("intuse", 275)] == label("generic", 1)
    assert claims[label("measurements", 273)] == [[50, decoded(DOSSIER)]]
    assert len(claims) == 10


def check_jose(signer, text, form):
    """jwcrypto, with the key of the certificate; of a JWT jose too."""
    key = jwk.JWK.from_pem(signer.certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    token = jws.JWS()
    token.deserialize(text.decode().strip())
    token.verify(key)
    payload = token.payload
    header = token.jose_header
    assert header["alg"] == signer.jws and decode(header["x5t#S256"]) == signer.thumbprint()
    assert [base64.b64decode(one) for one in header["x5c"]][0] == signer.certificate.public_bytes(serialization.Encoding.DER)
    if form == "envelope":
        assert payload == DOSSIER
    else:
        assert header["typ"] == "eat+jwt"
        check_claims(json.loads(payload), lambda name, number: name, interop.encode)
    flipped = bytearray(text.strip())
    flipped[text.index(b".") + 100 if form == "eat-jwt" else text.index(b'"payload":"') + 20] ^= 1
    try:
        token = jws.JWS()
        token.deserialize(flipped.decode())
        token.verify(key)
        raise AssertionError("jwcrypto took a changed payload")
    except JWException:
        pass


def check_jose_tool(signer, text):
    if signer.algorithm == "ed25519":  # jose 11 does not know EdDSA
        return
    jwk_text = json.dumps(interop.jwk_of(signer.leaf, {"rsa": ["RSA"]}.get(signer.algorithm, ["EC", "-pkeyopt", f"x:P-{signer.algorithm[-3:]}"])))
    (signer.folder / "key.jwk").write_text(jwk_text)
    (signer.folder / "token.jwt").write_bytes(text.strip())
    command = ["jose", "jws", "ver", "-i", str(signer.folder / "token.jwt"), "-k", str(signer.folder / "key.jwk"), "-O", "-"]
    assert json.loads(run(*command).stdout)["uptime"] == 12345
    (signer.folder / "token.jwt").write_bytes(text.strip()[:-8] + b"AAAAAAAA")
    assert run(*command, check=False).returncode != 0


def check_cose(signer, data):
    token = Cbor.load(data)
    assert (token.tag, token.value.tag) == (61, 18)
    protected, unprotected, payload, signature = token.value.value
    header = Cbor.load(protected)
    assert header[1] == COSE[signer.jws] and header[16] == "application/eat+cwt" and unprotected == {}
    assert header[34] == [-16, signer.thumbprint()]
    assert header[33][0] == signer.certificate.public_bytes(serialization.Encoding.DER) and len(header[33]) == 2 and len(header) == 4
    signed = dump(["Signature1", protected, b"", payload])
    assert signature_holds(signer.certificate, signer.jws, signed, signature)
    assert not signature_holds(signer.certificate, signer.jws, signed[:-1] + b"x", signature)
    check_claims(Cbor.load(payload), lambda name, number: number, bytes)


def check_verdicts(signer):
    """The same question, the same answer, in whichever form."""
    made = {form: signer.make(form) for form in FORMATS}
    others = {"output": dict(payload=b"any \0 text", content="text"), "posing": dict(content="text"), "not-one": dict(payload=b"text"),
              "other-nonce": dict(payload=DOSSIER.replace(b"1580", b"1581")), "cut": dict(payload=DOSSIER[:-3])}
    odd = {name: {form: signer.make(form, **arguments) for form in FORMATS} for name, arguments in others.items()}
    # An envelope says nothing of its content where a token says "output".
    odd["output"]["envelope"] = odd["posing"]["envelope"] = None
    wanted = {"output": "good", "posing": "not-collected", "not-one": "bad-payload", "other-nonce": "nonce-mismatch", "cut": "bad-payload"}
    for form in FORMATS:
        told = signer.judge(made[form], "--max-age", "300", "--payload", str(signer.folder / "payload"))
        assert told["verdict"] == "good" and told["format"] == form and told["payload"]["kind"] == "dossier", told
        assert (signer.folder / "payload").read_bytes() == DOSSIER
        assert signer.judge(made[form], nonce="1581")["verdict"] == "nonce-mismatch"
        assert signer.judge(made[form], "--at", "2000000000")["verdict"] == "valid-when-signed"
        assert signer.judge(made[form], "--max-age", "1", "--at", str(signer.judge(made[form])["signed-at"] + 9))["verdict"] == "stale"
        for name, verdict in wanted.items():
            if odd[name][form] is not None:
                assert signer.judge(odd[name][form])["verdict"] == verdict, (form, name)


def check_flipped(signer, form):
    """Bits changed all over the token, and the token cut short everywhere: never good."""
    data = signer.make(form).rstrip(b"\n") if form == "eat-jwt" else signer.make(form)
    changed = [data[:at] + bytes([data[at] ^ (1 << at % 7)]) + data[at + 1:] for at in range(0, len(data), max(1, len(data) // 300))]
    short = [data[:size] for size in range(0, len(data), max(1, len(data) // 100))] + [data + b"x"]
    files = []
    for number, one in enumerate(changed + short):
        files.append(signer.folder / f"spoilt-{number}")
        files[-1].write_bytes(one)
    told = run(signer.verifier, "--root", f"{signer.root}.pem", *map(str, files), check=False)
    verdicts = [json.loads(line)["verdict"] for line in told.stdout.splitlines()]
    assert len(verdicts) == len(files) and set(verdicts[:len(changed)]) <= {"malformed", "bad-signature", "untrusted"}, set(verdicts)
    assert "bad-signature" in verdicts and set(verdicts[len(changed):]) <= {"malformed", "bad-signature"}


def check_sizes(signer):
    """Payloads about the sizes in which they are encoded piece by piece, and none at all."""
    for size in (0, 1, 2, 49148, 49149, 49150, 98298, 200000):
        payload = hashlib.shake_128(b"x").digest(size)
        for form in FORMATS[1:]:
            told = signer.judge(signer.make(form, payload, content="text"), "--payload", str(signer.folder / "payload"))
            assert told["verdict"] == "good" and told["payload"]["kind"] == "other", (size, form, told)
            assert (signer.folder / "payload").read_bytes() == payload


def main():
    for kind in interop.KINDS:
        with tempfile.TemporaryDirectory() as folder:
            signer = Signer(Path(folder), sys.argv[1], sys.argv[2], kind)
            if signer.algorithm == "dsa":
                # No registry has an algorithm for it.
                assert all(signer.make(form, check=False) is None for form in FORMATS[1:]) and signer.make("envelope")
                continue
            for form in FORMATS[:2]:
                check_jose(signer, signer.make(form), form)
            check_jose_tool(signer, signer.make("eat-jwt"))
            check_cose(signer, signer.make("eat-cwt"))
            check_verdicts(signer)
            if signer.algorithm == "ecdsanistp256":
                check_flipped(signer, "eat-jwt")
                check_flipped(signer, "eat-cwt")
                check_sizes(signer)
        print(f"{signer.jws}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
