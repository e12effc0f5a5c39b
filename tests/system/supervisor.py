# SPDX-License-Identifier: Apache-2.0
"""Runs Chancery's daemons where there is no systemd to do it: on a private system bus with their own bus policy, each under its own user,
with the real polkitd and, where it works, sshd. What it reads of the daemons' units is what can be had without CAP_SYS_ADMIN: user,
groups, capabilities, limits, folders and credentials; the sandbox that each daemon gives itself is in force as ever.

    supervisor.py FOLDER               runs until SIGTERM; private_bus.py has prepared the folder
    supervisor.py FOLDER start DAEMON  what the bus runs to activate a daemon
"""

import ctypes
import grp
import json
import os
import pathlib
import pwd
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time

from unit_file import UnitFile, unit_path

DAEMONS = ("policyd", "keyd", "enrolld", "poold", "dossierd", "hostd")
POLKITD = "/usr/lib/polkit-1/polkitd"
FETCH_SOCKET = "/run/chancery/fetch"
FETCH_UID = 61999  # of those that systemd gives to users who exist only while their process runs
PR_SET_PDEATHSIG = 1
RESTARTS, RESTART_SECONDS = 20, 10  # more often than that is a loop


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def drop_words(user, unit):
    """setpriv's words: the unit's user and groups, its capabilities as far as we have them, and no way back."""
    account = pwd.getpwnam(user)
    groups = [str(account.pw_gid), *(str(grp.getgrnam(name).gr_gid) for name in unit.all("SupplementaryGroups"))]
    groups += [str(group.gr_gid) for group in grp.getgrall() if user in group.gr_mem]
    status = pathlib.Path("/proc/self/status").read_text()
    bounding = int(next(line for line in status.splitlines() if line.startswith("CapBnd:")).split()[1], 16)
    capabilities = ["-all"]
    if "CAP_DAC_READ_SEARCH" in unit.capabilities() and bounding >> 2 & 1:
        capabilities.append("+dac_read_search")
    kept = ",".join(capabilities)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--groups=" + ",".join(dict.fromkeys(groups)),
            f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}", "--no-new-privs", "--"]


class Mirror:
    """A file that systemd would bind from one place to another, copied instead, in place, whenever it has come to rest."""

    def __init__(self, source, target):
        self.source, self.target = pathlib.Path(source), pathlib.Path(target)
        self.seen = self.copied = None

    def look(self):
        stat = self.target.stat()
        now = (stat.st_mtime_ns, stat.st_size)
        if now == self.seen and now != self.copied:
            with self.source.open("r+b") as file:
                content = self.target.read_bytes()
                file.truncate(0)
                file.write(content)
            self.copied = now
        self.seen = now


