# SPDX-License-Identifier: Apache-2.0
"""F31, F32: no private key byte leaves keyd: what is secret about each key of the router, of every kind, is looked for in everything that the router has
written, said and remembers. The keys are read from keyd's files, with the key-encryption key, as nobody but root can; the search is in
secret_search.py. That it can find something in each of these places is shown with a key of ours that is put there."""

import base64
import pathlib
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

import workflow
from key_files import private_keys
from machine import ADMIN, DAEMONS, wait_for
from secret_search import SecretSearch, integers

# A new secret memory area, as keyd asks for; prints whether the kernel gives one.
HAS_SECRET_MEMORY = "import ctypes; print(ctypes.CDLL(None).syscall(447, 0) >= 0)"
MEMORY_FILES = ("/run", "/tmp", "/dev/shm")
KINDS = {"rsa": lambda: rsa.generate_private_key(65537, 2048), "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
         "p384": lambda: ec.generate_private_key(ec.SECP384R1()), "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
         "ed25519": ed25519.Ed25519PrivateKey.generate, "dsa": lambda: dsa.generate_private_key(1024)}
# How many private keys of each kind the router has: host keys, two pairs of the trustpoint, one more, and a pair for each usage.
MADE = {rsa.RSAPrivateKey: 6, ec.EllipticCurvePrivateKey: 4, ed25519.Ed25519PrivateKey: 2, dsa.DSAPrivateKey: 1}


@pytest.fixture(scope="module")
def program(build):
    return build / "tests/secret-search"


def make_keys(machine):
    """A key of every kind beside those of the workflow."""
    def generate(words, text=""):
        machine.run(["chancery", "-c", f"crypto key generate {words}"], ADMIN, stdin=text)
    generate("rsa spare", "2048\n")
    generate("rsa usage-keys both", "2048\n")
    generate("dsa signer", "1024\n")
    for curve in ("nistp256", "nistp384", "nistp521"):
        generate(f"ecdsa {curve} curve")
    generate("ed25519 edwards")


@pytest.fixture(scope="module")
def keys(machine):
    """The keys of a machine that has done everything that keys are used for, while the bus was listened to."""
    capture = pathlib.Path(machine.path("/run/bus-capture"))
    with capture.open("wb") as output:
        listener = machine.popen(["busctl", "capture", "--size=4194304"], stdout=output, stderr=subprocess.DEVNULL)
        wait_for(lambda: capture.stat().st_size > 0, "the bus to be listened to")
        workflow.up_to_enrolment(machine)
        make_keys(machine)
        workflow.collect(machine)
        machine.run(["busctl", "emit", "/end", "org.example.End", "End"])
        wait_for(lambda: b"org.example.End" in capture.read_bytes(), "everything before it to be written down")
        listener.terminate()
        listener.wait()
    found = private_keys(machine)
    assert {kind: sum(isinstance(key, kind) for key in found.values()) for kind in MADE} == MADE
    return found


@pytest.fixture(scope="module")
def searched(keys, program):
    return SecretSearch(program, keys)


@pytest.fixture(scope="module")
def planted(program):
    """Keys of ours of each kind, and the search for them."""
    own = {kind: make() for kind, make in KINDS.items()}
    return own, SecretSearch(program, own)


def encoded(key, form):
    """A private key as it might get somewhere."""
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    number = next(iter(integers(key).values()))
    forms = {
        "pkcs8": lambda: pkcs8,
        "pem": lambda: key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        "log": lambda: b'{"message":"' + base64.b64encode(b"xy" + pkcs8) + b'"}',
        "jwk": lambda: base64.urlsafe_b64encode(number).rstrip(b"="),
        "hex": lambda: pkcs8.hex().encode(),
        "dump": lambda: subprocess.run(["openssl", "pkey", "-inform", "DER", "-text", "-noout"], input=pkcs8, check=True,
                                       stdout=subprocess.PIPE).stdout,
        "limbs": lambda: bytes(5000) + number[::-1] + bytes(5000),
    }
    return forms[form]()


@pytest.mark.parametrize("form", ["pkcs8", "pem", "log", "jwk", "hex", "dump", "limbs"])
@pytest.mark.parametrize("kind", KINDS)
def test_search_finds(kind, form, planted, tmp_path):
    own, search = planted
    (tmp_path / "leak").write_bytes(bytes(4 << 20) + encoded(own[kind], form) + bytes(10))
    found = search(tmp_path).found
    assert found and all(line.startswith(f"found {kind}/") for line in found), found


@pytest.mark.parametrize("part", ["p", "q", "d", "dp", "dq", "qinv"])
def test_search_finds_each_number_by_itself(part, planted, tmp_path):
    own, search = planted
    (tmp_path / "leak").write_bytes(integers(own["rsa"])[part])
    assert {line.split()[1] for line in search(tmp_path).found} == {f"rsa/{part}"}


@pytest.mark.parametrize("kind", KINDS)
def test_search_finds_nothing_in_public_things(kind, planted, tmp_path):
    own, search = planted
    public = own[kind].public_key()
    for form in (serialization.Encoding.DER, serialization.Encoding.PEM):
        (tmp_path / form.name).write_bytes(public.public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo))
    result = search(tmp_path)
    assert result.files == 2 and not result.found


def places(machine):
    """Every part of the overlay, and the file systems in memory."""
    if not machine.can_reboot:
        return machine.written_parts()
    return [*machine.written_parts(), *(machine.path(path) for path in MEMORY_FILES)]


