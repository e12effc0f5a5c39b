# SPDX-License-Identifier: Apache-2.0
"""Which way the network worker goes: from the address of an interface, through a proxy, and by no other way. The built program, without a router."""

import contextlib
import pathlib
import sys
import threading

import pytest

from test_fetch_worker import Server, answer_with, authorities, error_of, fetch, in_namespace, namespace  # noqa: F401 (fixtures)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pki"))
import http_proxy  # noqa: E402

# Prints what the server saw of the client, and what the worker answered. Beside the pair of interfaces there is an address of another family, and a second one.
FROM_WHERE = r"""
import json, socket, subprocess, sys, threading
for command in ("ip addr add 198.51.100.7/24 dev one", "ip -6 addr add 2001:db8::7/64 dev one nodad", "ip -6 addr add fe80::7/64 dev two nodad"):
    subprocess.run(command.split(), check=True)
url, source, family = sys.argv[2:5]
listener = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
def serve():
    connection, peer = listener.accept()
    connection.recv(65536)
    print("seen", peer[0].replace("::ffff:", ""), flush=True)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
threading.Thread(target=serve, daemon=True).start()
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
worker = subprocess.Popen([sys.argv[1]], stdin=theirs, env={"CHANCERY_LOG_STDERR": "1"})
theirs.close()
ours.send(json.dumps({"url": url, "size-max": 100, "timeout-seconds": 60, "source": source, **({"source-ipv6": True} if family == "6" else {})}).encode())
print(ours.recv(65536).decode(), flush=True)
worker.wait()
"""


@pytest.mark.parametrize("url, source, family, words", [
    ("http://192.0.2.1:8080/", "none", "4", "The interface none has no IPv4 address to come from"),
    ("http://192.0.2.1:8080/", "two", "4", "The interface two has no IPv4 address to come from"),
    ("http://[2001:db8::7]:8080/", "two", "6", "The interface two has no IPv6 address to come from"),
    ("http://[2001:db8::7]:8080/", "one", "4", "There is no way from the IPv4 address of interface one"),
    ("http://192.0.2.1:8080/", "one", "6", "There is no way from the IPv6 address of interface one"),
    ("http://127.0.0.1:8080/", "one", "4", "seen 192.0.2.1"),
    ("http://127.0.0.1:8080/", "lo", "4", "seen 127.0.0.1"),
    ("http://[::1]:8080/", "one", "6", "seen 2001:db8::7"),
])
def test_source(namespace, url, source, family, words):  # noqa: F811
    result = in_namespace(FROM_WHERE, url, source, family)
    assert words in result.stdout and ("seen" in words) == ("seen" in result.stdout), (result.stdout, result.stderr)


@contextlib.contextmanager
def proxy(folder, address="127.0.0.1"):
    server = http_proxy.start(folder / "proxy.log", address)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def through(server, address="127.0.0.1"):
    return {"proxy": address, "proxy-port": server.server_address[1]}


@pytest.mark.parametrize("more", [{"proxy": "127.0.0.1"}, {"proxy-port": 80}, {"proxy": "http://127.0.0.1", "proxy-port": 80}, {"proxy": "-x", "proxy-port": 80},
                                  {"proxy": "127.0.0.1", "proxy-port": 65536}, {"proxy": "a b", "proxy-port": 80}, {"source": "a/b"}, {"source-ipv6": True},
                                  {"source": "lo", "source-ipv6": False}])
def test_refused(more):
    assert error_of("http://127.0.0.1:1/", **more)[0] == "invalid"


@pytest.mark.parametrize("url", ["tftp://127.0.0.1/x", "ldap://127.0.0.1/x", "ftp://127.0.0.1/x"])
def test_what_goes_through_no_proxy(url):
    error, words = error_of(url, proxy="127.0.0.1", **{"proxy-port": 8080})
    assert error == "invalid" and "only http and https go through an HTTP proxy" in words


def test_http_through_a_proxy(tmp_path):
    def serve(connection, header):
        body = header.partition("\r\n\r\n")[2].encode()
        while header.startswith("POST") and len(body) < 100000:
            body += connection.recv(65536)
        answer_with(body=body or b"hello", Content_Type="text/plain", ETag='"7"')(connection, header)
    with proxy(tmp_path) as way, Server(serve) as server:
        answer, body = fetch(server.url(path="/path?query=1"), **through(way))
        assert (answer["status"], answer["content-type"], answer["etag"], body) == (200, "text/plain", '"7"', b"hello")
        assert fetch(server.url(), body=b"x" * 100000, content_type="text/plain", **through(way))[1] == b"x" * 100000
        assert fetch("http://127.0.0.1:1/", **through(way))[0]["status"] == 502
        log = way.log.read_text().splitlines()
    assert log == [f"127.0.0.1 GET {server.url(path='/path?query=1')}", f"127.0.0.1 POST {server.url()}", "127.0.0.1 GET http://127.0.0.1:1/"]
    assert all("Proxy" not in request.decode() for request in server.requests)


def test_no_way_around_the_proxy(tmp_path):
    """Whatever the environment says of servers that are to be asked directly."""
    with proxy(tmp_path) as way, Server(answer_with(body=b"hello")) as server:
        for name in ("no_proxy", "NO_PROXY"):
            assert fetch(server.url(), environment={name: "*"}, **through(way))[1] == b"hello"
        assert way.log.read_text() == f"127.0.0.1 GET {server.url()}\n" * 2


def test_https_through_a_proxy(tmp_path, authorities):  # noqa: F811
    """The proxy sees where to, and no more; whose certificate is good is still ours to say."""
    right, wrong = authorities
    with proxy(tmp_path, "::1") as way, Server(answer_with(body=b"secret"), right.issue("server")) as server:
        assert error_of(server.url("https"), anchors=wrong.pem(), **through(way, "::1"))[0] == "unreachable"
        assert server.requests == []
        assert fetch(server.url("https"), anchors=right.pem(), **through(way, "::1"))[1] == b"secret"
        assert way.log.read_text().splitlines() == 2 * [f"::1 CONNECT 127.0.0.1:{server.port}"]
        assert "502" in error_of("https://127.0.0.1:1/", anchors=right.pem(), **through(way, "::1"))[1]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "224.0.0.1", "0.0.0.0", "[::ffff:169.254.1.1]", "2852039166"])
def test_proxy_leads_to_no_forbidden_address(tmp_path, host):
    """However it is written."""
    with proxy(tmp_path) as way:
        assert error_of(f"http://{host}/", **through(way))[0] == "unreachable"
        assert way.log.read_text() == ""


def test_proxy_that_is_away(tmp_path):
    assert error_of("http://127.0.0.1/", proxy="127.0.0.1", **{"proxy-port": 1})[0] == "unreachable"
    assert "refused" in error_of("http://127.0.0.1/", proxy="169.254.1.1", **{"proxy-port": 80})[1]
