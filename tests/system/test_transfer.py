# SPDX-License-Identifier: Apache-2.0
"""Large things for connections that pass no descriptors (org.chancery.Transfer1, and the Plain twins): whose they are, how many and how large, in which
order, and what is left when somebody goes away."""

import itertools
import os
import subprocess

import pytest

from machine import ADMIN, PATIENCE, wait_for

NAME, ROOT = "org.chancery.Policy1", "/org/chancery/Policy1"
TRANSFER = "org.chancery.Transfer1.Transfer"
ERROR = "org.chancery.Error."
MIB = 1 << 20


class Client:
    """One connection. Calls are sent without waiting; answer() waits for one."""

    def __init__(self, machine, *user):
        words = ["setpriv", f"--reuid={user[0]}", "--clear-groups", "transfer-client"] if user and isinstance(user[0], int) else ["transfer-client"]
        self.process = machine.popen(words, "root" if len(words) > 1 else (user or (ADMIN,))[0], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.machine, self.pid = machine, self.process.stdout.readline().strip()
        self.numbers, self.answers = itertools.count(1), {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def send(self, path, interface, member, *arguments):
        number = next(self.numbers)
        self.process.stdin.write(" ".join([str(number), NAME, path, interface, member, *arguments]) + "\n")
        self.process.stdin.flush()
        return number

    def answer(self, number):
        while number not in self.answers:
            words = self.process.stdout.readline().split()
            assert words, "the client has ended"
            self.answers[int(words[0])] = words[1:]
        return self.answers.pop(number)

    def call(self, *words):
        return self.answer(self.send(*words))

    def new(self, kind):
        words = self.call(ROOT, "org.chancery.Transfer1", "New", f"s={kind}")
        return words[1] if words[0] == "ok" else words[0]

    def write(self, path, size):
        return self.call(path, TRANSFER, "Write", f"y={size}")[0]

    def end(self, path):
        return self.call(path, TRANSFER, "End")[0]

    def read(self, path, most=MIB):
        return self.call(path, TRANSFER, "Read", f"u={most}")

    def close(self, path):
        return self.call(path, TRANSFER, "Close")[0]

    def vanish(self):
        self.machine.run(["kill", "-KILL", self.pid])
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def bus(router, build):
    router.write("/usr/local/bin/transfer-client", (build / "tests/transfer-client").read_bytes(), 0o755)
    return router


def content(client, size):
    path = client.new("content")
    for piece in range(0, size, MIB):
        assert client.write(path, min(MIB, size - piece)) == "ok"
    return path


def open_files(machine):
    return len(os.listdir(f"/proc/{machine.daemon_pid('policyd')}/fd"))


def summed(size):
    return sum(i % 251 for i in range(size))


# --- whose --------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("other", [ADMIN, "root", "nobody"])
def test_transfer_of_another_connection(bus, other):
    """To everybody else, the same user on another connection too, it does not exist; and is none for a method either."""
    with Client(bus) as owner, Client(bus, other) as stranger:
        path = content(owner, 100)
        for member, arguments in (("Write", ["y=1"]), ("End", []), ("Read", ["u=1"]), ("Close", [])):
            assert stranger.call(path, TRANSFER, member, *arguments)[0].startswith("org.freedesktop.DBus.Error.Unknown"), member
        assert owner.end(path) == "ok"
        session = stranger.call(ROOT, NAME, "OpenSession", "v=")[1]
        assert stranger.call(session, f"{NAME}.Session.Plain", "Load", f"o={path}") == [ERROR + "NoSuchObject"]
        assert owner.read(path) == ["ok", "100", str(summed(100))]


def test_what_is_no_transfer(bus):
    with Client(bus) as client:
        session = client.call(ROOT, NAME, "OpenSession", "v=")[1]
        for path in ("/", ROOT, f"{ROOT}/transfer", f"{ROOT}/transfer/0", f"{ROOT}/transfer/18446744073709551616", "/org/chancery/TrustPool1/transfer/1", session):
            assert client.call(session, f"{NAME}.Session.Plain", "Load", f"o={path}") == [ERROR + "NoSuchObject"], path
        assert client.new("file") == client.new("") == ERROR + "InvalidArgument"
        # Where a descriptor is wanted, it has to be one.
        assert client.call(session, f"{NAME}.Session", "Load", f"o={client.new('content')}")[0].startswith("org.freedesktop.DBus.Error.")


# --- how many and how large ---------------------------------------------------------------------------------------------------------------

def test_number_of_transfers(bus):
    """Sixteen of a user, however many connections he has, those that methods make for their answers too; others have their own."""
    with Client(bus) as one, Client(bus) as two, Client(bus, "root") as other:
        paths = [one.new("content") for _ in range(8)] + [two.new("pipe") for _ in range(8)]
        assert len(set(paths)) == 16 and all(path.startswith(f"{ROOT}/transfer/") for path in paths)
        assert one.new("content") == two.new("pipe") == ERROR + "LimitExceeded"
        assert one.call(ROOT, f"{NAME}.Plain", "GetOwnRights") == [ERROR + "LimitExceeded"]
        assert other.call(ROOT, f"{NAME}.Plain", "GetOwnRights")[0] == "ok"
        assert one.close(paths[0]) == "ok" and one.call(ROOT, f"{NAME}.Plain", "GetOwnRights")[0] == "ok"
        assert two.new("content") == ERROR + "LimitExceeded"
        one.vanish()
        wait_for(lambda: two.new("content") != ERROR + "LimitExceeded", "the transfers of who is gone to be gone")


def test_number_of_all_transfers(bus):
    clients = [Client(bus, uid) for uid in range(5001, 5018)]
    try:
        made = [client.new("content") for client in clients for _ in range(16)]
        assert made[255].startswith(ROOT) and made[256:] == [ERROR + "LimitExceeded"] * 16
    finally:
        for client in clients:
            client.vanish()
    with Client(bus) as client:
        wait_for(lambda: client.new("content").startswith(ROOT), "the transfers of who is gone to be gone")


def test_size_of_content(bus):
    with Client(bus) as one, Client(bus) as two, Client(bus, "root") as other:
        large = content(one, 48 * MIB)
        assert one.write(large, 1) == ERROR + "TooLarge"
        assert one.write(large, MIB + 1) == ERROR + "TooLarge"
        rest = content(two, 16 * MIB)
        assert two.write(rest, 1) == ERROR + "LimitExceeded" and content(other, 10).startswith(ROOT)
        # What was refused is no part of it.
        assert two.end(rest) == "ok"
        sizes = [two.read(rest)[1:] for _ in range(17)]
        assert sizes == [[str(MIB), str(summed(MIB))]] * 16 + [["0", "0"]]
        assert one.close(large) == "ok" and content(two, 2 * MIB).startswith(ROOT)


# --- in which order -----------------------------------------------------------------------------------------------------------------------

def test_order_of_calls(bus):
    with Client(bus) as client:
        path = content(client, 5000)
        assert client.read(path) == [ERROR + "InvalidArgument"]
        session = client.call(ROOT, NAME, "OpenSession", "v=")[1]
        assert client.call(session, f"{NAME}.Session.Plain", "Load", f"o={path}") == [ERROR + "InvalidArgument"]
        assert client.write(path, 0) == "ok" and client.end(path) == "ok"
        assert client.write(path, 1) == client.end(path) == ERROR + "InvalidArgument"
        for most in (0, MIB + 1):
            assert client.read(path, most) == [ERROR + "InvalidArgument"]
        assert [client.read(path, 2000)[1] for _ in range(4)] == ["2000", "2000", "1000", "0"]
        for member, arguments in (("Read", ["u=1"]), ("Close", [])):
            assert client.call(path, TRANSFER, member, *arguments)[0].startswith("org.freedesktop.DBus.Error.Unknown")
        answered = client.call(ROOT, f"{NAME}.Plain", "GetOwnRights")[1]
        assert client.write(answered, 1) == client.end(answered) == ERROR + "InvalidArgument"
        assert int(client.read(answered)[1]) > 2 and client.read(answered) == ["ok", "0", "0"]


def test_pipe(bus):
    """A piece is answered when it is taken; nobody waits in front of somebody else, nor for what does not come any more."""
    with Client(bus) as client:
        path = client.new("pipe")
        waiting = client.send(path, TRANSFER, "Read", "u=10")
        assert client.read(path, 10) == [ERROR + "Busy"]
        assert client.write(path, 4) == "ok" and client.answer(waiting) == ["ok", "4", str(summed(4))]
        writing = client.send(path, TRANSFER, "Write", f"y={MIB}")
        assert client.write(path, 1) == ERROR + "Busy" and client.end(path) == ERROR + "InvalidArgument"
        taken = 0
        while taken < MIB:
            taken += int(client.read(path)[1])
        assert client.answer(writing) == ["ok"] and taken == MIB
        waiting = client.send(path, TRANSFER, "Read", "u=10")
        assert client.end(path) == "ok" and client.answer(waiting) == ["ok", "0", "0"]
        for member, arguments in (("Read", ["u=10"]), ("Write", [f"y={MIB}"])):
            path = client.new("pipe")
            waiting = client.send(path, TRANSFER, member, *arguments)
            assert client.close(path) == "ok" and client.answer(waiting) == [ERROR + "Cancelled"], member
        assert client.call(client.call(ROOT, NAME, "OpenSession", "v=")[1], f"{NAME}.Session.Plain", "Load", f"o={client.new('pipe')}") == [ERROR + "InvalidArgument"]


# --- who goes away ------------------------------------------------------------------------------------------------------------------------

def test_peers_that_vanish(bus):
    """Waiting for a piece, in the middle of one, and with some content: nothing is left of it."""
    pid, before = bus.daemon_pid("policyd"), open_files(bus)
    for _ in range(5):
        client = Client(bus)
        for member, arguments in (("Read", ["u=10"]), ("Write", [f"y={MIB}"])):
            client.send(client.new("pipe"), TRANSFER, member, *arguments)
        content(client, MIB)
        client.vanish()
    wait_for(lambda: open_files(bus) <= before, "policyd to have let go of all")
    assert bus.daemon_pid("policyd") == pid
