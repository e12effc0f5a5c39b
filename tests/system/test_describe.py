# SPDX-License-Identifier: Apache-2.0
"""Every command of the shell and every line of the configuration: `describe` says the tasks that the router's documents give, and polkit asks for these. The
commands are those of the manual pages, which are made from the shell's own tables; so one that is added has to be told here too."""

import itertools
import re
import sys

import pytest

from authorization import configure
from bus_contract import ROOT
from terminal import rendered

sys.path.append(str(ROOT / "tests/contract"))
from test_manual import GROUPS, plain, synopses  # noqa: E402

# COMMANDS.md 1.0.1, 2.5, 3.2 and 6.6: the first that fits the beginning of a command counts.
TASKS = [
    (r"crypto key (import|zeroize) authentication rsa (username|all)", {"crypto (EXECUTE)", "aaa (WRITE)"}),
    (r"crypto key export \S+ wrapped(?!.* algorithm)", {"crypto (READ)", "crypto (EXECUTE)"}),  # it looks for the key
    (r"show crypto", {"crypto (READ)"}),
    (r"crypto ca trustpool (diff|verify)|test crypto", {"crypto (READ)"}),
    (r"crypto|clear crypto", {"crypto (EXECUTE)"}),
    (r"commit.* replace", {"root-lr (WRITE)"}),
    (r"configure exclusive", {"config-services (WRITE)"}),
    (r"configure|commit|abort|clear$|do |end$|exit$|root$|pwd$|load /|logout|quit|describe|terminal", set()),
    (r"show configuration( changes diff| failed( inheritance)?)?$|show commit changes diff", set()),
    (r"show configuration|show running-config|copy running-config|rollback|load", {"config-services (READ)"}),
    (r"show aaa|show task supported", {"aaa (READ)"}),
    (r"show (user|users|clock|version|tech-support)\b", set()),
    (r"show logging", {"logging (READ)"}),
    (r"filesystem-inventory snapshot", {"dossier (EXECUTE)"}),
    (r"show filesystem-inventory", {"dossier (READ)"}),
]
DOSSIER = {"packages": "pkg-mgmt", "reboot-history": "system", "rollback-history": "config-services", "system-inventory": "sysmgr",
           "system-integrity-snapshot": "basic-services", "filesystem-inventory": "dossier"}
LINES = {"hostname": "host-services", "domain": "ip-services", "taskgroup": "aaa", "usergroup": "aaa", "username": "aaa", "crypto envelope": "crypto",
         "crypto": "crypto", "client-authentication": "crypto", "ssl": "crypto", "http": "crypto", "snmp-server": "snmp", "ssh": "config-services", "netconf-yang": "config-services", "line": "tty-access",
         "filesystem-inventory": "dossier", "dossier": "dossier"}
SAMPLES = {"ALGORITHM": "rsa", "COMMAND": "show clock", "COMMENT": "why", "DATE": "2027-01-01", "FINGERPRINT": "ab" * 32, "FROM-DAY": "1",
           "FROM-TIME": "10:00", "LINES": "24", "COLUMNS": "80", "FILE": "/tmp/described", "FILES": '"0"', "HOST": "h.example", "INTERFACE": "lo",
           "LAST": "1", "LOCATION": "0/RP9/CPU0", "MAX": "1", "MINUTES": "1", "N": "1", "NONCE": "1580", "PATH": "/nonexistent/file", "PORT": "80",
           "SECONDS": "30", "SECTION": "hostname", "SERIAL": "ab", "SET": "5", "TEXT": "abcd1234", "TO-DAY": "2", "TO-TIME": "11:00",
           "URL": "http://127.0.0.1:9/x", "USER": "someone", "WHAT": "http://127.0.0.1:9/x", "WHICH": "1", "NAME": "something", "LABEL": "something",
           "TRUSTPOINT": "something"}
VALUES = {"domain ipv4": "192.0.2.1", "domain ipv6": "2001:db8::1", "ip-address": "192.0.2.1", "secret 10": "$6$salt$abc", "directory": "/x",
          "query url": "ldap://h.example/x"}
# Where a user who holds the tasks would do something large, or be asked.
LEFT_OUT = re.compile(r"filesystem-inventory snapshot|show platform|crypto key generate|crypto ca trustpool import terminal|show tech-support|commit|"
                      r"crypto key import wrapped|configure$|configure terminal|exit|end|quit|logout|do |describe|rollback")


