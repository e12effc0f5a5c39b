#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The chain of blocks of the filesystem inventory: chancery-verify notices what was removed, altered, put elsewhere or cut off, and names it; in
one dossier, and over several of one device.

    test-verify-inventory.py ENVELOPE-MAKER CHANCERY-VERIFY
"""
import importlib
import json
import sys
import tempfile
from pathlib import Path

import inventory_blocks as blocks

fleet_tests = importlib.import_module("test-verify-fleet")
GOOD, UNTRUSTED, BAD_PAYLOAD, BROKEN, NOT_ALL, USAGE = 0, 4, 9, 16, 15, 1
NODE = "0/RP0/CPU0"


def contents():
    """Five blocks, the fourth a full one; with names and files of every sort."""
    link = blocks.file("/l", **{"link-target": "\u00fc/x"})
    link["meta"]["mode"] = 0o120777
    packaged = blocks.file("/usr/bin/p", "a" * 64, **{"package-kind": "package-dpkg", "package-name": "p", "package-version": "1:2"})
    odd = [blocks.file(b"/new\nline"), blocks.file(b"/bad\xff"), blocks.file("/gone", errno=2, reason="x"), blocks.file("/m", **{"not-entered": "mount-point"})]
    empty = blocks.file("/empty", **{"link-target": ""})
    empty["meta"]["mode"] = 0o120777
    special = blocks.file("/dev/null")
    special["meta"]["special-devid"] = 2**40 + 3
    return [[blocks.file("/"), link, packaged, *odd, empty, special], [blocks.file("/a", "b" * 64, **{"change-kind": "created"})], [],
            [blocks.file("/"), packaged], [blocks.file("/a", **{"change-kind": "deleted"}), blocks.file(b"/\xfe", **{"change-kind": "meta-data-modified"})]]


class Judge:
    def __init__(self, fleet):
        self.fleet, self.n = fleet, 0

    def envelope(self, *nodes):
        self.n += 1
        whole = fleet_tests.dossier()
        whole["filesystem-inventory"] = {"result-code": "Success", "filesystem-inventory": {"nodes": list(nodes)}}
        return self.fleet.envelope(f"inventory-{self.n}", blocks.bare_times(json.dumps(whole)).encode())

    def __call__(self, status, envelope, *options):
        told = self.fleet.judge(status, *options, envelope)
        found = told.get("inventory", {}).get("problems", [])
        assert bool(found) == (status == BROKEN), told
        return [(one.get("block"), one["problem"]) for one in found], told

    def of(self, status, *nodes):
        return self(status, self.envelope(*nodes))[0]


def test_whole(judge, chain):
    problems, told = judge(GOOD, judge.envelope(blocks.node(chain)))
    files = sum(len(one["files"]) for one in chain)
    assert told["inventory"]["nodes"] == [{"node": NODE, "first-block": 0, "last-block": 4, "from": 0, "to": 4, "blocks": 5, "files": files, "whole": True}]
    assert judge.of(GOOD, blocks.node(chain), blocks.node(chain[:2], name="0/1/CPU0")) == problems == []
    # Part of it is no problem when nobody asked for all.
    assert judge(GOOD, judge.envelope(blocks.node(chain[1:3], 0, 4)))[1]["inventory"]["nodes"][0]["whole"] is False
    assert "inventory" not in judge.fleet.judge(GOOD, judge.fleet.envelope("none", fleet_tests.dossier()))


def test_removed(judge, chain):
    for gone in (1, 2, 3):
        assert judge.of(BROKEN, blocks.node(chain[:gone] + chain[gone + 1:])) == [(gone, "removed")]
    told = {"snapshot-block-no": 2, "result-code": "Failed", "reason": "There is no block of this number any more"}
    assert judge.of(BROKEN, blocks.node(chain[:2] + [told] + chain[3:])) == [(2, "removed")]
    # And its number given to the next one.
    renumbered = [blocks.seal({**chain[2], "snapshot-block-no": 1, "previous-block-digest": chain[0]["block-digest"]})]
    assert (3, "unchained") in judge.of(BROKEN, blocks.node(chain[:1] + renumbered + [blocks.seal({**chain[4], "snapshot-block-no": 2, "full-block-no": 0})] + chain[3:4]))


def test_many_problems(judge, chain):
    """Not all are told, and that is said."""
    far = blocks.seal({**chain[1], "snapshot-block-no": 1500})
    problems, told = judge(BROKEN, judge.envelope(blocks.node([chain[0], far])))
    assert len(problems) == 1000 and told["reason"].startswith("1000 or more problems ")
    assert judge(BROKEN, judge.envelope(blocks.node([chain[0], chain[2]])))[1]["reason"].startswith("1 problems ")


def altered(chain, number, change):
    spoilt = json.loads(json.dumps(chain))  # nothing shared between its blocks
    change(spoilt[number])
    return spoilt


def test_altered(judge, chain):
    """Each member by itself: whatever is changed in one block is noticed in that block."""
    def set_(*path, to):
        def change(block):
            for name in path[:-1]:
                block = block[name]
            assert block.get(path[-1]) != to
            block[path[-1]] = to
        return change

    def drop(*path):
        def change(block):
            for name in path[:-1]:
                block = block[name]
            del block[path[-1]]
        return change

    first = ("files", 0)
    changes = [set_(*first, "name", to="/other"), set_(*first, "change-kind", to="created"), set_(*first, "errno", to=5), set_(*first, "not-entered", to="too-deep"),
               set_("files", 2, "digest", "digest-value", to=blocks.encode(b"x" * 32)), drop("files", 2, "digest"), set_("files", 2, "digest", "algorithm", to="sha256-extents"),
               set_("files", 2, "package-name", to="q"), set_("files", 2, "package-version", to="1:3"), set_("files", 2, "package-kind", to="package-rpm"),
               set_("files", 1, "link-target", to="x"), set_("files", 3, "name-base64", to=blocks.encode(b"/new\nlane")),
               set_("snap-time", to="1700000000.000002"), set_("snap-end-time", to="1700000000.500001"), set_("scope", to="{}"),
               set_("content-digest", to=blocks.encode(b"x" * 32)), set_("previous-block-digest", to=blocks.encode(b"x" * 32)), drop("scope"),
               drop("block-digest"), set_("full-block-no", to=7), set_("result-code", to="Failed"), set_(*first, "name", to="relative")]
    changes += [set_(*first, "meta", name, to=12345) for name in chain[0]["files"][0]["meta"]] + [set_("files", 8, "meta", "special-devid", to=4)]
    for change in changes:
        found = judge.of(BROKEN, blocks.node(altered(chain, 0, change)))
        assert found == [(0, "altered")], (found, [cell.cell_contents for cell in change.__closure__])
    assert set(judge.of(BROKEN, blocks.node(altered(chain, 3, set_("block-digest", to=blocks.encode(b"x" * 32)))))) == {(3, "altered"), (4, "unchained")}
    # Made anew with digests that fit: its neighbour knows it otherwise.
    forged = [blocks.seal({**chain[1], "files": []}) if one is chain[1] else one for one in chain]
    assert judge.of(BROKEN, blocks.node(forged)) == [(2, "unchained")]
    swapped = altered(chain, 0, lambda block: block["files"].reverse())
    assert judge.of(BROKEN, blocks.node(swapped)) == [(0, "altered")]


def test_reordered(judge, chain):
    assert (1, "reordered") in judge.of(BROKEN, blocks.node([chain[0], chain[2], chain[1], *chain[3:]]))
    assert judge.of(BROKEN, blocks.node([*chain[:3], chain[2], *chain[3:]])) == [(2, "reordered")]
    assert {problem for _, problem in judge.of(BROKEN, blocks.node(chain[::-1]))} == {"reordered"}


def test_truncated(judge, chain):
    for number in (0, 4):
        assert judge.of(BROKEN, blocks.node(altered(chain, number, lambda block: block["files"].pop()))) == [(number, "truncated")]
        assert judge.of(BROKEN, blocks.node(altered(chain, number, lambda block: block["files"].append(blocks.file("/z"))))) == [(number, "altered")]


def test_malformed(judge, chain):
    spoilt = {"node-location": NODE, "last-block": -1, "snapshots": chain}
    assert judge.fleet.judge(BAD_PAYLOAD, judge.envelope(spoilt))["reason"] == "the filesystem inventory is none"
    assert judge.fleet.judge(BAD_PAYLOAD, judge.envelope(1))
    assert judge.of(BROKEN, {"node-location": NODE, "snapshots": [{}]}) == [(None, "altered")]


def test_pages(judge, chain):
    """Blocks that were collected a few at a time."""
    pages = [judge.envelope(blocks.node(part, 0, last)) for part, last in ((chain[:2], 2), (chain[2:3], 2), (chain[3:], 4))]
    options = ("--page", pages[0], "--page", pages[1])
    told = judge(GOOD, pages[2], *options)[1]
    assert told["inventory"]["nodes"][0]["whole"] is True and told["inventory"]["nodes"][0]["blocks"] == 5
    problems, told = judge(BROKEN, pages[2], "--page", pages[0])
    assert problems == [(2, "missing")] and "block 2 missing" in told["reason"]
    assert judge(BROKEN, pages[2], "--page", pages[1])[0] == [(0, "missing")]
    # A block that is another one than it was before, and one that does not follow it.
    forged = blocks.seal({**chain[1], "files": []})
    other = judge.envelope(blocks.node([forged], 0, 4))
    assert (1, "rewritten") in judge(BROKEN, pages[2], "--page", pages[0], "--page", pages[1], "--page", other)[0]
    told = judge(BROKEN, pages[2], "--page", judge.envelope(blocks.node([chain[0], forged], 0, 4)), "--page", pages[1])[1]
    assert [(one["block"], one["problem"]) for one in told["inventory"]["problems"]] == [(2, "unchained")]
    # A page has to be the router's own, as any envelope.
    stranger = Path(pages[0]).with_suffix(".bad")
    spoilt = json.loads(Path(pages[0]).read_text())
    spoilt["payload"] = spoilt["payload"][:-4] + "AAAA"
    stranger.write_text(json.dumps(spoilt))
    assert judge.fleet.judge(3, "--page", str(stranger), pages[2])
    lines = "".join(json.dumps(line) + "\n" for line in ({"envelope": pages[2], "pages": pages[:2]}, {"envelope": pages[2], "pages": pages[:1]},
                                                         {"envelope": pages[2], "pages": ["-"]}, {"envelope": pages[2], "pages": "x"}))
    result = judge.fleet.verify("--batch", "-", data=lines.encode())
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == [GOOD, BROKEN, USAGE, USAGE]


def test_previous(judge, chain):
    """The dossier before has the blocks that came before: history cannot be written anew."""
    old = judge.envelope(blocks.node(chain[:4]))
    told = judge.fleet.judge(13, "--previous", old, judge.envelope(blocks.node(chain[3:], 3, 4)))
    assert told["inventory"]["problems"] == [] and told["inventory"]["nodes"][0]["blocks"] == 5
    anew = blocks.chain(*contents(), full=(0, 4))
    problems = judge(BROKEN, judge.envelope(blocks.node(anew)), "--previous", old)[0]
    assert (3, "rewritten") in problems
    assert judge(BROKEN, judge.envelope(blocks.node(anew[4:])), "--previous", old)[0] == [(4, "unchained")]


def main():
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(fleet_tests.Fleet(Path(folder), sys.argv[1], sys.argv[2]))
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(judge, blocks.chain(*contents(), full=(0, 3)))
                print(f"{name}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
