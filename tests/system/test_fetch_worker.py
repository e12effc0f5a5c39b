# SPDX-License-Identifier: Apache-2.0
"""The network worker, the built program over a socket pair, against servers that behave and servers that don't. All on loopback; needs no router.

    CHANCERY_BUILD=build python3 -m pytest tests/system/test_fetch_worker.py
"""

import array
import contextlib
import fcntl
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading

import pytest

WORKER = pathlib.Path(os.environ.get("CHANCERY_BUILD", "build")).resolve() / "fetch/chancery-fetch"
GIB = 1 << 30
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


# --- The client's side ------------------------------------------------------------------------------------------------


def sealed(content):
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


class Worker:
    """One worker process and our end of its connection."""

    def __init__(self, **environment):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.process = subprocess.Popen([WORKER], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={"CHANCERY_LOG_STDERR": "1", **environment})
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.kill()
        self.process.communicate()

    def send(self, message, fds=()):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])

    def receive(self):
        """The answer and its body."""
        try:
            data, control, flags, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:  # told once, when the worker has ended with a message of ours unread; the answer still waits
            data, control, flags, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
        assert not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)
        answer, body = json.loads(data), None
        fds = array.array("i", b"".join(content for _, _, content in control))
        if "error" in answer:
            assert set(answer) == {"error", "message"} and not fds
        else:
            assert set(answer) - {"content-type", "etag"} == {"status", "body"} and len(fds) == answer["body"]
        for fd in fds:
            assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == SEALS
            body = os.pread(fd, os.fstat(fd).st_size, 0)
            os.close(fd)
        return answer, body

    def receive_last(self):
        answer = self.receive()
        with contextlib.suppress(ConnectionResetError):  # requests of ours that it did not read
            assert self.socket.recv(1) == b"", "more than one answer"
        assert self.process.wait(10) == 0
        return answer


def fetch(url, size_max=1 << 20, timeout=30, body=None, content_type=None, anchors=None, environment=None, **more):
    request = {"url": url, "size-max": size_max, "timeout-seconds": timeout, **more}
    fds = []
    if body is not None:
        request["body"] = True
        fds.append(sealed(body))
        if content_type:
            request["content-type"] = content_type
    if anchors is not None:
        request["trust-anchors"] = True
        fds.append(sealed(anchors))
    with Worker(**environment or {}) as worker:
        worker.send(request, fds)
        for fd in fds:
            os.close(fd)
        return worker.receive_last()


def error_of(*arguments, **options):
    answer, _ = fetch(*arguments, **options)
    assert "error" in answer, answer
    return answer["error"], answer["message"]


# --- Servers ----------------------------------------------------------------------------------------------------------


class Server:
    """Gives each connection to a function of (connection, request header as text)."""

    def __init__(self, serve, context=None, family=socket.AF_INET):
        self.serve, self.context, self.requests = serve, context, []
        self.listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def url(self, scheme="http", host="127.0.0.1", path="/"):
        return f"{scheme}://{host}:{self.port}{path}"

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with contextlib.suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            header = b""
            while b"\r\n\r\n" not in header:
                more = connection.recv(65536)
                if not more:
                    return
                header += more
            self.requests.append(header)
            self.serve(connection, header.decode())