# --- Commands out of their synopses ---------------------------------------------------------------------------------------------------

def parse(tokens, until=""):
    """A list of items, each a list of ways, each of which is a list of words; the first way is the shortest."""
    ways, items = [], []
    while tokens:
        token = tokens.pop(0)
        if token in until:
            return [*ways, *together(items)]
        if token == "|":
            ways += together(items)
            items = []
        elif token in "[{":
            inside = parse(tokens, "]" if token == "[" else "}")
            items.append([[], *inside] if token == "[" else inside)
        elif token != "...":
            items.append([[SAMPLES.get(token, token)]])
    return [*ways, *together(items)]


def together(items):
    """The shortest way through all, and each other way of one with the shortest of the others."""
    shortest = [item[0] for item in items]
    found = [shortest]
    for i, item in enumerate(items):
        found += [[*shortest[:i], way, *shortest[i + 1:]] for way in item[1:]]
    return [list(itertools.chain(*way)) for way in found]


def ways_of(synopsis):
    return [" ".join(way) for way in parse(re.findall(r"\.\.\.|[\[\]{}|]|[^\s\[\]{}|]+", synopsis))]


def commands_of(build):
    """(commands of EXEC mode, commands of configuration mode)"""
    found = [], []
    for group in GROUPS:
        for entry in plain(build, group).split("# COMMANDS\n\n")[1].split("# SEE ALSO")[0].strip().split("\n\n"):
            found["In configuration mode." in entry].extend(ways_of(entry.split("\n")[0]))
    return found


def with_values(line, entry):
    """The line with something in the place of each VALUE, as its entry says what it may be."""
    for kind, lowest in re.findall(r"^\tVALUE: .*?(?:, (number|url|place|line|word)\((\d+)-\d+\))?\+\+$", entry, re.M):
        sample = next((value for head, value in VALUES.items() if re.search(head, line)), None)
        sample = sample or {"number": lowest, "url": "http://h.example/x", "place": "http://h.example/x"}.get(kind, "x1")
        line = line.replace("VALUE", sample, 1)
    return line.replace("host something traps", "host 192.0.2.1 traps")


def lines_of(build):
    """Every line of the configuration from the top."""
    found, heads = [], {}
    page = plain(build, "chancery-configuration")
    for mode, text in re.findall(r"^# (?:AT THE TOP|IN \((\S+)\))\n(.*?)(?=^# )", page, re.M | re.S):
        for entry in text.strip().split("\n\n"):
            synopsis = entry.split("\n")[0]
            line = f"{heads[mode]} {synopsis}" if mode else synopsis
            if enters := re.search(r"Enters \((\S+)\)", entry):
                heads[enters[1]] = synopsis
            found.append(with_values(ways_of(line)[0], entry))
    return found


def expected(command):
    if command.startswith("show platform"):
        named = [task for word, task in DOSSIER.items() if f"include {word}" in command]
        every = {task for word, task in DOSSIER.items() if word != "filesystem-inventory"}
        return {f"{task} (READ)" for task in {"basic-services", *(named if " include " in command else every)}}
    for pattern, tasks in TASKS:
        if re.match(pattern, command):
            return tasks
    pytest.fail(f"which task does this need? {command}")


def described(text):
    """The tasks of each answer."""
    answers = re.split(r"^User needs (?:no taskid\.|ALL of the following taskids:)$", text, flags=re.M)[1:]
    return [set(re.findall(r"^ {7}(\S+ \([A-Z]+\))$", answer, re.M)) for answer in answers]


# --- The router -----------------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def commands(build):
    return commands_of(build)


@pytest.fixture(scope="module")
def holders(commands):
    """A name for each set of tasks that something needs."""
    sets = {frozenset(expected(command)) for command in commands[0]}
    return {tasks: f"holder-{i}" for i, tasks in enumerate(sorted(sets - {frozenset()}, key=sorted))}


@pytest.fixture(scope="module")
def asked(routers, holders):
    one = routers("describe")
    one.wait_daemons()
    lines = ["username nobody-else"]
    for tasks, name in holders.items():
        split = [re.fullmatch(r"(\S+) \(([A-Z]+)\)", task) for task in tasks]
        lines += [f"taskgroup {name}", *(f"task {task[2].lower()} {task[1]}" for task in split), f"usergroup {name}", f"taskgroup {name}",
                  f"username {name}", f"group {name}"]
    configure(one, lines)
    yield one
    one.stop()


