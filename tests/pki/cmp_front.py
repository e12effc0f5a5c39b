# SPDX-License-Identifier: Apache-2.0
"""What stands before a CMP server (RFC 4210 over HTTP) in tests: it passes on what it is sent, and answers something else. FOLDER/port has the server's port."""

import http.client
import http.server
import pathlib
import sys

TYPE = "application/pkixcmp"


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self, path):
        """What was sent, and what the server says to it."""
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        server = http.client.HTTPConnection("127.0.0.1", int((self.server.folder / "port").read_text()))
        server.request("POST", path, sent, {"Content-Type": TYPE, "Connection": "close"})
        return sent, server.getresponse().read()

    def reply(self, body, status=200, kind=TYPE, size=None, location=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size or len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(front):
    """Prints its port; the argument is FOLDER."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), front)
    server.folder = pathlib.Path(sys.argv[1])
    print(server.server_port, flush=True)
    server.serve_forever()
