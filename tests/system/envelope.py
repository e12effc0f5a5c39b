# SPDX-License-Identifier: Apache-2.0
"""Envelopes (JWS, flattened JSON) taken apart and put together again, spoilt on purpose."""

import base64
import json


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


ENVELOPE_BEGIN = b'{"payload":"'


def not_signed(status, output, error, name):
    """A job of that end, and of a large envelope the begin, which nobody takes for one."""
    return status != 0 and output.startswith(ENVELOPE_BEGIN) and b"signature" not in output and error.startswith(f"org.chancery.Error.{name} ".encode())


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


class Envelope:
    def __init__(self, text):
        self.members = json.loads(text)
        self.header = json.loads(decode(self.members["protected"]))
        self.payload = decode(self.members["payload"])
        self.signature = decode(self.members["signature"])
        self.chain = [base64.b64decode(text) for text in self.header.get("x5c", [])]

    def text(self, **changes):
        return json.dumps({**self.members, **changes})

    def with_header(self, **changes):
        """The protected header changed, which the signature does not cover any more."""
        return self.text(protected=encode(json.dumps({**self.header, **changes}, separators=(",", ":")).encode()))

    def payload_flipped(self):
        return self.text(payload=encode(flip(self.payload, len(self.payload) // 2)))

    def signature_flipped(self):
        return self.text(signature=encode(flip(self.signature, len(self.signature) // 2)))

    def header_flipped(self):
        digits = self.header["nonce"]
        return self.with_header(nonce=digits[:-1] + ("1" if digits[-1] != "1" else "2"))

    def certificate_flipped(self):
        """One bit of the leaf's own signature: its last byte."""
        leaf = flip(self.chain[0], len(self.chain[0]) - 1)
        return self.with_header(x5c=[base64.b64encode(der).decode() for der in (leaf, *self.chain[1:])])
