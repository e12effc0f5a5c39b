#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A forward proxy: http by requests with the whole URL in them, https by CONNECT. Every request is a line of the log: the client's address, the method, what
for.

    http_proxy.py LOG [ADDRESS [PORT]]     prints the port it listens at
"""

import http.server
import pathlib
import select
import socket
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


DIRECT.add_handler(NoRedirect())


class Handler(http.server.BaseHTTPRequestHandler):
    def note(self):
        with self.server.lock, self.server.log.open("a") as log:
            log.write(f"{self.client_address[0]} {self.command} {self.path}\n")

    def do_CONNECT(self):
        self.note()
        host, _, port = self.path.rpartition(":")
        try:
            there = socket.create_connection((host.strip("[]"), int(port)), 60)
        except OSError:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        with there:
            self.pump(there)
        self.close_connection = True

    def pump(self, there):
        pairs = {self.connection: there, there: self.connection}
        while True:
            for one in select.select(list(pairs), [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                pairs[one].sendall(data)

    def forward(self):
        self.note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) if self.command == "POST" else None
        headers = {name: value for name, value in self.headers.items() if name.lower() in ("content-type", "accept", "if-none-match")}
        try:
            answer = DIRECT.open(urllib.request.Request(self.path, body, headers, method=self.command), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError:
            self.send_error(502)
            return
        content = answer.read()
        self.send_response(answer.status)
        for name in ("Content-Type", "ETag", "Location"):
            if answer.headers.get(name):
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


def start(log, address="127.0.0.1", port=0):
    kind = type("Proxy", (http.server.ThreadingHTTPServer,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
    server = kind((address, port), Handler)
    server.log, server.lock = pathlib.Path(log), threading.Lock()
    server.log.touch()
    return server


if __name__ == "__main__":
    SERVER = start(sys.argv[1], *sys.argv[2:3], *(int(text) for text in sys.argv[3:4]))
    print(SERVER.server_address[1], flush=True)
    SERVER.serve_forever()
