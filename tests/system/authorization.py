# SPDX-License-Identifier: Apache-2.0
"""Users who hold exactly what a test says, and calls in their name."""

import hashlib

from bus_contract import CLASSES, DAEMONS, known_tasks, methods_of

NOT_AUTHORIZED = "org.chancery.Error.NotAuthorized"
REFUSED = (NOT_AUTHORIZED, "org.freedesktop.DBus.Error.AccessDenied")
CALL = "/usr/local/bin/bus-call"
# Names that exist on the router but may not stand in a task group (COMMANDS: the pseudo tasks).
SELECTOR_TASKS = {"packages": "pkg-mgmt.read", "reboot-history": "system.read", "rollback-history": "config-services.read",
                  "system-inventory": "sysmgr.read", "system-integrity-snapshot": "basic-services.read", "filesystem-inventory": "dossier.read"}


def bus_path(bus_name):
    return "/" + bus_name.replace(".", "/")


class Case:
    """One call, and the tasks that it needs."""

    def __init__(self, daemon, method, tasks, strings=()):
        self.daemon, self.method, self.tasks, self.strings = daemon, method, frozenset(tasks), list(strings)

    def __repr__(self):
        return f"{self.method}({','.join(self.strings)})"

    def words(self):
        bus_name = DAEMONS[self.daemon][0]
        return [CALL, bus_name, bus_path(bus_name), self.method.interface, self.method.name, self.method.signature("in"), *self.strings]


def cases():
    """Every method that needs tasks, and the dynamic ones with each set of tasks that they may come to need."""
    found = []
    for daemon in DAEMONS:
        for method in methods_of(daemon):
            if method.task and "." in method.task:
                found.append(Case(daemon, method, [method.task]))
            elif method.name == "Collect":
                found += [Case(daemon, method, {"basic-services.read", task}, [selector]) for selector, task in SELECTOR_TASKS.items()]
    return found


def user_with(tasks):
    # A login name has at most 31 characters.
    name = "-".join(sorted(t.replace(".", "-") for t in tasks))
    return "with-" + (name if len(name) <= 26 else hashlib.sha256(name.encode()).hexdigest()[:12])


def user_without(task):
    return "without-" + task.replace(".", "-")


def every_task():
    return [f"{task}.{c}" for task in known_tasks() for c in CLASSES]


def group_lines(user, tasks):
    """The configuration of a user who holds these tasks and no others."""
    lines = [f"taskgroup {user}"]
    lines += [f"task {t.split('.')[1]} {t.split('.')[0]}" for t in tasks]
    return [*lines, f"usergroup {user}", f"taskgroup {user}", f"username {user}", f"group {user}"]


def users_configuration(all_cases):
    lines = ["username with-nothing"]
    for tasks in sorted({case.tasks for case in all_cases}, key=sorted):
        lines += group_lines(user_with(tasks), sorted(tasks))
    for task in sorted({t for case in all_cases for t in case.tasks}):
        # Write brings read with it, so who is to lack read lacks write too.
        lacking = {task, task.replace(".read", ".write")}
        lines += group_lines(user_without(task), [t for t in every_task() if t not in lacking])
    return lines


def configure(machine, lines, user="admin"):
    text = "\n".join(["configure", *lines, "commit", "end", ""])
    return machine.run(["chancery"], user, stdin=text, timeout=300)


def call(machine, words, user):
    """(error name or "ok", sentence)"""
    result = machine.output(words, user, timeout=90).strip()
    name, _, sentence = result.partition(" ")
    return name, sentence


def put_tool(machine, build):
    machine.write(CALL, (build / "tests/bus-call").read_bytes(), 0o755)
