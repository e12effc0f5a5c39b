# SPDX-License-Identifier: Apache-2.0
"""What follows from dbus/*.xml and the units, without running anything."""

import re
import subprocess
import xml.etree.ElementTree as ET

import pytest

from bus_contract import CLASSES, DAEMONS, ROOT, annotation, interfaces, known_tasks, members, methods_of

ALL_FILES = sorted({name for _, names in DAEMONS.values() for name in names})
# Exposure by `systemd-analyze security`, times ten; the best that systemd itself ships is 10 to 13.
EXPOSURE = {"keyd/chancery-keyd.service": 6, "enrolld/chancery-enrolld.service": 10, "poold/chancery-poold.service": 10,
            "policy/chancery-policyd.service": 10, "hostd/chancery-hostd.service": 10,
            "hostd/chancery-check-sshd.service": 15, "integration/snmp/chancery-snmp.service": 10,
            "dossierd/chancery-dossierd.service": 15, "fetch/chancery-fetch.service": 20,
            "dossierd/quote/chancery-quote.service": 20, "dossierd/scan/chancery-scan@.service": 20,
            "dossierd/probe/chancery-probe-processes.service": 12, "dossierd/probe/chancery-probe-programs.service": 10,
            "dossierd/probe/chancery-probe-files.service": 12, "dossierd/probe/chancery-probe-interfaces.service": 17,
            "dossierd/probe/chancery-probe-digests.service": 12,
            "dossierd/node/chancery-node@.service": 20, "dossierd/node/chancery-node-container@.service": 30}


def test_every_message_is_in_the_catalog():
    ids = dict(re.findall(r'^#define LOG_\w+\s+(?:\\\n\s+)?"([0-9a-f]{32})", "([\w-]+)"', (ROOT / "common/log-ids.h").read_text(), re.MULTILINE))
    told = dict((i, m) for m, i in re.findall(r"^# ([\w-]+)\n-- ([0-9a-f]{32})\nSubject: .+\nDefined-By: .+\nDocumentation: .+\n\n\S",
                                              (ROOT / "common/chancery.catalog").read_text(), re.MULTILINE))
    assert ids and told == ids


def test_every_xml_file_is_somebodys():
    assert {p.stem.removeprefix("org.chancery.") for p in (ROOT / "dbus").glob("*.xml")} == set(ALL_FILES)


@pytest.mark.parametrize("name", ALL_FILES)
def test_every_method_says_who_may_call_it(name):
    tasks = {f"{t}.{c}" for t in known_tasks() for c in CLASSES}
    for method in members(name, "method"):
        assert method.task or method.callers, method
        assert method.task in (None, "open", "owner", "dynamic") or method.task in tasks, method
        assert set(method.callers) <= set(DAEMONS), method
    for interface in interfaces(name):
        read = annotation(interface, "ReadTask")
        assert read == "owner" or read in tasks, interface.get("name")


def test_a_method_without_task_stops_the_generator(tmp_path):
    bad = tmp_path / "org.chancery.Bad1.xml"
    bad.write_text('<node><interface name="org.chancery.Bad1"><annotation name="org.chancery.ReadTask" value="crypto.read"/>'
                   '<method name="Open"/></interface></node>')
    run = lambda: subprocess.run(["/usr/bin/python3", ROOT / "dbus/generate.py", "c", bad, tmp_path / "o.h", tmp_path / "o.c"],
                                 capture_output=True, text=True, check=False)
    refused = run()
    assert refused.returncode != 0 and "Bad1.Open" in refused.stderr
    bad.write_text(bad.read_text().replace('<method name="Open"/>',
                                           '<method name="Open"><annotation name="org.chancery.Task" value="crypto.read"/></method>'))
    assert run().returncode == 0


@pytest.mark.parametrize("name", ALL_FILES)
def test_no_method_takes_a_path_of_a_file(name):
    """F14: files cross as descriptors that the caller opened."""
    for method in members(name, "method"):
        for direction, argument, _ in method.arguments:
            assert direction == "out" or not re.search(r"path|file|dir|folder", argument), method


@pytest.mark.parametrize("name", ALL_FILES)
def test_every_member_is_explained(name):
    text = (ROOT / f"dbus/org.chancery.{name}.xml").read_text()
    for method in members(name, "method"):
        assert f"<!-- {method.name}: " in text, method


