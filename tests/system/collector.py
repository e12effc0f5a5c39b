# SPDX-License-Identifier: Apache-2.0
"""The collector's side: a folder with the root certificate and envelopes, and the programs that judge them there."""

import json
import pathlib
import re
import subprocess

from envelope import Envelope, encode

CURVES = {"prime256v1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}


def root_certificate(machine):
    """The root of the system trustpoint in PEM, as the router's operator hands it over once, at enrolment."""
    reply = machine.output(["busctl", "--json=short", "call", "org.chancery.Enrollment1", "/org/chancery/Enrollment1",
                            "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"])
    for interfaces in json.loads(reply)["data"][0].values():
        certificate = interfaces.get("org.chancery.Enrollment1.Certificate")
        if certificate and (certificate["Trustpoint"]["data"], certificate["Role"]["data"]) == ("system-trustpoint", "ca"):
            return pem(bytes(certificate["Certificate"]["data"]))
    raise AssertionError("the system trustpoint has no CA certificate")


def pem(der):
    return subprocess.run(["openssl", "x509", "-inform", "DER"], input=der, stdout=subprocess.PIPE, check=True).stdout.decode()


def der_integer(data):
    data = data.lstrip(b"\0") or b"\0"
    data = b"\0" + data if data[0] & 0x80 else data
    return b"\x02" + bytes([len(data)]) + data


def ecdsa_der(signature):
    """JWS has r and s side by side, openssl wants them in a SEQUENCE."""
    half = len(signature) // 2
    body = der_integer(signature[:half]) + der_integer(signature[half:])
    return b"\x30" + (bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)])) + body


class Collector:
    def __init__(self, folder, root, programs):
        """root: PEM. programs: the folder that chancery-verify is in."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.programs = programs
        (self.folder / "root.pem").write_text(root)

    def run(self, argv, stdin=None):
        """A command as the collector types it, in that folder; standard output and error are kept apart."""
        path = f"{self.programs}:/usr/bin:/bin"
        return subprocess.run(argv, cwd=self.folder, input=stdin or b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env={"PATH": path, "LANG": "C.UTF-8"})

    def openssl(self, *argv, stdin=None):
        result = self.run(["openssl", *argv], stdin)
        if result.returncode:
            raise AssertionError(f"openssl {' '.join(argv)}: {result.stderr.decode()}")
        return result.stdout

    def take_apart(self, envelope):
        """Writes what jose and openssl need: leaf.pem, leaf.pub, leaf.jwk, signed.txt and signature.bin."""
        envelope = envelope if isinstance(envelope, Envelope) else Envelope(envelope)
        (self.folder / "leaf.pem").write_text(pem(envelope.chain[0]))
        (self.folder / "leaf.pub").write_bytes(self.openssl("x509", "-in", "leaf.pem", "-noout", "-pubkey"))
        if envelope.header["alg"] not in ("DSA256", "EdDSA"):  # no such JWK, or none that openssl shows the numbers of
            (self.folder / "leaf.jwk").write_text(json.dumps(self.jwk()))
        (self.folder / "signed.txt").write_text(f"{envelope.members['protected']}.{envelope.members['payload']}")
        pair = envelope.header["alg"].startswith(("ES", "DSA"))
        signature = ecdsa_der(envelope.signature) if pair else envelope.signature
        (self.folder / "signature.bin").write_bytes(signature)

    def jwk(self):
        text = self.openssl("pkey", "-pubin", "-in", "leaf.pub", "-noout", "-text").decode()
        curve = re.search(r"ASN1 OID: (\w+)", text)
        if curve:
            name, size = CURVES[curve[1]]
            point = bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"pub:([\s0-9a-f:]+)", text)[1]))
            return {"kty": "EC", "crv": name, "x": encode(point[1:1 + size]), "y": encode(point[1 + size:])}
        modulus = bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"Modulus:([\s0-9a-f:]+)", text)[1])).lstrip(b"\0")
        exponent = int(re.search(r"Exponent: (\d+)", text)[1])
        return {"kty": "RSA", "n": encode(modulus), "e": encode(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))}
