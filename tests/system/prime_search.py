# SPDX-License-Identifier: Apache-2.0
"""Finds the primes of RSA moduli in bytes, without knowing them.

A prime of a 2048-bit key is 128 bytes that divide the modulus, written either way round: big-endian in DER and PEM,
little-endian in the limbs of a big number. Every window of that size whose ends fit is divided; text that looks like hex or base64
is decoded first. So a leak is found in memory, in files, in journals and in captured messages alike.
"""

import base64
import binascii
import math
import os
import pathlib
import re

CHUNK = 16 << 20
PAGE = 4096
HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[\s:]{0,2}){64,}")
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_-]{4}[\r\n]{0,2}(?:\\n)?){24,}")


class PrimeSearch:
    def __init__(self, *moduli):
        """Moduli of one size: what divides their product, and is half as long as one, divides one."""
        self.modulus = math.prod(moduli)
        self.size = (moduli[0].bit_length() + 15) // 16
        middle = b".{%d}" % (self.size - 2)
        odd = b"[" + b"".join(re.escape(bytes([value])) for value in range(1, 256, 2)) + b"]"
        # The two top bits of a prime are set, so that the product has its full size, and it is odd. Lookahead, for windows overlap.
        self.patterns = {"big": re.compile(rb"(?=([\xc0-\xff]" + middle + odd + rb"))", re.S),
                         "little": re.compile(rb"(?=(" + odd + middle + rb"[\xc0-\xff]))", re.S)}
        # What holds three zero bytes in a row is no prime (once in a hundred thousand, and there are two).
        self.piece = re.compile(rb"(?:[^\0]|\0(?!\0\0)){%d,}" % self.size, re.S)

    def raw(self, data):
        """Offsets at which a prime stands."""
        modulus, number = self.modulus, int.from_bytes
        for piece in self.piece.finditer(data):
            for order, pattern in self.patterns.items():
                for match in pattern.finditer(data, piece.start(), piece.end()):
                    if modulus % number(match.group(1), order) == 0:
                        yield match.start()

    def data(self, data):
        """The same, in the bytes and in what they spell in hex or base64."""
        yield from self.raw(data)
        for match in HEX.finditer(data):
            digits = re.sub(rb"[\s:]", b"", match.group(0))
            for shift in (0, 1):
                part = digits[shift:]
                if any(self.raw(binascii.unhexlify(part[:len(part) & ~1]))):
                    yield match.start()
        for match in BASE64.finditer(data):
            letters = re.sub(rb"[\r\n]|\\n", b"", match.group(0)).translate(bytes.maketrans(b"-_", b"+/"))
            for shift in range(4):
                part = letters[shift:]
                if any(self.raw(base64.b64decode(part[:len(part) & ~3]))):
                    yield match.start()

    def stream(self, read):
        """The same over what read(size) gives until it gives nothing; chunks overlap by what a prime may need in base64 lines."""
        tail, offset = b"", 0
        while True:
            data = read(CHUNK)
            if not data:
                return
            for found in self.data(tail + data):
                yield offset - len(tail) + found
            offset += len(data)
            tail = data[-4 * self.size:]

    def file(self, path):
        with open(path, "rb") as source:
            return list(self.stream(source.read))

    def tree(self, top, skip=()):
        """Files below top that hold a prime, and how many were read."""
        found, count = [], 0
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in skip]
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    count += 1
                    if self.file(path):
                        found.append(path)
        return found, count

    def process(self, pid):
        """Places in a process's memory, as far as root may read it, that hold a prime; and how many bytes could and could not be read."""
        found, read, closed = [], 0, 0
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                fields = line.split()
                start, end = (int(word, 16) for word in fields[0].split("-"))
                name = fields[5] if len(fields) > 5 else ""
                if "r" not in fields[1] or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                    continue
                if name.startswith("/") and "w" not in fields[1] and os.path.exists(name):
                    continue  # pages of a file, as they are there
                place = start
                while place < end:
                    try:
                        memory.seek(place)
                        data = memory.read(min(CHUNK, end - place))
                    except (OSError, OverflowError, ValueError):
                        data = b""
                    if not data:  # memory that the kernel shows to nobody but its owner
                        closed += PAGE
                        place += PAGE
                        continue
                    found += [f"{name or 'anonymous memory'} at {place + offset:#x}" for offset in self.raw(data)]
                    read += len(data)
                    place += len(data)
        return found, read, closed


def modulus_of(public_key):
    """The modulus in a DER SubjectPublicKeyInfo of an RSA key: the longest INTEGER in it."""
    at = public_key.index(b"\x02\x82", 20)
    length = int.from_bytes(public_key[at + 2:at + 4], "big")
    return int.from_bytes(public_key[at + 4:at + 4 + length], "big")
