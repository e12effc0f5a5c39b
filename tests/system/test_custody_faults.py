# SPDX-License-Identifier: Apache-2.0
"""Keys under adverse conditions: no room, nothing writable, damaged files, callers that ask too much at once."""

import contextlib
import pathlib
import shlex
import threading

import pytest

from authorization import CALL, call, put_tool
from machine import wait_for
from test_channel import CLIENT, channel

STATE = "/var/lib/chancery/keyd"
KEK = "/var/lib/chancery/kek.cred"
KEYS = ["org.chancery.Keys1", "/org/chancery/Keys1", "org.chancery.Keys1"]
SIGNING = [*KEYS[:2], "org.chancery.Keys1.Signing"]
LIMIT = "org.chancery.Error.LimitExceeded"
USER_KEY = ("AAAAB3NzaC1yc2EAAAADAQABAAAAgQCx6jGRczoJ9cyAMLx0GdSRdPBKSRSb8DDDXoL4DwVaVurpE2G07AVmZVavoAoONibHs4BaE/IVnQPep6mGCtu9"
            "ciGko+bZtgVilR2nt4wVrNhHzn65Gxz0tGokaCpaRT83D1UBMufvkbxcTULZNRWfg42ZVQzFt5Hj23U/VdXIsQ==")


@pytest.fixture(scope="module")
def machine(routers, build):
    router = routers("custody")
    router.wait_daemons()
    for kind in ("rsa", "ecdsa nistp256", "ed25519"):  # the host keys, so that there are only those of the tests
        cli(router, f"crypto key zeroize {kind} the_default", "yes\n", check=True)
    put_tool(router, build)
    router.write(CLIENT, (build / "tests/channel-client").read_bytes(), 0o755)
    yield router
    router.stop()


def cli(machine, command, text="", check=False):
    result = machine.run(["chancery", "-c", command], "admin", stdin=text, check=check)
    return result.stdout + result.stderr


def labels(machine, kind="ed25519"):
    shown = machine.chancery(f"show crypto key mypubkey {kind}").stdout
    return {line.split()[-1] for line in shown.splitlines() if line.startswith("Key label")}


def key_data(machine):
    return machine.chancery("show crypto key mypubkey ed25519 | include [0-9A-F]{8} ").stdout


def files(machine):
    return {path.name: path.read_bytes() for path in machine.path(STATE).iterdir()}


@contextlib.contextmanager
def own_file_system(machine):
    """The state folder on a small file system of its own."""
    machine.run(f"systemctl stop chancery-keyd && cp -a {STATE} /run/kept && "
                f"mount -t tmpfs -o size=64k,mode=0700,uid=chancery-keyd,gid=chancery-keyd tmpfs {STATE} && cp -a /run/kept/. {STATE} && "
                "systemctl start chancery-keyd")
    try:
        yield
    finally:
        machine.run(f"systemctl stop chancery-keyd; umount {STATE}; rm -r /run/kept; systemctl start chancery-keyd")


def nothing_can_be_written(machine, reason):
    """What there is stays as it is, and is used."""
    before, shown = files(machine), key_data(machine)
    assert f"% The key could not be written: {reason}" in cli(machine, "crypto key generate ed25519 other")
    assert f"% The key could not be written: {reason}" in cli(machine, "crypto key generate ed25519 kept", "yes\n")
    assert f"% The keys could not be written: {reason}" in cli(machine, "crypto key import authentication rsa", f"ssh-rsa {USER_KEY}\n\n")
    with channel(machine, ("ed25519", "kept", "certificate-request")) as one:
        assert one.ask("sign") == "ok"
    for _ in range(2):
        assert files(machine) == before and key_data(machine) == shown
        machine.restart("keyd")


def test_full_disk(machine):
    cli(machine, "crypto key generate ed25519 kept", check=True)
    machine.run(["chancery"], "admin", stdin="configure\ncrypto ca trustpoint kept\nkeypair ed25519 kept\ncommit\nend\n")
    with own_file_system(machine):
        machine.run(f"dd if=/dev/zero of={STATE}/filler bs=4k 2>/dev/null || true")
        nothing_can_be_written(machine, "No space left on device")
        assert "could not" not in cli(machine, "crypto key zeroize ed25519 kept", "yes\n")
        assert labels(machine) == set() and set(files(machine)) == {"filler", "secrets"}
        machine.run(["rm", f"{STATE}/filler"])
        cli(machine, "crypto key generate ed25519 other", check=True)
        assert labels(machine) == {"other"}


def test_read_only_folder(machine):
    with own_file_system(machine):
        machine.run(["mount", "-o", "remount,ro", STATE])
        nothing_can_be_written(machine, "Read-only file system")
        assert "% The key's file could not be removed: Read-only file system" in cli(machine, "crypto key zeroize ed25519 kept", "yes\n")
        assert labels(machine) == {"kept"}
        machine.run(["mount", "-o", "remount,rw", STATE])
    assert labels(machine) == {"kept"}


