# SPDX-License-Identifier: Apache-2.0
"""Stands before a CMP server (RFC 4210 over HTTP) in tests, and makes of its answers what FOLDER/mode says: "pass", or the name of something to get wrong.

    cmp_proxy.py FOLDER

prints its port; the server's is in FOLDER/port.
"""

from cmp_front import TYPE, Front, serve

PBM = bytes.fromhex("2a864886f67d07420d")


def element(data, offset):
    """The tag of a DER element, and where its content begins and ends."""
    size, head = data[offset + 1], 2
    if size & 0x80:
        size, head = int.from_bytes(data[offset + 2:offset + 2 + (size & 0x7f)], "big"), 2 + (size & 0x7f)
    return data[offset], offset + head, offset + head + size


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def recipient_nonce(data):
    """Where the content of [6] of the header ends."""
    _, offset, end = element(data, element(data, 0)[1])
    at = 0
    for number in range(99):
        if offset >= end:
            break
        tag, _, offset = element(data, offset)
        if number >= 3 and tag == 0xa6:
            at = offset
    return at - 1


class Handler(Front):
    last = b""

    def do_POST(self):
        mode = (self.server.folder / "mode").read_text()
        sent, answer = self.pass_on("/pkix/")
        before, Handler.last = Handler.last, answer
        self.close_connection = True
        if mode == "redirect":
            return self.reply(b"", 302, location="http://127.0.0.1:1/")
        if mode == "status-500":
            return self.reply(b"", 500)
        if mode == "cut-off":
            return self.reply(answer, size=100000)
        return self.reply({"html": b"<html>Login</html>", "empty": b"", "truncated": answer[:len(answer) // 2], "trailing": answer + b"\0", "echo": sent,
                           "oversized": answer + b"\0" * 300000, "replay": before, "bit": flip(answer, -1), "nonce": flip(answer, recipient_nonce(answer)),
                           "mac": answer.replace(PBM, PBM[:-1] + b"\x0e", 1)}.get(mode, answer), kind="text/html" if mode == "type" else TYPE)


if __name__ == "__main__":
    serve(Handler)
