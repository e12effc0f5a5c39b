# SPDX-License-Identifier: Apache-2.0
"""Keeps one router: the process that owns its mounts and its container.

It runs in a mount namespace of its own (see router.py), so nothing that it mounts is ever visible on the host, and
everything is gone when it ends, however it ends. The router's root is an overlay: the running root below, memory
above. `meson install` into that root, and a boot, is all that makes it a router; the rest of prepare() only keeps
what the host happens to have installed and enabled out of the way.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
EXIT_REBOOT = 133  # systemd-nspawn --keep-unit: the container asked for a reboot
NSPAWN = "/usr/bin/systemd-nspawn"
NSPAWN_RUN = pathlib.Path("/run/systemd/nspawn")

# What nspawn keeps from containers by default although a router's daemons may use it to protect themselves.
SYSTEM_CALLS = "memfd_secret landlock_create_ruleset landlock_add_rule landlock_restrict_self"

# Units that need hardware, a console or a person; a first boot would otherwise ask questions.
MASKED = ("systemd-firstboot.service", "console-getty.service", "systemd-networkd-wait-online.service",
          "systemd-time-wait-sync.service", "apt-daily.timer", "apt-daily-upgrade.timer")

# Everything that the host enabled is off; presets decide, as in an image's first boot.
PRESET = """\
enable ssh.service
enable dbus-broker.service
enable systemd-userdbd.socket
"""
BOX_FILES = """\
[Service]
InaccessiblePaths=-/root -/home -/opt -/usr/share -/usr/include -/usr/src -/usr/lib/python3 -/usr/lib/google-cloud-sdk
"""
PRESET_LAST = "disable *\n"

SSHD = """\
# Keys of accounts without a home directory of their own making.
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u
PasswordAuthentication no
UseDNS no
PrintLastLog no
"""


def sshd_lines():
    """From 9.8 on sshd lets an address wait after some failed logins; here they all come from one, and many are to fail."""
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr)
    return SSHD + ("PerSourcePenalties no\n" if version and (int(version[1]), int(version[2])) >= (9, 8) else "")


class KeeperError(Exception):
    """Why there is no router, in one sentence."""


def call(*argv, **options):
    """Runs a command; its complaint becomes ours."""
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False, **options)
    if result.returncode:
        last = result.stdout.strip().splitlines()[-3:]
        raise KeeperError(f"{' '.join(argv)}: {' '.join(last) or result.returncode}")
    return result.stdout


def mounts_below_root():
    """File systems mounted on parts of the root that a router needs too: an overlay does not look through them."""
    wanted = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        point, kind = fields[4], fields[fields.index("-") + 1]
        if point.split("/")[1] in ("usr", "etc", "var", "opt") and os.path.isdir(point) and kind not in ("tmpfs", "overlay"):
            wanted.append(point)
    return sorted(set(wanted))


def children(pid):
    """Child processes, from the kernel's list where it has one."""
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
        except (OSError, IndexError):
            continue
    return found


