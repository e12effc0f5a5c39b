# SPDX-License-Identifier: Apache-2.0
"""The chain of blocks of a booted router's filesystem inventory, as a collector checks it: whole, and a page at a time; with blocks that were
altered or removed under dossierd's hands; and the same dossiers broken by hand and signed anew."""

import copy
import json
import os
import re
import shlex
import signal

import pytest

import workflow
from collector import Collector, root_certificate
from bus_contract import ROOT
from envelope import Envelope, not_signed
from machine import ADMIN, wait_for
from terminal import rendered

GOOD, BROKEN = 0, 16
STORE = "/var/lib/chancery/dossierd/inventory"
NODE = "0/RP0/CPU0"


@pytest.fixture(scope="module")
def router(enrolled):
    """With four blocks about /srv and nothing else."""
    if not enrolled.can_reboot:
        pytest.skip("nothing but a booted router takes snapshots")
    tree = enrolled.path("/srv/blocks")
    tree.mkdir(mode=0o755)
    (tree / "old").write_text("old")
    for name in (b"new\nline", b"bad\xff", b"x" * 255):
        with open(os.fsencode(tree) + b"/" + name, "wb") as f:
            f.write(name)
    (tree / "link").symlink_to("old")
    os.mkfifo(tree / "fifo")
    skipped = " ".join(f"/{name}" for name in sorted(os.listdir(enrolled.path("/"))) if name != "srv")
    with enrolled.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ["filesystem-inventory", f'skip-list "{skipped}"'])
    for n in range(4):
        (tree / f"file-{n}").write_text(str(n))
        # The first is taken by the router itself, and only one at a time.
        command = "filesystem-inventory snapshot" + (" full" if n == 2 else "")
        wait_for(lambda command=command: enrolled.chancery(command, check=False).returncode == 0, "a snapshot")
    return enrolled


@pytest.fixture(scope="module")
def collector(router, build, tmp_path_factory):
    return Collector(tmp_path_factory.mktemp("blocks"), root_certificate(router), build / "cli/verify")


def collect(router, collector, name, start=None, count=None):
    node = {key: value for key, value in (("block_start", start), ("count", count)) if value is not None}
    options = f"filesystem-inventory-options '{json.dumps({NODE: node})}' " if node else ""
    text = router.chancery(f"show platform security integrity dossier include filesystem-inventory {options}nonce 1580 | utility sign nonce 1580 "
                           "include-certificate").stdout
    (collector.folder / name).write_text(text[text.index('{"payload"'):])
    return name


def judge(collector, envelope, *options, root="root.pem"):
    """The exit status, and what is wrong with which block."""
    result = collector.run(["chancery-verify", "--root", root, "--nonce", "1580", "--json", *options, envelope])
    told = json.loads(result.stdout)
    problems = [(one.get("block"), one["problem"]) for one in told["inventory"]["problems"]] if "inventory" in told else None
    return result.returncode, problems, told.get("inventory", {}).get("nodes")


def test_whole(router, collector):
    status, problems, nodes = judge(collector, collect(router, collector, "whole.json"))
    assert (status, problems) == (GOOD, []) and len(nodes) == 1
    assert nodes[0]["node"] == NODE and nodes[0]["whole"] and nodes[0]["blocks"] >= 4 and nodes[0]["files"] >= 10


def test_pages(router, collector):
    last = judge(collector, "whole.json")[2][0]["last-block"]
    pages = [collect(router, collector, f"page-{number}.json", number, 1) for number in range(last + 1)]
    given = [word for page in pages[:-1] for word in ("--page", page)]
    status, problems, nodes = judge(collector, pages[-1], *given)
    assert (status, problems) == (GOOD, []) and nodes[0]["whole"] and nodes[0]["blocks"] == last + 1
    assert judge(collector, pages[-1], *given[2:])[:2] == (BROKEN, [(0, "missing")])
    assert judge(collector, pages[-1], *given[:2], *given[4:])[:2] == (BROKEN, [(1, "missing")])
    assert judge(collector, pages[-1])[:2] == (GOOD, [])


@pytest.mark.parametrize("form", ["envelope", "eat-jwt", "eat-cwt"])
def test_collected_in_pages(router, collector, build, form):
    """chancery-collect finds out by itself how many there are, whatever the router signs; and that one is missing when the last one asked is."""
    last = judge(collector, "whole.json")[2][0]["last-block"]
    (collector.folder / "ssh").write_text(f"""#!/bin/sh\nfor command; do :; done\nexec {shlex.join(router.words(["chancery", "-c"], ADMIN))} "$command"\n""")
    (collector.folder / "ssh").chmod(0o755)
    (collector.folder / "routers").write_text(json.dumps({"id": "mine", "host": "router", "root": "root.pem"}))
    result = collector.run([ROOT / "cli/verify/chancery-collect", "routers", f"kept-{form}", "--include", "reboot-history", "filesystem-inventory", "--pages", "2",
                            "--form", form, "--ssh", "./ssh", "--verify", str(build / "cli/verify/chancery-verify")])
    told = json.loads(result.stdout)
    assert (result.returncode, told["verdict"], told["format"], told["nonce-checked"]) == (0, "good", form, True), told
    node, = told["inventory"]["nodes"]
    assert node["whole"] and node["blocks"] == last + 1 and told["inventory"]["problems"] == []
    assert len([path for path in (collector.folder / f"kept-{form}/mine").iterdir() if path.name != "latest"]) == (last + 2) // 2