def test_damaged_files(machine):
    """Truncated, altered, swapped, foreign: set aside with a message; the others are there, and the labels free again."""
    names = ("cut", "altered", "swapped", "for-this", "foreign")
    found = {}
    for name in names:
        before = set(files(machine))
        cli(machine, f"crypto key generate ed25519 {name}", check=True)
        found[name] = f"{STATE}/{(set(files(machine)) - before).pop()}"
    machine.run("systemctl stop chancery-keyd")
    machine.run(["truncate", "--size=-1", found["cut"]])
    content = bytearray(machine.read(found["altered"]))
    content[-20] ^= 1
    machine.path(found["altered"]).write_bytes(content)
    machine.run(f"mv {found['swapped']} {STATE}/x && mv {found['for-this']} {found['swapped']} && mv {STATE}/x {found['for-this']}")
    machine.run(f"openssl genpkey -algorithm ed25519 >{found['foreign']}")
    machine.run("systemctl start chancery-keyd")
    assert labels(machine) == {"kept"}
    journal = machine.journal("keyd")
    for name, why in zip(names, ("was changed, or", "was changed, or", "was changed, or", "was changed, or", "is not a key file")):
        assert f"%SECURITY-STATE-3-CORRUPT : The key file {found[name][len(STATE) + 1:]} {why}" in journal
        assert machine.path(found[name] + ".corrupt").exists() and not machine.path(found[name]).exists()
        cli(machine, f"crypto key generate ed25519 {name}", check=True)
    assert labels(machine) == {"kept", *names}


def other_credential(machine):
    """A good one, of another key."""
    machine.run("head -c 32 /dev/urandom | systemd-creds encrypt --name=chancery-kek --with-key=auto - - >/var/lib/chancery/kek.cred")


@pytest.mark.parametrize(("fault", "reason"), [
    (lambda machine: machine.path(KEK).unlink(), "is gone. Restore it"),
    (lambda machine: machine.path(KEK).write_bytes(b"junk" + machine.read(KEK)[4:]), "cannot be decrypted on this machine"),
    (other_credential, None)], ids=["missing", "foreign", "other"])
def test_key_encryption_key(machine, fault, reason):
    """keyd starts, says so, uses nothing that it cannot open, makes nothing that could not be opened later, and overwrites nothing."""
    good, before, there = machine.read(KEK), files(machine), labels(machine)
    fault(machine)
    changed = machine.path(KEK).exists() and machine.read(KEK)
    machine.restart("keyd")
    assert machine.bus_owner("keyd") and labels(machine) == set()
    if reason:
        assert reason in machine.output(["journalctl", "-o", "cat", "-u", "chancery-keyd-kek"])
        assert "There is no key-encryption key: the keys on disk stay as they are" in machine.journal("keyd")
        for label in ("kept", "fresh"):
            assert "% There is no key-encryption key" in cli(machine, f"crypto key generate ed25519 {label}")
    else:
        assert "is sealed with another key-encryption key" in machine.journal("keyd")
        assert "Do you really want to replace them?" in cli(machine, "crypto key generate ed25519 kept", "no\n")
    assert files(machine) == before and (machine.path(KEK).exists() and machine.read(KEK)) == changed
    machine.path(KEK).write_bytes(good)
    machine.run("systemctl reset-failed chancery-keyd-kek")
    machine.restart("keyd")
    assert labels(machine) == there and files(machine) == before


@pytest.mark.parametrize("label", ["", "../kept", "kept\x1b[2J\n", "%s%n", "a" * 4096, "k\u00e9pt\u202e"])
def test_hostile_labels(machine, label):
    """Wherever a label goes in; what comes back does not repeat it."""
    pid, before = machine.daemon_pid("keyd"), files(machine)
    for user, words in (("admin", [*KEYS, "Zeroize", "ss"]), ("admin", [*KEYS, "PlanZeroize", "ss"]),
                        ("chancery-enrolld", [*SIGNING, "GetPublicKey", "ss"]), ("chancery-enrolld", [*SIGNING, "GetPublicKeys", "ss"]), ("chancery-enrolld", [*SIGNING, "OpenChannel", "sssa{sv}"]),
                        ("chancery-enrolld", [*SIGNING, "Sign", "ssssa{sv}h"])):
        name, sentence = call(machine, [CALL, *words, "ed25519", label, "certificate-request"], user)
        assert name != "ok" or "PlanZeroize" in words
        assert not label or label not in sentence
    assert machine.daemon_pid("keyd") == pid and files(machine) == before
    assert "\x1b" not in machine.journal("keyd") and "\u202e" not in machine.journal("keyd")


def generate_words(label, replace=False):
    options = ["3", "bits", "u", "4096", "usage", "s", "usage-keys", "replace", "b", "true" if replace else "false"]
    return ["busctl", "call", *KEYS, "Generate", "ssa{sv}", "rsa", label, *options]


