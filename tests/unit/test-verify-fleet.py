#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a collector of many routers asks of chancery-verify: revocation, batches, what changed since last time, and what is not as the vendor
has it.

    test-verify-fleet.py ENVELOPE-MAKER CHANCERY-VERIFY
"""
import datetime
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inventory_blocks import bare_times, chain, encode, file, node

GOOD, USAGE, BAD_SIGNATURE, UNTRUSTED, NONCE, STALE, WHEN_SIGNED, BAD_PAYLOAD = 0, 1, 3, 4, 5, 7, 8, 9
REVOKED, REVOCATION_UNKNOWN, DIFFERS, NOT_AS_REFERENCE, NOT_ALL, BROKEN_INVENTORY, BAD_NODE = 11, 12, 13, 14, 15, 16, 17
CONFIGURATION = """[ca]
default_ca = here
[here]
database = {folder}/index
crlnumber = {folder}/crlnumber
default_md = sha256
default_crl_days = 7
"""
EVENT = {"ima-template": "ima-ng", "filedata-hash-algorithm": "sha256"}
BASH, SSHD = "a" * 64, "b" * 64
PLATFORM = "Node              Type                                     Architecture\n----\nrouter-1          {:40} x86_64\n"


def run(*command, data=b"", check=True, cwd=None):
    return subprocess.run(command, input=data, capture_output=True, check=check, cwd=cwd)


class Authority:
    """A root with two routers below it, and its list of revoked certificates."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "root.key")
        self.openssl("req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=root", "-days", "100", "-out", "root.pem",
                     "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (folder / "index").write_text("")
        (folder / "crlnumber").write_text("01\n")
        (folder / "ca.conf").write_text(CONFIGURATION.format(folder=folder))
        for name in ("one", "two"):
            self.leaf(name)

    def openssl(self, *arguments):
        return run("openssl", *arguments, cwd=self.folder)

    def leaf(self, name):
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        (self.folder / "extensions").write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "60",
                     "-extfile", "extensions", "-out", f"{name}.pem")
        (self.folder / f"{name}-chain.pem").write_text((self.folder / f"{name}.pem").read_text() + (self.folder / "root.pem").read_text())

    def crl(self, name, revoked=()):
        for leaf in revoked:
            self.openssl("ca", "-config", "ca.conf", "-keyfile", "root.key", "-cert", "root.pem", "-revoke", f"{leaf}.pem")
        self.openssl("ca", "-config", "ca.conf", "-keyfile", "root.key", "-cert", "root.pem", "-gencrl", "-out", name)
        return str(self.folder / name)

    def path(self, name):
        return str(self.folder / name)


class Fleet:
    def __init__(self, folder, maker, verifier):
        self.folder, self.maker, self.verifier = folder, maker, verifier
        self.authority = Authority(folder / "authority")

    def envelope(self, name, payload, nonce="1580", router="one", content="chancery-dossier+json"):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        arguments = [self.authority.path(f"{router}.key"), self.authority.path(f"{router}-chain.pem"), "ecdsanistp256", "sha256", nonce]
        text = run(self.maker, *arguments, *([content] if content else []), data=data).stdout
        (self.folder / name).write_bytes(text)
        return str(self.folder / name)

    def verify(self, *arguments, root=True, data=b""):
        options = ["--root", self.authority.path("root.pem")] if root else []
        return run(self.verifier, *options, *arguments, check=False, data=data)

    def judge(self, status, *arguments):
        result = self.verify("--json", *arguments)
        assert result.returncode == status, (arguments, result)
        told = json.loads(result.stdout)
        assert told["status"] == status and ("reason" in told) == (status != GOOD), told
        return told


def dossier(**changes):
    packages = [{"name": "bash", "version": "5.2", "architecture": "amd64", "status": "install ok installed"},
                {"name": "libc6", "version": "2.36", "architecture": "amd64", "status": "install ok installed"},
                {"name": "libc6", "version": "2.36", "architecture": "i386", "status": "install ok installed"},
                {"name": "vim", "version": "9.0", "architecture": "amd64", "status": "deinstall ok config-files"}]
    log = [dict(EVENT, **{"event-number": 1, "filename-hint": "/usr/bin/bash", "filedata-hash": BASH}),
           dict(EVENT, **{"event-number": 2, "filename-hint": "/usr/sbin/sshd", "filedata-hash": SSHD})]
    facts = [{"id": "up-time", "value": changes.get("uptime", 100)},
             {"id": "kernel-lockdown", "value": changes.get("lockdown", "integrity")},
             {"id": "ima-event-log", "value": {"ima-event-log": log}}]
    inventory = {"filesystem-inventory": {"filesystem-inventory": {"nodes": [node(changes["blocks"])]}}} if "blocks" in changes else {}
    platform = {"platform": {"platform": PLATFORM.format(changes["type"]), "result-code": "Success"}} if "type" in changes else {}
    return {**inventory, **platform, "collection-start-time": changes.get("time", 1.5), "model-name": "urn:chancery:dossier", "nonce": changes.get("nonce", "1580"),
            "packages": {"packages": {"dpkg": {"packages": changes.get("packages", packages)}}},
            "system-integrity-snapshot": {"system-integrity-snapshot": {"facts": facts}}}


