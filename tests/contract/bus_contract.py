# SPDX-License-Identifier: Apache-2.0
"""The bus contract as data, read from dbus/*.xml, for the tests that hold programs against it."""

import copy
import pathlib
import re
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSES = ("read", "write", "execute", "debug")
STANDARD = ("org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties",
            "org.freedesktop.DBus.ObjectManager")

# daemon: bus name, and the XML files of what it implements (as dbus/meson.build has them)
DAEMONS = {
    "keyd": ("org.chancery.Keys1", ["Keys1", "Job1", "ConfigOwner1"]),
    "enrolld": ("org.chancery.Enrollment1", ["Enrollment1", "Job1", "ConfigOwner1"]),
    "poold": ("org.chancery.TrustPool1", ["TrustPool1", "Job1", "ConfigOwner1", "Transfer1"]),
    "dossierd": ("org.chancery.Dossier1", ["Dossier1", "Job1", "ConfigOwner1", "Transfer1"]),
    "hostd": ("org.chancery.Host1", ["Host1", "ConfigOwner1"]),
    "policyd": ("org.chancery.Policy1", ["Policy1", "Job1", "Transfer1"]),
}


def annotation(element, name):
    return next((a.get("value") for a in element.findall("annotation") if a.get("name") == f"org.chancery.{name}"), None)


class Member:
    """One method, signal or property of an interface."""

    def __init__(self, interface, element):
        self.interface, self.kind, self.name = interface.get("name"), element.tag, element.get("name")
        self.task, self.callers = annotation(element, "Task"), (annotation(element, "Callers") or "").split()
        self.arguments = [(a.get("direction", "out"), a.get("name"), a.get("type")) for a in element.findall("arg")]
        self.type, self.access = element.get("type"), element.get("access")

    def signature(self, direction):
        return "".join(t for d, _, t in self.arguments if d == direction)

    def __repr__(self):
        return f"{self.interface}.{self.name}"


def xml_path(name):
    return ROOT / "dbus" / f"org.chancery.{name}.xml"


def twin(interface):
    """The interface with an object path for each descriptor, of the methods that have the annotation for it; None when there are none."""
    made = copy.deepcopy(interface)
    made.set("name", interface.get("name") + ".Plain")
    for element in list(made):
        if element.tag in ("method", "property", "signal") and not annotation(element, "Plain"):
            made.remove(element)
    for argument in made.iter("arg"):
        argument.set("type", argument.get("type").replace("h", "o"))
    return made if made.find("method") is not None else None


def interfaces(name):
    """Interface elements of org.chancery.NAME.xml, and their twins without descriptors."""
    own = ET.parse(xml_path(name)).getroot().findall("interface")
    return own + [t for t in map(twin, own) if t is not None]


def members(name, *kinds):
    return [Member(i, e) for i in interfaces(name) for kind in kinds or ("method", "signal", "property") for e in i.findall(kind)]


def methods_of(daemon):
    return [m for name in DAEMONS[daemon][1] for m in members(name, "method")]


def shape(interface):
    """What introspection shows of an interface element: names, directions and types, without annotations."""
    shown = {}
    for kind in ("method", "signal", "property"):
        for e in interface.findall(kind):
            arguments = [(a.get("direction", "out" if kind == "signal" else "in"), a.get("name"), a.get("type")) for a in e.findall("arg")]
            shown[kind, e.get("name")] = (arguments, e.get("type"), e.get("access"))
    return shown


def known_tasks():
    """The task IDs of policy/tasks.list."""
    lines = (ROOT / "policy/tasks.list").read_text().splitlines()
    return [re.split(r"\s", line, maxsplit=1)[0] for line in lines if line.strip() and not line.startswith("#")]