def make_cgroup(name):
    """One of the container's own, below ours, where no systemd gives it one: routers would share theirs, and what one uses be counted in all of them. None
    where it can't be made."""
    if os.path.isdir("/run/systemd/system"):
        return None
    try:
        points = [fields[4] for fields in map(str.split, pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
                  if fields[fields.index("-") + 1] == "cgroup2"]
        ours = next(line for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        above = pathlib.Path(points[0] + ours.removeprefix("0::"))
        cgroup = above / f"{name}-{os.getpid()}"
        cgroup.mkdir()
    except (OSError, IndexError, StopIteration):
        return None
    for controller in (above / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (above / "cgroup.subtree_control").write_text(f"+{controller}")
    return cgroup


def remove_cgroup(cgroup):
    """What is below it goes first."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


class Keeper:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.spec = json.loads((self.folder / "spec.json").read_text())
        self.layers = self.folder / "layers"
        self.root = self.layers / "root"
        self.nspawn = None
        self.cgroup = None
        self.stopping = False

    def say(self, state, text=""):
        """The state file is how router.py follows what happens here."""
        new = self.folder / "state.new"
        new.write_text(json.dumps({"state": state, "text": text, "leader": self.leader() if state == "booting" else 0}))
        new.rename(self.folder / "state")

    def mount(self):
        NSPAWN_RUN.mkdir(parents=True, exist_ok=True)
        call("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(NSPAWN_RUN))  # containers of one name do not meet there
        self.layers.mkdir(exist_ok=True)
        call("mount", "-t", "tmpfs", "-o", f"size={self.spec.get('size', '4G')},mode=0755", "tmpfs", str(self.layers))
        self.overlay("/", self.root, "upper")
        for number, point in enumerate(mounts_below_root()):
            self.overlay(point, self.root / point.lstrip("/"), f"upper{number}")

    def overlay(self, lower, point, upper):
        for path in (self.layers / upper, self.layers / f"{upper}.work", point):
            path.mkdir(exist_ok=True)
        call("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={lower},upperdir={self.layers / upper},workdir={self.layers / upper}.work", str(point))

    def write(self, path, text, mode=0o644):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def forget(self, *paths):
        for path in paths:
            target = self.root / path
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def prepare(self):
        """What an image builder does: no identity, no host's services, and the presets for the first boot."""
        system = self.root / "etc/systemd/system"
        self.forget("etc/systemd/system", "etc/.updated", "var/.updated", "etc/fstab", "var/log/journal", "var/lib/chancery",
                    "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "etc/ssh/sshd_config.d",
                    "etc/motd", "etc/update-motd.d", "var/log/wtmp", "var/log/wtmp.db", "var/lib/wtmpdb", "var/log/btmp", "var/log/lastlog")
        system.mkdir(parents=True)
        (self.root / "var/log/journal").mkdir(parents=True)
        for unit in MASKED:
            (system / unit).symlink_to("/dev/null")
        self.write("etc/systemd/system-preset/10-router.preset", PRESET)
        self.write("etc/systemd/system-preset/99-router.preset", PRESET_LAST)
        generators = self.root / "etc/systemd/system-generators"
        generators.mkdir(exist_ok=True)
        (generators / "systemd-sysv-generator").unlink(missing_ok=True)
        (generators / "systemd-sysv-generator").symlink_to("/dev/null")
        # What a machine that programs are built on has, and a router has not: a hundred thousand files that each dossier would look at.
        self.write("etc/systemd/system/chancery-probe-files.service.d/box.conf", BOX_FILES)
        self.write("etc/fstab", "")
        self.write("etc/hostname", "router\n")
        self.write("etc/hosts", "127.0.0.1 localhost router\n::1 localhost\n")
        switch = (self.root / "etc/nsswitch.conf").read_text()
        self.write("etc/nsswitch.conf", re.sub(r"(?m)^hosts:.*$", "hosts: files chancery dns", switch))
        self.write("etc/machine-id", "uninitialized\n", 0o444)
        self.prepare_accounts()

    def prepare_accounts(self):
        """Real accounts beside root: an administrator, and whoever a test names; and who may log in with the collector's key."""
        for old in (self.root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "router", "-f", str(self.root / "etc/ssh/ssh_host_ed25519_key"))
        self.write("etc/ssh/sshd_config.d/router.conf", sshd_lines())
        key = self.folder / "id_ed25519"
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "collector", "-f", str(key))
        public = key.with_suffix(".pub").read_text()
        for user, groups in self.spec.get("users", {}).items():
            for group in groups:
                call("groupadd", "--root", str(self.root), "--force", group)
            shell = self.spec.get("shells", {}).get(user, "/usr/bin/chancery")
            there = any(line.startswith(f"{user}:") for line in (self.root / "etc/passwd").read_text().splitlines())
            make = ["usermod", "--append"] if there else ["useradd", "--create-home"]
            call(*make, "--root", str(self.root), "--shell", shell, "--groups", ",".join(groups), user)
        for user in {*self.spec.get("users", {}), *self.spec.get("key_users", ())}:
            self.write(f"etc/ssh/authorized_keys.d/{user}", public)

    def install(self):
        build = self.spec.get("build")
        if not build:
            return
        log = self.folder / "install.log"
        with log.open("wb") as output:
            status = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", str(self.root)],
                                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
        if status:
            raise KeeperError("meson install: " + " ".join(log.read_text(errors="replace").strip().splitlines()[-3:]))

    def command(self):
        """nspawn stays in the cgroup that the keeper was started in, and ends with EXIT_REBOOT when the router wants to boot again."""
        argv = [NSPAWN, "--quiet", f"--directory={self.root}", f"--machine={self.spec['name']}", "--hostname=router", "--register=no",
                "--keep-unit", "--link-journal=no", "--private-network", f"--system-call-filter={SYSTEM_CALLS}"]
        if "command" in self.spec:  # a container that is not booted, for what must work without a router
            return [*argv, "--as-pid2", "--console=pipe", *self.spec.get("nspawn", []), "--", *self.spec["command"]]
        return [*argv, "--boot", "--console=read-only", *self.spec.get("nspawn", [])]

    def leader(self):
        """The container's PID 1: nspawn's child that is process 1 of a PID namespace."""
        if not self.nspawn or self.nspawn.returncode is not None:
            return 0
        for pid in children(self.nspawn.pid):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if len(numbers) > 2 and numbers[-1] == "1":
                return pid
        return 0

    def spawn(self, log):
        def child():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.setsid()
            if self.cgroup:
                (self.cgroup / "cgroup.procs").write_text("0")

        self.nspawn = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                       preexec_fn=child, env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})

    def run(self):
        """Boots, and boots again each time that the router reboots or that router.py asks for it after a crash."""
        again = self.folder / "again"
        with (self.folder / "boot.log").open("ab") as log:
            while not self.stopping:
                again.unlink(missing_ok=True)
                self.spawn(log)
                status = self.follow()
                if status != EXIT_REBOOT and not again.exists():
                    return status
        return 0

    def follow(self):
        """Tells the leader once it is there, and waits for its end."""
        while self.nspawn.poll() is None and not self.leader():
            time.sleep(0.02)
        self.say("booting")
        return self.nspawn.wait()

    def stop(self, _signal, _frame):
        self.stopping = True
        leader = self.leader()
        if leader:
            os.kill(leader, signal.SIGKILL)
        elif self.nspawn:
            self.nspawn.kill()

    def watch_owner(self):
        """A router made for a test run does not outlive it."""
        if self.spec.get("owner"):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != self.spec["owner"]:
                raise KeeperError("the program that asked for the router is gone")

    def main(self):
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.watch_owner()
            self.say("mounting")
            self.mount()
            self.say("installing")
            self.prepare()
            self.install()
            self.cgroup = make_cgroup(self.spec["name"])
            status = self.run()
            self.say("stopped", str(status))
            return 0
        except (KeeperError, OSError) as error:
            self.say("failed", str(error))
            return 1
        finally:
            if self.cgroup:
                remove_cgroup(self.cgroup)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    os.umask(0o022)
    sys.exit(Keeper(sys.argv[1]).main())
