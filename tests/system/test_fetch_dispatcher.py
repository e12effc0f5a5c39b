# SPDX-License-Identifier: Apache-2.0
"""The network worker's connections: what is kept between the requests of one transaction, and the process that forks a worker for each client. The built
program, on loopback; needs no router."""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest

from machine import is_running, wait_for
from test_fetch_worker import WORKER, Worker, sealed

MANY = 40  # more than work at a time


class Server:
    """Keeps connections, and counts them. What it is asked for under /slow it answers when it is told to."""

    def __init__(self):
        outer = self
        self.connections, self.requests, self.go, self.asked = [], [], threading.Event(), threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def setup(self):
                super().setup()
                outer.connections.append(self.client_address)

            def reply(self, body):
                outer.requests.append(self.path)
                if self.path == "/slow":
                    outer.asked.set()
                    outer.go.wait(120)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                if self.path == "/last":
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.reply(self.path.encode())

            def do_POST(self):
                self.reply(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()

    def ask(self, path="/", **more):
        return {"url": f"http://127.0.0.1:{self.server.server_port}{path}", "size-max": 1000, "timeout-seconds": 60, **more}


@pytest.fixture
def server():
    with Server() as one:
        yield one


# --- Kept connections -------------------------------------------------------------------------------------------------


def test_requests_of_a_transaction_share_a_connection(server):
    with Worker() as worker:
        worker.send(server.ask("/one", keep=True))
        assert worker.receive()[1] == b"/one"
        fd = sealed(b"abc")
        worker.send(server.ask("/two", keep=True, body=True), [fd])
        os.close(fd)
        assert worker.receive()[1] == b"cba"
        worker.send(server.ask("/three"))
        assert worker.receive_last()[1] == b"/three"
    assert server.requests == ["/one", "/two", "/three"] and len(server.connections) == 1


def test_server_that_does_not_keep_it(server):
    with Worker() as worker:
        for path in ("/last", "/last", "/again"):
            worker.send(server.ask(path, keep=True))
            assert worker.receive()[1] == path.encode()
    assert len(server.connections) == 3


def test_another_server_is_another_transaction(server):
    with Server() as other:
        for second in (other.ask(), {**server.ask(), "device": "lo"}, {**server.ask(), "url": server.ask()["url"].replace("127.0.0.1", "localhost")}):
            with Worker() as worker:
                worker.send(server.ask(keep=True))
                assert worker.receive()[0]["status"] == 200
                worker.send(second)
                answer, _ = worker.receive_last()
                assert answer["error"] == "invalid" and "another server" in answer["message"], answer
        assert not other.connections


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "tftp://127.0.0.1/a", "ldap://127.0.0.1/"])
def test_only_http_is_kept(url):
    with Worker() as worker:
        worker.send({"url": url, "size-max": 10, "timeout-seconds": 5, "unverified": True, "keep": True} if url.startswith("https") else
                    {"url": url, "size-max": 10, "timeout-seconds": 5, "keep": True})
        answer, _ = worker.receive_last()
        assert answer["error"] == "invalid" and "kept" in answer["message"], answer


def test_client_that_goes_away_ends_it(server):
    worker = Worker()
    worker.send(server.ask(keep=True))
    assert worker.receive()[0]["status"] == 200
    worker.socket.close()
    assert worker.process.wait(60) == 0
    worker.process.stderr.close()


# --- A worker for each client -----------------------------------------------------------------------------------------


class Dispatcher:
    """The program as systemd starts it, with a listening socket."""

    def __init__(self, folder):
        self.path = str(folder / "socket")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.path)
        listener.listen(128)
        # The shell's process number is the program's.
        self.process = subprocess.Popen(["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"', WORKER], pass_fds=[3], stdin=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.dup2(listener.fileno(), 3), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={"CHANCERY_LOG_STDERR": "1"})
        listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        workers = self.workers()
        self.process.kill()
        self.process.communicate()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def ask(self, message):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(120)
        client.connect(self.path)
        client.send(json.dumps(message).encode())
        return client

    def workers(self):
        with contextlib.suppress(OSError):
            return [int(pid) for pid in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]
        return []


def answer(client):
    with client:
        data = client.recv(65536)
    return json.loads(data) if data else None


@pytest.fixture
def dispatcher(tmp_path):
    with Dispatcher(tmp_path) as one:
        yield one


def test_more_clients_than_workers(server, dispatcher):
    """Who is too many waits, and is answered."""
    first = [dispatcher.ask(server.ask("/slow")) for _ in range(MANY)]
    wait_for(lambda: len(server.requests) == 32, "as many transactions as may be at a time")
    server.go.set()
    assert [answer(client)["status"] for client in first] == MANY * [200] and len(server.requests) == MANY
    assert answer(dispatcher.ask(server.ask()))["status"] == 200


def test_worker_that_is_killed(server, dispatcher):
    """Its client is told by the end of the connection; nobody else is."""
    victim = dispatcher.ask(server.ask("/slow"))
    assert server.asked.wait(120)
    (pid,) = dispatcher.workers()
    other = dispatcher.ask(server.ask("/other"))
    assert answer(other)["status"] == 200
    os.kill(pid, signal.SIGKILL)
    assert answer(victim) is None
    assert answer(dispatcher.ask(server.ask()))["status"] == 200


def test_worker_that_crashes(server, dispatcher):
    """No more are made of the same memory; what goes on comes to its end."""
    other = dispatcher.ask(server.ask("/slow"))
    assert server.asked.wait(120)
    (busy,) = dispatcher.workers()
    victim = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    victim.connect(dispatcher.path)
    (pid,) = wait_for(lambda: [w for w in dispatcher.workers() if w != busy], "the second worker")
    os.kill(pid, signal.SIGSEGV)
    wait_for(lambda: not is_running(pid), "its end")
    server.go.set()
    assert answer(other)["status"] == 200
    assert dispatcher.process.wait(120) == 0 and b"signal 11" in dispatcher.process.stderr.read()
    victim.close()


def test_dispatcher_that_is_killed(server, dispatcher):
    """Nothing outlives it."""
    client = dispatcher.ask(server.ask("/slow"))
    assert server.asked.wait(120)
    (pid,) = dispatcher.workers()
    dispatcher.process.kill()
    assert answer(client) is None
    wait_for(lambda: not is_running(pid), "the worker's end")


def test_confined(server, dispatcher):
    """The one that forks, and more so what it forks."""
    client = dispatcher.ask(server.ask("/slow"))
    assert server.asked.wait(120)
    (pid,) = dispatcher.workers()
    status = [dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{p}/status").read_text().splitlines() if ":\t" in line)
              for p in (dispatcher.process.pid, pid)]
    if status[0]["Seccomp"] == "0":
        pytest.skip("a build for sanitizers has no seccomp filter")
    assert [s["NoNewPrivs"] for s in status] == ["1", "1"] and int(status[1]["Seccomp_filters"]) == int(status[0]["Seccomp_filters"]) + 1
    server.go.set()
    assert answer(client)["status"] == 200
