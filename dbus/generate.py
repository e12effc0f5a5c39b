#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that follows from the bus contract in dbus/*.xml.

    generate.py c FILE.xml OUT.h OUT.c        vtables and the table of who may call what
    generate.py policy NAME USER FILE.xml...  the bus policy of one daemon
    generate.py man NAME FILE.xml...          the scdoc source of the man page of one bus name

Methods with the annotation org.chancery.Plain have a twin in the interface of the same name with ".Plain" at its end, for connections
that cannot pass descriptors: the same handler and the same task, with an object path wherever the method has a descriptor. A method without org.chancery.Task or org.chancery.Callers stops the generator, and so the build.
"""
import copy
import re
import sys
import xml.etree.ElementTree as ET

TASK = "org.chancery.Task"
CALLERS = "org.chancery.Callers"
READ_TASK = "org.chancery.ReadTask"
PLAIN = "org.chancery.Plain"  # there is a twin without descriptors
ASKS = "org.chancery.Asks"  # a task without which the answer says less
SENSITIVE = "org.chancery.Sensitive"  # messages may hold secrets, and are wiped
DAEMONS = ("keyd", "enrolld", "poold", "dossierd", "policyd", "hostd")
TASK_PATTERN = r"[a-z0-9-]+\.(read|write|execute|debug)"
WORDS = {"open": "BUS_ACCESS_OPEN", "owner": "BUS_ACCESS_OWNER", "dynamic": "BUS_ACCESS_DYNAMIC"}


class ContractError(Exception):
    pass


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().replace("sha_1", "sha1")


def prefix(interface):
    """org.chancery.Keys1.Key -> keys1_key"""
    return "_".join(snake(part) for part in interface.removeprefix("org.chancery.").split("."))


def annotation(element, name):
    for a in element.findall("annotation"):
        if a.get("name") == name:
            return a.get("value")
    return None


def plain_twin(interface):
    """The interface without descriptors, or None when there are no methods for it."""
    methods = [m for m in interface.findall("method") if annotation(m, PLAIN)]
    if not methods:
        return None
    twin = ET.Element("interface", {"name": interface.get("name") + ".Plain", "handlers": prefix(interface.get("name"))})
    twin.extend(copy.deepcopy(a) for a in interface.findall("annotation"))
    twin.extend(copy.deepcopy(m) for m in methods)
    for argument in twin.iter("arg"):
        argument.set("type", argument.get("type").replace("h", "o"))
    return twin


def all_interfaces(xml_file):
    """Twins before what they are twins of."""
    found = []
    for interface in ET.parse(xml_file).getroot().findall("interface"):
        twin = plain_twin(interface)
        found += [twin, interface] if twin is not None else [interface]
    return found


def access(where, task, callers, asks=None):
    """The initializer of a BusMember's access, task, callers and asks."""
    if task is None and callers is None:
        raise ContractError(f"{where}: neither {TASK} nor {CALLERS}")
    quoted = lambda s: "NULL" if s is None else f'"{s}"'
    if asks and (task == "dynamic" or not re.fullmatch(TASK_PATTERN, asks)):
        raise ContractError(f"{where}: {ASKS} is for members whose access is known before the handler, and names a task")
    if task is None:
        return f"BUS_ACCESS_DAEMONS, NULL, {quoted(callers)}, NULL"
    if task in WORDS:
        return f"{WORDS[task]}, NULL, {quoted(callers)}, {quoted(asks)}"
    if not re.fullmatch(TASK_PATTERN, task):
        raise ContractError(f"{where}: no such task: {task}")
    return f"BUS_ACCESS_TASK, {quoted(task)}, {quoted(callers)}, {quoted(asks)}"


def names_string(arguments):
    return " ".join(f"SD_BUS_PARAM({a.get('name')})" for a in arguments) or '""'


def signature(arguments):
    return "".join(a.get("type") for a in arguments)


