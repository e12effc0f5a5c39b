# SPDX-License-Identifier: Apache-2.0
"""Envelopes and attestation tokens of one router, whose enrolment key is changed under one CA: each kind of key in each form that it can have, with a nonce and without, with
the chain inside and beside it, judged by chancery-verify and by those who know nothing of Chancery."""

import base64
import json
import sys

import pytest
from cryptography import x509
from jwcrypto import jwk, jws

import workflow
from bus_contract import ROOT
from collector import Collector, root_certificate
from envelope import Envelope, decode
from machine import ADMIN

sys.path.insert(0, str(ROOT / "tests/unit"))
from cose import COSE, Cbor, dump, signature_holds  # noqa: E402

# The key as the configuration calls it, how it is made, and the algorithm of its signatures.
KEYS = {
    "ecdsanistp384": ("ecdsa nistp384", "ES384"),
    "ecdsanistp256": ("ecdsa nistp256", "ES256"),
    "ecdsanistp521": ("ecdsa nistp521", "ES512"),
    "ed25519": ("ed25519", "EdDSA"),
    "rsa": ("rsa", "RS384"),
}
FORMS = {"envelope": "", "eat-jwt": " eat-jwt", "eat-cwt": " eat-cwt"}
GOOD, MALFORMED, BAD_SIGNATURE, UNTRUSTED, NONCE = 0, 2, 3, 4, 5


@pytest.fixture(scope="module")
def machine(routers):
    """After the twins that are refused: before there is a CA, and before there is a certificate."""
    one = routers("envelopes")
    one.wait_daemons()
    with one.console(ADMIN) as console:
        console.prompt()
        for lines in workflow.COMMITS[:4]:
            workflow.commit(console, lines)
        lines = {"ca-keypair rsa system-root-key": "ca-keypair ecdsanistp384 system-root-key", "message-digest sha256": "message-digest sha384",
                 "keypair rsa system-enroll-key": "keypair ecdsanistp384 of-ecdsanistp384"}
        workflow.commit(console, [lines.get(line, line) for line in workflow.TRUSTPOINT])
        workflow.generate_ecdsa(console, "system-root-key")
        for name, (words, _) in KEYS.items():
            console.command(f"crypto key generate {words} of-{name}", [workflow.MODULUS] if name == "rsa" else [])
        refuses(one)
        workflow.authenticate(console)
        refuses(one)
    return one


def refuses(machine):
    for form in FORMS.values():
        refused = machine.chancery(f"show version | utility sign nonce 1580 include-certificate{form}", check=False)
        assert refused.returncode == 1 and refused.stdout == "" and "has no router certificate" in refused.stderr, refused


@pytest.fixture(scope="module", params=list(KEYS))
def signer(request, machine, build, tmp_path_factory):
    """The collector, and the algorithm, once the router has a certificate for such a key."""
    with machine.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["crypto ca trustpoint system-trustpoint", f"keypair {request.param} of-{request.param}"])
        assert "Serial Number" in workflow.enroll(console)
    collector = Collector(tmp_path_factory.mktemp("collector"), root_certificate(machine), build / "cli/verify")
    collector.take_apart(Envelope(machine.chancery("show version | utility sign include-certificate").stdout))
    return collector, KEYS[request.param][1]


def judge(collector, name, *options):
    result = collector.run(["chancery-verify", "--root", "root.pem", "--json", *options, name])
    return result.returncode, json.loads(result.stdout)


def by_jose(collector, name, leaf, algorithm):
    """What jwcrypto says was signed; jose too, where it knows the algorithm."""
    token = jws.JWS()
    token.deserialize((collector.folder / name).read_text().strip())
    token.verify(jwk.JWK.from_pem((collector.folder / "leaf.pub").read_bytes()), algorithm)
    assert base64.b64decode(token.jose_header["x5c"][0]) == leaf
    if algorithm != "EdDSA":
        (collector.folder / "stripped").write_text((collector.folder / name).read_text().strip())
        assert collector.run(["jose", "jws", "ver", "-i", "stripped", "-k", "leaf.jwk", "-O", "-"]).stdout == token.payload
    return token.payload


