#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What follows from policy/tasks.list.

    generate-tasks.py actions LIST     the polkit actions, one for each task and class
    generate-tasks.py header LIST      the table in C, and the words for the grammar
"""
import re
import sys
from xml.sax.saxutils import escape

COUNT = 85
AREAS = ("system", "routing", "service")
CLASSES = {
    "read": ("View", "Authentication is required to view this part of the router."),
    "write": ("Change the configuration of", "Authentication is required to change this part of the configuration."),
    "execute": ("Act upon", "Authentication is required to run this command."),
    "debug": ("Debug", "Authentication is required to debug this part of the router."),
}
# What only predefined groups hold, as a whole: TASK_ROOT_LR.
ROOT = ("root-lr.write", "Replace all of the configuration", "Authentication is required to replace all of the configuration.")
# Only the owner of an action may ask polkit about other users and pass details.
DAEMONS = ("keyd", "enrolld", "poold", "dossierd", "policyd", "hostd")


def read_list(path):
    tasks = []
    for number, line in enumerate(open(path, encoding="ascii"), 1):
        if line.startswith("#") or not line.strip():
            continue
        row = re.fullmatch(r"([a-z][a-z0-9-]*)\s+([a-z]+)\s+([^\s\"\\|].*)\n", line)
        if not row or row[2] not in AREAS or '"' in row[3] or "|" in row[3]:
            raise ValueError(f"{path}:{number}: not a task")
        tasks.append(row.groups())
    names = [name for name, _, _ in tasks]
    if names != sorted(set(names)) or len(names) != COUNT:
        raise ValueError(f"{path}: expected {COUNT} names in alphabetical order, found {len(names)}")
    return tasks


def every_action(tasks):
    for name, _, description in tasks:
        for task_class, (verb, message) in CLASSES.items():
            yield f"{name}.{task_class}", f"{verb}: {description}", message
    yield ROOT


def actions(tasks):
    owners = " ".join(f"unix-user:chancery-{daemon}" for daemon in DAEMONS)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield "<!-- Made by policy/generate-tasks.py from policy/tasks.list. -->"
    yield '<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"'
    yield '  "https://www.freedesktop.org/standards/PolicyKit/1/policyconfig.dtd">'
    yield "<policyconfig>"
    yield "  <vendor>Chancery</vendor>"
    for name, description, message in every_action(tasks):
        yield f'  <action id="org.chancery.task.{name}">'
        yield f"    <description>{escape(description)}</description>"
        yield f"    <message>{escape(message)}</message>"
        yield "    <defaults>"
        for who in ("any", "inactive", "active"):
            yield f"      <allow_{who}>auth_admin</allow_{who}>"
        yield "    </defaults>"
        yield f'    <annotate key="org.freedesktop.policykit.owner">{owners}</annotate>'
        yield "  </action>"
    yield "</policyconfig>"


def header(tasks):
    yield "/* Made by policy/generate-tasks.py from policy/tasks.list. */"
    yield "#pragma once"
    yield f"#define TASK_COUNT {len(tasks)}U"
    yield "/* name, area, description; in alphabetical order */"
    yield "#define TASK_TABLE(ROW) \\"
    yield " \\\n".join(f'    ROW("{name}", TASK_AREA_{area.upper()}, "{description}")' for name, area, description in tasks)
    yield ""
    yield "/* For the grammar: the names, and their descriptions in the same order. */"
    yield '#define TASK_WORDS "' + "|".join(name for name, _, _ in tasks) + '"'
    yield '#define TASK_WORDS_HELP "' + "|".join(description for _, _, description in tasks) + '"'


def main(argv):
    makers = {"actions": actions, "header": header}
    if len(argv) != 3 or argv[1] not in makers:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        tasks = read_list(argv[2])
    except (OSError, ValueError) as e:
        print(f"generate-tasks.py: {e}", file=sys.stderr)
        return 1
    print("\n".join(makers[argv[1]](tasks)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