def generate_at_once(machine, all_words):
    """As admin, one after the other without waiting for any: what each call was answered."""
    script = "".join(f"{shlex.join(words)} 2>&1 | tr '\\n' ' '; echo\n" for words in all_words)
    return machine.run(["sh", "-c", script], "admin", check=False).stdout.splitlines()


def cancel(machine, answers):
    for answer in answers:
        if answer.startswith("o "):
            path = answer.split('"')[1]
            machine.run(["busctl", "call", KEYS[0], path, "org.chancery.Job1", "Cancel"], "admin")
            machine.run(["busctl", "--timeout=120", "call", KEYS[0], path, "org.chancery.Job1", "Wait"], "admin", check=False, timeout=120)


def test_two_generations_of_one_label(machine):
    answers = generate_at_once(machine, [generate_words("twice"), generate_words("twice", replace=True), generate_words("twice")])
    assert answers[0].startswith("o ")
    assert all("is being made or removed already" in answer for answer in answers[1:]), answers
    assert call(machine, [CALL, *KEYS, "Zeroize", "ss", "rsa", "twice"], "admin")[0] == "org.chancery.Error.NoSuchObject"
    cancel(machine, answers)
    assert "twice" not in labels(machine, "rsa")
    answers = generate_at_once(machine, [generate_words("twice")])
    assert answers[0].startswith("o ")
    cancel(machine, answers)


def test_flood_of_jobs(machine):
    before = files(machine)
    answers = generate_at_once(machine, [generate_words(f"flood{number}") for number in range(24)])
    begun = [answer for answer in answers if answer.startswith("o ")]
    assert len(begun) >= 16 and all("Too many of your jobs are running" in answer for answer in answers if answer not in begun)
    assert len(begun) < len(answers)
    # Others are served meanwhile, and so is he, but for jobs.
    machine.chancery("crypto key generate ed25519 meanwhile", user="root")
    assert "meanwhile" in labels(machine)
    with channel(machine, ("ed25519", "kept", "certificate-request")) as one:
        assert one.ask("sign") == "ok"
    cancel(machine, answers)
    machine.run(["chancery", "-c", "crypto key zeroize ed25519 meanwhile"], "root", stdin="yes\n")
    wait_for(lambda: files(machine).keys() == before.keys(), "the cancelled keys not to be there")


def test_flood_of_finished_jobs(machine):
    """What is remembered of them is bounded, and holds no descriptors."""
    folder = pathlib.Path(f"/proc/{machine.daemon_pid('keyd')}/fd")
    before = len(list(folder.iterdir()))
    words = ["busctl", "call", *KEYS, "Generate", "ssa{sv}", "ed25519"]
    answers = generate_at_once(machine, [[*words, f"short{number % 16}", "1", "replace", "b", "true"] for number in range(90)])
    begun = [answer.split('"')[1] for answer in answers if answer.startswith("o ")]
    assert len(begun) >= 70, answers
    state = ["busctl", "get-property", KEYS[0]]
    wait_for(lambda: "done" in machine.output([*state, begun[-1], "org.chancery.Job1", "State"], "admin"), "the last job to end")
    assert machine.run([*state, begun[0], "org.chancery.Job1", "State"], "admin", check=False).returncode != 0
    assert len(list(folder.iterdir())) < before + 10


def test_thousands_of_channels(machine):
    words = ("ed25519", "kept", "certificate-request")
    with channel(machine, words) as one:
        answers = [one.ask("open") for _ in range(2000)]
        assert answers[:15] == ["open"] * 15
        assert {answer.split(" ", 1)[0] for answer in answers[15:]} == {LIMIT}
        # The ones that he has are served, and so is everybody else.
        assert one.ask("sign") == "ok"
        assert labels(machine) >= {"kept"}
        with channel(machine, words) as another:
            assert another.greeting.startswith(LIMIT)

    def opens_again():
        with channel(machine, words) as again:
            return again.greeting == "open"
    wait_for(opens_again, "the channels of who has ended to be free")


def test_zeroize_while_it_signs(machine):
    """Each signature is one or is not; the key is gone for those who hold a channel to it, and keyd goes on."""
    pid = machine.daemon_pid("keyd")
    cli(machine, "crypto key generate rsa busy", "2048\n", check=True)
    machine.run(["chancery"], "admin", stdin="configure\ncrypto ca trustpoint busy\nkeypair rsa busy\ncommit\nend\n")
    answers, begun = [[] for _ in range(4)], [threading.Event() for _ in range(4)]

    def sign(number):
        with channel(machine, ("rsa", "busy", "certificate-request")) as one:
            while not answers[number] or answers[number][-1] == "ok":
                answers[number].append(one.ask("sign"))
                begun[number].set()

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert all(event.wait(60) for event in begun)
    cli(machine, "crypto key zeroize rsa busy", "yes\n", check=True)
    for thread in threads:
        thread.join(60)
    assert all(found[0] == "ok" and found[-1] == "ended" for found in answers), answers
    assert machine.daemon_pid("keyd") == pid and "busy" not in labels(machine, "rsa")