def answer_with(status="200 OK", body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def raw(data, then=None):
    def serve(connection, _):
        connection.sendall(data)
        if then:
            then(connection)
    return serve


def until_closed(connection):
    """Says nothing more."""
    while connection.recv(4096):
        pass


def drip(piece):
    def serve(connection):
        stop = threading.Event()
        while not stop.wait(0.2):
            connection.sendall(piece)
    return serve


# --- Plain transactions -----------------------------------------------------------------------------------------------


def test_get():
    with Server(answer_with(body=b"hello", Content_Type="text/plain")) as server:
        answer, body = fetch(server.url(path="/path?query=1"))
    assert answer == {"status": 200, "body": True, "content-type": "text/plain"} and body == b"hello"
    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "GET /path?query=1 HTTP/1.1"
    # Nothing tells more about us than it has to.
    assert {line.split(":")[0] for line in lines[1:] if line} == {"Host", "User-Agent", "Accept"}
    assert "User-Agent: chancery" in lines


def test_get_ipv6():
    with Server(answer_with(body=b"six"), family=socket.AF_INET6) as server:
        assert fetch(server.url(host="[::1]"))[1] == b"six"


def test_name_in_hosts_file():
    with Server(answer_with(body=b"named")) as server:
        assert fetch(server.url(host="localhost"))[1] == b"named"


def test_name_that_does_not_exist():
    assert error_of("http://nothing.invalid/", timeout=15)[0] == "unreachable"


def test_post():
    def serve(connection, header):
        body = header.split("\r\n\r\n", 1)[1].encode()
        while len(body) < 100000:
            body += connection.recv(65536)
        assert body == b"x" * 100000
        answer_with(body=b"done")(connection, header)
    with Server(serve) as server:
        answer, body = fetch(server.url(), body=b"x" * 100000, content_type="application/x-pki-message")
    assert answer["status"] == 200 and body == b"done"
    header = server.requests[0].decode()
    assert header.startswith("POST / ") and "\r\nContent-Type: application/x-pki-message\r\n" in header
    assert "\r\nContent-Length: 100000\r\n" in header and "Expect" not in header


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "401 Unauthorized"])
def test_other_status_is_an_answer(status):
    with Server(answer_with(status, b"why", WWW_Authenticate="Basic realm=x")) as server:
        answer, body = fetch(server.url())
    assert answer["status"] == int(status[:3]) and body == b"why" and len(server.requests) == 1


def test_compressed_stays_compressed():
    with Server(answer_with(body=b"\x1f\x8bnot really", Content_Encoding="gzip")) as server:
        assert fetch(server.url())[1] == b"\x1f\x8bnot really"


def test_strange_content_type_is_cleaned():
    with Server(answer_with(Content_Type="text/\x1b[31mred")) as server:
        assert fetch(server.url())[0]["content-type"] == "text/?[31mred"
    with Server(answer_with(Content_Type="a/" + "b" * 200)) as server:
        assert "content-type" not in fetch(server.url())[0]


def test_environment_is_ignored(tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    (tmp_path / ".curlrc").write_text("header = \"X-Config: yes\"\n")
    with Server(answer_with(body=b"direct")) as server:
        environment = {name: f"http://127.0.0.1:{server.port + 1}" for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY")}
        assert fetch(server.url(), environment={"HOME": str(tmp_path), **environment})[1] == b"direct"
        assert b"Authorization" not in server.requests[0] and b"X-Config" not in server.requests[0]


def test_etag():
    """What the server calls the version comes back, and goes out again: a caller with the current one gets nothing."""
    def serve(connection, header):
        current = "\r\nIf-None-Match: \"7\"\r\n" in header
        answer_with(*("304 Not Modified",) if current else ("200 OK", b"seven"), ETag='"7"')(connection, header)
    with Server(serve) as server:
        assert fetch(server.url()) == ({"status": 200, "body": True, "etag": '"7"'}, b"seven")
        assert fetch(server.url(), etag='"6"')[0]["status"] == 200
        answer, body = fetch(server.url(), etag='"7"')
        assert answer["status"] == 304 and body == b""
    for bad in ("", "x" * 128, "x\r\nX: y", "\u00e9"):
        assert error_of("http://127.0.0.1/", etag=bad)[0] == "invalid"


def test_etag_that_cannot_be_sent_back_is_dropped():
    with Server(answer_with(body=b"x", ETag="x" * 200)) as server:
        assert "etag" not in fetch(server.url())[0]


# --- Files by tftp and ftp --------------------------------------------------------------------------------------------


class Tftp:
    """Answers read requests with 512-byte blocks, from a function of the block's number."""

    def __init__(self, block):
        self.block, self.listener = block, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener.bind(("127.0.0.1", 0))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        _, client = self.listener.recvfrom(2048)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transfer, contextlib.suppress(OSError):
            transfer.bind(("127.0.0.1", 0))
            transfer.settimeout(30)
            number, data = 1, self.block(1)
            while data is not None:
                transfer.sendto(data if data[:2] == b"\0\5" else b"\0\3" + (number % 65536).to_bytes(2, "big") + data, client)
                if len(data) < 512:
                    return
                while transfer.recvfrom(2048)[0] != b"\0\4" + (number % 65536).to_bytes(2, "big"):
                    pass
                number += 1
                data = self.block(number)

    def url(self):
        return f"tftp://127.0.0.1:{self.listener.getsockname()[1]}/bundle.p7b"


def test_tftp():
    content = os.urandom(3000)
    blocks = [content[i:i + 512] for i in range(0, 3000, 512)]
    answer, body = fetch(Tftp(lambda number: blocks[number - 1]).url())
    assert answer == {"status": 200, "body": True} and body == content


def test_tftp_without_end():
    assert error_of(Tftp(lambda number: b"x" * 512).url(), size_max=100000)[0] == "too-large"


def test_tftp_error():
    assert error_of(Tftp(lambda number: b"\0\5\0\1File not found\0").url())[0] == "unreachable"


def test_ftp_that_is_none():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            connection, _ = listener.accept()
            connection.sendall(b"220 hello\r\n" + b"421-more\r\n" * 20000)
            connection.close()
        threading.Thread(target=serve, daemon=True).start()
        assert error_of(f"ftp://127.0.0.1:{listener.getsockname()[1]}/bundle.p7b")[0] in ("unreachable", "too-large")


@pytest.mark.parametrize("url", ["ftp://169.254.169.254/a", "tftp://169.254.169.254/a", "tftp://224.0.0.1/a"])
def test_refused_addresses_of_files(url):
    error, message = error_of(url)
    assert error == "unreachable" and "refused" in message


# --- PEERS F23: where it does not go ----------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/target", "file:///etc/passwd", "http://169.254.169.254/", "//127.0.0.1:{port}/target"])
def test_redirect_is_not_followed(location):
    with Server(answer_with(body=b"target")) as target:
        with Server(answer_with("302 Found", Location=location.format(port=target.port))) as server:
            answer, body = fetch(server.url())
        assert answer["status"] == 302 and body == b"" and target.requests == []


@pytest.mark.parametrize("host", ["169.254.169.254", "0xa9fea9fe", "169.254.1", "[::ffff:169.254.169.254]", "[fe80::1]", "[fe80::1%25lo]", "224.0.0.1",
                                  "[ff02::1]", "255.255.255.255"])
def test_refused_addresses(host):
    error, message = error_of(f"http://{host}/")
    assert error == "unreachable" and "refused" in message


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "[::]"])
def test_unspecified_address_is_not_loopback(host):
    with Server(answer_with()) as server:
        assert error_of(server.url(host=host))[0] == "unreachable" and server.requests == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://someone@127.0.0.1/", "sftp://127.0.0.1/a", "gopher://127.0.0.1/", "dict://127.0.0.1/", "ldaps://127.0.0.1/", "127.0.0.1",
                                 "http://someone:secret@127.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://", ""])