@pytest.mark.parametrize("where", ["/usr/lib/leak", "/root/leak", "/etc/leak", "/var/lib/chancery/dossierd/leak", "/var/log/leak", "/opt/leak",
                                   "/run/leak", "/tmp/leak", "/dev/shm/leak"])
def test_search_finds_a_key_in_files_of_the_router(where, machine, planted):
    if not machine.can_reboot:
        pytest.skip("these are files of the machine that the test runs on")
    own, search = planted
    machine.write(where, encoded(own["p256"], "pkcs8"))
    found = search(*places(machine)).found
    machine.path(where).unlink()
    assert found and all(f"{where.rpartition('/')[2]} at" in line for line in found), found
    assert not search(*places(machine)).found


def in_the_router(machine):
    """Every process of the router, as seen from here."""
    space = pathlib.Path(f"/proc/{machine.leader}/ns/pid").readlink()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/pid").readlink() == space:
                yield int(folder.name)
        except OSError:  # it ended
            continue


def test_search_finds_a_key_in_memory(machine, planted):
    """In that of a process among those of the router; and of no other."""
    if not machine.can_reboot:
        pytest.skip("the private bus shares its machine with processes of others")
    own, search = planted
    program = ("import sys; key = bytes(255 - byte for byte in bytes.fromhex(sys.stdin.readline())); print(len(key), flush=True); "
               "sys.stdin.read()")
    hidden = bytes(255 - byte for byte in encoded(own["ed25519"], "pkcs8"))  # so that it is in no pipe or terminal on its way
    with machine.popen(["/usr/bin/python3", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdin.write(hidden.hex().encode() + b"\n")
        holder.stdin.flush()
        holder.stdout.readline()
        found = {line.split()[3] for pid in in_the_router(machine) for line in search(f"pid:{pid}").found
                 if "ed25519/" in line}
        holder.stdin.close()
    assert len(found) == 1


def journal(machine):
    if machine.can_reboot:
        return machine.run("journalctl --sync; journalctl --all --output=export", text=False).stdout
    return b"".join(path.read_bytes() for path in (machine.written() / "log").glob("*.log"))


def test_search_finds_a_key_in_the_journal(machine, planted, tmp_path):
    """Long ones are compressed there, so it is what the journal gives that is searched."""
    if not machine.can_reboot:
        pytest.skip("there is no journal of its own")
    own, search = planted
    for kind, form in (("p384", "jwk"), ("rsa", "log")):
        machine.run(["systemd-cat", "cat"], stdin=encoded(own[kind], form).decode())
    (tmp_path / "journal").write_bytes(journal(machine))
    assert {line.split()[1].split("/")[0] for line in search(tmp_path).found} == {"p384", "rsa"}


@pytest.mark.parametrize("daemon", DAEMONS)
def test_memory_of(daemon, machine, searched):
    """keyd too: its keys are where the kernel shows them to nobody, if this kernel has such memory."""
    if daemon == "keyd" and "True" not in machine.output(["/usr/bin/python3", "-c", HAS_SECRET_MEMORY]):
        pytest.skip("this kernel has no memfd_secret: keyd's keys are in locked memory, which root may read")
    result = searched(f"pid:{machine.daemon_pid(daemon)}")
    assert result.bytes > 100_000 and not result.closed
    assert not result.found


def test_memory_of_everything_else(machine, searched):
    """The bus, polkit, sshd, the journal, systemd itself."""
    if not machine.can_reboot:
        pytest.skip("the private bus shares its machine with processes of others")
    ours = {machine.daemon_pid(daemon) for daemon in DAEMONS}
    count = 0
    for pid in set(in_the_router(machine)) - ours:
        result = searched(f"pid:{pid}")
        assert not result.found
        count += result.bytes > 0
    assert count >= 5


def test_files(machine, searched):
    """Every file that the router has written since it was made, wherever, and what is in its memory file systems."""
    result = searched(*places(machine))
    assert result.files > 10 and not result.closed
    assert not result.found


def test_key_files_are_not_in_clear(machine, searched):
    """Nothing that reads as a private key, under whatever name."""
    files = machine.output(["find", str(machine.path("/var/lib/chancery/keyd")) if not machine.can_reboot else "/var/lib/chancery/keyd",
                            "-type", "f", "-size", "+0"]).split()
    assert len(files) >= 3
    for name in files:
        data = machine.run(["cat", name], text=False).stdout
        assert b"PRIVATE KEY" not in data and b"system-enroll-key" not in name.encode()
        parsed = subprocess.run(["openssl", "pkey", "-inform", "DER", "-noout"], input=data, stderr=subprocess.DEVNULL, check=False)
        assert parsed.returncode != 0, name


def test_journal(machine, searched, tmp_path):
    said = journal(machine)
    (tmp_path / "journal").write_bytes(said)
    assert len(said) > 1000 or not machine.can_reboot
    assert not searched(tmp_path).found
    assert b"PRIVATE KEY" not in said


def test_bus(machine, searched):
    """Every message on the bus while keys were made and used."""
    captured = machine.path("/run/bus-capture")
    assert all(word in captured.read_bytes() for word in (b"org.chancery.Keys1", b"Generate", b"Sign"))
    result = searched(captured)
    assert result.files == 1 and not result.found
