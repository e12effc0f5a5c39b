# SPDX-License-Identifier: Apache-2.0
"""The one-shot form in a real bash: what TAB makes of a line."""

import os
import re

import pytest

from bus_contract import ROOT
from terminal import Terminal

READY = r"ready> $"


@pytest.fixture(scope="module")
def bash(build):
    words = ["env", "-i", f"PATH={build}/cli:{os.environ['PATH']}", "HISTFILE=", "PS1=ready> ", "TERM=dumb", "bash", "--norc", "--noprofile", "-i"]
    with Terminal(words) as shell:
        shell.expect(READY)
        for line in ("bind 'set bell-style none'", f"source {ROOT}/cli/bash-completion"):
            shell.line(line)
            shell.expect(READY)
        yield shell


def drop_line(bash):
    """It becomes a comment; an interrupt would throw away what is still to be printed."""
    bash.send("\x1b#")
    bash.expect(r"\n" + READY)


@pytest.mark.parametrize("typed", ["chancery nonsense sh", "chancery show clock sh", "chancery show aaa taskgroup x", "chancery copy running-config a:sh",
                                   "chancery -H router nonsense sh"])
def test_nothing_to_complete(bash, typed):
    bash.send(f"{typed}\t#")
    bash.expect(re.escape(typed) + "#$")
    drop_line(bash)


@pytest.mark.parametrize("typed, completed", [
    ("chancery sh", "show "), ("chancery show cr", "show crypto "), ("chancery   show  crypto ca tr", "show  crypto ca trustpo"),
    ("chancery --ho", "--host "), ("chancery -H admin@router sh", "admin@router show "), ("chancery --machine=box sh", "--machine=box show "),
    ("chancery -M box show cr", "box show crypto ")])
def test_words(bash, typed, completed):
    bash.send(f"{typed}\t#")
    bash.expect(re.escape(completed) + "#$")
    drop_line(bash)


def test_choices(bash):
    bash.send("chancery show crypto ca c\t\t")
    bash.expect(r"\n *certificates +crls *\n")
    bash.expect(r"chancery show crypto ca c$")
    drop_line(bash)