def test_revocation(fleet):
    envelope, authority = fleet.envelope("revocation", dossier()), fleet.authority
    empty = authority.crl("empty.crl")
    stranger = Authority(fleet.folder / "stranger")
    (fleet.folder / "no.crl").write_text("nothing")
    assert fleet.verify("--crl", str(fleet.folder / "no.crl"), envelope).returncode == USAGE
    assert "CRL" in fleet.judge(REVOCATION_UNKNOWN, "--crl", stranger.crl("empty.crl"), envelope)["reason"]
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=8)
    assert "CRL" in fleet.judge(REVOCATION_UNKNOWN, "--at", str(int(later.timestamp())), "--crl", empty, envelope)["reason"]
    revoked = authority.crl("revoked.crl", revoked=["one"])
    told = fleet.judge(REVOKED, "--crl", revoked, envelope)
    assert "signer" not in told and "revoked" in told["reason"]
    # What has expired and was revoked is revoked; the list is still good then, because a new one would be.
    other = fleet.envelope("other", dossier(), router="two")
    assert fleet.judge(GOOD, "--crl", revoked, other)["revocation-checked"] is True
    assert fleet.judge(GOOD, "--crl", empty, envelope)["revocation-checked"] is True
    assert fleet.judge(GOOD, envelope)["revocation-checked"] is False


def test_batch(fleet):
    good, other = fleet.envelope("good", dossier()), fleet.envelope("nonce", dossier(nonce="7"), nonce="7")
    root = fleet.authority.path("root.pem")
    stranger = fleet.folder / "batch-stranger"
    foreign = Authority(stranger).path("root.pem")
    lines = [{"id": "one", "envelope": good, "root": root, "nonce": "1580"},
             {"id": "two", "envelope": other, "root": root, "nonce": "1580"},
             {"id": "three", "envelope": str(fleet.folder / "missing"), "root": root},
             {"id": "four", "envelope": good, "root": foreign},
             {"envelope": good}, {"id": "six", "envelope": good, "root": root, "colour": 1}, {"root": root}, "text",
             {"id": "nine", "envelope": good, "root": root, "max-age": 0, "nonce": "1580"},
             {"id": "ten", "envelope": "-", "root": root}]
    text = "\n\n".join(json.dumps(line) for line in lines) + "\nnot json\n"
    later = str(int(datetime.datetime.now(datetime.timezone.utc).timestamp()) + 100)
    result = fleet.verify("--batch", "-", "--jobs", "3", "--at", later, root=False, data=text.encode())
    assert result.returncode == NOT_ALL, result
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["status"] for one in told] == [GOOD, NONCE, USAGE, UNTRUSTED, USAGE, USAGE, USAGE, USAGE, STALE, USAGE, USAGE], told
    assert [one["id"] for one in told][:4] == ["one", "two", "three", "four"] and told[4]["id"] == "line 5"
    assert told[2]["verdict"] == "not-verified" and "missing" in told[2]["reason"]
    assert "root" in told[4]["reason"]
    # What a line does not say, the options say.
    short = json.dumps({"envelope": good}) + "\n"
    assert fleet.verify("--batch", "-", "--nonce", "1580", data=short.encode()).returncode == GOOD
    assert fleet.verify("--batch", "-", "--nonce", "1581", data=short.encode()).returncode == NOT_ALL


def test_batch_line_with_a_zero_byte(fleet):
    """What stands behind it is seen, and refused."""
    good = json.dumps({"id": "good", "envelope": fleet.envelope("good", dossier())}).encode()
    result = fleet.verify("--batch", "-", data=good + b'\0, {"id": "hidden"}\n' + good + b"\n\0\n  \r\n" + good)
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["id"], one["status"]) for one in told] == [("line 1", USAGE), ("good", GOOD), ("line 3", USAGE), ("good", GOOD)], result
    long = fleet.verify("--batch", "-", data=good + b" " * 65536)
    assert long.returncode == USAGE and b"too long" in long.stderr


def test_batch_keeps_its_order_however_many_work_at_it(fleet):
    good, other = fleet.envelope("good", dossier()), fleet.envelope("nonce", dossier(nonce="7"), nonce="7")
    lines = [json.dumps({"id": str(n), "envelope": other if n % 3 else good, "nonce": "1580"}) for n in range(1000)]
    data = "\n".join(lines).encode()
    one, many = (fleet.verify("--batch", "-", "--jobs", jobs, "--at", str(int(datetime.datetime.now().timestamp())), data=data)
                 for jobs in ("1", "16"))
    told = [json.loads(line) for line in many.stdout.splitlines()]
    assert [told[n]["id"] for n in range(1000)] == [str(n) for n in range(1000)]
    assert [one["status"] for one in told] == [NONCE if n % 3 else GOOD for n in range(1000)]
    assert len(one.stdout.splitlines()) == 1000 and one.returncode == many.returncode == NOT_ALL


