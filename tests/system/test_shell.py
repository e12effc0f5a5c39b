# SPDX-License-Identifier: Apache-2.0
"""The shell on a terminal, in a booted router."""

import contextlib
import signal
import termios

from machine import wait_for
from terminal import Terminal, rendered


@contextlib.contextmanager
def policyd_held(router):
    """Whoever asks policyd waits until the end of the block."""
    router.kill("policyd", signal.SIGSTOP)
    try:
        yield
    finally:
        router.kill("policyd", signal.SIGCONT)


def wait_running(console):
    """Until the line editor has left the terminal to the command, or has not had it yet."""
    wait_for(lambda: not console.flags() & termios.ECHO and console.flags() & termios.ICANON, "the terminal to echo nothing")


def test_typed_before_the_first_prompt(router):
    with policyd_held(router):
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
        with policyd_held(router):
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
        with policyd_held(router):
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
