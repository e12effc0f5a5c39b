# SPDX-License-Identifier: Apache-2.0
"""Reads CBOR and checks signatures as COSE has them (RFC 8949, RFC 9052), with python3-cryptography and nothing of Chancery's."""

import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
COSE = {"RS256": -257, "RS384": -258, "RS512": -259, "ES256": -7, "ES384": -35, "ES512": -36, "EdDSA": -8}


class Tagged:
    def __init__(self, tag, value):
        self.tag, self.value = tag, value


class Cbor:
    """Reads one item of RFC 8949, of the kinds that COSE and EAT need."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        piece = self.data[self.at:self.at + n]
        assert len(piece) == n, "cut short"
        self.at += n
        return piece

    def item(self):
        first = self.take(1)[0]
        kind, value = first >> 5, first & 31
        if value >= 24:
            assert value <= 27, "indefinite"
            value = int.from_bytes(self.take(1 << (value - 24)), "big")
        match kind:
            case 0:
                return value
            case 1:
                return -1 - value
            case 2:
                return self.take(value)
            case 3:
                return self.take(value).decode()
            case 4:
                return [self.item() for _ in range(value)]
            case 5:
                pairs = [(self.item(), self.item()) for _ in range(value)]
                assert len(dict(pairs)) == len(pairs), "a key twice"
                return dict(pairs)
            case 6:
                return Tagged(value, self.item())
        raise AssertionError("a simple value")

    @classmethod
    def load(cls, data):
        reader = cls(data)
        value = reader.item()
        assert reader.at == len(data), "something follows"
        return value


def dump(value):
    """Bytes, texts and arrays of a Sig_structure."""
    def head(kind, n):
        if n < 24:
            return bytes([kind << 5 | n])
        for code, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I")):
            if n < 1 << 8 * size:
                return bytes([kind << 5 | code]) + struct.pack(form, n)
        raise AssertionError("too large")
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(4, len(value)) + b"".join(map(dump, value))


def signature_holds(certificate, algorithm, data, signature):
    key = certificate.public_key()
    try:
        if algorithm == "EdDSA":
            key.verify(signature, data)
        elif algorithm.startswith("RS"):
            key.verify(signature, data, padding.PKCS1v15(), DIGESTS[algorithm[2:]])
        else:
            half = len(signature) // 2
            assert half == (key.curve.key_size + 7) // 8
            pair = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
            key.verify(pair, data, ec.ECDSA(DIGESTS[{"ES256": "256", "ES384": "384", "ES512": "512"}[algorithm]]))
    except InvalidSignature:
        return False
    return True
