# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: type, and wait for what it prints."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

# How many seconds something may take that takes one on a machine with nothing else to do. A deadline is there to end a test that
# waits in vain; it is no measurement, and a test that fails because the machine was busy says nothing.
PATIENCE = 180.0

# RP/0/RP0/CPU0:router# and RP/0/RP0/CPU0:router(config-trustp)#, at the end of what was printed.
PROMPT = re.compile(r"(?:^|[\r\n])(RP/0/RP0/CPU0:[^\s#()]+(\([^)\s]+\))?#) ?$")


class TerminalError(Exception):
    """The program did not print what was expected in time, or ended."""


def rendered(text):
    """What is to be seen on the screen in the end: a carriage return goes back to the front of the line, what follows covers what was there."""
    lines = []
    for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r\n", "\n")).split("\n"):
        screen = ""
        for part in line.split("\r"):
            screen = part + screen[len(part):]
        lines.append(screen.rstrip())
    return "\n".join(lines)


def complaints(text):
    """What a command could not do; not what it was done with and warned of."""
    return [line for line in text.splitlines() if "%" in line and not line.startswith("% Warning: ")]


class Terminal:
    def __init__(self, argv, log=None, columns=200, rows=50):
        self.log = log  # called with each piece of text as it is printed
        self.pending = ""
        self.transcript = ""
        self.ended = False
        primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(argv, stdin=secondary, stdout=secondary, stderr=secondary, preexec_fn=self.own_terminal,
                                        env={**os.environ, "TERM": "dumb"})
        os.close(secondary)
        self.fd = primary

    @staticmethod
    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read_some(self, seconds):
        if self.ended or not select.select([self.fd], [], [], max(seconds, 0))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            data = b""
        if not data:
            self.ended = True
            return False
        text = data.decode(errors="replace")
        if self.log:
            self.log(text)
        self.pending += text.replace("\r\n", "\n")
        self.transcript += text
        return True

    def expect(self, pattern, seconds=PATIENCE):
        """Waits until what was printed since the last expect matches; returns the match. What precedes it is in .before."""
        pattern = re.compile(pattern) if isinstance(pattern, str) else pattern
        end = time.monotonic() + seconds
        while True:
            match = pattern.search(self.pending)
            if match:
                self.before, self.pending = self.pending[:match.start()], self.pending[match.end():]
                return match
            if self.ended or time.monotonic() > end:
                what = "it ended" if self.ended else f"{seconds:.0f} s passed"
                raise TerminalError(f"expected {pattern.pattern!r}, but {what}; printed last:\n{rendered(self.transcript[-2000:])}")
            self.read_some(min(0.5, end - time.monotonic()))

    def send(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        self.send(text + "\r")

    def prompt(self, seconds=PATIENCE):
        """Waits for the prompt and returns its mode: '' or 'config-trustp' and so on."""
        return (self.expect(PROMPT, seconds).group(2) or "").strip("()")

    def flags(self):
        """The local modes of the terminal, as they are now."""
        return termios.tcgetattr(self.fd)[3]

    def command(self, text, answers=(), seconds=PATIENCE):
        """Types a command at the prompt, answers its questions (pairs of a regular expression and the answer), waits for the
        next prompt and returns what was printed in between, without the echo."""
        self.line(text)
        self.expect(re.escape(text[-60:]) + r"[^\n]*\n", seconds)
        printed = ""
        for question, answer in answers:
            match = self.expect(question, seconds)
            printed += self.before + match.group(0)
            self.line(answer)
        self.mode = self.prompt(seconds)
        return rendered(printed + self.before)

    def close(self, seconds=5.0):
        """Hangs up, as closing the window does, and returns the exit status."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            return self.process.wait()
