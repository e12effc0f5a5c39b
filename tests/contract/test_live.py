# SPDX-License-Identifier: Apache-2.0
"""The running daemons show on the bus exactly what the XML files say."""

import json
import xml.etree.ElementTree as ET

import pytest

from bus_contract import DAEMONS, STANDARD, interfaces, shape


def introspect(router, bus_name, path):
    text = router.output(["busctl", "call", "--json=short", bus_name, path, "org.freedesktop.DBus.Introspectable", "Introspect"])
    return ET.fromstring(json.loads(text)["data"][0])


def walk(router, bus_name, path, seen):
    """All interface elements below a path, by name; each must look the same wherever it is."""
    node = introspect(router, bus_name, path)
    for interface in node.findall("interface"):
        name = interface.get("name")
        if name in seen:
            assert shape(interface) == shape(seen[name]), f"{name} at {path}"
        seen[name] = interface
    for child in node.findall("node"):
        walk(router, bus_name, f"{path.rstrip('/')}/{child.get('name')}", seen)
    return seen


@pytest.mark.parametrize("daemon", DAEMONS)
def test_introspection_equals_xml(daemon, enrolled):
    bus_name, names = DAEMONS[daemon]
    wanted = {i.get("name"): shape(i) for name in names for i in interfaces(name)}
    found = {n: shape(e) for n, e in walk(enrolled, bus_name, "/", {}).items() if n.startswith("org.chancery.")}
    # Jobs, sessions and transfers come and go, and are not listed: they show when one is there.
    come_and_go = {"org.chancery.Job1", "org.chancery.Policy1.Session", "org.chancery.Policy1.Session.Plain", "org.chancery.Transfer1.Transfer"}
    assert set(wanted) - come_and_go <= set(found)
    assert set(found) <= set(wanted)
    for name, seen in found.items():
        assert seen == wanted[name], name


@pytest.mark.parametrize("daemon", DAEMONS)
def test_nothing_else_is_offered(daemon, enrolled):
    bus_name, _ = DAEMONS[daemon]
    for name in walk(enrolled, bus_name, "/", {}):
        assert name.startswith("org.chancery.") or name in (*STANDARD, "org.freedesktop.LogControl1"), name
