# SPDX-License-Identifier: Apache-2.0
"""The dossier on a running machine: its schema, its content against what the machine itself says, hostile packages, boots that ended in
different ways, and callers that do not behave."""

import base64
import copy
import json
import pathlib
import re

import pytest

import workflow
from dossiers import SCHEMA, collect, content, read, yanglint
from machine import ADMIN, wait_for

TOOL = "/run/dossier-stream"
ERROR = "org.chancery.Error."
STATUS = "/var/lib/dpkg/status"


@pytest.fixture(scope="module")
def dossier(enrolled):
    return collect(enrolled)


def test_schema_refuses(dossier):
    """The schema is one that can say no."""
    for change in (lambda d: d.update(extra=1), lambda d: d.pop("platform"), lambda d: d["packages"].update({"result-code": "Good"}),
                   lambda d: d["packages"].pop("packages"), lambda d: d.update(nonce="x"),
                   lambda d: content(d, "system-integrity-snapshot")["facts"].append({"id": "made-up", "result-code": "Success", "value": 1}),
                   lambda d: content(d, "system-integrity-snapshot")["facts"][0].pop("value")):
        changed = copy.deepcopy(dossier)
        change(changed)
        assert list(SCHEMA.problems(changed))


def test_schema(dossier):
    assert not list(SCHEMA.problems(dossier))
    assert list(dossier)[:6] == ["collection-start-time", "model-name", "model-revision", "license-udi", "version", "platform"]
    assert list(dossier)[6:] == [*workflow.SELECTORS, "nonce", "collection-end-time"]
    assert 0 < dossier["collection-end-time"] - dossier["collection-start-time"] < 60


def test_yang_refuses(dossier):
    for change in (lambda d: d.update(extra=1), lambda d: d["packages"].update({"result-code": "Good"}), lambda d: d.update(nonce="x"),
                   lambda d: d.pop("collection-start-time"), lambda d: content(d, "packages")["dpkg"]["packages"][0].update(colour="red")):
        changed = copy.deepcopy(dossier)
        change(changed)
        assert yanglint(changed)


def test_yang(dossier):
    assert yanglint(dossier) == ""


@pytest.mark.parametrize("before,after,words", [
    ("include ", "bogus", "packages, reboot-history, rollback-history, system-integrity-snapshot, system-inventory, filesystem-inventory"),
    ("include system-inventory reboot-history ", "bogus nonce 5", "packages, rollback-history, system-integrity-snapshot, filesystem-inventory"),
    ("include packages nonce 5 ", "bogus", None), ("", "bogus", None)])
def test_unknown_selector(before, after, words, enrolled):
    """A caret, and what there is; where no selector may stand, only the caret."""
    command = f"show platform security integrity dossier {before}{after}"
    refused = enrolled.chancery(command, check=False)
    told = (refused.stdout + refused.stderr).splitlines()
    assert refused.returncode != 0
    at = told.index(command)
    assert told[at + 1:at + 3] == [" " * (len(command) - len(after)) + "^", "% Invalid input detected at '^' marker."]
    assert [line for line in told if "can be included" in line] == ([f"% What can be included there: {words}"] if words else [])


@pytest.mark.parametrize("selectors", [workflow.SELECTORS[::-1], ("system-inventory", "rollback-history"), ("reboot-history",)], ids=len)
def test_any_combination(selectors, enrolled):
    """What is asked for is there, in the order of the format, and nothing else is."""
    found = list(collect(enrolled, selectors, None))
    assert found[6:] == [*(one for one in workflow.SELECTORS if one in selectors), "collection-end-time"]


def test_packages(enrolled, dossier):
    lines = enrolled.output(["dpkg-query", "-W", "-f", "${binary:Package}\t${Version}\t${Architecture}\t${Status}\n"]).splitlines()
    wanted = sorted((name.split(":")[0], *rest) for name, *rest in (line.split("\t") for line in lines))
    packages = content(dossier, "packages")["dpkg"]["packages"]
    found = sorted((p["name"], p.get("version", ""), p.get("architecture", ""), p["status"]) for p in packages)
    assert [list(p) for p in found] == [list(p) for p in wanted]
    assert all(p["install-time"] > 1e9 for p in packages if p["status"] == "install ok installed")


