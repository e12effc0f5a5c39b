# SPDX-License-Identifier: Apache-2.0
"""The filesystem inventory on a booted router: who may, what is in a block and nothing else, hostile trees, kills, reboots, altered blocks."""

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import stat
import struct
import subprocess

import pytest

import workflow
from dossiers import read
from machine import ADMIN, wait_for

STORE = "/var/lib/chancery/dossierd/inventory"
TREE = "/srv/inventory"
NODE = "0/RP0/CPU0"
HOSTILE = (b"new\nline", b"esc\x1b[2J", b"bad\xff\xfeutf8", b'"},{"', b"-rf", b" ", b"x" * 255)


def configure(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        return workflow.commit(console, lines)


def snapshot(machine, *words):
    """Takes one; the block's number."""
    said = machine.chancery(" ".join(("filesystem-inventory snapshot", *words))).stdout
    return int(said.split("Block ", 1)[1].split(":")[0])


def blocks(machine):
    text = machine.chancery("show filesystem-inventory | json").stdout
    return json.loads(text[text.index("{"):])["snapshots"]


def dossier(machine, start=None, count=None):
    node = {k: v for k, v in (("block_start", start), ("count", count)) if v is not None}
    options = f" filesystem-inventory-options '{json.dumps({NODE: node})}'" if node else ""
    text = machine.chancery(f"show platform security integrity dossier include filesystem-inventory{options}").stdout
    assert all(c >= " " or c == "\n" for c in text) and "\x7f" not in text
    return read(text)["filesystem-inventory"]


def read_block(machine, number):
    part = dossier(machine, number, 1)
    assert part["result-code"] == "Success"
    [block] = part["filesystem-inventory"]["nodes"][0]["snapshots"]
    assert block["snapshot-block-no"] == number and block["result-code"] == "Success"
    return block


def name_of(file):
    return file["name"].encode() if "name" in file else base64.b64decode(file["name-base64"])


def files(block):
    """What the block says about the tree, by name."""
    return {name_of(f)[len(TREE) + 1:]: f for f in block["files"] if name_of(f).startswith(TREE.encode() + b"/")}


def changes(machine, number):
    return {name: f["change-kind"] for name, f in files(read_block(machine, number)).items()}


@pytest.fixture(scope="module")
def bare(routers):
    one = routers("inventory", users={"bob": []})
    one.wait_daemons()
    return one


def scope(machine, *more):
    """Everything is left out but /srv: what else a router writes to meanwhile is none of the test's business."""
    roots = sorted(os.listdir(machine.path("/")))
    return ("filesystem-inventory", f'skip-list "{" ".join("/" + name for name in roots if name != "srv")}"', *more)


@pytest.fixture(scope="module")
def tree(bare):
    """The tree as the host sees it, with the first block of it."""
    path = bare.path(TREE)
    path.mkdir(mode=0o755)
    for name in "abcdefgh":
        (path / name).write_text(f"old {name}")
    for name in HOSTILE:
        with open(os.fsencode(path) + b"/" + name, "wb") as f:
            f.write(name)
    os.mkfifo(path / "fifo")
    (path / "loop").symlink_to(".")
    bare.run(f"mkdir {TREE}/again && mount --bind {TREE} {TREE}/again")
    os.link(path / "h", path / "h-again")
    with (path / "sparse").open("wb") as f:
        f.truncate(1 << 40)
    configure(bare, *scope(bare, "on-demand dir-set 2 /srv/elsewhere"))
    wait_for(lambda: blocks(bare), "the first snapshot, which nobody has asked for")
    return path


def test_refused(bare):
    for command in ("show filesystem-inventory", "filesystem-inventory snapshot", "filesystem-inventory snapshot full",
                    "show platform security integrity dossier include filesystem-inventory"):
        refused = bare.chancery(command, "bob", check=False)
        assert refused.returncode != 0 and "snapshot-block-no" not in refused.stdout
        assert "This command is not authorized\n% Task ID " in refused.stdout + refused.stderr, refused
    refused = bare.chancery("filesystem-inventory snapshot", check=False)
    assert "There is no filesystem-inventory in the configuration" in refused.stdout + refused.stderr
    assert dossier(bare)["result-code"] == "Not available"


@pytest.mark.parametrize("line,reason", [
    ("snapshot-interval 0", "Invalid input"), ("snapshot-interval 97", "Invalid input"), ("snapshot-type both", "Invalid input"),
    ("on-demand dir-set 6 /a", "Invalid input"), ("skip-list relative", "begin with /"), ("skip-files /a/../b", "no .."),
    ("on-demand dir-set 1 \"\"", "no path is named"), ("scan-rate 0", "Invalid input")])
def test_refused_lines(bare, line, reason):
    said = bare.run(["chancery"], ADMIN, stdin="\n".join(["configure", "filesystem-inventory", line, "commit", "show configuration failed", "abort", ""]),
                    check=False)
    assert reason in said.stdout + said.stderr
    assert "filesystem-inventory" not in bare.chancery("show running-config").stdout


@pytest.mark.parametrize("options,reason", [
    ("{", "$: this is no JSON: it ends too early"), ('{"0/RP0/CPU0": {]}', "$: this is no JSON from character 17 on"),
    ("[]", "$: it has to be an object"), ("{}", "$: no node"), ('{"0/RP7/CPU0": {}}', '$["0/RP7/CPU0"]: there is no such node'),
    ('{"0/RP0/CPU0": 1}', '$["0/RP0/CPU0"]: it has to be an object'), ('{"0/RP0/CPU0": {"block": 1}}', '$["0/RP0/CPU0"].block: there are'),
    ('{"0/RP0/CPU0": {"block_start": -1}}', '$["0/RP0/CPU0"].block_start: it has to be a number'),
    ('{"0/RP0/CPU0": {"block_start": "1"}}', '$["0/RP0/CPU0"].block_start: it has to be a number'),
    ('{"0/RP0/CPU0": {"count": 0}}', '$["0/RP0/CPU0"].count: it has to be at least 1')])
def test_refused_options(bare, options, reason):
    command = f"show platform security integrity dossier include filesystem-inventory filesystem-inventory-options '{options}'"
    refused = bare.chancery(command, check=False)
    assert refused.returncode != 0 and reason in refused.stdout + refused.stderr


def test_first_block_has_everything(bare, tree):
    block = read_block(bare, 0)
    found = files(block)
    assert block["snapshot-type"] == "full" and "change-kind" not in json.dumps(block)
    assert set(found) == {*(c.encode() for c in "abcdefgh"), *HOSTILE, b"fifo", b"loop", b"h-again", b"sparse", b"again"}
    assert found.pop(b"again")["not-entered"] == "mount-point", "the tree is in itself"
    for name, file in found.items():
        path = os.fsencode(tree) + b"/" + name
        info = os.lstat(path)
        meta = file["meta"]
        assert (meta["mode"], meta["uid"], meta["gid"], meta["links"], meta["inode"], meta["size"]) == (
            info.st_mode, info.st_uid, info.st_gid, info.st_nlink, info.st_ino, info.st_size)
        assert meta["mtime"] * 10**9 + meta["mtime-nsec"] == info.st_mtime_ns
        if stat.S_ISREG(info.st_mode) and name != b"sparse":
            with open(path, "rb") as f:
                wanted = hashlib.sha256(f.read()).digest()
            assert file["digest"] == {"algorithm": "sha256", "digest-value": base64.b64encode(wanted).decode()}
    assert found[b"loop"]["link-target"] == "." and "digest" not in found[b"fifo"]
    assert found[b"sparse"]["digest"]["algorithm"] == "sha256-extents"


def test_next_block_has_what_changed(bare, tree):
    (tree / "a").write_text("new a")
    (tree / "added").write_text("")
    (tree / "b").unlink()
    os.utime(tree / "c", (1, 1))
    (tree / "d").chmod(0o600)
    (tree / "other").write_text("another e")
    (tree / "other").rename(tree / "e")
    number = snapshot(bare)
    assert changes(bare, number) == {b"a": "contents-modified", b"added": "created", b"b": "deleted", b"c": "meta-data-modified",
                                     b"d": "meta-data-modified", b"e": "contents-modified"}
    assert changes(bare, snapshot(bare)) == {}


def test_attributes(bare, tree):
    """Neither capabilities nor other extended attributes, however large, are in a block; that they have changed is."""
    os.setxattr(tree / "f", "security.capability", struct.pack("<5I", 0x02000001, 1 << 12, 0, 0, 0))  # CAP_NET_ADMIN, effective
    for size in (65536, 1024):  # as much as the kernel admits, or the file system
        with contextlib.suppress(OSError):
            os.setxattr(tree / "g", "user.large", b"\n\x1b" * (size // 2))
            break
    number = snapshot(bare)
    assert changes(bare, number) == {b"f": "meta-data-modified", b"g": "meta-data-modified"}
    os.removexattr(tree / "g", "user.large")
    assert changes(bare, snapshot(bare)) == {b"g": "meta-data-modified"}


RPM_SPEC = """Name: of-rpm
Epoch: 3
Version: 1.2
Release: 4
Summary: For a test
License: Apache-2.0
%description
For a test.
%install
mkdir -p %{buildroot}/usr/bin
echo of rpm >%{buildroot}/usr/bin/of-rpm
%files
/usr/bin/of-rpm
"""


def test_packages_and_classes(bare, tree):
    """dpkg's word for it, and rpm's, on another inventory than the tests' own."""
    bare.write("/run/rpm/of-rpm.spec", RPM_SPEC.encode())
    bare.run("cd /run/rpm && rpmbuild -bb --define '_topdir /run/rpm' *.spec && "
             "rpm --dbpath /var/lib/rpm --initdb && rpm --dbpath /var/lib/rpm --install --nodeps RPMS/*/*.rpm")
    configure(bare, "filesystem-inventory", 'skip-list "/usr/share /usr/lib /usr/include /usr/src /usr/local /var/lib /var/cache /var/log /root /home /opt '
                                            '/work /tmp /etc /boot"')
    bare.write("/var/tmp/left", b"x")  # where everybody may write, the scanner sees what is there, and no folder of its own
    number = snapshot(bare)
    found = {name_of(f): f for f in read_block(bare, number)["files"]}
    assert found[b"/var/tmp/left"]["classification"] != "directory"
    for path in ("/usr/bin/dpkg", "/usr/bin/env", "/usr/sbin/sshd"):
        file = found[path.encode()]
        said = bare.output(f"dpkg-query --search {path} || dpkg-query --search {path.removeprefix('/usr')}").split(":")[0]
        version = bare.output(["dpkg-query", "--show", "--showformat=${Version}", said])
        assert (file["package-kind"], file["package-name"], file["package-version"]) == ("package-dpkg", said, version)
        assert file["classification"] == "executable"
    file = found[b"/usr/bin/of-rpm"]
    assert (file["package-kind"], file["package-name"], file["package-version"]) == ("package-rpm", "of-rpm", "3:1.2-4")
    bare.run("rm -r /run/rpm /usr/bin/of-rpm /var/lib/rpm/rpmdb.sqlite* /var/lib/rpm/.rpm.lock")
    assert found[b"/usr"]["classification"] == "directory" and "package-name" not in found[b"/usr"]
    assert found[b"/proc"]["not-entered"] == "mount-point"
    assert not [name for name in found if name.startswith((b"/proc/", b"/sys/", b"/dev/", b"/run/"))]
    configure(bare, *scope(bare))
    assert blocks(bare)[-1]["number"] == number or snapshot(bare)


def scanner(machine):
    """The scan that is running, as the host sees it; 0 when none is."""
    units = machine.output(["systemctl", "list-units", "--plain", "--no-legend", "--state=running", "chancery-scan@*"]).split()
    return machine.main_pid(units[0]) if units else 0


@pytest.fixture
def slow(bare, tree):
    """A snapshot that takes its time, begun: at its rate it would take a quarter of an hour. The files have holes, but none that are left out."""
    for n in range(15):
        with (bare.path(TREE) / f"large-{n}").open("wb") as f:
            f.truncate(60 << 20)
    configure(bare, *scope(bare, "scan-rate 1"))
    running = bare.popen(["chancery", "-c", "filesystem-inventory snapshot full"], ADMIN, stdout=-1, stderr=-2, text=True)
    wait_for(lambda: bare.path(f"{STORE}/partial-index").exists() and scanner(bare), "the scan to begin")
    yield running
    running.kill()
    running.communicate()


def finish(machine, tree, last):
    """What the kill cut off goes on by itself, once the files that it waited for are gone."""
    for large in tree.glob("large-*"):
        os.truncate(large, 0)  # whoever is reading it finds it shorter, and is done with it
        large.unlink()
    configure(machine, "filesystem-inventory", "no scan-rate")

    def done():
        found = blocks(machine)
        return found[-1]["number"] > last and not machine.path(f"{STORE}/partial-index").exists() and not machine.path(f"{STORE}/hint").exists()
    wait_for(done, "the snapshot that was cut off", 120)
    whole = dossier(machine)
    assert whole["result-code"] == "Success"
    chain = whole["filesystem-inventory"]["nodes"][0]["snapshots"]
    assert [b["snapshot-block-no"] for b in chain] == list(range(len(chain)))
    assert all(a["block-digest"] == b["previous-block-digest"] for a, b in zip(chain, chain[1:]))


def test_scanner_is_confined_and_may_die(bare, tree, slow):
    last = blocks(bare)[-1]["number"]
    pid = scanner(bare)
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        fields = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    for held in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[held], 16) == 1 << 2, "CAP_DAC_READ_SEARCH and nothing else"
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1" and "0" not in fields["Uid"].split()
    assert subprocess.run(["ionice", "-p", str(pid)], capture_output=True, text=True, check=True).stdout == "idle\n"
    said = bare.chancery("show filesystem-inventory").stdout
    assert re.search(r"^  Next snapshot: being taken since \w{3} \w{3} [ \d]\d [\d:]{8} \d{4}, \d+ files so far of about \d+$", said, re.M), said
    refused = bare.chancery("filesystem-inventory snapshot", check=False)
    assert "already" in refused.stdout + refused.stderr
    os.kill(pid, signal.SIGKILL)
    said, _ = slow.communicate(timeout=60)
    assert slow.returncode != 0 and "before it was complete" in said
    assert blocks(bare)[-1]["number"] == last
    shown = bare.chancery("show filesystem-inventory").stdout
    assert re.search(r"^  Last attempt:  failed [\w: ]+: The scan ended before it was complete$", shown, re.M), shown
    finish(bare, tree, last)
    assert "Last attempt" not in bare.chancery("show filesystem-inventory").stdout


def test_kill_of_the_daemon(bare, tree, slow):
    last = blocks(bare)[-1]["number"]
    bare.kill("dossierd", signal.SIGKILL)
    bare.wait_daemons(["dossierd"])
    finish(bare, tree, last)


def test_power_failure(bare, tree, slow):
    if not bare.can_reboot:
        pytest.skip("this machine cannot be booted anew")
    last = blocks(bare)[-1]["number"]
    bare.reboot(hard=True)
    bare.wait_daemons()
    finish(bare, bare.path(TREE), last)


def test_altered_and_removed_blocks_show(bare, tree):
    numbers = [b["number"] for b in blocks(bare)]
    path = bare.path(f"{STORE}/block-{numbers[-2]:010}")
    good = path.read_bytes()
    for at in (20, 100, len(good) - 6):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        part = dossier(bare, numbers[-2])
        assert part["result-code"] == "Partial"
        first, second = part["filesystem-inventory"]["nodes"][0]["snapshots"][:2]
        assert first["result-code"] == "Failed" and "altered" in first["reason"] and second["result-code"] == "Success"
    path.unlink()
    part = dossier(bare, numbers[-2])
    assert part["result-code"] == "Partial" and "no block of this number" in json.dumps(part)
    path.write_bytes(good)
    assert dossier(bare, numbers[-2])["result-code"] == "Success"


def test_corrupt_index_costs_a_full_block(bare, tree):
    last = snapshot(bare)
    path = bare.path(f"{STORE}/index-{last:010}")
    content = path.read_bytes()
    path.write_bytes(content[:60] + bytes([content[60] ^ 0xff]) + content[61:])
    number = snapshot(bare)
    found = blocks(bare)[-1]
    assert found["full-block"] == found["number"] == number == last + 1
    assert "moved aside" in bare.journal("dossierd")
    assert changes(bare, snapshot(bare)) == {}