def vtable_rows(interface):
    base = interface.get("handlers") or prefix(interface.get("name"))
    yield "    SD_BUS_VTABLE_START(0),"
    for method in interface.findall("method"):
        ins = [a for a in method.findall("arg") if a.get("direction") == "in"]
        outs = [a for a in method.findall("arg") if a.get("direction") == "out"]
        name = method.get("name")
        sensitive = " | SD_BUS_VTABLE_SENSITIVE" if annotation(method, SENSITIVE) else ""
        yield (f'    SD_BUS_METHOD_WITH_NAMES("{name}", "{signature(ins)}", {names_string(ins)}, '
               f'"{signature(outs)}", {names_string(outs)}, {base}_method_{snake(name)}, SD_BUS_VTABLE_UNPRIVILEGED{sensitive}),')
    for signal in interface.findall("signal"):
        arguments = signal.findall("arg")
        yield f'    SD_BUS_SIGNAL_WITH_NAMES("{signal.get("name")}", "{signature(arguments)}", {names_string(arguments)}, 0),'
    for prop in interface.findall("property"):
        if prop.get("access") != "read":
            raise ContractError(f"{interface.get('name')}.{prop.get('name')}: properties are read-only, methods change things")
        # Values are for those who hold the read task: the change signal says that they changed, not to what.
        yield (f'    SD_BUS_PROPERTY("{prop.get("name")}", "{prop.get("type")}", {base}_get_{snake(prop.get("name"))}, 0, '
               "SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),")
    yield "    SD_BUS_VTABLE_END,"


def generate_c(xml_file, header, source):
    interfaces = all_interfaces(xml_file)
    h = ["/* Made by dbus/generate.py from " + xml_file.rsplit("/", 1)[-1] + ". */", "#pragma once", '#include "bus-interface.h"']
    name = header.rsplit("/", 1)[-1]
    c = ["/* Made by dbus/generate.py. */", f'#include "{name}"']
    for interface in interfaces:
        iname = interface.get("name")
        base = prefix(iname)
        for method in interface.findall("method") if not interface.get("handlers") else []:
            h.append(f"int {base}_method_{snake(method.get('name'))}(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error);")
        for prop in interface.findall("property"):
            h.append(f"int {base}_get_{snake(prop.get('name'))}(sd_bus *bus, const char *path, const char *interface, "
                     "const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error);")
        h.append(f"extern const BusInterface {base}_interface;")
        c.append(f"static const sd_bus_vtable {base}_vtable[] = {{")
        c.extend(vtable_rows(interface))
        c.append("};")
        for kind in ("method", "property"):
            c.append(f"static const BusMember {base}_{kind}_access[] = {{")
            for member in interface.findall(kind):
                where = f"{iname}.{member.get('name')}"
                task, callers = annotation(member, TASK), annotation(member, CALLERS)
                if kind == "property" and task is None and callers is None:
                    continue
                c.append(f'    {{"{member.get("name")}", {access(where, task, callers, annotation(member, ASKS))}}},')
            c.append("    {NULL, BUS_ACCESS_DAEMONS, NULL, NULL, NULL},")
            c.append("};")
        read = access(iname, annotation(interface, READ_TASK), annotation(interface, "org.chancery.ReadCallers"))
        c.append(f"const BusInterface {base}_interface = {{")
        twin = f"&{base}_plain_interface" if plain_twin(interface) is not None and not interface.get("handlers") else "NULL"
        c.append(f'    "{iname}", {base}_vtable, {base}_method_access, {base}_property_access, {{"", {read}}}, {twin},')
        c.append("};")
    open(header, "w").write("\n".join(h) + "\n")
    open(source, "w").write("\n".join(c) + "\n")


def is_internal(member):
    return annotation(member, TASK) is None


