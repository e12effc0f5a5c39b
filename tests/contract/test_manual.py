# SPDX-License-Identifier: Apache-2.0
"""The manual pages of commands and configuration lines say what the shell and policyd offer: they are made from the same tables, and this compares them with
what the running programs complete."""

import re
import subprocess

import pytest

from bus_contract import ROOT
from terminal import rendered

GROUPS = ("chancery-keys", "chancery-ca", "chancery-evidence", "chancery-session", "chancery-shell")


def plain(build, page):
    """The page's source, as it was made, without marks."""
    folder = "policy" if page == "chancery-configuration" else "cli"
    return re.sub(r"\\(.)|\*|\b_|_\b", lambda m: m[1] or "", (build / folder / f"{page}.7.scd").read_text())


def synopses(text):
    """The lines that begin an entry."""
    found, inside = [], False
    for line in text.splitlines():
        if line.startswith("# "):
            inside = line.startswith(("# COMMANDS", "# AT THE TOP", "# IN ("))
        elif inside and line and not line[0].isspace():
            found.append(line)
    return found


def keywords(synopsis):
    """The fixed words that it begins with."""
    return re.match(r"[^\[{(A-Z]*", synopsis)[0].split()


@pytest.fixture(scope="module")
def commands(build):
    return [s for group in GROUPS for s in synopses(plain(build, group))]


def completions(build, line):
    result = subprocess.run([build / "cli/chancery", "--complete", line], capture_output=True, text=True, check=True)
    return [word for word in result.stdout.splitlines() if re.fullmatch(r"[a-z0-9-]+", word)]


def test_every_command_is_there(commands):
    rows = re.findall(r"^    \{(?:\"|[a-z]+,$)", (ROOT / "cli/cli-commands.c").read_text(), re.M)
    assert len(commands) == len(rows) > 80


def test_what_the_page_says_the_shell_offers(build):
    """Word by word, as it is typed; but for the commands of configuration mode, which is entered on a router only."""
    tried = 0
    for group in GROUPS:
        entries = plain(build, group).split("# COMMANDS\n\n")[1].split("# SEE ALSO")[0].strip().split("\n\n")
        for entry in entries:
            words = keywords(entry.split("\n")[0])
            if "In configuration mode." in entry:
                continue
            for n, word in enumerate(words):
                assert word in completions(build, "".join(f"{w} " for w in words[:n])), words
            tried += 1
    assert tried > 60


def test_what_the_shell_offers_the_page_says(build, commands):
    """Every way of keywords through the shell's grammar is the beginning of an entry, or goes on inside of one."""
    waiting, seen = [()], 0
    while waiting:
        way = waiting.pop()
        for word in completions(build, "".join(f"{w} " for w in way)):
            seen += 1
            longer = (*way, word)
            fits = [s for s in commands if all(w in re.findall(r"[a-z0-9-]+", s) for w in longer)]
            assert fits, longer
            if len(longer) < 4 and any(keywords(s)[:len(longer)] == list(longer) and len(keywords(s)) > len(longer) for s in commands):
                waiting.append(longer)
    assert seen > 60


MONTHS = set("january february march april may june july august september october november december".split())


def explained():
    """What chancery-commands(7), written by hand, explains: the words that each entry begins with, and all that it names."""
    found = []
    for line in (ROOT / "cli/chancery-commands.7.scd").read_text().splitlines():
        if line.startswith("*"):
            for synopsis in re.split(r"\+\+$|, (?=\*)", line):
                if synopsis:
                    found.append((synopsis.replace("*", ""), set()))
        if line.startswith(("*", "\t")) and found:
            words = set(re.findall(r"(?<!\S)[a-z][a-z0-9-]*", " ".join(re.findall(r"\*([^*]+)\*", line))))
            for _, named in found[-4:] if line.startswith("\t") else found[-1:]:
                named.update(words)
    return [(synopsis, named | set(re.findall(r"(?<![A-Za-z])[a-z][a-z0-9-]*", synopsis))) for synopsis, named in found]


def test_every_command_is_explained(commands):
    """With each of its keywords."""
    entries = explained()
    for command in commands:
        head = keywords(command)
        words = set(re.findall(r"(?<![A-Za-z])[a-z][a-z0-9-]*", command)) - MONTHS
        fits = [named for synopsis, named in entries if keywords(synopsis)[:len(head)] == head[:len(keywords(synopsis))] and keywords(synopsis)]
        assert fits, command
        assert words <= set().union(*fits), (command, words - set().union(*fits))


def test_nothing_else_is_explained(build, commands):
    """Neither commands that are gone, nor stages of pipes."""
    heads = [keywords(command) for command in commands]
    stages = completions(build, "show clock | ")
    utilities = completions(build, "show clock | utility ")
    assert len(stages) > 5 and len(utilities) > 3
    for synopsis, _ in explained():
        words = synopsis.split()
        if words[0] != "|":
            head = keywords(synopsis)
            assert any(known[:len(head)] == head[:len(known)] for known in heads), synopsis
        else:
            assert words[1] in stages and (words[1] != "utility" or words[2] in utilities), synopsis
    for stage in stages + utilities:
        assert any(synopsis.startswith("|") and stage in synopsis.split() for synopsis, _ in explained()), stage


def test_every_line_of_the_configuration(build):
    lines = synopses(plain(build, "chancery-configuration"))
    assert len(lines) > 60
    heads = re.findall(r'ROW\(\s*(?:[A-Z_]+,\s*)?"([a-z0-9 -]+)"', (ROOT / "policy/config/config-schema.c").read_text())
    for head in heads:
        assert any(head.strip() in line for line in lines), head
    for line in lines:
        assert any(line.startswith(head.strip()) for head in heads), line


def test_configuration_as_policyd_completes_it(build, enrolled):
    """The words at the top and in the mode of trustpoints."""
    page = plain(build, "chancery-configuration")
    everywhere = {keywords(s)[0] for s in synopses(page)} | {keywords(s)[0] for group in GROUPS for s in synopses(plain(build, group))} | {"no"}
    with enrolled.console("admin") as console:
        console.prompt()
        console.command("terminal length 0")
        console.command("configure")
        for enter, mode in (("", "AT THE TOP"), ("crypto ca trustpoint system-trustpoint", "IN (config-trustp)")):
            if enter:
                console.command(enter)
            console.send("?")
            console.prompt()
            offered = set(re.findall(r"^  ([a-z][a-z0-9-]*) ", rendered(console.before), re.M))
            part = page.split(f"# {mode}\n")[1].split("\n# ")[0]
            assert {keywords(s)[0] for s in synopses(f"# {mode}\n{part}")} <= offered <= everywhere
        console.command("abort")
