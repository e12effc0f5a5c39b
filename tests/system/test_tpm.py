# SPDX-License-Identifier: Apache-2.0
"""The dossier's registers of the TPM and the quote over them, against a TPM in software (swtpm), verified by tpm2_checkquote and by hand."""

import base64
import errno
import fcntl
import hashlib
import pathlib
import re
import select
import socket
import struct
import subprocess
import termios

import pytest

from dossiers import collect, content
from inside import AF_INET, AT_FDCWD, O_RDONLY, system_calls
from machine import ADMIN, wait_for

SOCKET = "/run/swtpm/tpm"
DROP_IN = "/run/systemd/system/chancery-quote.service.d/tpm.conf"
SELECTOR = ["system-integrity-snapshot"]
NONCE = "0x00c0ffee"
PCR_EXTEND, HIERARCHY_CHANGE_AUTH, ENDORSEMENT = 0x182, 0x129, 0x4000000B


def registers(machine, nonce=NONCE):
    """The fact; everything else in the dossier is as it was."""
    dossier = collect(machine, SELECTOR, nonce)
    facts = {f["id"]: f for f in content(dossier, SELECTOR[0])["facts"]}
    assert facts["kernel-version"]["result-code"] == "Success"
    return facts["platform-config-registers"]


class Tpm:
    def __init__(self, machine):
        self.machine = machine

    def start(self):
        self.machine.run("mkdir -p /run/swtpm/state && systemd-run --quiet --unit=swtpm swtpm socket --tpm2 --tpmstate dir=/run/swtpm/state "
                         f"--server type=unixio,path={SOCKET},mode=0666 --flags not-need-init,startup-clear")
        wait_for(lambda: self.machine.path(SOCKET).exists(), "the TPM to be there")

    def stop(self):
        self.machine.run("systemctl stop swtpm.service; systemctl reset-failed swtpm.service 2>/dev/null; rm -rf /run/swtpm", check=False)

    def command(self, code, handle, parameters):
        """A command with one handle, which an empty password opens."""
        session = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
        body = struct.pack(">II", code, handle) + struct.pack(">I", len(session)) + session + parameters
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.machine.path(SOCKET)))
            connection.sendall(struct.pack(">HI", 0x8002, 6 + len(body)) + body)
            answer = connection.recv(4096)
        assert struct.unpack(">HII", answer[:10])[2] == 0, answer.hex()

    def extend(self, index, digest):
        self.command(PCR_EXTEND, index, struct.pack(">IH", 1, 0x0b) + digest)


@pytest.fixture(scope="module")
def without_tpm(machine):
    if not machine.can_reboot:
        pytest.skip("chancery-quote is started by systemd")
    return registers(machine)


@pytest.fixture(scope="module")
def tpm(machine, without_tpm):
    one = Tpm(machine)
    machine.write(DROP_IN, f"[Service]\nEnvironment=CHANCERY_TPM={SOCKET}\n")
    # The one that waits for questions is as it was started.
    machine.run("systemctl daemon-reload && systemctl stop chancery-quote.service")
    one.start()
    yield one
    one.stop()
    machine.path(DROP_IN).unlink()
    machine.run("systemctl daemon-reload && systemctl stop chancery-quote.service")


@pytest.fixture
def check(tmp_path):
    """A function that has tpm2_checkquote judge a fact for a nonce."""
    def judge(value, nonce=NONCE):
        for name in ("pcr-quote", "pcr-quote-signature", "pcr-quote-public-key"):
            (tmp_path / name).write_bytes(base64.b64decode(value[name]))
        subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "pcr-quote-public-key", "-out", "key.pem"], cwd=tmp_path, check=True)
        qualifying = hashlib.sha256(nonce.encode()).hexdigest()
        return subprocess.run(["tpm2_checkquote", "-u", "key.pem", "-m", "pcr-quote", "-s", "pcr-quote-signature", "-g", "sha256", "-q", qualifying],
                              cwd=tmp_path, capture_output=True, check=False).returncode == 0
    return judge


def values(fact):
    return {bank["hash-algorithm"]: {pcr["index"]: pcr["value"] for pcr in bank["pcr"]} for bank in fact["value"][0]["platform-config-registers"]}


def test_no_tpm(without_tpm):
    assert without_tpm["result-code"] == "Not available" and "TPM" in without_tpm["reason"] and "value" not in without_tpm


def test_others_may_not_ask(machine, tpm):
    program = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/chancery/quote'); print('connected')"
    for user in (ADMIN, "nobody", "chancery-enrolld"):
        refused = machine.run(["/usr/bin/python3", "-c", program], user, check=False)
        assert refused.returncode != 0 and "PermissionError" in refused.stderr
    assert machine.output(["/usr/bin/python3", "-c", program], "chancery-dossierd") == "connected\n"