def describe_all(machine, words, mode=""):
    text = machine.run(["chancery"], "nobody-else", stdin=mode + "".join(f"describe {word}\n" for word in words)).stdout
    return described(rendered(text))


def missing_tasks(machine, user, words, before=""):
    """Runs each as that user, with an answer to what is asked, and tells which task each missed."""
    script = "while IFS= read -r line; do echo \"## $line\"; case $line in *generate*) answer=2048;; *) answer=yes;; esac; "
    script += f"printf '%s\\n' {before} \"$line\" $answer | chancery 2>&1; done; true"
    text = rendered(machine.run(["sh", "-c", script], user, stdin="".join(f"{word}\n" for word in words), timeout=600).stdout)
    answers = re.split(r"^## .*$", text, flags=re.M)[1:]
    assert len(answers) == len(words)
    return [re.findall(r"^% Task ID (\S+ \([A-Z]+\)) is missing$", answer, re.M) for answer in answers]


def test_every_command_is_described(asked, commands):
    for words, mode in ((commands[0], ""), (commands[1], ""), (commands[1], "configure\n")):
        assert dict(zip(words, describe_all(asked, words, mode), strict=True)) == {word: expected(word) for word in words}
    assert len(commands[0]) > 150 and len(commands[1]) > 20


def test_utilities_are_described(asked):
    words = ["utility sign", "utility sign nonce 1580 include-certificate", "util sign", "utility head count 3", "utility wc", "do show crypto ca crls"]
    for mode in ("", "configure\n"):
        assert describe_all(asked, words, mode) == [{"crypto (EXECUTE)"}] * 2 + [{"crypto (EXECUTE)"}] + [set()] * 2 + [{"crypto (READ)"}]
    for nothing in ("describe utility", "describe utility nonsense", "describe do", "describe nonsense", "describe show"):
        assert asked.run(["chancery"], "nobody-else", stdin=nothing + "\n", check=False).returncode != 0, nothing
    missing = missing_tasks(asked, "nobody-else", ["show version | utility sign nonce 1580"])
    assert missing == [["crypto (EXECUTE)"]]


def test_commands_need_what_is_described(asked, commands):
    """A user without any task misses one of these, wherever there is one."""
    words, seen = [], set()
    for command in commands[0]:
        kind = (" ".join(command.split()[:3]), frozenset(expected(command)))
        # These read a certificate, a key or what was wrapped before they ask keyd anything.
        if expected(command) and kind not in seen and not re.match("crypto key export .* algorithm|crypto key import", command):
            seen.add(kind)
            words.append(command)
    assert len(words) > 50
    refusals = dict(zip(words, missing_tasks(asked, "nobody-else", words), strict=True))
    assert not {command: missing for command, missing in refusals.items() if len(missing) != 1 or missing[0] not in expected(command)}


def test_commands_need_nothing_else(asked, commands, holders):
    """Who holds just these misses none."""
    for tasks, holder in holders.items():
        words = [command for command in commands[0] if expected(command) == tasks and not LEFT_OUT.match(command)]
        seen = {" ".join(word.split()[:4]): word for word in words}
        for command, missing in zip(seen.values(), missing_tasks(asked, holder, list(seen.values())), strict=True):
            assert not missing, (command, holder)


def test_every_line_of_the_configuration_is_described(asked, build):
    lines = lines_of(build)
    assert len(lines) > 100
    tasks = [{f"{next(task for head, task in LINES.items() if line.startswith(head))} (WRITE)"} for line in lines]
    # From EXEC, where the beginning of an EXEC command is that, some of them.
    some = [at for at, line in enumerate(lines) if line != "filesystem-inventory"][::20]
    assert describe_all(asked, [lines[at] for at in some], "") == [tasks[at] for at in some]
    assert describe_all(asked, lines, "configure\n") == tasks
    heads = {line.split()[0]: (line, task) for line, task in zip(lines, tasks, strict=True)}
    entered = missing_tasks(asked, "nobody-else", [line for line, _ in heads.values()], "configure")
    assert [set(missing) for missing in entered] == [task for _, task in heads.values()]
