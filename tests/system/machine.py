# SPDX-License-Identifier: Apache-2.0
"""What the demo and the tests do with a machine that runs Chancery, whichever kind of machine it is.

Two kinds exist: a booted router (router.py), and, where none can be booted, the same daemons on a private bus
(private_bus.py). A program written against this class runs on both.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import time

from terminal import PATIENCE, Terminal, rendered

DAEMONS = ("keyd", "enrolld", "poold", "dossierd", "policyd", "hostd")
BUS_NAMES = {"keyd": "Keys1", "enrolld": "Enrollment1", "poold": "TrustPool1", "dossierd": "Dossier1", "policyd": "Policy1",
             "hostd": "Host1"}
ADMIN = "admin"
# The account that is there before any configuration, with its Unix groups: root-lr is the user group that may do everything.
ACCOUNTS = {ADMIN: ["root-lr"]}
# Whom the collector's key lets in over ssh. Accounts of the configuration's users are policyd's.
KEY_USERS = (ADMIN, "dossier-user")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


clean = rendered


class MachineError(Exception):
    """Something about the machine itself went wrong: not a finding about Chancery."""


def wait_for(condition, what, seconds=PATIENCE, pause=0.05):
    """Polls until condition() is true and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise MachineError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)


def is_running(pid):
    """Not when it has ended and only waits for its parent to notice."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Machine:
    """A machine with the five daemons on a system bus, and accounts on it."""

    can_reboot = False
    kind = ""

    def __init__(self):
        self.accounts = {"root": (0, 0, "/root")}

    # What each kind has to bring.

    def enter(self):
        """The command words that put what follows them into the machine, as root."""
        raise NotImplementedError

    def environment(self):
        return {"PATH": PATH, "LANG": "C.UTF-8", "TERM": "dumb"}

    def path(self, inside):
        """Where a file of the machine is seen from here."""
        raise NotImplementedError

    def daemon_pid(self, daemon):
        """The process number, as seen from here, of a running daemon; 0 when it does not run."""
        raise NotImplementedError

    def ssh_words(self):
        """The command words up to the destination of an ssh client that reaches the machine's sshd."""
        raise NotImplementedError

    # What follows from that.

    def account(self, user):
        if user not in self.accounts:
            line = self.run(["getent", "passwd", user], check=False).stdout.strip()
            if not line:
                raise MachineError(f"there is no account {user}")
            fields = line.split(":")
            self.accounts[user] = (int(fields[2]), int(fields[3]), fields[5])
        return self.accounts[user]

    def words(self, argv, user="root"):
        """The command words that run argv in the machine as that user, with that user's groups and nothing inherited."""
        if isinstance(argv, str):
            argv = ["sh", "-c", argv]
        environment = dict(self.environment())
        if user == "root":
            environment.update(HOME="/root", USER="root", LOGNAME="root")
            become = []
        else:
            uid, gid, home = self.account(user)
            environment.update(HOME=home, USER=user, LOGNAME=user)
            become = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups"]
        return [*self.enter(), *become, "env", "-i", *(f"{k}={v}" for k, v in environment.items()), *argv]

    def run(self, argv, user="root", stdin=None, check=True, timeout=PATIENCE, text=True):
        """Runs a command (words, or a line for sh) in the machine, and returns it completed."""
        feed = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        result = subprocess.run(self.words(argv, user), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text,
                                timeout=timeout, check=False, **feed)
        if check and result.returncode:
            command = argv if isinstance(argv, str) else shlex.join(argv)
            raise MachineError(f"{command} (as {user}): status {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    def output(self, argv, user="root", **options):
        return self.run(argv, user, **options).stdout

    def popen(self, argv, user="root", **options):
        return subprocess.Popen(self.words(argv, user), **options)

    def chancery(self, command, user=ADMIN, check=True, **options):
        """One command of the CLI as a user, the way sshd runs it: `chancery -c COMMAND`."""
        return self.run(["chancery", "-c", command], user, check=check, **options)

    def console(self, user=ADMIN, **options):
        """An interactive session of the CLI as that user, on a terminal of its own."""
        return Terminal(self.words(["chancery"], user), **options)

    def ssh(self, user, command, stdin=None, timeout=PATIENCE):
        """One command over real ssh; the output is bytes, as a collector receives it."""
        feed = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run([*self.ssh_words(), f"{user}@{self.address()}", command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, check=False, **feed)

    def ssh_console(self, user, **options):
        return Terminal([*self.ssh_words(), "-tt", f"{user}@{self.address()}"], **options)

    def restart(self, daemon):
        """Ends a daemon in good order and starts it again."""
        self.run(["systemctl", "restart", f"chancery-{daemon}.service"])

    def journal(self, daemon):
        """What a daemon has logged so far, line by line."""
        self.run(["journalctl", "--sync"])
        return self.output(["journalctl", "--no-pager", "--output=cat", f"--unit=chancery-{daemon}.service"])

    def address(self):
        return "127.0.0.1"

    def read(self, inside):
        return self.path(inside).read_bytes()

    def write(self, inside, content, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def bus_owner(self, daemon):
        """Does the daemon own its name on the bus?"""
        name = f"org.chancery.{BUS_NAMES[daemon]}"
        result = self.run(["busctl", "--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "NameHasOwner", "s", name], check=False)
        return "true" in result.stdout

    def wait_daemons(self, daemons=DAEMONS, seconds=PATIENCE):
        for daemon in daemons:
            wait_for(lambda d=daemon: self.daemon_pid(d) and self.bus_owner(d), f"chancery-{daemon} to be on the bus", seconds)

    @contextlib.contextmanager
    def held(self, daemon):
        """Whoever asks it waits until the end of the block."""
        self.kill(daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(daemon, signal.SIGCONT)

    def kill(self, daemon, number):
        """Sends a daemon a signal; returns the process number that it had, 0 when it did not run."""
        pid = self.daemon_pid(daemon)
        if pid:
            os.kill(pid, number)
        return pid
