# SPDX-License-Identifier: Apache-2.0
"""Bundles of CA certificates, and servers that have them, or lie about it."""

import base64
import contextlib
import subprocess

FOLDER = "/srv/trustpool-test"
SERVER = """
import functools, http.server, ssl, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        length = {"/short": 1000, "/huge": 1 << 30, "/endless": 0}.get(self.path)
        if length is None:
            return super().do_GET()
        self.send_response(200)
        if length:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(b"-----BEGIN CERTIFICATE-----\\n")
        while not length:
            self.wfile.write(bytes(1 << 16))
handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def served(machine, *tls):
    """A web server inside the machine, on its loopback; gives its port."""
    server = machine.popen(["/usr/bin/python3", "-c", SERVER, FOLDER, *tls], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    try:
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


def certificate_der(pem):
    return base64.b64decode("".join(pem.split("-----")[2].split()))


def element(tag, content):
    size = len(content).to_bytes(4, "big").lstrip(b"\0")
    return bytes([tag]) + (bytes([len(content)]) if len(content) < 0x80 else bytes([0x80 | len(size)]) + size) + content


def container_of(certificates):
    """PKCS#7, certificates only."""
    signed_data, data = (element(0x06, bytes.fromhex("2a864886f70d0107") + bytes([n])) for n in (2, 1))
    content = element(0x02, b"\1") + element(0x31, b"") + element(0x30, data) + element(0xa0, certificates) + element(0x31, b"")
    return element(0x30, signed_data + element(0xa0, element(0x30, content)))
