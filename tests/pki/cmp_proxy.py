# SPDX-License-Identifier: Apache-2.0
"""Stands before a CMP server (RFC 4210 over HTTP) in tests, and makes of its answers what FOLDER/mode says: "pass", or the name of something to get wrong.

    cmp_proxy.py FOLDER

prints its port; the server's is in FOLDER/port.
"""

import http.client
import http.server
import pathlib
import sys

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


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    last = b""

    def reply(self, body, status=200, kind="application/pkixcmp", size=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size or len(body)))
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_POST(self):
        folder = self.server.folder
        mode, sent = (folder / "mode").read_text(), self.rfile.read(int(self.headers["Content-Length"]))
        server = http.client.HTTPConnection("127.0.0.1", int((folder / "port").read_text()))
        server.request("POST", "/pkix/", sent, {"Content-Type": "application/pkixcmp", "Connection": "close"})
        answer = server.getresponse().read()
        before, Handler.last = Handler.last, answer
        if mode in ("redirect", "status-500"):
            return self.reply(b"", 302 if mode == "redirect" else 500)
        if mode == "cut-off":
            return self.reply(answer, size=100000)
        return self.reply({"html": b"<html>Login</html>", "empty": b"", "truncated": answer[:len(answer) // 2], "trailing": answer + b"\0", "echo": sent,
                           "oversized": answer + b"\0" * 300000, "replay": before, "bit": flip(answer, -1), "nonce": flip(answer, recipient_nonce(answer)),
                           "mac": answer.replace(PBM, PBM[:-1] + b"\x0e", 1)}.get(mode, answer), kind="text/html" if mode == "type" else "application/pkixcmp")

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder = pathlib.Path(sys.argv[1])
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