def test_commits(enrolled, dossier):
    commits = content(dossier, "rollback-history")["commits"]
    assert [c["commit-id"] for c in commits] == [str(1000000000 + n) for n in range(len(commits), 0, -1)]
    assert {c["user-id"] for c in commits} == {ADMIN}
    assert all(a["timestamp"] > b["timestamp"] for a, b in zip(commits, commits[1:]))


def test_inventory_is_the_machines_own(enrolled, dossier):
    inventory = content(dossier, "system-inventory")
    assert [d["name"] for d in inventory["pci-devices"]] == sorted(enrolled.output("ls /sys/bus/pci/devices 2>/dev/null || true").split())
    assert inventory["processors"]["count"] == int(enrolled.output("grep -c ^processor /proc/cpuinfo"))
    total = int(enrolled.output("awk '/^MemTotal:/ {print $2}' /proc/meminfo")) * 1024
    assert inventory["memory"]["total-bytes"] == total


def test_facts_are_the_machines_own(enrolled, dossier):
    facts = {f["id"]: f for f in content(dossier, "system-integrity-snapshot")["facts"]}
    assert facts["kernel-command-line"]["value"] == enrolled.output("cat /proc/cmdline").rstrip("\n")
    assert facts["kernel-version"]["value"]["release"] == enrolled.output("uname -r").strip()
    assert facts["kernel-taint"]["value"]["tainted"] == int(enrolled.output("cat /proc/sys/kernel/tainted"))
    for name, path in (("platform-config-registers", "/sys/class/tpm/tpm0"), ("secure-boot", "/sys/firmware/efi"),
                       ("kernel-modules", "/proc/modules"), ("kernel-lockdown", "/sys/kernel/security/lockdown")):
        there = enrolled.run(["test", "-e", path], check=False).returncode == 0
        assert (facts[name]["result-code"] == "Not available") == (not there), facts[name]
        assert "value" in facts[name] or facts[name]["reason"]


def test_hostile_packages(enrolled):
    """F16: what somebody wrote into a package's fields changes nothing but that package's entry."""
    if not enrolled.can_reboot:
        pytest.skip("the package database here is not a router's own")
    version = b'1"},{"name":"forged\\\x1b[2J\x07\xff\r'
    before = enrolled.read(STATUS)
    try:
        enrolled.write(STATUS, before.rstrip(b"\n") + b"\n\nPackage: ../../../etc/shadow\nStatus: install ok installed\nVersion: 1\n\n"
                       b"Package: zz-hostile\nStatus: install ok installed\nArchitecture: all\nVersion: " + version + b"x\n")
        text = enrolled.chancery("show platform security integrity dossier include packages", ADMIN).stdout
    finally:
        enrolled.write(STATUS, before)
    assert all(c >= " " or c == "\n" for c in text) and "\x7f" not in text
    after = read(text)
    assert after["packages"]["result-code"] == "Partial"
    *rest, path, hostile = content(after, "packages")["dpkg"]["packages"]
    assert path["result-code"] == "Failed" and "install-time" not in path
    assert base64.b64decode(hostile["version-base64"]) == version + b"x" and "version" not in hostile
    assert len(rest) == before.count(b"\nPackage: ") + before.startswith(b"Package: ")


def verify(machine, manager="dpkg"):
    """What packages have that differs from their digests, by name, and how many files were compared."""
    text = machine.chancery("show platform security integrity dossier include packages verify-packages", ADMIN).stdout
    found = read(text)
    packages = [p for p in content(found, "packages")[manager]["packages"] if p.get("status", "x installed").endswith(" installed")]
    assert all(p["verification"]["result-code"] in ("Success", "Not available") for p in packages)
    return ({d["name"]: (p["name"], d["state"], d.get("conffile", False)) for p in packages for d in p["verification"]["differences"]},
            sum(p["verification"]["files"] for p in packages))


