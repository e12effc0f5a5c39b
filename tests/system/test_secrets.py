# SPDX-License-Identifier: Apache-2.0
"""No private key byte leaves keyd: the primes of the router's RSA keys are looked for in everything that the router has written,
said and remembers. The search needs only the public key; see prime_search.py."""

import pathlib
import subprocess
import sys
import time

import pytest

import layouts
import workflow
from machine import ADMIN, DAEMONS
from prime_search import PrimeSearch, modulus_of
from terminal import rendered

# A new secret memory area, as keyd asks for; prints whether the kernel gives one.
HAS_SECRET_MEMORY = "import ctypes; print(ctypes.CDLL(None).syscall(447, 0) >= 0)"


@pytest.fixture(scope="module")
def searched(machine):
    """The search for the keys of a machine that has done everything that keys are used for, while the bus was listened to."""
    capture = pathlib.Path(machine.path("/run/bus-capture"))
    with capture.open("wb") as output:
        listener = machine.popen(["busctl", "capture", "--size=4194304"], stdout=output, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        workflow.up_to_enrolment(machine)
        with machine.console(ADMIN) as console:
            console.prompt()
            console.command("crypto key generate rsa spare", [workflow.MODULUS])
        workflow.collect(machine)
        time.sleep(0.5)
        listener.terminate()
        listener.wait()
    shown = layouts.keys(rendered(machine.chancery("show crypto key mypubkey rsa").stdout))
    assert [size for _, _, size, _ in shown] == [2048] * 3
    return PrimeSearch(*(modulus_of(der) for _, _, _, der in shown))


@pytest.fixture(scope="module")
def own_key(tmp_path_factory):
    """A key of ours in a file, to show that the search finds what it looks for."""
    folder = tmp_path_factory.mktemp("key")
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", folder / "key.pem", "2048"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "rsa", "-in", folder / "key.pem", "-outform", "DER", "-out", folder / "key.der"], check=True,
                   stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "rsa", "-in", folder / "key.pem", "-pubout", "-outform", "DER"], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return folder, PrimeSearch(modulus_of(public))


@pytest.mark.parametrize("form", ["key.der", "key.pem", "hex", "log", "limbs"])
def test_search_finds_a_prime_in_a_file(own_key, form):
    folder, search = own_key
    der = (folder / "key.der").read_bytes()
    if form == "hex":
        (folder / form).write_text("key: " + ":".join(f"{byte:02x}" for byte in der))
    elif form == "log":
        import base64
        (folder / form).write_text('{"message":"' + base64.b64encode(b"xy" + der).decode() + '"}')
    elif form == "limbs":
        (folder / form).write_bytes(b"\0" * 5000 + der[::-1] + b"\0" * 5000)
    assert search.file(folder / form)


def test_search_finds_a_prime_in_memory(own_key):
    folder, search = own_key
    program = f"key = open({str(folder / 'key.der')!r}, 'rb').read(); print(len(key), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert search.process(holder.pid)[0]
        holder.kill()


def test_search_finds_nothing_in_public_things(own_key):
    folder, search = own_key
    public = subprocess.run(["openssl", "rsa", "-in", folder / "key.pem", "-pubout", "-text"], check=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL).stdout.split(b"prime1")[0].split(b"privateExponent")[0]
    assert not list(search.data(public))


@pytest.mark.parametrize("daemon", DAEMONS)
def test_memory_of(daemon, machine, searched):
    """keyd too: its keys are where the kernel shows them to nobody, if this kernel has such memory."""
    if daemon == "keyd" and "True" not in machine.output(["/usr/bin/python3", "-c", HAS_SECRET_MEMORY]):
        pytest.skip("this kernel has no memfd_secret: keyd's keys are in locked memory, which root may read")
    found, read, _ = searched.process(machine.daemon_pid(daemon))
    assert read > 100_000
    assert not found


def test_memory_of_everything_else(machine, searched):
    """The bus, polkit, sshd, the journal, systemd itself."""
    if not machine.can_reboot:
        pytest.skip("the private bus shares its machine with processes of others")
    ours = {machine.daemon_pid(daemon) for daemon in DAEMONS}
    count = 0
    space = pathlib.Path(f"/proc/{machine.leader}/ns/pid").readlink()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/pid").readlink() != space or int(folder.name) in ours:
                continue
            found, _, _ = searched.process(int(folder.name))
            assert not found, ((folder / "comm").read_text(), found)
            count += 1
        except OSError:  # it ended
            continue
    assert count >= 5


def test_files(machine, searched):
    """Every file that the router has written since it was made, wherever, and what is in its memory file systems."""
    places = [machine.written()] + [machine.path(path) for path in (("/run", "/tmp", "/dev/shm") if machine.can_reboot else ())]
    count = 0
    for place in places:
        found, read = searched.tree(place, skip={str(pathlib.Path(place) / path) for path in ("usr", "root")})
        assert not found
        count += read
    assert count > 10


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


def test_journal(machine, searched):
    if machine.can_reboot:
        journal = machine.run("journalctl --all --output=export", text=False).stdout
    else:
        journal = b"".join(path.read_bytes() for path in (machine.written() / "log").glob("*.log"))
    assert len(journal) > 1000 or not machine.can_reboot
    assert not list(searched.data(journal))
    assert b"PRIVATE KEY" not in journal


def test_bus(machine, searched):
    """Every message on the bus while keys were made and used."""
    captured = machine.path("/run/bus-capture").read_bytes()
    assert b"org.chancery.Keys1" in captured and b"Generate" in captured and b"Sign" in captured
    assert not list(searched.data(captured))