def bare_times(text):
    """Times are numbers with six digits after the point: json would shorten them."""
    return re.sub(r'"(\d+\.\d{6})"', r"\1", text)


def blocks_of(payload):
    return payload["filesystem-inventory"]["filesystem-inventory"]["nodes"][0]["snapshots"]


def test_broken_by_hand(router, collector, build):
    """What the router said, changed by somebody who can sign."""
    collector.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "other-root.key", "-out", "other-root.pem", "-days",
                      "2", "-subj", "/CN=other", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    (collector.folder / "extensions").write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                                 "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    collector.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "other.key", "-out", "other.csr", "-subj", "/CN=leaf")
    collector.openssl("x509", "-req", "-in", "other.csr", "-CA", "other-root.pem", "-CAkey", "other-root.key", "-CAcreateserial", "-days", "1", "-extfile",
                      "extensions", "-out", "other.pem")
    chain = (collector.folder / "other.pem").read_text() + (collector.folder / "other-root.pem").read_text()
    (collector.folder / "other-chain.pem").write_text(chain)
    true = json.loads(Envelope((collector.folder / "whole.json").read_text()).payload, parse_float=str)

    def broken(change):
        payload = copy.deepcopy(true)
        change(blocks_of(payload))
        text = bare_times(json.dumps(payload))
        made = collector.run([build / "dossierd/envelope-maker", "other.key", "other-chain.pem", "ecdsanistp256", "sha256", "1580", "chancery-dossier+json"],
                             text.encode())
        (collector.folder / "broken.json").write_bytes(made.stdout)
        return judge(collector, "broken.json", root="other-root.pem")[:2]

    assert broken(lambda blocks: None) == (GOOD, [])
    assert broken(lambda blocks: blocks.pop(1)) == (BROKEN, [(1, "removed")])
    assert broken(lambda blocks: blocks[0]["files"].pop()) == (BROKEN, [(0, "truncated")])
    assert broken(lambda blocks: blocks[0]["files"][0]["meta"].update(mode=0o777)) == (BROKEN, [(0, "altered")])
    assert (1, "reordered") in broken(lambda blocks: blocks.insert(3, blocks.pop(1)))[1]


def test_broken_on_the_router(router, collector):
    path = router.path(f"{STORE}/block-{1:010}")
    good = path.read_bytes()
    path.write_bytes(good[:-6] + bytes([good[-6] ^ 1]) + good[-5:])
    status, problems, told = judge(collector, collect(router, collector, "altered.json"))
    assert status == BROKEN and {number for number, _ in problems} == {1}, told
    path.unlink()
    assert judge(collector, collect(router, collector, "removed.json"))[:2] == (BROKEN, [(1, "removed")])
    # That it was there before makes it no better.
    assert judge(collector, "removed.json", "--page", "whole.json")[1] == [(1, "removed")]
    path.write_bytes(good)
    assert judge(collector, collect(router, collector, "again.json"), "--previous", "whole.json")[1] == []


def test_larger_than_what_is_held(router, collector, build):
    """The envelope is under way before the dossier has ended: it says what it is by how it begins. With another end it is not signed at all."""
    folder = router.path("/srv/many")
    folder.mkdir(mode=0o755)
    for n in range(3000):
        (folder / f"{n:0200}").touch()
    wait_for(lambda: router.chancery("filesystem-inventory snapshot", check=False).returncode == 0, "a snapshot")
    status, problems, _ = judge(collector, collect(router, collector, "large.json"))
    envelope = Envelope((collector.folder / "large.json").read_text())
    assert (status, problems) == (GOOD, []) and envelope.header["cty"] == "chancery-dossier+json" and len(envelope.payload) > 1 << 20
    router.write("/run/dossier-stream", (build / "dossierd/dossier-stream").read_bytes(), 0o755)

    def sealed(payload):
        made = router.run(["/run/dossier-stream", "seal", "1580"], ADMIN, stdin=payload.decode(), check=False)
        return made.returncode, made.stdout.encode(), made.stderr.encode()
    status, output, error = sealed(envelope.payload)
    assert status == 0 and Envelope(output.decode()).header["cty"] == envelope.header["cty"], error
    for changed in (envelope.payload[:-1], envelope.payload + b" ", envelope.payload[:1 << 19] + envelope.payload[(1 << 19) + 1:]):
        unfinished = sealed(changed)
        assert not_signed(*unfinished, "VerificationFailed") and b"goes on differently" in unfinished[2], unfinished[2]


def test_what_fails_in_the_middle_of_a_line(router):
    """The reason begins a line of its own."""
    with router.ssh_console("admin") as console:
        console.prompt()
        console.command("terminal length 0")
        router.kill("keyd", signal.SIGSTOP)
        console.line("show platform security integrity dossier include filesystem-inventory | utility sign")
        console.expect(r"\{.payload.:.")
        router.kill("keyd", signal.SIGKILL)
        console.prompt()
        router.wait_daemons(["keyd"])
        assert re.search(r"(?m)^% The envelope could not be signed: The key daemon has ended meanwhile; try again", rendered(console.transcript)), rendered(console.transcript)[-300:]