def test_verify_packages(enrolled):
    """What is changed, removed or made another kind of file is listed, and nothing else is. The database is of three packages: not of all that the machine
    has, which would take its time."""
    if not enrolled.can_reboot:
        pytest.skip("the package database here is not a router's own")
    refused = enrolled.chancery("show platform security integrity dossier include system-inventory verify-packages", ADMIN, check=False)
    assert refused.returncode != 0 and "verify-packages needs the selector packages" in refused.stdout + refused.stderr
    whole = enrolled.read(STATUS)
    stanzas = [s for s in whole.split(b"\n\n") if s.startswith((b"Package: dpkg\n", b"Package: login\n", b"Package: passwd\n"))]
    assert len(stanzas) == 3
    file, gone, conffile = "/usr/bin/newgrp", "/usr/bin/chage", "/etc/logrotate.d/dpkg"
    changed = (file, gone, conffile)
    kept = {path: (enrolled.read(path), enrolled.path(path).stat().st_mode & 0o7777) for path in changed}
    try:
        enrolled.write(STATUS, b"\n\n".join(stanzas) + b"\n")
        before, files = verify(enrolled)
        assert files > 50 and not set(changed) & set(before)
        enrolled.write(file, kept[file][0] + b"\0", kept[file][1])
        enrolled.path(gone).unlink()
        enrolled.write(conffile, b"# other\n", kept[conffile][1])
        after, again = verify(enrolled)
        assert again == files
        assert {name: after[name] for name in set(after) - set(before)} == {
            file: ("login", "changed", False), gone: ("passwd", "missing", False), conffile: ("dpkg", "changed", True)}
        assert not set(before) - set(after)
        enrolled.run(["systemctl", "stop", "chancery-probe-digests.socket"])
        text = enrolled.chancery("show platform security integrity dossier include packages verify-packages", ADMIN).stdout
        found = read(text)
        assert found["packages"]["result-code"] == "Partial"
        assert "Connection refused" in content(found, "packages")["dpkg"]["verification-failure"]
        assert len(content(found, "packages")["dpkg"]["packages"]) == 3
    finally:
        enrolled.run(["systemctl", "start", "chancery-probe-digests.socket"])
        for path, (data, mode) in kept.items():
            enrolled.write(path, data, mode)
        enrolled.write(STATUS, whole)


RPM_DATABASE = "/var/lib/rpm"
RPM_SPEC = """Name: chancery-probe-{name}
Version: 1.2.3
Release: 4.el9
Summary: For a test
License: Apache-2.0
{more}
%description
For a test.
%files
"""


def rpm_says(machine):
    """What rpm itself says about each package, as the dossier writes it."""
    form = r"%{NAME}\t%{EVR}\t%{ARCH}\t%{INSTALLTIME}\n"
    lines = machine.output(["rpm", "--dbpath", RPM_DATABASE, "-qa", "--qf", form]).splitlines()
    return sorted([name, version, architecture, float(time)] for name, version, architecture, time in (line.split("\t") for line in lines))


@pytest.fixture
def rpm_database(enrolled):
    """A database that rpm made, of packages that rpmbuild made."""
    if not enrolled.can_reboot:
        pytest.skip("the package database here is not a router's own")
    for name, more in (("new", "Epoch: 2\nBuildArch: noarch"), ("old", "")):
        enrolled.write(f"/run/rpm/{name}.spec", RPM_SPEC.format(name=name, more=more))
    enrolled.run("cd /run/rpm && rpmbuild -bb --define '_topdir /run/rpm' *.spec && "
                 f"rpm --dbpath {RPM_DATABASE} --initdb && rpm --dbpath {RPM_DATABASE} --install --nodeps RPMS/*/*.rpm")
    yield f"{RPM_DATABASE}/rpmdb.sqlite"
    enrolled.run(f"rm -r /run/rpm {RPM_DATABASE}/rpmdb.sqlite* {RPM_DATABASE}/.rpm.lock")


