# SPDX-License-Identifier: Apache-2.0
"""Opens keyd's key files, as root can who takes the key-encryption key from where keyd has it."""

import hashlib
import hmac
import pathlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"CHANKEY"
FOLDER = "/var/lib/chancery/keyd"


def key_encryption_key(machine):
    process = pathlib.Path(f"/proc/{machine.daemon_pid('keyd')}")
    environment = dict(word.split("=", 1) for word in (process / "environ").read_text().split("\0") if "=" in word)
    return (process / "root" / environment["CREDENTIALS_DIRECTORY"].lstrip("/") / "chancery-kek").read_bytes()


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def take_sized(self):
        return self.take(int.from_bytes(self.take(2), "big"))


def der_elements(data):
    """The DER elements, one after the other."""
    while data:
        size, header = data[1], 2
        if size & 0x80:
            header += size & 0x7f
            size = int.from_bytes(data[2:header], "big")
        yield data[:header + size]
        data = data[header + size:]


def open_key_file(data, kek):
    """The file's label, and its private keys, each of which is the one that the file names the public half of."""
    reader = Reader(data)
    assert reader.take(len(MAGIC) + 1) == MAGIC + b"\x02"
    assert reader.take(16) == hmac.new(kek, b"chancery key-encryption key", hashlib.sha256).digest()[:16]
    _algorithm, label, _usage = (reader.take_sized().decode() for _ in range(3))
    reader.take(4 + 8)
    public = [key for key in (reader.take_sized(), reader.take_sized()) if key]
    associated = data[:reader.at]
    nonce = reader.take(12)
    plain = AESGCM(kek).decrypt(nonce, data[reader.at:], associated)
    private = [serialization.load_der_private_key(der, None) for der in der_elements(plain)]
    assert [key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            for key in private] == public
    return label, private


def private_keys(machine):
    """Every private key of the machine, by label and number."""
    kek = key_encryption_key(machine)
    found = {}
    for path in sorted(pathlib.Path(machine.path(FOLDER)).rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if data.startswith(MAGIC):
            label, keys = open_key_file(data, kek)
            for key in keys:
                found[f"{label}-{len(found)}"] = key
    return found