@pytest.mark.parametrize("daemon", DAEMONS)
def test_man_page_has_every_member(daemon, build):
    bus_name, names = DAEMONS[daemon]
    page = (build / f"{bus_name}.5").read_text().replace("\\-", "-").replace("\\", "")
    for name in names:
        for member in members(name):
            assert member.name in page, member


def rules(build, daemon):
    """(user or None for everybody, verdict, attributes) of the generated bus policy."""
    root = ET.parse(build / "dbus" / f"{DAEMONS[daemon][0]}.conf").getroot()
    return [(policy.get("user"), rule.tag, dict(rule.attrib)) for policy in root for rule in policy]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_bus_policy_denies_what_it_does_not_name(daemon, build):
    bus_name = DAEMONS[daemon][0]
    found = rules(build, daemon)
    # Calls only: a broadcast signal goes to whoever owns the name too, and polkit's must reach policyd.
    assert (None, "deny", {"send_destination": bus_name}) in found
    senders = {user for user, verdict, a in found if verdict == "allow" and a.get("send_type") == "signal"}
    assert senders == {"root", "polkitd", *(f"chancery-{name}" for name in DAEMONS)}
    owners = [user for user, verdict, a in found if a.get("own") and verdict == "allow"]
    assert owners == [f"chancery-{daemon}"]
    for user, verdict, attributes in found:
        if verdict == "allow" and user is None:
            assert attributes["send_destination"] == bus_name and attributes["send_interface"]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_bus_policy_has_a_rule_for_every_method(daemon, build):
    found = rules(build, daemon)
    for method in methods_of(daemon):
        allowed = {user for user, verdict, a in found if verdict == "allow" and a.get("send_interface") == method.interface
                   and a.get("send_member") == method.name}
        # Only methods with a task are reachable by people; whatever only daemons may call, only their users reach.
        assert allowed == ({None} if method.task else {f"chancery-{c}" for c in method.callers}), method


def test_rooms_include_no_other_daemons_headers():
    rooms = ["keyd", "enrolld", "poold", "dossierd", "hostd", "policy", "fetch", "cli"]
    headers = {room: {p.name for p in (ROOT / room).rglob("*.h")} for room in rooms}
    shared = {p.name for folder in ("common", "dbus") for p in (ROOT / folder).glob("*.h")}
    for room in rooms:
        for source in [*(ROOT / room).rglob("*.[ch]")]:
            for include in re.findall(r'^#include "([^"]+)"', source.read_text(), re.M):
                assert "/" not in include, f"{source}: {include}"
                elsewhere = [r for r in rooms if r != room and include in headers[r]]
                assert include in headers[room] | shared or not elsewhere, f"{source} includes {include} of {elsewhere}"
    for source in (ROOT / "common").glob("*.[ch]"):
        for include in re.findall(r'^#include "([^"]+)"', source.read_text(), re.M):
            assert (ROOT / "common" / include).exists(), f"{source} reaches out of common/: {include}"


@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure_of_unit(unit, build, tmp_path):
    # systemd-analyze wants a template's name with its instance filled in.
    copy = tmp_path / (build / unit).name.replace("@.", "@1.")
    copy.write_bytes((build / unit).read_bytes())
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE[unit]}", "--no-pager", copy],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr


@pytest.mark.parametrize("unit", [unit for unit in EXPOSURE if unit != "hostd/chancery-check-sshd.service"])
def test_service_program_explains_itself(unit, build, tmp_path):
    """It is typed by nobody but the curious: it says what it is and goes, and takes no argument for another."""
    name = unit.rsplit("/", 1)[1].removeprefix("chancery-").removesuffix(".service")
    program = build / unit.rsplit("/", 1)[0] / f"chancery-{name.rstrip('@')}"
    run = lambda *words: subprocess.run([program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=tmp_path)
    told = run("--help")
    assert told.returncode == 0 and f"see chancery-{name}(8)." in told.stdout, told
    assert re.fullmatch(rf"chancery-{name.rstrip('@')} [\d.]+\n", run("--version").stdout)
    for words in (["now"], ["--help-me"], ["--", "now"]):
        refused = run(*words)
        assert refused.returncode == 1 and refused.stderr and not refused.stdout, refused
    if name.endswith("@") or name.startswith("probe-") or name == "quote":
        by_hand = run()
        assert by_hand.returncode == 1 and f"chancery-{name.rstrip('@')}.socket" in by_hand.stderr, by_hand