def generate_policy(bus_name, daemon, files):
    """Nobody owns or reaches anything unless it is said here. Internal methods are for the daemons' users."""
    everyone, callers = [], {}
    for xml_file in files:
        for interface in all_interfaces(xml_file):
            for method in interface.findall("method"):
                rule = f'send_destination="{bus_name}" send_interface="{interface.get("name")}" send_member="{method.get("name")}"'
                if not is_internal(method):
                    everyone.append(rule)
                for caller in (annotation(method, CALLERS) or "").split():
                    if is_internal(method):
                        callers.setdefault(caller, []).append(rule)
    standard = [
        ("org.freedesktop.DBus.Introspectable", None), ("org.freedesktop.DBus.Peer", None),
        ("org.freedesktop.DBus.Properties", "Get"), ("org.freedesktop.DBus.Properties", "GetAll"),
        ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects")]
    for interface, member in standard:
        everyone.append(f'send_destination="{bus_name}" send_interface="{interface}"' + (f' send_member="{member}"' if member else ""))
    out = ['<?xml version="1.0"?>', "<!-- Made by dbus/generate.py from the bus contract. -->",
           '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"',
           '  "https://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">', "<busconfig>",
           f'  <policy user="chancery-{daemon}">', f'    <allow own="{bus_name}"/>', "  </policy>",
           '  <policy context="default">', f'    <deny send_destination="{bus_name}"/>']
    out += [f"    <allow {rule}/>" for rule in everyone]
    out += ["  </policy>"]
    for caller, rules in sorted(callers.items()):
        out += [f'  <policy user="chancery-{caller}">'] + [f"    <allow {rule}/>" for rule in rules] + ["  </policy>"]
    # Whose signals the daemons act upon: polkit's, those of services that run as root, each other's. Nobody else's signal reaches them: one that is sent to
    # a single receiver cannot be told from the real one.
    for user in ["polkitd", *(f"chancery-{name}" for name in DAEMONS)]:
        out += [f'  <policy user="{user}">', f'    <allow send_destination="{bus_name}" send_type="signal"/>', "  </policy>"]
    out += ['  <policy user="root">', f'    <allow send_destination="{bus_name}" send_type="signal"/>', f'    <allow send_destination="{bus_name}" send_interface="org.freedesktop.LogControl1"/>',
            f'    <allow send_destination="{bus_name}" send_interface="org.freedesktop.DBus.Properties"/>', "  </policy>", "</busconfig>"]
    print("\n".join(out))


def who(task, callers):
    parts = []
    if callers:
        parts.append("daemons: " + ", ".join(callers.split()))
    if task == "open":
        parts.append("anyone")
    elif task == "owner":
        parts.append("the owner of the object")
    elif task == "dynamic":
        parts.append("as described")
    elif task:
        parts.append("task " + task.replace(".", " "))
    return "; ".join(parts)


def comments_before(xml_file):
    """Member name -> the comment that stands right before it, by interface."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    found = {}

    def walk(node, interface):
        last = None
        for child in node:
            if child.tag is ET.Comment:
                last = re.sub(r"\s+", " ", child.text).strip()
                continue
            name = child.get("name")
            if child.tag == "interface":
                found[(name, None)] = last
                walk(child, name)
            elif child.tag in ("method", "property", "signal"):
                found[(interface, name)] = last
            last = None
    tree = ET.parse(xml_file, parser)
    walk(tree.getroot(), None)
    return found


def escape(text):
    return re.sub(r"([\\*_#~|\[\]<>])", r"\\\1", text)


def generate_man(bus_name, files):
    out = [f"{bus_name}(5)", "", "# NAME", "", f"{bus_name} - bus interfaces of this name", "", "# DESCRIPTION", "",
           "Every call is authorised before its handler runs. A task is the polkit action *org.chancery.task.*_task_._class_.", ""]
    for xml_file in files:
        comments = comments_before(xml_file)
        for interface in ET.parse(xml_file).getroot().findall("interface"):
            iname = interface.get("name")
            out += [f"# {iname}", "", escape(comments.get((iname, None)) or ""), "",
                    "Properties and GetManagedObjects: " + escape(who(annotation(interface, READ_TASK), None)) + ".", ""]
            twin = plain_twin(interface)
            if twin is not None:
                out += [escape(f"The interface {twin.get('name')} has " + ", ".join(m.get("name") for m in twin.findall("method")) +
                               " with a transfer (an object path, see org.chancery.Transfer1 below) in place of each descriptor, for connections"
                               " that cannot pass descriptors."), ""]
            for kind in ("method", "signal", "property"):
                for member in interface.findall(kind):
                    name = member.get("name")
                    ins = ", ".join(f"{a.get('type')} {a.get('name')}" for a in member.findall("arg") if a.get("direction", "out") == "in")
                    outs = ", ".join(f"{a.get('type')} {a.get('name')}" for a in member.findall("arg") if a.get("direction", "out") == "out")
                    if kind == "property":
                        head = f"*{name}* ({escape(member.get('type'))})"
                    else:
                        head = f"*{name}*({escape(ins)})" + (f" -> {escape(outs)}" if outs else "")
                    out += [head, "", "\t" + escape(re.sub(rf"^{name}: ", "", comments.get((iname, name)) or ""))]
                    if kind == "method":
                        asks = annotation(member, ASKS)
                        more = f"; all of it: task {asks.replace('.', ' ')}" if asks else ""
                        out += ["", "\tFor: " + escape(who(annotation(member, TASK), annotation(member, CALLERS)) + more) + "."]
                    out += [""]
    print("\n".join(out))


def main(argv):
    try:
        if argv[1] == "c":
            generate_c(argv[2], argv[3], argv[4])
        elif argv[1] == "policy":
            generate_policy(argv[2], argv[3], argv[4:])
        elif argv[1] == "man":
            generate_man(argv[2], argv[3:])
        else:
            raise ContractError("unknown command " + argv[1])
    except ContractError as e:
        print(f"generate.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