class Daemon:
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.unit = UnitFile(unit_path(folder / "root", f"chancery-{name}.service"))
        self.user = self.unit.get("User", f"chancery-{name}")
        self.process = None
        self.starts = []
        self.ready = False
        self.mirrors = []

    def prepare(self):
        """The folders, credentials and bound files that the unit asks for."""
        account = pwd.getpwnam(self.user)
        self.variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "USER": self.user, "LOGNAME": self.user,
                          "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus", "NOTIFY_SOCKET": f"{self.folder}/notify"}
        for value in self.unit.values.get("Environment", []):
            for word in value.split():
                self.variables.update([word.strip('"').split("=", 1)])
        for setting, variable, base, mode in (("StateDirectory", "STATE_DIRECTORY", "var", "StateDirectoryMode"),
                                              ("RuntimeDirectory", "RUNTIME_DIRECTORY", "run", "RuntimeDirectoryMode")):
            made = []
            for word in self.unit.all(setting):
                path = self.folder / base / word
                path.parent.mkdir(parents=True, exist_ok=True)
                path.mkdir(exist_ok=True)
                os.chown(path, account.pw_uid, account.pw_gid)
                path.chmod(int(self.unit.get(mode, "0755"), 8))
                made.append(str(path))
            if made:
                self.variables[variable] = ":".join(made)
        self.prepare_credentials(account)
        self.prepare_mirrors(account)

    def prepare_credentials(self, account):
        """systemd would decrypt them with the TPM or the host's key. Here they are random and end with the folder."""
        names = [value.split(":")[0] for setting in ("LoadCredential", "LoadCredentialEncrypted")
                 for value in self.unit.values.get(setting, [])]
        if not names:
            return
        folder = self.folder / "credentials" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (folder / name).exists():
                (folder / name).write_bytes(os.urandom(32))
            os.chown(folder / name, account.pw_uid, account.pw_gid)
            (folder / name).chmod(0o400)
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o500)
        self.variables["CREDENTIALS_DIRECTORY"] = str(folder)

    def prepare_mirrors(self, account):
        for word in self.unit.all("BindPaths"):
            source, _, target = word.lstrip("-").partition(":")
            if not target:
                continue
            path = pathlib.Path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(b"")
            os.chown(path, account.pw_uid, account.pw_gid)
            path.chmod(0o644)
            pathlib.Path(source).touch()
            self.mirrors.append(Mirror(source, path))

    def child(self):
        die_with_parent()
        os.setsid()
        os.umask(int(self.unit.get("UMask", "0022"), 8))
        for what, number in self.unit.limits():
            hard = resource.getrlimit(what)[1]
            try:
                resource.setrlimit(what, (number, number))
            except (OSError, ValueError):  # no CAP_SYS_RESOURCE: as much as may be had
                resource.setrlimit(what, (hard, hard))

    def start(self):
        self.starts = [t for t in self.starts if t > time.monotonic() - RESTART_SECONDS] + [time.monotonic()]
        self.ready = False
        with (self.folder / "log" / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen([*drop_words(self.user, self.unit), *self.unit.command()[0]], env=self.variables,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self.child, cwd="/")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def looping(self):
        return len(self.starts) >= RESTARTS


class Supervisor:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.spec = json.loads((self.folder / "spec.json").read_text())
        self.selector = selectors.DefaultSelector()
        self.daemons = {name: Daemon(name, self.folder) for name in DAEMONS}
        self.others = {}
        self.workers = []
        self.stopping = False
        self.said = None

    def say(self, state, text=""):
        now = {"state": state, "text": text, "ssh": self.spec.get("port", 0) if "sshd" in self.others else 0,
               "daemons": {name: daemon.process.pid for name, daemon in self.daemons.items() if daemon.running()}}
        if now != self.said:
            new = self.folder / "state.new"
            new.write_text(json.dumps(now))
            new.rename(self.folder / "state")
            self.said = now

    def datagrams(self, name, mode, handler):
        path = self.folder / name
        path.unlink(missing_ok=True)
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        receiver.bind(str(path))
        path.chmod(mode)
        self.selector.register(receiver, selectors.EVENT_READ, handler)

    def notified(self, receiver):
        """sd_notify() from a daemon, known by the process number that the kernel adds."""
        data, ancillary, _, _ = receiver.recvmsg(4096, 256)
        pids = [int.from_bytes(content[:4], sys.byteorder) for level, kind, content in ancillary
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS]
        for daemon in self.daemons.values():
            if daemon.running() and daemon.process.pid in pids and b"READY=1" in data.split(b"\n"):
                daemon.ready = True

    def asked(self, receiver):
        """The bus wants a daemon."""
        name = receiver.recv(64).decode(errors="replace")
        if name in self.daemons and not self.daemons[name].running():
            self.daemons[name].start()

    def other(self, name, argv, environment=None):
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self.others[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
                                                 env={**os.environ, **(environment or {})}, cwd="/")

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{what} does not come up: " + self.log_of(what))
            time.sleep(0.02)

    def log_of(self, name):
        try:
            return (self.folder / "log" / f"{name}.log").read_text(errors="replace")[-800:]
        except OSError:
            return ""

    def start_bus(self):
        address = f"unix:path={self.folder}/bus"
        self.other("dbus-daemon", ["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile", "--nosyslog"])
        self.wait((self.folder / "bus").exists, "dbus-daemon")
        self.other("polkitd", [POLKITD], {"DBUS_SYSTEM_BUS_ADDRESS": address})
        self.wait(lambda: self.owned("org.freedesktop.PolicyKit1"), "polkitd")

    def owned(self, name):
        result = subprocess.run(["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                 "NameHasOwner", "s", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
                                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"})
        return result.stdout.strip() == "b true"

    def start_sshd(self):
        """sshd runs in many containers, but not in all: whoever asks for it is told when it does not."""
        if not self.spec.get("port"):
            return
        self.other("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")])
        try:
            self.wait(self.sshd_answers, "sshd", 30)
        except RuntimeError:
            self.others.pop("sshd").kill()

    def sshd_answers(self):
        if self.others["sshd"].poll() is not None:
            raise RuntimeError("sshd ended")
        try:
            with socket.create_connection(("127.0.0.1", self.spec["port"]), 1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def listen_fetch(self):
        """chancery-fetch.socket: one worker for each connection, under a user of its own."""
        path = pathlib.Path(FETCH_SOCKET)
        if not (self.folder / "root/usr/lib/chancery/chancery-fetch").exists():
            return
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        listener.bind(str(path))
        os.chown(path, 0, grp.getgrnam("chancery-fetch").gr_gid)
        path.chmod(0o660)
        listener.listen(32)
        self.selector.register(listener, selectors.EVENT_READ, self.fetch)

    def fetch(self, listener):
        connection, _ = listener.accept()
        with connection, (self.folder / "log/fetch.log").open("ab") as log:
            self.workers.append(subprocess.Popen(
                ["setpriv", f"--reuid={FETCH_UID}", f"--regid={FETCH_UID}", "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all",
                 "--bounding-set=-all", "--no-new-privs", "--", "/usr/lib/chancery/chancery-fetch"], stdin=connection,
                stdout=subprocess.DEVNULL, stderr=log, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, preexec_fn=die_with_parent))

    def start(self):
        self.say("starting")
        (self.folder / "log").mkdir(exist_ok=True)
        self.datagrams("notify", 0o666, self.notified)
        self.datagrams("control", 0o600, self.asked)
        for daemon in self.daemons.values():
            daemon.prepare()
        self.start_bus()
        self.listen_fetch()
        self.start_sshd()
        for daemon in self.daemons.values():
            daemon.start()

    def tend(self):
        """Restart what ended, as Restart=on-failure does, and keep the bound files alike."""
        for event, _ in self.selector.select(0.02):
            event.data(event.fileobj)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        for daemon in self.daemons.values():
            for mirror in daemon.mirrors:
                mirror.look()
            if not daemon.running():
                if daemon.looping():
                    raise RuntimeError(f"chancery-{daemon.name} ends again and again: " + self.log_of(daemon.name))
                if daemon.process.returncode:
                    daemon.start()
        for name in ("dbus-daemon", "polkitd"):
            if self.others[name].poll() is not None:
                raise RuntimeError(f"{name} ended: " + self.log_of(name))
        ready = all(daemon.ready for daemon in self.daemons.values() if daemon.running())
        self.say("running" if ready else "starting")

    def stop(self):
        started = [d.process for d in self.daemons.values() if d.running()] + [*self.others.values(), *self.workers]
        for process in started:
            process.terminate()
        end = time.monotonic() + 5
        for process in started:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def ask_to_stop(self, _signal, _frame):
        self.stopping = True

    def main(self):
        signal.signal(signal.SIGTERM, self.ask_to_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.spec.get("owner"):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        try:
            self.start()
            while not self.stopping:
                self.tend()
            self.say("stopped")
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            self.say("failed", str(error))
            return 1
        finally:
            self.stop()
        return 0


def activate(folder, name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(name.encode(), f"{folder}/control")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        activate(sys.argv[1], sys.argv[3])
    elif shutil.which("setpriv"):
        sys.exit(Supervisor(sys.argv[1]).main())
    else:
        sys.exit("supervisor: setpriv is not installed")
