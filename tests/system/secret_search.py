# SPDX-License-Identifier: Apache-2.0
"""Looks for private keys, in every form in which one could have got somewhere.

What is secret about a key are a few numbers: of RSA the two primes, the private exponent and what is derived from them, of EC and DSA one, of Ed25519
the seed. Each is looked for as bytes in either order (DER and PEM are big-endian, the limbs of a big number little-endian), in hex with and
without separators, and in base64 wherever its groups of three bytes begin, so that a whole PKCS#8, a JWK, a dump and a number by itself are
all found. Pieces are looked for, not the whole: text is broken into lines. secret-search.c does the searching.
"""

import base64
import dataclasses
import re
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

RAW, PIECE, SEPARATED = 16, 20, 7  # bytes; characters; bytes


def integers(key):
    """The numbers of a private key that nobody else may know, by name, as big-endian bytes of their natural size."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {"seed": key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())}
    numbers = key.private_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        found = {"p": numbers.p, "q": numbers.q, "d": numbers.d, "dp": numbers.dmp1, "dq": numbers.dmq1, "qinv": numbers.iqmp}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        found = {"scalar": numbers.private_value}
    elif isinstance(key, dsa.DSAPrivateKey):
        found = {"x": numbers.x}
    else:
        raise TypeError(type(key))
    return {name: value.to_bytes((value.bit_length() + 7) // 8, "big") for name, value in found.items()}


def pieces(value):
    """The byte strings of which at least one stands wherever the value stands."""
    for order in (value, value[::-1]):
        yield from (order[:RAW], order[-RAW:])
    for text in (value.hex(), value.hex().upper()):
        yield from (text[at:at + PIECE].encode() for at in (0, PIECE, len(text) - PIECE))
    for separator in (":", " "):
        for at in range(0, min(len(value) - SEPARATED, 8 * SEPARATED), SEPARATED):
            text = value[at:at + SEPARATED].hex(separator)
            yield from (text.encode(), text.upper().encode())
    for before in range(3):
        text = base64.b64encode(bytes(before) + value)
        inner = text[-(-8 * before // 6):8 * (before + len(value)) // 6]  # what depends on nothing but the value
        for at in range(0, min(len(inner) - PIECE + 1, 4 * PIECE), PIECE):
            yield inner[at:at + PIECE]
            yield inner[at:at + PIECE].translate(bytes.maketrans(b"+/", b"-_"))


@dataclasses.dataclass
class Result:
    found: list
    closed: list
    files: int
    bytes: int
    closed_bytes: int


class SecretSearch:
    def __init__(self, program, keys):
        """keys: private keys by name."""
        self.program = program
        lines = {f"{name}/{part} {piece.hex()}\n" for name, key in keys.items() for part, value in integers(key).items()
                 for piece in pieces(value)}
        self.patterns = "".join(sorted(lines))

    def __call__(self, *places):
        """Paths of files or folders, or pid:NUMBER."""
        done = subprocess.run([self.program, *map(str, places)], input=self.patterns, text=True, errors="replace", check=True,
                              stdout=subprocess.PIPE)
        *lines, last = done.stdout.splitlines()
        numbers = re.fullmatch(r"read (\d+) files, (\d+) bytes; closed (\d+)", last)
        return Result([line for line in lines if line.startswith("found ")], [line for line in lines if line.startswith("closed ")],
                      *map(int, numbers.groups()))
