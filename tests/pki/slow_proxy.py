# SPDX-License-Identifier: Apache-2.0
"""Stands before servers in tests, and has no hurry with what they answer.

    slow_proxy.py FOLDER PORT...

passes what comes on to these ports of 127.0.0.1, from a port for each, which it prints. Of an answer it passes on as much as FOLDER/PORT says ("0", "bytes 40", or "all"; or
"drip 40": the rest a byte at a time, twice a second), and stops then until somebody hangs up; FOLDER/PORT.stopped is there from then on. It is a TFTP server too, on port 69,
which has the files that are in FOLDER/files, and acknowledges none of what is written.
"""

import pathlib
import select
import socket
import sys
import threading

BLOCK = 512


def hang(folder, port, client, rest, drip):
    """Until somebody hangs up; whether what is there has been passed on by then is all the same."""
    (folder / f"{port}.stopped").write_text("")
    while True:
        if select.select([client], [], [], 0.5)[0] and not client.recv(4096):
            return
        if drip and rest:
            client.send(rest[:1])
            rest = rest[1:]


def serve(folder, port, client):
    how, _, count = (folder / str(port)).read_text().partition(" ")
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        passed = 0
        while True:
            for one in select.select([client, server], [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                if one is client:
                    server.sendall(data)
                    continue
                limit = {"all": 1 << 30, "0": 0}.get(how, int(count or 0))
                client.sendall(data[:max(limit - passed, 0)])
                if passed + len(data) > limit:
                    return hang(folder, port, client, data[max(limit - passed, 0):], how == "drip")
                passed += len(data)


def listen(folder, port):
    server = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=quietly, args=(serve, folder, port, server.accept()[0]), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def quietly(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        pass


def send_file(peer, data):
    """RFC 1350, block by block."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for number in range(len(data) // BLOCK + 1):
            s.sendto(b"\0\3" + (number + 1).to_bytes(2, "big") + data[number * BLOCK:(number + 1) * BLOCK], peer)
            s.recv(1024)


def serve_files(folder, s):
    while True:
        request, peer = s.recvfrom(1024)
        if request[:2] == b"\0\1":
            name = request[2:].split(b"\0")[0].decode()
            send_file(peer, (folder / "files" / name.lstrip("/")).read_bytes())
        else:
            (folder / "69.stopped").write_text("")


def main():
    folder = pathlib.Path(sys.argv[1])
    (folder / "files").mkdir(parents=True, exist_ok=True)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 69))
    for port in sys.argv[2:]:
        print(listen(folder, int(port)), flush=True)
    serve_files(folder, s)


if __name__ == "__main__":
    main()