def test_refused_urls(url):
    assert error_of(url)[0] == "invalid"


def test_nobody_listens():
    with Server(answer_with()) as server:
        url = server.url()
    assert error_of(url)[0] == "unreachable"


# --- Sizes ------------------------------------------------------------------------------------------------------------


def test_announced_too_large():
    with Server(raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nx" % GIB, until_closed)) as server:
        assert error_of(server.url())[0] == "too-large"


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Connection: close"])
def test_sent_too_large(framing):
    """One GiB that nobody announced: the worker is gone long before the end, and never holds more than it may."""
    sent = []

    def serve(connection, _):
        piece = b"x" * (1 << 20)
        connection.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        for _ in range(1024):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in framing else piece)
            sent.append(len(piece))
    with Server(serve) as server:
        assert error_of(server.url(), size_max=4 << 20)[0] == "too-large"
    assert sum(sent) < 64 << 20


def test_exactly_as_large_as_allowed():
    with Server(answer_with(body=b"x" * 4096)) as server:
        assert len(fetch(server.url(), size_max=4096)[1]) == 4096
        assert error_of(server.url(), size_max=4095)[0] == "too-large"


def test_less_than_announced():
    with Server(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")) as server:
        assert error_of(server.url())[0] == "unreachable"


def test_more_than_announced():
    with Server(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour and the rest")) as server:
        assert fetch(server.url())[1] == b"four"


@pytest.mark.parametrize("header", [b"X: " + b"y" * 90000 + b"\r\n", b"X: y\r\n" * 20000, b"X: " + b"y" * 2000000])
def test_endless_header(header):
    with Server(raw(b"HTTP/1.1 200 OK\r\n" + header, until_closed)) as server:
        assert error_of(server.url(), timeout=10)[0] in ("too-large", "unreachable")


@pytest.mark.parametrize("answer", [b"", b"hello\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 999999 Strange\r\n\r\n", b"\x00\xff" * 1000,
                                    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_no_http(answer):
    with Server(raw(answer)) as server:
        assert error_of(server.url())[0] == "unreachable"


# --- Time -------------------------------------------------------------------------------------------------------------


def test_server_that_stalls():
    with Server(lambda connection, _: until_closed(connection)) as server:
        assert error_of(server.url(), timeout=5)[0] == "unreachable"


def test_server_that_drips_its_header():
    with Server(raw(b"HTTP/1.1 200 OK\r\nX: ", drip(b"y"))) as server:
        assert error_of(server.url(), timeout=5)[0] == "unreachable"


def test_server_that_drips_its_body():
    with Server(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", drip(b"y"))) as server:
        assert error_of(server.url(), timeout=5)[0] == "unreachable"


def test_client_that_goes_away():
    connected = threading.Event()

    def serve(connection, _):
        connected.set()
        until_closed(connection)
    with Server(serve) as server, Worker() as worker:
        worker.send({"url": server.url(), "size-max": 10, "timeout-seconds": 300})
        assert connected.wait(10)
        worker.socket.close()
        assert worker.process.wait(30) == 0


# --- TLS --------------------------------------------------------------------------------------------------------------


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Authority:
    def __init__(self, folder, name):
        self.folder, self.key, self.certificate = folder, folder / f"{name}.key", folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.certificate,
                "-days", 30, "-subj", f"/CN={name}")

    def issue(self, name, san="IP:127.0.0.1,DNS:localhost", expired=False):
        key, request, certificate, extensions = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem", "ext"))
        extensions.write_text(f"subjectAltName={san}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        (self.folder / "index").write_text("")
        (self.folder / "ca.conf").write_text(f"[ca]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\nrand_serial=yes\npolicy=any\n[any]\ncommonName=supplied\n")
        # Only this program signs for days that are over, with every version.
        openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-name", "ca", "-md", "sha256", "-cert", self.certificate, "-keyfile", self.key,
                "-in", request, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z" if expired else "20991231000000Z",
                "-extfile", extensions, "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def pem(self):
        return self.certificate.read_bytes()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    return Authority(folder, "right"), Authority(folder, "wrong")


def test_https_refused(authorities):
    right, wrong = authorities
    with Server(answer_with(body=b"secret"), right.issue("server")) as server:
        assert error_of(server.url("https"))[0] == "invalid", "no anchors"
        assert error_of(server.url("https"), anchors=b"")[0] == "invalid"
        assert error_of(server.url("https"), anchors=b"no PEM at all")[0] == "unreachable"
        assert error_of(server.url("https"), anchors=wrong.pem())[0] == "unreachable"
        assert error_of(server.url("https", "[::ffff:127.0.0.1]"), anchors=right.pem())[0] == "unreachable", "not the certificate's name"
        assert server.requests == []


def test_https(authorities):
    right, wrong = authorities
    with Server(answer_with(body=b"secret"), right.issue("server")) as server:
        assert fetch(server.url("https"), anchors=right.pem())[1] == b"secret"
        assert fetch(server.url("https", "localhost"), anchors=wrong.pem() + right.pem())[1] == b"secret"


def judged(url, anchors, answer, **more):
    """What the client is asked about the server, and what the worker says when that was the answer; None: the client hangs up."""
    with Worker() as worker:
        fd = sealed(anchors)
        worker.send({"url": url, "size-max": 1 << 20, "timeout-seconds": 60, "trust-anchors": True, "judged": True, **more}, [fd])
        os.close(fd)
        data, control, _, _ = worker.socket.recvmsg(65536, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
        contents = []
        for fd in array.array("i", b"".join(content for _, _, content in control)):
            contents.append(os.pread(fd, 1 << 20, 0))
            os.close(fd)
        if answer is None:
            worker.socket.close()
            assert worker.process.wait(60) == 0
            return json.loads(data), contents, None
        worker.send(answer)
        return json.loads(data), contents, worker.receive_last()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_judged(authorities, version):
    """The client is asked about the server before it has seen anything; what is no yes is a no."""
    right, wrong = authorities
    context = right.issue("server")
    context.minimum_version = context.maximum_version = version
    assert error_of("http://127.0.0.1/", judged=True)[0] == error_of("https://127.0.0.1/", unverified=True, judged=True)[0] == "invalid"
    with Server(answer_with(body=b"secret"), context) as server:
        for answer in (None, {}, {"go-on": False}, {"go-on": 1}, {"go-on": True, "more": 1}, b"[]"):
            question, contents, said = judged(server.url("https"), right.pem(), answer)
            assert question == {"judge": True, "ocsp": False} and server.requests == []
            assert said is None if answer is None else "Nobody has judged" in said[0]["message"], said
            path = contents[0].decode()
            assert path.count("-----BEGIN CERTIFICATE-----") == 2 and path.endswith(right.pem().decode())
        assert judged(server.url("https"), right.pem(), {"go-on": True})[2][1] == b"secret" and len(server.requests) == 1
        # Who leads to no trust anchor is not worth a question.
        with Worker() as worker:
            fd = sealed(wrong.pem())
            worker.send({"url": server.url("https"), "size-max": 100, "timeout-seconds": 60, "trust-anchors": True, "judged": True}, [fd])
            os.close(fd)
            assert worker.receive_last()[0]["error"] == "unreachable"


def test_https_with_many_anchors(authorities):
    """A pool of 20,000 CAs has some 27 MB in PEM."""
    right, wrong = authorities
    many = wrong.pem() * (10_000_000 // len(wrong.pem()))
    with Server(answer_with(body=b"secret"), right.issue("server")) as server:
        assert error_of(server.url("https"), anchors=many)[0] == "unreachable"
        assert fetch(server.url("https"), anchors=many + right.pem())[1] == b"secret"


def test_system_list_is_not_trusted(authorities, tmp_path):
    """What the environment tells OpenSSL to trust is not what the caller trusts."""
    right, wrong = authorities
    with Server(answer_with(), right.issue("server")) as server:
        environment = {"SSL_CERT_FILE": str(right.certificate), "SSL_CERT_DIR": str(tmp_path), "CURL_CA_BUNDLE": str(right.certificate)}
        assert error_of(server.url("https"), anchors=wrong.pem(), environment=environment)[0] == "unreachable"


def test_https_other_name(authorities):
    right, _ = authorities
    with Server(answer_with(), right.issue("other", "DNS:other.example")) as server:
        assert error_of(server.url("https"), anchors=right.pem())[0] == "unreachable"


def test_https_expired(authorities):
    right, _ = authorities
    with Server(answer_with(), right.issue("expired", expired=True)) as server:
        error, message = error_of(server.url("https"), anchors=right.pem())
        assert error == "unreachable" and "expired" in message


@pytest.mark.filterwarnings("ignore:ssl")
def test_old_tls(authorities):
    right, _ = authorities
    context = right.issue("old")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with Server(answer_with(), context) as server:
        assert error_of(server.url("https"), anchors=right.pem())[0] == "unreachable"


def test_plain_server_on_https(authorities):
    with Server(answer_with()) as server:
        assert error_of(server.url("https"), anchors=authorities[0].pem(), timeout=5)[0] == "unreachable"


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [b"", b"no JSON", b"[]", b"{}", b'{"url":"http://127.0.0.1/"}', b"{" * 100, b" " * 20000,
                                     b'{"url":"http://127.0.0.1/","size-max":1,"timeout-seconds":5,"proxy":"http://127.0.0.1/"}',
                                     b'{"url":"http://127.0.0.1/","url":"http://127.0.0.1/","size-max":1,"timeout-seconds":5}',
                                     b'{"url":"http://127.0.0.1/","size-max":1,"timeout-seconds":5,"body":true}'])
def test_refused_requests(message):
    with Worker() as worker:
        worker.send(message)
        if message == b"":
            assert worker.socket.recv(1) == b""
        else:
            assert worker.receive_last()[0]["error"] == "invalid"


def test_too_many_descriptors():
    fd = sealed(b"x")
    with Worker() as worker:
        worker.send({"url": "http://127.0.0.1/", "size-max": 1, "timeout-seconds": 5}, [fd] * 8)
        assert worker.receive_last()[0]["error"] == "invalid"
    os.close(fd)


def test_descriptor_that_is_not_sealed():
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    with Worker() as worker:
        worker.send({"url": "http://127.0.0.1/", "size-max": 1, "timeout-seconds": 5, "body": True}, [fd])
        assert worker.receive_last()[0]["error"] == "invalid"
    os.close(fd)


def test_one_answer_only():
    with Server(answer_with(body=b"once")) as server, Worker() as worker:
        for _ in range(3):
            worker.send({"url": server.url(), "size-max": 10, "timeout-seconds": 30})
        assert worker.receive_last()[1] == b"once"
        assert len(server.requests) == 1


def test_not_started_by_hand():
    done = subprocess.run([WORKER], stdin=subprocess.DEVNULL, capture_output=True, env={"CHANCERY_LOG_STDERR": "1"}, check=False)
    assert done.returncode == 1 and b"chancery-fetch.socket" in done.stderr


def test_confined_while_it_works():
    connected = threading.Event()

    def serve(connection, _):
        connected.set()
        until_closed(connection)
    with Server(serve) as server, Worker() as worker:
        worker.send({"url": server.url(), "size-max": 10, "timeout-seconds": 30})
        assert connected.wait(10)
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{worker.process.pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1"
        if status["Seccomp"] == "0":
            pytest.skip("a build for sanitizers has no seccomp filter")
        assert status["Seccomp"] == "2"


# --- Which way --------------------------------------------------------------------------------------------------------


def in_namespace(script, *words):
    """Runs a script in a network namespace with two interfaces that are joined, and the worker as its child."""
    setup = ("ip link set lo up && ip link add one type veth peer name two && ip addr add 192.0.2.1/24 dev one && "
             "ip link set one up && ip link set two up && exec \"$@\"")
    return subprocess.run(["unshare", "--net", "sh", "-c", setup, "sh", "/usr/bin/python3", "-c", script, WORKER, *words], capture_output=True,
                          text=True, timeout=180, check=False)


# Prints what the server saw of the client, and what the worker answered.
WHICH_WAY = r"""
import json, os, socket, subprocess, sys, threading
url, device, seconds = sys.argv[2:5]
listener = socket.create_server(("0.0.0.0", 8080))
def serve():
    connection, peer = listener.accept()
    line = connection.recv(65536).split(b"\r\n")[0].decode()
    print("seen", peer[0], line, flush=True)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
threading.Thread(target=serve, daemon=True).start()
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
worker = subprocess.Popen([sys.argv[1]], stdin=theirs, env={"CHANCERY_LOG_STDERR": "1"})
theirs.close()
ours.send(json.dumps({"url": url, "size-max": 100, "timeout-seconds": int(seconds), "device": device}).encode())
print(ours.recv(65536).decode(), flush=True)
worker.wait()
"""


@pytest.fixture(scope="module")
def namespace():
    if subprocess.run(["unshare", "--net", "ip", "link", "add", "one", "type", "veth", "peer", "name", "two"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace with interfaces can be made here")


HERE = "http://127.0.0.1:8080/"


@pytest.mark.parametrize("device, words", [
    ("none", "The interface none cannot be used"),
    ("one/../x", "is no name of an interface"),
    ("lo", "seen 127.0.0.1 GET / HTTP"),
])
def test_device(namespace, device, words):
    result = in_namespace(WHICH_WAY, HERE, device, "60")
    assert words in result.stdout and ("seen" in words) == ('"status":200' in result.stdout.replace(" ", "")), (result.stdout, result.stderr)


def test_device_leads_nowhere_else(namespace):
    """Bound to an interface, nothing goes by another one."""
    result = in_namespace(WHICH_WAY, HERE, "two", "5")
    assert "unreachable" in result.stdout and "seen" not in result.stdout, (result.stdout, result.stderr)


# --- Writing over tftp ------------------------------------------------------------------------------------------------


def test_tftp_write():
    """What is written is what was given, block by block; an error of the server's is told."""
    content, received = os.urandom(1500), []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))

        def serve():
            _, client = listener.recvfrom(2048)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transfer:
                transfer.bind(("127.0.0.1", 0))
                transfer.settimeout(60)
                number = 0
                while not received or len(received[-1]) == 512:
                    transfer.sendto(b"\0\4" + number.to_bytes(2, "big"), client)
                    packet = transfer.recvfrom(2048)[0]
                    if packet[:4] == b"\0\3" + (number + 1).to_bytes(2, "big"):
                        received.append(packet[4:])
                        number += 1
                transfer.sendto(b"\0\4" + number.to_bytes(2, "big"), client)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        answer, _ = fetch(f"tftp://127.0.0.1:{listener.getsockname()[1]}/router.req", body=content)
        thread.join(60)
    assert answer["status"] == 200 and b"".join(received) == content
    assert error_of(Tftp(lambda number: b"\0\5\0\2Access violation\0").url(), body=content)[0] == "unreachable"