def test_helper_is_confined(machine, tpm):
    """It has the TPM's descriptor, the caller's, and nothing else to go to."""
    def unread(connection):
        """Bytes that the other side has not taken; it takes them only behind its own walls."""
        return struct.unpack("=i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]

    def is_helper(folder):
        space = pathlib.Path(f"/proc/{machine.leader}/ns/pid").readlink()
        try:
            parent = folder.parent / re.search(r"^PPid:\t(\d+)$", (folder / "status").read_text(), re.M)[1]
            return {(f / "comm").read_text() for f in (folder, parent)} == {"chancery-quote\n"} and (folder / "ns/pid").readlink() == space
        except OSError:  # it ended
            return False

    def only_helper():
        found = [int(folder.name) for folder in pathlib.Path("/proc").glob("[0-9]*") if is_helper(folder)]
        return found[0] if len(found) == 1 else 0

    def has_ended(connection):
        """Ours waits for the rest of its question as long as it waits for anybody, and no longer."""
        return bool(select.select([connection], [], [], 0)[0])

    def connect():
        """A connection, and the one process that is at its other end; another try when those of earlier questions took longer than it waited."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(machine.path("/run/chancery/quote")))
        connection.send(b"x")
        pid = wait_for(lambda: -1 if has_ended(connection) else unread(connection) == 0 and only_helper(), "chancery-quote to be alone")
        if pid > 0:
            return connection, pid
        connection.close()
        return None

    connection, pid = wait_for(connect, "chancery-quote to listen alone")
    with connection:
        fields = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1" and "0" not in fields["Uid"].split()
        assert all(int(fields[held], 16) == 0 for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
        outcomes = system_calls(pid, *[("openat", AT_FDCWD, path, O_RDONLY) for path in ("/etc/passwd", "/run", "/dev/null", SOCKET)],
                                ("socket", AF_INET, 1, 0))
        assert set(outcomes) <= {-errno.EPERM, -errno.EACCES, -errno.EAFNOSUPPORT}, outcomes


def test_no_quote_without_a_nonce(machine, tpm):
    fact = registers(machine, None)
    assert fact["result-code"] == "Success" and not [name for name in fact["value"][0] if name.startswith("pcr-quote")]
    assert set(values(fact)["sha256"]) == set(range(24))


def test_quote(machine, tpm, check):
    fact = registers(machine)
    assert fact["result-code"] == "Success"
    value = fact["value"][0]
    assert not check(value, "0x00c0ffed") and not check(value, "1580")
    other = bytearray(base64.b64decode(value["pcr-quote"]))
    other[-1] ^= 1
    assert not check({**value, "pcr-quote": base64.b64encode(other).decode()})
    assert check(value)


def test_quote_is_over_the_registers_shown(machine, tpm, check):
    """The digest that the TPM signs is of every register of every bank that the dossier has, and follows what is measured."""
    before = registers(machine)
    digest = hashlib.sha256(b"measured").digest()
    tpm.extend(16, digest)
    after = registers(machine)
    old, new = (values(fact)["sha256"] for fact in (before, after))
    assert new[16] == hashlib.sha256(bytes.fromhex(old[16]) + digest).hexdigest()
    assert {**old, 16: new[16]} == new
    for fact in (before, after):
        assert check(fact["value"][0])
        everything = bytes.fromhex("".join(bank[index] for bank in values(fact).values() for index in sorted(bank)))
        quoted = base64.b64decode(fact["value"][0]["pcr-quote"])
        assert quoted.startswith(b"\xffTCG\x80\x18") and quoted.endswith(hashlib.sha256(everything).digest())
    assert before["value"][0]["pcr-quote-public-key"] == after["value"][0]["pcr-quote-public-key"], "a key that can be known"


def test_hierarchy_that_is_closed(machine, tpm):
    """Registers are there all the same."""
    tpm.command(HIERARCHY_CHANGE_AUTH, ENDORSEMENT, struct.pack(">H", 6) + b"secret")
    fact = registers(machine)
    assert fact["result-code"] == "Partial" and "TPM2_CreatePrimary failed" in fact["reason"]
    assert set(values(fact)["sha256"]) == set(range(24)) and "pcr-quote" not in fact["value"][0]


def test_tpm_that_is_gone(machine, tpm):
    tpm.stop()
    assert registers(machine)["result-code"] == "Not available"
    machine.run(f"mkdir -p /run/swtpm && /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{SOCKET}\")' && chmod 666 {SOCKET}")
    fact = registers(machine)
    assert fact["result-code"] == "Failed" and "Connection refused" in fact["reason"] and "value" not in fact