def by_cose(data, leaf, algorithm):
    """The claims of a CWT, whose signature holds for the key of that certificate."""
    token = Cbor.load(data)
    assert (token.tag, token.value.tag) == (61, 18)
    protected, unprotected, payload, signature = token.value.value
    header = Cbor.load(protected)
    assert (header[1], header[33][0], unprotected) == (COSE[algorithm], leaf, {})
    certificate = x509.load_der_x509_certificate(leaf)
    assert not signature_holds(certificate, algorithm, dump(["Signature1", protected, b"x", payload]), signature)
    assert signature_holds(certificate, algorithm, dump(["Signature1", protected, b"", payload]), signature)
    return Cbor.load(payload)


def test_every_form(machine, signer):
    """A dossier over a nonce with the chain inside, once in each form."""
    collector, algorithm = signer
    command = "show platform security integrity dossier include rollback-history nonce 0x0badcafe | utility sign nonce 0x0badcafe include-certificate"
    for form, words in FORMS.items():
        data = machine.run(["chancery", "-c", f"{command}{words}"], ADMIN, text=False).stdout
        (collector.folder / form).write_bytes(data)
        assert judge(collector, form, "--nonce", "0x0badcafd")[0] == NONCE
        status, told = judge(collector, form, "--nonce", "0x0badcafe", "--payload", "payload")
        assert (status, told["algorithm"], told["format"], told["payload"]["kind"]) == (GOOD, algorithm, form, "dossier"), told
        (collector.folder / "spoilt").write_bytes(data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1:])
        assert judge(collector, "spoilt")[0] in (MALFORMED, BAD_SIGNATURE)
    envelope = Envelope((collector.folder / "envelope").read_bytes())
    assert envelope.header["alg"] == algorithm
    collector.take_apart(envelope)
    leaf = envelope.chain[0]
    assert json.loads(by_jose(collector, "envelope", leaf, algorithm))["nonce"] == "0x0badcafe"
    claims = json.loads(by_jose(collector, "eat-jwt", leaf, algorithm))
    assert decode(claims["eat_nonce"]) == bytes(4) + bytes.fromhex("0badcafe")
    assert json.loads(decode(claims["measurements"][0][1]))["nonce"] == "0x0badcafe"
    claims = by_cose((collector.folder / "eat-cwt").read_bytes(), leaf, algorithm)
    assert claims[10] == bytes(4) + bytes.fromhex("0badcafe") and json.loads(claims[273][0][1]) == json.loads((collector.folder / "payload").read_text())
    collector.openssl("verify", "-x509_strict", "-CAfile", "root.pem", "leaf.pem")
    digest = {"EdDSA": ["-rawin"]}.get(algorithm, ["-rawin", "-digest", f"sha{algorithm[2:]}"])
    collector.openssl("pkeyutl", "-verify", *digest, "-pubin", "-inkey", "leaf.pub", "-sigfile", "signature.bin", "-in", "signed.txt")


def test_neither_nonce_nor_chain(machine, signer):
    """Nothing says when it was asked for, and the certificate has to come from elsewhere."""
    collector, algorithm = signer
    for form, words in FORMS.items():
        (collector.folder / "bare").write_bytes(machine.run(["chancery", "-c", f"show version | utility sign{words}"], ADMIN, text=False).stdout)
        assert judge(collector, "bare")[0] == UNTRUSTED
        assert judge(collector, "bare", "--chain", "leaf.pem", "--nonce", "1580")[0] == NONCE
        status, told = judge(collector, "bare", "--chain", "leaf.pem", "--payload", "payload")
        assert (status, told["algorithm"], told["format"]) == (GOOD, algorithm, form), told
        assert told["nonce"] is None and not told["nonce-checked"]
        assert (collector.folder / "payload").read_text().startswith("Chancery, Version")
