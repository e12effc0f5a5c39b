# SPDX-License-Identifier: Apache-2.0
"""Boots a router: systemd-nspawn over an overlay of the running root. The host stays as it is.

    with Router(build="build") as router:
        print(router.output(["systemctl", "status"]))

As a program: router.py start|stop|enter NAME [BUILD].
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from machine import ACCOUNTS, KEY_USERS, Machine, MachineError, is_running, wait_for
from terminal import PATIENCE

BOXES = pathlib.Path("/run/chancery-box")
CAP_SYS_ADMIN = 21
KEEPER = pathlib.Path(__file__).with_name("keeper.py")


class Router(Machine):
    """One booted router. start() boots it, stop() ends it and leaves nothing behind."""

    can_reboot = True
    kind = "a booted router"

    def __init__(self, name="router", build=None, users=None, shells=None, keep=False, **spec):
        """users: further accounts, each with its Unix groups. Their login shell is the CLI, if shells does not name another, and the collector's
        key lets them in. keep: goes on when this program ends (see attach())."""
        super().__init__()
        self.name = name
        self.keep = keep
        self.folder = BOXES / (name if keep else f"{name}-{os.getpid()}")
        self.spec = {"name": f"chancery-{name}"[:60], "build": str(build) if build else None,
                     "users": {} if "command" in spec else {**ACCOUNTS, **(users or {})}, "shells": shells or {}, "key_users": KEY_USERS, **spec}
        self.keeper = None
        self.leader = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.launch()
        self.wait_booted()
        return self

    def launch(self):
        """Starts the keeper and comes back at once; wait_booted() waits."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, mode=0o755)
        if not self.keep:
            self.spec["owner"] = os.getpid()
        (self.folder / "spec.json").write_text(json.dumps(self.spec))
        # Where systemd runs, the container gets a scope of its own, whose cgroups are then its own to arrange.
        scope = ["systemd-run", "--quiet", "--scope", "--collect", "--property=Delegate=yes", "--"] if os.path.isdir("/run/systemd/system") else []
        with (self.folder / "keeper.log").open("wb") as log:
            self.keeper = subprocess.Popen([*scope, "unshare", "--mount", "--propagation", "private", "/usr/bin/python3", "-B", str(KEEPER),
                                            str(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.folder / "keeper.pid").write_text(str(self.keeper.pid))

    @classmethod
    def attach(cls, name):
        """The router of that name which another program left running, or None."""
        router = cls(name, keep=True)
        try:
            pid = int((router.folder / "keeper.pid").read_text())
            if str(router.folder).encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                return None
        except (OSError, ValueError):
            return None
        router.keeper_pid = pid
        router.leader = router.state()["leader"]
        return router

    def state(self):
        try:
            return json.loads((self.folder / "state").read_text())
        except (OSError, ValueError):
            return {"state": "starting", "text": "", "leader": 0}

    def alive(self):
        if self.keeper:
            return self.keeper.poll() is None
        return is_running(self.keeper_pid)

    def wait_state(self, wanted, seconds=PATIENCE):
        def reached():
            state = self.state()
            if state["state"] == "failed" or (state["state"] != "stopped" and not self.alive()):
                raise MachineError(state["text"] or self.log("keeper.log"))
            if state["state"] == "stopped" and "stopped" not in wanted:
                raise MachineError("the container ended: " + self.log("boot.log"))
            return state if state["state"] in wanted else None
        return wait_for(reached, f"the router to be {' or '.join(wanted)}", seconds, 0.02)

    def wait_booted(self, seconds=PATIENCE, not_leader=0):
        """Ready when systemd says so. Degraded is ready too: it is for the tests to say which units may fail."""
        def booted():
            self.leader = self.wait_state(("booting",))["leader"]
            if not self.leader or self.leader == not_leader:
                return None
            result = self.run(["systemctl", "is-system-running"], check=False)
            return result.stdout.strip() if result.stdout.strip() in ("running", "degraded") else None
        try:
            self.boot_result = wait_for(booted, "the router to boot", seconds, 0.1)
        except MachineError as error:
            log = self.log("boot.log")
            self.stop()
            raise MachineError(f"{error}\n{log}") from None
        if not_leader == 0 and self.spec["build"] is None:
            return
        wait_for(lambda: self.run(["systemctl", "is-active", "ssh.service"], check=False).returncode == 0, "sshd")

    def log(self, name):
        try:
            return (self.folder / name).read_text(errors="replace")[-3000:]
        except OSError:
            return ""

    def reboot(self, hard=False):
        """Boots it anew over the same overlay. hard: as if the power had failed."""
        before = self.leader
        if hard:
            (self.folder / "again").touch()
            os.kill(before, signal.SIGKILL)
        else:
            self.run(["systemctl", "reboot"], check=False)
        self.accounts = {"root": (0, 0, "/root")}
        self.wait_booted(not_leader=before)

    def stop(self):
        pid = self.keeper.pid if self.keeper else getattr(self, "keeper_pid", 0)
        if pid:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            if self.keeper:
                self.keeper.wait(PATIENCE)
            else:
                wait_for(lambda: not is_running(pid), "the router to end")
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            BOXES.rmdir()
        except OSError:  # others are in use
            pass
        self.keeper = None

    def enter(self):
        return ["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-i", "-n", "-C", "--"]

    def path(self, inside):
        return pathlib.Path(f"/proc/{self.leader}/root") / str(inside).lstrip("/")

    def written(self):
        """The folder with everything that the router, or its making, has written over the root: the overlay's upper layer."""
        pid = self.keeper.pid if self.keeper else self.keeper_pid
        return pathlib.Path(f"/proc/{pid}/root{self.folder}/layers/upper")

    def written_parts(self):
        """That folder, and those of the file systems that the router has beside its root."""
        return sorted(self.written().parent.glob("upper*"))

    def main_pid(self, unit):
        """The main process of a unit, as seen from here."""
        text = self.output(["systemctl", "show", "--property=MainPID", "--value", unit]).strip()
        return self.outer_pid(int(text)) if text not in ("", "0") else 0

    def outer_pid(self, inner):
        """nsenter's view and ours differ in process numbers; the kernel lists both."""
        space = os.readlink(f"/proc/{self.leader}/ns/pid")
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()[1:]
                if len(numbers) > 1 and numbers[-1] == str(inner) and os.readlink(status.parent / "ns/pid") == space:
                    return int(status.parent.name)
            except (OSError, StopIteration):
                continue
        return 0

    def daemon_pid(self, daemon):
        return self.main_pid(f"chancery-{daemon}.service")

    def ssh_words(self):
        return ["nsenter", "-t", str(self.leader), "-n", "--", "ssh", "-F", "none", "-i", str(self.folder / "id_ed25519"),
                "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "StrictHostKeyChecking=accept-new",
                "-o", f"UserKnownHostsFile={self.folder}/known_hosts"]


def why_no_router():
    """None when a router can be booted here; else the reason, in one sentence. Nothing is left behind."""
    if os.environ.get("CHANCERY_NO_BOOT"):
        return "CHANCERY_NO_BOOT is set"
    if os.geteuid() != 0:
        return "this needs root"
    status = pathlib.Path("/proc/self/status").read_text()
    effective = int(next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    if not effective >> CAP_SYS_ADMIN & 1:
        return "this process lacks CAP_SYS_ADMIN, without which nothing can be mounted"
    for program in ("systemd-nspawn", "unshare", "nsenter", "ssh-keygen"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            return f"{program} is not installed"
    return probe_container() and probe_container()  # what went wrong once may have been an accident


def probe_container():
    """Runs /bin/true in a container over an overlay of the root."""
    probe = Router("probe", command=["/bin/true"], size="64M")
    try:
        probe.launch()
        state = probe.wait_state(("stopped",))
        return None if state["text"] == "0" else "systemd-nspawn: " + " ".join(probe.log("boot.log").split()[-30:])
    except (MachineError, subprocess.SubprocessError) as error:
        return " ".join(str(error).split())
    finally:
        probe.stop()


def main(argv):
    if len(argv) < 2 or argv[0] not in ("start", "stop", "enter"):
        sys.exit(__doc__)
    running = Router.attach(argv[1])
    if argv[0] == "start":
        if running:
            running.stop()
        begun = time.monotonic()
        router = Router(argv[1], build=argv[2] if len(argv) > 2 else None, keep=True).start()
        print(f"{argv[1]} is up ({router.boot_result}) after {time.monotonic() - begun:.1f} s")
    elif not running:
        sys.exit(f"{argv[1]} does not run")
    elif argv[0] == "stop":
        running.stop()
    else:
        words = running.words(argv[2:] or ["bash", "-l"])
        os.execvp(words[0], words)


if __name__ == "__main__":
    main(sys.argv[1:])