def test_rpm(enrolled, dossier, rpm_database):
    assert content(dossier, "packages")["rpm"] == {"result-code": "Not available", "reason": "There is no rpm database"}
    found = collect(enrolled, ["packages"])
    assert found["packages"]["result-code"] == "Success"
    rpm = content(found, "packages")["rpm"]
    assert rpm["result-code"] == "Success"
    assert len(rpm["packages"]) == 2
    assert sorted([p["name"], p["version"], p["architecture"], p["install-time"]] for p in rpm["packages"]) == rpm_says(enrolled)


RPM_FILES = """Name: chancery-files-{name}
Version: 1
Release: 1
Summary: For a test
License: Apache-2.0
BuildArch: noarch
%description
For a test.
%install
mkdir -p %{{buildroot}}/opt/{name}/folder
cd %{{buildroot}}/opt/{name}
for i in same changed gone config config-gone other-kind ghost; do echo $i > $i; done
ln -s same link
%files
%dir /opt/{name}/folder
/opt/{name}/same
/opt/{name}/link
/opt/{name}/changed
/opt/{name}/gone
/opt/{name}/other-kind
%config /opt/{name}/config
%config(missingok) /opt/{name}/config-gone
%ghost /opt/{name}/ghost
"""


@pytest.fixture
def rpm_files(enrolled):
    """Two packages of the same files, with the digest that rpm takes by itself and with the one that it took long ago."""
    if not enrolled.can_reboot:
        pytest.skip("the package database here is not a router's own")
    whole = enrolled.read(STATUS)
    enrolled.write(STATUS, b"")
    for name, algorithm in (("sha256", 8), ("md5", 1)):
        enrolled.write(f"/run/rpm/{name}.spec", RPM_FILES.format(name=name))
        enrolled.run(f"cd /run/rpm && rpmbuild -bb --define '_topdir /run/rpm' --define '_binary_filedigest_algorithm {algorithm}' {name}.spec")
    enrolled.run(f"rpm --dbpath {RPM_DATABASE} --initdb && rpm --dbpath {RPM_DATABASE} --install --nodeps /run/rpm/RPMS/*/*.rpm")
    yield ("sha256", "md5")
    enrolled.write(STATUS, whole)
    enrolled.run(f"rm -rf /opt/sha256 /opt/md5 /run/rpm {RPM_DATABASE}/rpmdb.sqlite* {RPM_DATABASE}/.rpm.lock")


def test_verify_rpm(enrolled, rpm_files):
    """The same for rpm, against what rpm itself says of its files."""
    assert verify(enrolled, "rpm") == ({}, 12)
    assert enrolled.run(["rpm", "--dbpath", RPM_DATABASE, "-Va", "--nomtime"], check=False).stdout == ""
    for name in rpm_files:
        enrolled.run(f"cd /opt/{name} && echo other > changed && echo other > config && rm gone config-gone other-kind && mkdir other-kind && touch --date=@1 same")
    wanted = {f"/opt/{name}/{file}": (f"chancery-files-{name}", state, file == "config") for name in rpm_files
              for file, state in (("changed", "changed"), ("config", "changed"), ("gone", "missing"), ("other-kind", "changed"))}
    assert verify(enrolled, "rpm") == (wanted, 12)
    told = enrolled.run(["rpm", "--dbpath", RPM_DATABASE, "-Va", "--nomtime"], check=False).stdout
    assert {line.split()[-1] for line in told.splitlines()} == set(wanted), told
    enrolled.run(["systemctl", "stop", "chancery-probe-digests.socket"])
    text = enrolled.chancery("show platform security integrity dossier include packages verify-packages", ADMIN).stdout
    enrolled.run(["systemctl", "start", "chancery-probe-digests.socket"])
    found = read(text)
    assert found["packages"]["result-code"] == "Partial"
    assert "Connection refused" in content(found, "packages")["rpm"]["verification-failure"]
    assert len(content(found, "packages")["rpm"]["packages"]) == 2


