# SPDX-License-Identifier: Apache-2.0
"""The shell on a terminal, in a booted router."""

import re
import termios

import pytest

from machine import wait_for
from terminal import Terminal, rendered


def wait_running(console):
    """Until the line editor has left the terminal to the command, or has not had it yet."""
    wait_for(lambda: not console.flags() & termios.ECHO and console.flags() & termios.ICANON, "the terminal to echo nothing")


def test_typed_before_the_first_prompt(router):
    with router.held("policyd"):
        console = router.console()
        wait_running(console)
        console.line("show clock")
    with console:
        console.expect(r"#show clock\n")
        console.prompt()
        assert rendered(console.transcript).count("show clock") == 1


def test_typed_while_a_command_runs(router):
    with router.console() as console:
        console.prompt()
        with router.held("policyd"):
            console.line("show configuration commit list")
            wait_running(console)
            console.send("terminal length 0\rshow cl")
        console.expect(r"#show cl$")
        console.line("ock")
        console.prompt()
        shown = rendered(console.transcript)
        assert shown.count("terminal length 0") == 1 and shown.count("show clock\n") == 1


def test_interrupted_while_a_command_runs(router):
    """Over ssh: on the other terminal the program that enters the router would be interrupted too."""
    with router.ssh_console("admin") as console:
        console.prompt()
        with router.held("policyd"):
            console.line("show configuration commit list")
            console.expect(r" UTC\n")
            console.send("\x03")
            console.expect(r"\^C\n% Interrupted\.\n")
        console.prompt()
        assert "UTC" in console.command("show clock")


def test_terminal_is_left_as_it_was(router):
    """Both at the end of a session and of a single command that asks."""
    words = router.words(["sh", "-c", "chancery; stty -a; printf 'x\\n' | chancery show clock; chancery crypto key zeroize ed25519 absent; stty -a"], "admin")
    with Terminal(words) as console:
        console.prompt()
        before = console.flags()
        console.line("exit")
        console.expect(r"[^-]isig [^;]*[^-]echo ")
        console.expect(r"[^-]isig [^;]*[^-]echo ")
        assert not before & termios.ECHO


@pytest.mark.parametrize("home, end", [("\x1b[1~", "\x1b[4~"), ("\x1b[7~", "\x1b[8~"), ("\x1b[H", "\x1b[F"), ("\x1bOH", "\x1bOF"), ("\x01", "\x05")])
def test_keys(router, home, end):
    """Home, End, Delete and the others as any terminal sends them; what means nothing is no text."""
    with router.console() as console:
        console.prompt()
        console.send(f"clockx{home}show \x1b[2~{end}\x1b[D\x1b[3~")
        console.line("")
        console.prompt()
        assert re.search(r"UTC \w{3} \w{3} +\d+ \d{4}$", rendered(console.before)), console.before


def test_do_keeps_the_session(router):
    """What would begin or end a mode is refused by its name in configuration mode, and nothing that was entered is lost."""
    with router.console() as console:
        console.prompt()
        for line in ("configure", "hostname kept"):
            console.command(line)
        for line in ("do configure", "do configure exclusive", "do end", "do exit", "do quit", "do logout"):
            assert "% This command cannot be run from configuration mode." in console.command(line), line
        assert re.search(r"UTC \w{3} \w{3} +\d+ \d{4}$", console.command("do show clock | include :"))
        assert "hostname kept" in console.command("show configuration") and console.mode == "config"
        console.command("abort")
    result = router.run(["chancery"], "admin", stdin="configure\ndo show clocks\n", check=False)
    assert result.returncode == 1 and "show clocks\n          ^\n% Invalid input" in result.stderr


def test_users(router):
    """Who is on a terminal; this one is marked."""
    with router.ssh_console("admin") as console:
        console.prompt()
        lines = console.command("show users").splitlines()
        here = [line for line in lines if line.startswith("*")]
        assert lines[1] == "   Line            User                 Service   Idle       Location"
        assert len(here) == 1 and re.fullmatch(r"\*  pts/\d+ +admin +ssh +\d\d:\d\d:\d\d +127\.0\.0\.1", here[0]), lines


def test_lines_of_any_length(router):
    """A line that is too long is an error like others; nothing of it goes to the terminal as it came."""
    for line in ("show " + "x" * (1 << 20), "show clock | include " + "x" * (1 << 20), "configure\nhostname " + "x" * (1 << 20), "?" * (1 << 20)):
        result = router.run(["chancery"], "admin", stdin=f"{line}\nshow version\n", check=False)
        assert result.returncode == 1 and "Chancery, Version" not in result.stdout and "% " in result.stderr
    assert router.run(["chancery"], "admin", stdin="!" + "x" * (1 << 20) + "\nshow version\n").stdout.startswith("Chancery, Version")


def test_control_characters(router):
    """In commands, and in what messages repeat of them, they are shown as numbers."""
    for line in ("show \x1b[2J", "configure\nhostname \x1b[2J", "show clock | include \x1b]0;x\x07", "show version \xc2\x9b31m", "\x07", "show\x00clock"):
        result = router.run(["chancery"], "admin", stdin=line.encode("latin-1") + b"\n", check=False, text=False)
        shown = result.stdout + result.stderr
        assert not [byte for byte in shown if byte < 32 and byte not in b"\n\t"] and b"\xc2\x9b" not in shown, shown