def test_batch_uses_all_cores(fleet):
    """A worker for each core that it may use, beside the one that reads the list; as many as are asked for otherwise."""
    for options, wanted in (((), min(256, len(os.sched_getaffinity(0)))), (("--jobs", "3"), 3)):
        with subprocess.Popen([fleet.verifier, "--root", fleet.authority.path("root.pem"), "--batch", "-", *options],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while (found := len(os.listdir(f"/proc/{process.pid}/task"))) < wanted + 1 and process.poll() is None:
                    time.sleep(0.01)
            finally:
                process.kill()
        assert found == wanted + 1, (options, found)


def test_what_is_wrong_with_the_command_line_is_said(fleet):
    good, nothing = fleet.envelope("good", dossier()), str(fleet.folder / "no-pem")
    (fleet.folder / "no-pem").write_text("nothing")
    for arguments, words in (([], "no envelope is named"), (["--max-age", "x", good], "--max-age x: that is no number of seconds"),
                             (["--at", "noon", good], "--at noon: a time is"), (["--jobs", "2", good], "--jobs is for several"),
                             (["--jobs", "0", good, good], "--jobs 0: that is no number from 1 to 256"), (["--nonce", "", good], "the nonce is empty"),
                             (["--batch", "-", good], "--batch takes envelopes from the list only"), (["--chain", nothing, good], "no-pem: There is nothing in PEM"),
                             ([good, good, "--page", good], "are for one envelope"), (["--unknown", good], "unrecognized option"), (["--unknown", good], "See chancery-verify --help")):
        told = fleet.verify(*arguments)
        assert told.returncode == USAGE and not told.stdout and words in told.stderr.decode(), (arguments, told)
    told = fleet.verify(good, root=False)
    assert told.returncode == USAGE and b"--root says which root" in told.stderr
    told = fleet.verify("--help")
    assert told.returncode == GOOD and b"--max-age SECONDS" in told.stdout


def test_batch_limits(fleet):
    good = fleet.envelope("good", dossier())
    long = json.dumps({"id": "x" * 70000, "envelope": good}).encode()
    result = fleet.verify("--batch", "-", data=long)
    assert result.returncode == USAGE and b"too long" in result.stderr
    for bad in (["--batch", "-", good], ["--jobs", "0", "--batch", "-"], ["--jobs", "257", "--batch", "-"], ["--batch", "-", "--payload", "x"],
                ["--jobs", "2", good], [good, good, "--payload", "x"], ["--batch", str(fleet.folder / "missing")]):
        assert fleet.verify(*bad).returncode == USAGE, bad
    for empty in (b"", b"\n \n"):
        result = fleet.verify("--batch", "-", data=empty)
        assert result.returncode == USAGE and not result.stdout and b"no envelope" in result.stderr
    several = fleet.verify(good, good)
    assert several.returncode == GOOD and len(several.stdout.splitlines()) == 2


def test_memory(fleet):
    """A dossier whose tree is hundreds of times its text: that is the verdict of that one, whatever is compared with it."""
    root = fleet.authority.path("root.pem")
    packages = [{"name": name, "version": version, "architecture": architecture}
                for name, version, architecture in (("bash", "5.2", "amd64"), ("libc6", "2.36", "amd64"), ("libc6", "2.36", "i386"))]
    list_ = reference(fleet, "memory.json", packages={"dpkg": packages})
    good, again = fleet.envelope("small", dossier()), fleet.envelope("again", dossier(time=2.5))
    huge = json.dumps({**dossier(), "x": "HERE"}).replace('"HERE"', "[" + 3000000 * "{}," + "{}]")
    huge = fleet.envelope("huge", huge.encode())
    for option in ("0", "-1", "1x", str(1 << 21)):
        assert fleet.verify("--memory", option, good).returncode == USAGE
    assert fleet.judge(GOOD, "--memory", "64", huge)["verdict"] == "good", "nothing is compared"
    for options in (("--previous", good, huge), ("--previous", huge, good), ("--reference", list_, huge)):
        told = fleet.judge(BAD_PAYLOAD, "--memory", "64", *options)
        assert "MiB of memory" in told["reason"] and "--memory allows 64" in told["reason"], told
    lines = "".join(json.dumps({"envelope": path, "root": root, "previous": good}) + "\n" for path in (again, huge, again, huge, again))
    result = fleet.verify("--batch", "-", "--memory", "64", "--reference", list_, "--jobs", "2", data=lines.encode(), root=False)
    assert [json.loads(line)["verdict"] for line in result.stdout.splitlines()] == ["good", "bad-payload", "good", "bad-payload", "good"], result
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # The tree would take twice that. A sanitizer takes some hundred MiB for itself.
    assert peak < 1 << 20, f"{peak} KiB"


def test_differences(fleet):
    old = fleet.envelope("old", dossier())
    packages = dossier()["packages"]["packages"]["dpkg"]["packages"]
    changed = [dict(packages[0], version="5.3"), packages[2], dict(packages[0], name="nano")]
    new = fleet.envelope("new", dossier(packages=changed, lockdown="none", uptime=5, time=9.5, nonce="77"), nonce="77")
    forged = fleet.folder / "forged"
    forged.write_text(json.dumps(dict(json.loads(Path(old).read_text()), payload="e30")))
    assert fleet.judge(BAD_SIGNATURE, "--previous", str(forged), new)["reason"].startswith("the previous envelope: ")
    text = fleet.envelope("text", b"text", content=None)
    fleet.judge(BAD_PAYLOAD, "--previous", text, new)
    fleet.judge(BAD_PAYLOAD, "--previous", old, text)
    fleet.judge(NONCE, "--previous", old, "--nonce", "1", new)
    told = fleet.judge(DIFFERS, "--previous", old, "--nonce", "77", new)
    base, facts = "/packages/packages/dpkg/packages/", "/system-integrity-snapshot/system-integrity-snapshot/facts/"
    seen = {one["path"]: (one["change"], one.get("old"), one.get("new")) for one in told["differences"]}
    assert seen[base + "bash:amd64/version"] == ("changed", "5.2", "5.3")
    assert seen[base + "nano:amd64"][0] == "added" and seen[base + "nano:amd64"][2]["name"] == "nano"
    assert seen[base + "libc6:amd64"][0] == "removed" and seen[base + "vim:amd64"][0] == "removed"
    assert seen[facts + "kernel-lockdown/value"] == ("changed", "integrity", "none")
    assert len(seen) == 5 == len(told["differences"]), seen
    lines = fleet.verify("--previous", old, new).stdout.decode()
    assert f'~ "{base}bash:amd64/version" "5.2" -> "5.3"\n' in lines and f'- "{base}vim:amd64" ' in lines
    same = fleet.envelope("same", dossier(uptime=7, time=4.5, nonce="78"), nonce="78")
    assert fleet.judge(GOOD, "--previous", old, same)["differences"] == []
    assert b"\nPrevious:   nothing differs\n" in fleet.verify("--previous", old, same).stdout
    assert "\nPrevious:" not in lines and b"Previous:" not in fleet.verify(same).stdout


def test_bounded_lists(fleet):
    """No more are listed than asked for; how many more there are is said, and the verdict's reason counts all."""
    packages = [{"name": f"p{n}", "version": "1", "architecture": "all"} for n in range(10005)]
    old, new = (fleet.envelope(name, dossier(packages=some)) for name, some in (("old", packages), ("new", [dict(one, version="2") for one in packages])))
    same = fleet.envelope("same", dossier(packages=packages))
    for value in ("0", "-1", "5x", "1000001", ""):
        refused = fleet.verify("--list-max", value, "--previous", old, new)
        assert refused.returncode == USAGE and b"no number from 1 to 1000000" in refused.stderr
    told = fleet.judge(DIFFERS, "--previous", old, new)
    assert len(told["differences"]) == 10000 and told["more-differences"] == 5 and told["reason"] == "10005 differences from the previous dossier"
    told = fleet.judge(DIFFERS, "--list-max", "3", "--previous", old, new)
    assert [one["path"].rpartition("/packages/")[2] for one in told["differences"]] == [f"p{n}:all/version" for n in range(3)] and told["more-differences"] == 10002
    told = fleet.judge(DIFFERS, "--list-max", "10005", "--previous", old, new)
    assert len(told["differences"]) == 10005 and told["more-differences"] == 0
    assert fleet.judge(GOOD, "--list-max", "1", "--previous", old, same)["more-differences"] == 0
    lines = fleet.verify("--list-max", "2", "--previous", old, new).stdout.decode().splitlines()
    assert lines[-1] == "and 10003 more differences, which --list-max left out" and len([line for line in lines if line.startswith("~ ")]) == 2
    assert "more differences" not in fleet.verify("--list-max", "10005", "--previous", old, new).stdout.decode()
    listed = reference(fleet, "bounded.json", packages={"dpkg": packages})
    told = fleet.judge(NOT_AS_REFERENCE, "--list-max", "4", "--reference", listed, new)
    assert len(told["deviations"]) == 4 and told["more-deviations"] == 10001 and told["reason"].startswith("10005 ")
    lines = fleet.verify("--list-max", "4", "--reference", listed, new).stdout.decode().splitlines()
    assert "and 10001 more deviations, which --list-max left out" in lines
    result = fleet.verify("--batch", "-", "--list-max", "2", data=(json.dumps({"envelope": new, "previous": old}) + "\n").encode())
    assert json.loads(result.stdout)["more-differences"] == 10003


def test_previous_that_is_later(fleet):
    """It is compared all the same, and said."""
    old = fleet.envelope("old", dossier())
    signed = fleet.judge(GOOD, old)["signed-at"]
    while True:  # until another second has begun
        later = fleet.envelope("later", dossier())
        if fleet.judge(GOOD, later)["signed-at"] > signed:
            break
    told = fleet.judge(GOOD, "--previous", later, old)
    assert told["warning"] == "the previous envelope was signed after this one"
    assert b"\nWarning:    the previous envelope was signed after" in fleet.verify("--previous", later, old).stdout
    assert "warning" not in fleet.judge(GOOD, "--previous", old, later) and "warning" not in fleet.judge(GOOD, "--previous", old, old)
    assert b"Warning" not in fleet.verify("--previous", old, later).stdout


def test_differences_between_things_of_one_name(fleet):
    """The second of a name is NAME#2; and however many there are, they are compared in a moment: 200,000 would take hours otherwise."""
    one, two = ({"name": "x", "architecture": "all", "version": version} for version in "12")
    old = fleet.envelope("old", dossier(packages=[one] * 200000 + [{"name": "x", "architecture": "all#2", "version": "3"}]))
    new = fleet.envelope("new", dossier(packages=[one, two] + [one] * 199998, nonce="77"), nonce="77")
    told = fleet.judge(DIFFERS, "--previous", old, new)
    base = "/packages/packages/dpkg/packages/x:all"
    assert {(one["path"], one["change"]) for one in told["differences"]} == {(f"{base}#2/version", "changed"), (f"{base}#2#2", "removed")}, told


def reference(fleet, name, **members):
    (fleet.folder / name).write_text(json.dumps(members))
    return str(fleet.folder / name)


def test_reference(fleet):
    envelope = fleet.envelope("judged", dossier())
    listed = [{"name": "bash", "version": "5.2", "architecture": "amd64"}, {"name": "libc6", "version": "2.36"}]
    files = [{"path": "/usr/bin/bash", "sha256": BASH}, {"path": "/usr/sbin/sshd", "sha256": SSHD}, {"path": "/usr/bin/other", "sha256": BASH}]
    bad = [{"packages": []}, {"packages": {"pacman": []}}, {"packages": {"dpkg": [{"name": "bash"}]}}, {"files": [{"path": "x", "sha256": BASH}]},
           {"files": [{"path": "/x", "sha256": "A" * 64}]}, {"folders": ["/usr/"]}, {"colour": 1}]
    for number, members in enumerate(bad):
        result = fleet.verify("--reference", reference(fleet, f"bad{number}", **members), envelope)
        assert result.returncode == USAGE and result.stderr, members

    def deviations(**members):
        told = fleet.judge(NOT_AS_REFERENCE, "--reference", reference(fleet, "list", **members), envelope)
        return {(one["kind"], one["name"], one["problem"]): (one.get("expected"), one.get("found")) for one in told["deviations"]}

    assert deviations(packages={"dpkg": listed[:1]}) == {("package", "libc6:amd64", "unexpected"): (None, "2.36"),
                                                         ("package", "libc6:i386", "unexpected"): (None, "2.36")}
    assert deviations(packages={"dpkg": [*listed, {"name": "vim", "version": "9.0"}]}) == {("package", "vim", "missing"): ("9.0", None)}
    assert deviations(packages={"dpkg": [listed[0], {"name": "libc6", "version": "2.35"}]}) == {
        ("package", "libc6:amd64", "version"): ("2.35", "2.36"), ("package", "libc6:i386", "version"): ("2.35", "2.36")}
    assert deviations(packages={"rpm": []}) == {("packages", "rpm", "not-collected"): (None, None)}
    assert deviations(files=[dict(files[0], sha256=SSHD)]) == {("file", "/usr/bin/bash", "digest"): (SSHD, BASH)}
    assert deviations(files=files[:1], folders=["/usr"]) == {("file", "/usr/sbin/sshd", "unexpected"): (None, SSHD)}
    good = reference(fleet, "good-list", packages={"dpkg": listed}, files=files, folders=["/usr", "/opt"])
    assert fleet.judge(GOOD, "--reference", good, envelope)["deviations"] == []
    assert b"\nReference:  all is as it has it\n" in fleet.verify("--reference", good, envelope).stdout
    assert fleet.judge(GOOD, "--reference", reference(fleet, "few", files=files[:1], folders=["/us", "/usr/sbi"]), envelope)
    line = json.dumps({"envelope": envelope}).encode()
    assert json.loads(fleet.verify("--reference", good, "--batch", "-", data=line).stdout)["deviations"] == []


def test_reference_and_inventory(fleet):
    """What counts is how the files are after the last block."""
    blocks = chain([file("/usr/bin/old", SSHD)],
                   [file("/opt"), file("/opt/a", BASH), file("/opt/b", SSHD), file("/opt/c", SSHD), file("/opt/d", BASH)],
                   [file("/opt/b", BASH, **{"change-kind": "contents-modified"}), file("/opt/c", **{"change-kind": "deleted"})], full=(0, 1))
    wanted = [{"path": f"/opt/{name}", "sha256": BASH} for name in "abcd"] + [{"path": "/srv/x", "sha256": BASH}]

    def deviations(blocks, **members):
        envelope = fleet.envelope("inventory", bare_times(json.dumps(dossier(blocks=blocks))).encode())
        result = fleet.verify("--json", "--reference", reference(fleet, "files", **members), envelope)
        told = json.loads(result.stdout)
        assert result.returncode == (NOT_AS_REFERENCE if told["deviations"] else GOOD)
        return {(one["name"], one["problem"]) for one in told["deviations"]}

    assert deviations(blocks, files=wanted) == {("/opt/c", "missing")}
    assert deviations(blocks[:2], files=wanted) == {("/opt/b", "digest"), ("/opt/c", "digest")}
    assert deviations(blocks, files=wanted[:2] + wanted[3:], folders=["/opt"]) == set()
    assert deviations(blocks, files=wanted[:1], folders=["/opt"]) == {("/opt/b", "unexpected"), ("/opt/d", "unexpected")}
    assert deviations(blocks[:1], files=wanted) == set()


def test_reference_and_files_that_cannot_be_compared(fleet):
    """A file that was put in the place of a listed one, so that there is no digest to compare, does not pass."""
    link = file("/opt/a", **{"link-target": "/tmp/a"})
    link["meta"]["mode"] = 0o120777
    sparse = file("/opt/b")
    sparse["digest"] = {"algorithm": "sha256-extents", "digest-value": encode(bytes(32))}
    harmless = file("/opt/link", **{"link-target": "b"})
    harmless["meta"]["mode"] = 0o120777
    gone = file("/opt/f", errno=116)
    names = [file(b"/opt/\xff", BASH), file("/opt/new\nline", SSHD)]
    names[1]["name-base64"] = encode(names[1].pop("name").encode())
    blocks = chain([file("/opt"), link, sparse, harmless, gone, *names])
    wanted = [{"path": f"/opt/{name}", "sha256": BASH} for name in "abf"]
    envelope = fleet.envelope("odd", bare_times(json.dumps(dossier(blocks=blocks))).encode())

    def deviations(**members):
        told = fleet.judge(NOT_AS_REFERENCE, "--reference", reference(fleet, "odd-list", **members), envelope)
        return {(one.get("name", one.get("name-base64")), one["problem"], one.get("found")) for one in told["deviations"]}

    assert deviations(files=wanted) == {(f"/opt/{name}", "no-digest", None) for name in "abf"}
    assert deviations(files=[], folders=["/opt"]) == {("/opt/b", "unexpected", None), ("/opt/f", "unexpected", None),
                                                      (encode(b"/opt/\xff"), "unexpected", BASH),
                                                      ("/opt/new\nline", "unexpected", SSHD)}, "links are everywhere, and in no list"
    assert deviations(files=[{"path": "/opt/new\nline", "sha256": BASH}]) == {("/opt/new\nline", "digest", SSHD)}
    lines = fleet.verify("--reference", reference(fleet, "odd-list", folders=["/opt"]), envelope).stdout.decode()
    assert '"name-base64":"' + encode(b"/opt/\xff") + '"' in lines


def test_reference_and_nothing_to_judge(fleet):
    """A dossier that has no file of the list's kind, or only a part of the packages, is not as the list says."""
    bare = dossier()
    del bare["system-integrity-snapshot"]
    files = reference(fleet, "files", files=[{"path": "/opt/a", "sha256": BASH}])
    told = fleet.judge(NOT_AS_REFERENCE, "--reference", files, fleet.envelope("bare", bare))
    assert [(one["kind"], one["problem"]) for one in told["deviations"]] == [("files", "not-collected")]
    listed = [{"name": "bash", "version": "5.2"}, {"name": "libc6", "version": "2.36"}]
    packages = reference(fleet, "packages", packages={"dpkg": listed})

    def deviations(**changes):
        cut = dossier()
        cut["packages"]["packages"]["dpkg"] |= changes
        told = fleet.verify("--json", "--reference", packages, fleet.envelope("cut", cut))
        return [(one["name"], one["problem"]) for one in json.loads(told.stdout)["deviations"]]

    assert deviations(**{"result-code": "Success"}) == deviations(**{"result-code": "Partial", "reason": "x"}) == []
    assert deviations(**{"result-code": "Timeout", "reason": "x"}) == [("dpkg", "incomplete")]
    entry = {"name": "nano", "version": "7", "architecture": "amd64"}
    before = dossier()["packages"]["packages"]["dpkg"]["packages"]
    for status in ("install ok unpacked", "install ok half-configured", "install ok triggers-pending", "deinstall reinstreq half-installed"):
        assert deviations(packages=[*before, dict(entry, status=status)]) == [("nano:amd64", "unexpected")], status
    for status in ("purge ok not-installed", "deinstall ok config-files"):
        assert deviations(packages=[*before, dict(entry, status=status)]) == [], status
    unread = {"name": "nano", "line": 7, "result-code": "Failed", "reason": "The entry in the package database has no field Version"}
    assert deviations(packages=[*before, unread, {"line": 9, "result-code": "Failed"}]) == [("nano", "unreadable"), ("dpkg", "unreadable")]


def test_reference_and_pages(fleet):
    """Files of the blocks that other envelopes have are judged too."""
    blocks = chain([file("/opt"), file("/opt/a", SSHD), file("/opt/b", SSHD), file("/opt/c", BASH)],
                   [file("/opt/b", BASH, **{"change-kind": "contents-modified"})],
                   [file("/opt/c", **{"change-kind": "deleted"})])
    range_of = {"first-block": blocks[0]["snapshot-block-no"], "last-block": blocks[-1]["snapshot-block-no"]}

    def page(name, *part):
        whole = dossier(blocks=blocks)
        whole["filesystem-inventory"]["filesystem-inventory"]["nodes"][0] |= {**range_of, "snapshots": list(part)}
        return fleet.envelope(name, bare_times(json.dumps(whole)).encode())

    first, second, last = page("page-1", blocks[0]), page("page-2", blocks[1]), page("page-3", blocks[2])
    wanted = reference(fleet, "wanted", files=[{"path": f"/opt/{name}", "sha256": BASH} for name in "abc"])
    told = fleet.judge(NOT_AS_REFERENCE, "--page", first, "--page", second, "--reference", wanted, last)
    assert {(one["name"], one["problem"]) for one in told["deviations"]} == {("/opt/a", "digest"), ("/opt/c", "missing")}


def there(name, code="Success", **more):
    """What a router says of another node."""
    return {"node-location": name, "result-code": code, **more}


def with_nodes(fleet, name, *nodes, **changes):
    whole = {**dossier(**changes), "nodes": list(nodes)}
    return fleet.envelope(name, bare_times(json.dumps(whole)).encode(), nonce=changes.get("nonce", "1580"))


def test_nodes(fleet):
    """What another node says is judged too: it has to be an answer to this question."""
    wrong = with_nodes(fleet, "nodes", there("0/1/CPU0", dossier=dossier()), there("0/2/CPU0", dossier=dossier(nonce="1579")))
    told = fleet.judge(BAD_NODE, wrong)
    assert told["verdict"] == "bad-node" and told["reason"].startswith("node 0/2/CPU0: its nonce is 1579")
    assert [one["verdict"] for one in told["nodes"]] == ["good", "nonce-mismatch"] and "signer" in told
    altered = chain([file("/opt/a", BASH)], [file("/opt/b", BASH)])
    altered[1]["files"][0]["meta"]["mode"] = 0o104755
    told = fleet.judge(BAD_NODE, with_nodes(fleet, "altered", there("0/1/CPU0", dossier=dossier(blocks=altered))))
    assert told["nodes"][0]["verdict"] == "broken-inventory" and told["nodes"][0]["inventory"]["problems"][0]["problem"] == "altered"
    assert fleet.judge(BAD_PAYLOAD, with_nodes(fleet, "none", {"node-location": "0/1/CPU0"}))["reason"] == "the list of other nodes is none"
    down = there("0/2/CPU0", "Failed", reason="router-2 cannot be reached: \x1b[2J")
    old = with_nodes(fleet, "down", there("0/1/CPU0", dossier=dossier()), down)
    told = fleet.judge(GOOD, "--nonce", "1580", old)
    assert [(one["verdict"], one["result-code"], one.get("nonce")) for one in told["nodes"]] == [("good", "Success", "1580"), ("incomplete", "Failed", None)]
    assert told["nodes"][1]["reason"] == down["reason"] and told["nodes"][0]["bytes"] == len(json.dumps(dossier()))
    lines = fleet.verify(old).stdout.decode()
    assert '"node-location":"0\\/2' not in lines and 'Node:       {"node-location":"0/2/CPU0","verdict":"incomplete"' in lines and "\x1b" not in lines
    assert "nodes" not in fleet.judge(GOOD, fleet.envelope("alone", dossier()))


def test_pages_of_nodes(fleet):
    """The blocks of another node are a chain too, from page to page; what a node calls itself makes it no other one."""
    blocks, other = chain([file("/opt/a", BASH)], [file("/opt/b", BASH)], [file("/opt/c", BASH)]), chain([file("/opt/x", BASH)], [file("/opt/y", SSHD)])

    def page(name, part, total=blocks, **changes):
        inner = dossier(**changes, blocks=part)
        inner["filesystem-inventory"]["filesystem-inventory"]["nodes"][0] |= {"first-block": 0, "last-block": total[-1]["snapshot-block-no"]}
        return with_nodes(fleet, name, there("0/1/CPU0", dossier=inner))

    first, second, last = page("n1", blocks[:1]), page("n2", blocks[1:2]), page("n3", blocks[2:])
    told = fleet.judge(BROKEN_INVENTORY, "--page", first, last)
    assert [(one["node"], one["block"], one["problem"]) for one in told["inventory"]["problems"]] == [("0/1/CPU0: 0/RP0/CPU0", 1, "missing")]
    # Written after other blocks than those that were there before.
    told = fleet.judge(BROKEN_INVENTORY, "--page", page("n4", other[:1], other), page("n5", blocks[1:2], other))
    assert ("0/1/CPU0: 0/RP0/CPU0", 1, "unchained") in [(one["node"], one["block"], one["problem"]) for one in told["inventory"]["problems"]]
    told = fleet.judge(GOOD, "--page", first, "--page", second, last)
    assert [(one["node"], one["from"], one["to"], one["whole"]) for one in told["inventory"]["nodes"]] == [("0/1/CPU0: 0/RP0/CPU0", 0, 2, True)]
    assert "inventory" not in fleet.judge(GOOD, last), "alone it is told with the node"


def test_differences_of_nodes(fleet):
    """Each node is compared with itself; one that is gone, has come, or did not answer whole is a difference, and nothing of its dossier is."""
    one, two = (there(f"0/{n}/CPU0", dossier=dossier()) for n in (1, 2))
    down = there("0/2/CPU0", "Failed", reason="down")
    half = there("0/2/CPU0", "Partial", reason="cut", dossier=dossier(lockdown="none"))
    old = with_nodes(fleet, "old-nodes", one, two)

    def differences(old, *nodes, status=DIFFERS):
        new = with_nodes(fleet, "new-nodes", *nodes)
        told = fleet.judge(status, "--previous", old, new)
        count = sum("node" in one for one in told["differences"])
        assert status == GOOD or told["reason"].endswith(f"{count} of them of other nodes")
        return [(one.get("node"), one["path"], one["change"], one.get("old"), one.get("new")) for one in told["differences"]]

    where, head = "/nodes/0/2/CPU0", {"node-location": "0/2/CPU0", "result-code": "Success"}
    assert differences(old, two, one, status=GOOD) == []
    assert differences(old, one) == [("0/2/CPU0", where, "removed", head, None)]
    alone = fleet.envelope("alone-again", dossier())
    told = fleet.judge(DIFFERS, "--previous", old, alone)
    assert [(one["node"], one["change"]) for one in told["differences"]] == [("0/1/CPU0", "removed"), ("0/2/CPU0", "removed")]
    assert differences(alone, one, down) == [("0/1/CPU0", "/nodes/0/1/CPU0", "added", None, dict(head, **{"node-location": "0/1/CPU0"})),
                                             ("0/2/CPU0", where, "added", None, down)]
    assert differences(old, one, down) == [("0/2/CPU0", where, "not-compared", head, down)]
    told_half = {name: value for name, value in half.items() if name != "dossier"}
    assert differences(old, one, half) == [("0/2/CPU0", where, "not-compared", head, told_half)]
    was_down = with_nodes(fleet, "was-down", one, down)
    assert differences(was_down, one, down) == [("0/2/CPU0", where, "not-compared", down, down)]
    assert differences(was_down, one, two) == [("0/2/CPU0", where, "not-compared", down, head)]
    lines = fleet.verify("--previous", was_down, with_nodes(fleet, "down-again", one, down)).stdout.decode()
    assert '? "/nodes/0/2/CPU0" (node 0/2/CPU0) {' in lines, lines
    # What no two dossiers share is of no account there either, and each node is compared with itself.
    changed = dict(two, dossier=dossier(nonce="78", uptime=9, time=7.5, lockdown="none"))
    new = with_nodes(fleet, "changed", there("0/1/CPU0", dossier=dossier(nonce="78")), changed, nonce="78")
    told = fleet.judge(DIFFERS, "--previous", old, new)
    inside = f"{where}/dossier/system-integrity-snapshot/system-integrity-snapshot/facts/kernel-lockdown/value"
    assert told["differences"] == [{"node": "0/2/CPU0", "path": inside, "change": "changed", "old": "integrity", "new": "none"}]
    # The earlier one has to hold too.
    for nodes, status, reason in (([there("0/1/CPU0", dossier=dossier(nonce="7"))], BAD_NODE, "node 0/1/CPU0: its nonce is 7"), ([7], BAD_PAYLOAD, "is none")):
        wrong = with_nodes(fleet, "wrong", *nodes)
        assert reason in fleet.judge(status, "--previous", wrong, old)["reason"]


def test_reference_and_nodes(fleet):
    """Other nodes have to be as the list says too: each by its own files and packages, and by the list for its platform."""
    listed = [{"name": "bash", "version": "5.2"}, {"name": "libc6", "version": "2.36"}]
    files = [{"path": "/usr/bin/bash", "sha256": BASH}, {"path": "/usr/sbin/sshd", "sha256": SSHD}, {"path": "/opt/a", "sha256": BASH}]
    card = [{"name": "nano", "version": "7", "architecture": "amd64", "status": "install ok installed"}]
    plain = {"packages": {"dpkg": listed}, "files": files}
    for_card = {"packages": {"dpkg": [{"name": "nano", "version": "7"}]}, "files": files}

    def findings(list_, *nodes, pages=(), **changes):
        envelope = with_nodes(fleet, "judged-nodes", *nodes, **changes)
        wanted = reference(fleet, "node-list", **list_)
        result = fleet.verify("--json", *(word for page in pages for word in ("--page", page)), "--reference", wanted, envelope)
        told = json.loads(result.stdout)
        assert result.returncode == (NOT_AS_REFERENCE if told["deviations"] else GOOD), told
        return [(one.get("node"), one["kind"], one["name"], one["problem"]) for one in told["deviations"]]

    good = there("0/1/CPU0", dossier=dossier())
    assert findings(plain, good, there("0/2/CPU0", dossier=dossier(packages=card))) == [
        ("0/2/CPU0", "package", "nano:amd64", "unexpected"), ("0/2/CPU0", "package", "bash", "missing"), ("0/2/CPU0", "package", "libc6", "missing")]
    assert findings(plain, good) == []
    altered = chain([file("/opt"), file("/opt/a", SSHD)])
    assert findings(plain, good, there("0/2/CPU0", dossier=dossier(blocks=altered))) == [("0/2/CPU0", "file", "/opt/a", "digest")]
    assert findings(plain, there("0/2/CPU0", dossier=dossier(blocks=altered)), blocks=altered) == [
        (None, "file", "/opt/a", "digest"), ("0/2/CPU0", "file", "/opt/a", "digest")], "of each node once"
    bare = {name: value for name, value in dossier().items() if name != "system-integrity-snapshot"}
    assert findings(plain, there("0/1/CPU0", dossier=bare)) == [("0/1/CPU0", "files", "filesystem-inventory", "not-collected")], "the router's own are not its"
    for code, more in (("Failed", {}), ("Partial", {"dossier": dossier(packages=card)}), ("Timeout", {})):
        assert findings(plain, good, there("0/2/CPU0", code, reason="why", **more)) == [("0/2/CPU0", "node", "0/2/CPU0", "not-collected")]
    lines = fleet.verify("--reference", str(fleet.folder / "node-list"), str(fleet.folder / "judged-nodes")).stdout.decode()
    assert '! {"node":"0/2/CPU0","kind":"node"' in lines and "1 packages or files are not as the reference has them, 1 of them of other nodes" in lines, lines

    card_there = there("0/2/CPU0", dossier=dossier(packages=card, type="Card 7 B"))
    both = {**plain, "platforms": {"Card 7 B": for_card}}
    assert findings(both, good, card_there) == findings({"platforms": {"Card 7 B": for_card, "RP": plain}}, card_there, type="RP") == []
    assert findings(both, there("0/2/CPU0", dossier=dossier(type="Card 7 B")))[0] == ("0/2/CPU0", "package", "bash:amd64", "unexpected")
    assert findings({"platforms": {"RP": plain}}, card_there, there("0/3/CPU0", dossier=dossier()), type="RP") == [
        ("0/2/CPU0", "platform", "Card 7 B", "unlisted"), ("0/3/CPU0", "platform", "platform", "not-collected")]
    for bad in ({"RP": {}}, {"RP": {"packages": {}}}, {"RP": []}, {"RP": {"files": 7}}, {"RP": {"platforms": {}}}, []):
        result = fleet.verify("--reference", reference(fleet, "bad-platforms", platforms=bad), str(fleet.folder / "judged-nodes"))
        assert result.returncode == USAGE and result.stderr, bad

    # Blocks of a node that an earlier envelope has.
    blocks = chain([file("/opt"), file("/opt/a", SSHD)], [file("/opt/b", BASH)])
    page = with_nodes(fleet, "page-of-nodes", there("0/2/CPU0", dossier=dossier(blocks=blocks[:1])), blocks=blocks[:1])
    later = there("0/2/CPU0", dossier=dossier(blocks=blocks[1:]))
    assert findings({"files": files}, later, pages=[page], blocks=blocks[1:]) == [(None, "file", "/opt/a", "digest"), ("0/2/CPU0", "file", "/opt/a", "digest")]


def main():
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), sys.argv[1], sys.argv[2])
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(fleet)
                print(f"{name}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