def test_corrupt_rpm_database(enrolled, dossier, rpm_database):
    """It is said, and nothing else is lost by it."""
    good = enrolled.read(rpm_database)
    for bad, code in ((b"x" * len(good), "Failed"), (good[:4096] + b"x" * (len(good) - 4096), "Failed"), (good[:len(good) // 2], "Failed")):
        enrolled.write(rpm_database, bad)
        found = collect(enrolled)
        rpm = content(found, "packages")["rpm"]
        assert rpm["result-code"] == code and rpm["reason"].startswith(rpm_database), rpm
        assert found["packages"]["result-code"] == "Partial"
        assert content(found, "packages")["dpkg"] == content(dossier, "packages")["dpkg"]
        for selector in set(workflow.SELECTORS) - {"packages"}:
            assert found[selector]["result-code"] == dossier[selector]["result-code"], selector


@pytest.fixture(scope="module")
def tool(enrolled, build):
    enrolled.write(TOOL, (build / "dossierd/dossier-stream").read_bytes(), 0o755)
    yield lambda *words: enrolled.output([TOOL, *words], timeout=150).strip()
    enrolled.path(TOOL).unlink()


LARGEST = str(2**512 - 1)
SHOW = "show platform security integrity dossier include"


@pytest.mark.parametrize("line, at, why", [
    (f"{SHOW} packages nonce 0xzz", "0xzz", "64 bytes"), (f"{SHOW} packages nonce 1,5", "1,5", "64 bytes"), (f"{SHOW} packages nonce 0x{'0' * 129}", "0x0", "64 bytes"),
    (f"{SHOW} packages nonce {2**512}", str(2**512), "64 bytes"), ("show version | utility sign nonce 0X1 include-certificate", "0X1", "64 bytes"),
    (f"{SHOW} packages nonce 1 nonce 2", "nonce 2", None), (f"{SHOW} packages rumours", "umours", None), (f"{SHOW} packages packages", "packages", None)])
def test_wrong_words(line, at, why, enrolled):
    """The caret stands below what is wrong, and where there is more to say it is said."""
    refused = enrolled.chancery(line, check=False)
    shown, caret, *rest = refused.stderr.splitlines()
    assert refused.returncode != 0 and caret == " " * line.rindex(at) + "^" and shown == line, refused.stderr
    assert rest[0] == "% Invalid input detected at '^' marker." and (why is None or why in rest[1]), rest


def test_nonces_are_repeated(enrolled):
    for nonce in ("0", "1580", LARGEST, "0x00", "0x" + "aB" * 64):
        assert collect(enrolled, ["rollback-history"], nonce)["nonce"] == nonce


@pytest.mark.parametrize("mode", ["device", "read-end", "selector", "nonce"])
def test_wrong_arguments(mode, tool):
    told = tool(mode)
    assert told.startswith(ERROR + "InvalidArgument ")
    assert mode != "selector" or ', '.join((*workflow.SELECTORS, "filesystem-inventory")) in told


@pytest.mark.parametrize("mode", ["reader-gone", "cancel"])
def test_nobody_reads(mode, tool):
    assert tool(mode).startswith(ERROR + "Cancelled ")
    assert tool("good").startswith("ok ")


def test_too_large(tool):
    assert tool("sign", "513").startswith(ERROR + "TooLarge ")
    assert tool("sign", "3") == f"ok {envelope_size(3 << 20, tool)}"


def envelope_size(payload, tool):
    """An empty envelope's size, and four characters for each three bytes."""
    return int(tool("sign", "0").split()[1]) + (payload * 4 + 2) // 3


def test_limit_per_user(enrolled, tool):
    assert enrolled.output([TOOL, "many"], ADMIN).startswith(ERROR + "LimitExceeded ")
    assert tool("good").startswith("ok ")


# As wtmpdb leaves it, where it has taken the place of wtmp.
WTMPDB = """import sqlite3
db = sqlite3.connect("/var/log/wtmp.db")
db.execute("CREATE TABLE IF NOT EXISTS wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, "
           "RemoteHost TEXT, Service TEXT) STRICT")
db.execute("INSERT INTO wtmp(Type, User, Login, Logout, TTY, RemoteHost) VALUES (1, 'reboot', 1700000000500000, 1700000060000000, '~', '6.12')")
db.commit()
"""


def die_of_a_bug(router):
    """The journal hears from a kernel of the test's own: a FIFO in the place where it reads the kernel's messages. What journald itself has to
    say of messages that are none must not get there again, and nobody may wait for a reader while it starts anew."""
    router.write("/run/systemd/system/systemd-journald.service.d/test.conf", "[Service]\nEnvironment=SYSTEMD_LOG_TARGET=null\n")
    router.run(["systemctl", "daemon-reload"])
    router.run(["sh", "-c", "mkfifo -m 600 /dev/kmsg && exec 9<>/dev/kmsg && systemctl restart systemd-journald"])
    # One after another: what is read from a FIFO at once is one message.
    for head, text in (("6,1,1,-", "a line of no matter"), ("1,2,2,-", "BUG: of the test")):
        router.run(["sh", "-c", f"printf '{head};{text}\\n' 1<>/dev/kmsg"])
        wait_for(lambda text=text: text in router.output(["journalctl", "--boot", "_TRANSPORT=kernel"]), "the journal to have it")


def test_boots(fresh_router):
    """A reboot and a power failure, told from each other by what is left of the boots before them."""
    router = fresh_router()
    # The journal of the first moments lies in memory and moves to the disk later: nothing is lost when it is asked to.
    router.run(["journalctl", "--flush"])
    router.reboot()
    router.wait_daemons()
    die_of_a_bug(router)
    router.run(["/usr/bin/python3", "-c", WTMPDB])
    router.run(["journalctl", "--sync"])
    router.reboot(hard=True)
    router.wait_daemons()
    found = collect(router, ["reboot-history"], None)
    history = content(found, "reboot-history")
    assert found["reboot-history"]["result-code"] == "Success"
    assert [(b["no"], b["cause-code"]) for b in history["reboot-history"]] == [(1, 5), (2, 1), (3, 0)]
    assert history["last-reboot"]["cause-code"] == 5
    assert [(b["end"], b.get("shutdown-begun"), b.get("journal-stopped")) for b in history["reboot-history"]] == [
        ("running", None, None), ("none", False, False), ("reboot", True, True)]
    assert [[e["line"] for e in b.get("kernel-errors", [])] for b in history["reboot-history"]] == [[], ["BUG: of the test"], []]
    if router.path("/var/log/wtmp").exists():
        assert [r["type"] for r in history["wtmp"]["records"]] == ["boot", "shutdown", "boot", "boot"]
    else:  # nobody writes it from Debian 13 on
        assert history["wtmp"] == {"result-code": "Not available", "reason": "There is no /var/log/wtmp"}
    assert history["wtmpdb"]["result-code"] == "Success"
    assert history["wtmpdb"]["records"][:2] == [{"type": "boot", "time": 1700000000.5, "kernel": "6.12"}, {"type": "shutdown", "time": 1700000060, "kernel": "6.12"}]


def test_json_has_the_members_that_the_manual_names(enrolled):
    text = (pathlib.Path(__file__).resolve().parents[2] / "cli/chancery-commands.7.scd").read_text().partition("\n# JSON\n")[2].partition("\n# SEE ALSO\n")[0]
    named = {command: set(re.findall(r"\*([a-z0-9-]+)\*", body)) for command, body in re.findall(r"^\*((?:show|test) [^*]+)\*\n((?:\t.*\n)+)", text, re.M)}
    assert len(named) == 9
    year = int(enrolled.output(["date", "+%Y"])) + 40
    more = {"test crypto ca at": f" {year}-01-01", "show crypto key mypubkey": " rsa"}
    for command, members in named.items():
        printed = enrolled.chancery(f"{command}{more.get(command, '')} | json").stdout
        told = json.loads(printed[min(printed.index(c) for c in "[{" if c in printed):])
        for one in told if isinstance(told, list) else [told]:
            assert set(one) <= members, (command, set(one) - members)
