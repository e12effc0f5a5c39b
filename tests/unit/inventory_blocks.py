# SPDX-License-Identifier: Apache-2.0
"""Blocks of the filesystem inventory as a dossier has them, made from what common/inventory-record.h says about their digests."""

import base64
import hashlib
import struct

CHANGES = ("", "created", "contents-modified", "deleted", "meta-data-modified")
TIMES = ("atime", "mtime", "ctime", "btime")
NONE = bytes(32)


def encode(data):
    return base64.b64encode(data).decode()


def text_of(file, name):
    return file[name].encode() if name in file else base64.b64decode(file.get(f"{name}-base64", ""))


def record(file):
    """The bytes that the digest of a block is over."""
    meta, digest = file["meta"], file.get("digest", {})
    texts = [text_of(file, name) for name in ("name", "link-target", "package-name", "package-version")]
    size = 156 + sum(map(len, texts))
    head = struct.pack("<IBBBBHHHHHHIIIIQQQQQ", size, CHANGES.index(file.get("change-kind", "")),
                       {"": 0, "mount-point": 2, "too-deep": 4}[file.get("not-entered", "")],
                       ("", "sha256", "sha256-extents").index(digest.get("algorithm", "")),
                       ("", "package-dpkg", "package-rpm").index(file.get("package-kind", "")), file.get("errno", 0),
                       *map(len, texts), 0, meta["mode"], meta["uid"], meta["gid"], meta["links"], meta["devid"], meta.get("special-devid", 0),
                       meta["inode"], meta["size"], meta["blocks"])
    times = b"".join(struct.pack("<qI", meta[name], meta[f"{name}-nsec"]) for name in TIMES)
    whole = head + times + (base64.b64decode(digest["digest-value"]) if digest else NONE) + b"".join(texts)
    assert len(whole) == size
    return whole


def file(name, digest=None, **more):
    meta = {"mode": 0o100644, "uid": 0, "gid": 0, "links": 1, "devid": 2049, "inode": 2**63 + 5, "size": 10, "blocks": 8}
    for time in TIMES:
        meta.update({time: -1, f"{time}-nsec": 999_999_999})
    names = {"name": name} if isinstance(name, str) else {"name-base64": encode(name)}
    digests = {"digest": {"algorithm": "sha256", "digest-value": encode(bytes.fromhex(digest))}} if digest else {}
    return {**names, "classification": "unclassified", "meta": meta, **digests, **more}


def usec(text):
    seconds, fraction = text.split(".")
    return int(seconds) * 1_000_000 + int(fraction)


def seal(block):
    """Its digests as they have to be for what else is in it. Times are texts of SECONDS.MICROSECONDS: see dump()."""
    content = hashlib.sha256(b"".join(record(one) for one in block["files"])).digest()
    head = struct.pack("<QQQQQ", block["snapshot-block-no"], block["full-block-no"], usec(block["snap-time"]), usec(block["snap-end-time"]),
                       len(block["files"]))
    scope = hashlib.sha256(block["scope"].encode()).digest()
    whole = b"chancery inventory block 1\0" + head + content + scope + base64.b64decode(block["previous-block-digest"])
    return {**block, "file-count": len(block["files"]), "content-digest": encode(content), "block-digest": encode(hashlib.sha256(whole).digest())}


def block(number, base, previous, files):
    """previous: the block before, or None."""
    return seal({"snapshot-block-no": number, "snapshot-type": "full" if number == base else "incremental", "full-block-no": base,
                 "snap-time": f"{1700000000 + number}.000001", "snap-end-time": f"{1700000000 + number}.500000", "scope": '{"skip":[]}',
                 "previous-block-digest": previous["block-digest"] if previous else encode(NONE), "files": files, "result-code": "Success"})


def chain(*contents, full=(0,), first=0):
    """A block for each list of files; those in full are full ones."""
    blocks, base = [], first
    for number, files in enumerate(contents, first):
        base = number if number in full else base
        blocks.append(block(number, base, blocks[-1] if blocks else None, files))
    return blocks


def node(blocks, first=None, last=None, name="0/RP0/CPU0"):
    numbers = [one["snapshot-block-no"] for one in blocks]
    return {"node-location": name, "first-block": min(numbers) if first is None else first, "last-block": max(numbers) if last is None else last,
            "snapshots": blocks}


def bare_times(text):
    """JSON of blocks with their times as numbers, which have six digits after the point whatever they are."""
    for name in ("snap-time", "snap-end-time"):
        parts = text.split(f'"{name}": "')
        text = parts[0] + "".join(f'"{name}": ' + part.replace('"', "", 1) for part in parts[1:])
    return text
