# SPDX-License-Identifier: Apache-2.0
"""Where no router can be booted: the same daemons under their own users, on a private system bus, with the real polkitd.

Without CAP_SYS_ADMIN nothing can be mounted over the running root, so a few things have to be put into it: the accounts, the programs
(as links), the polkit actions and the rules file. Each is written down as it is made, and stop() takes them away again.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import uuid

from machine import ACCOUNTS, KEY_USERS, PATH, Machine, MachineError, is_running, wait_for
from router import BOXES
from supervisor import activate
from terminal import PATIENCE
from unit_file import UnitFile, unit_path

SUPERVISOR = pathlib.Path(__file__).with_name("supervisor.py")
LINKS = ("usr/bin/chancery", "usr/bin/chancery-verify", "usr/lib/chancery", "usr/share/chancery")
ACTIONS = "usr/share/polkit-1/actions"
USERDB = "/run/userdb"
RUN_FOLDERS = (USERDB, "/run/chancery", "/run/sshd", "/run/systemd/seats", "/run/systemd/sessions", "/run/systemd/users", "/run/systemd/machines")
# What stop() may remove: files with these names, and these folders.
PLACES = (*(f"/{link}" for link in LINKS), f"/{ACTIONS}/org.chancery", "/etc/polkit-1/rules.d/60-chancery", "/run/chancery")
FOLDERS = (*RUN_FOLDERS, *(f"/home/{user}" for user in ACCOUNTS))

BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Properties"/>
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>
  <includedir>{folder}/root/usr/share/dbus-1/system.d</includedir>
</busconfig>
"""

SERVICE = """\
[D-BUS Service]
Name={name}
Exec=/usr/bin/python3 -B {supervisor} {folder} start {daemon}
User=root
"""

SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/ssh_host_ed25519_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys.d/%u
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
SetEnv DBUS_SYSTEM_BUS_ADDRESS=unix:path={folder}/bus
"""


class PrivateBus(Machine):
    """There is one at a time: it uses the accounts of the machine that it runs on."""

    kind = "the daemons on a private bus"

    def __init__(self, build, keep=False):
        super().__init__()
        self.folder = BOXES / "private-bus"
        self.build = build
        self.keep = keep
        self.supervisor = None
        self.placed = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Making and unmaking

    def start(self):
        if self.folder.exists():
            self.attach(self.build).stop()
        try:
            self.prepare()
            self.launch()
            self.wait_running()
        except (MachineError, OSError, subprocess.SubprocessError) as error:
            text = f"{error}\n{self.logs()}"
            self.stop()
            raise MachineError(text) from None
        return self

    @classmethod
    def attach(cls, build=None):
        """What another program left running, or left behind; None when there is nothing."""
        bus = cls(build, keep=True)
        if not bus.folder.exists():
            return None
        try:
            bus.placed = json.loads((bus.folder / "placed.json").read_text())
        except (OSError, ValueError):
            bus.placed = []
        return bus

    def call(self, *argv):
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, "PATH": PATH}, check=False)
        if result.returncode:
            raise MachineError(f"{' '.join(argv)}: {result.stdout.strip()}")
        return result.stdout

    def place(self, kind, name):
        """Written down first, so that it is taken away even if making it failed half way."""
        self.placed.append([kind, name])
        (self.folder / "placed.json").write_text(json.dumps(self.placed))

    def prepare(self):
        for link in LINKS:
            if os.path.lexists(f"/{link}"):
                raise MachineError(f"/{link} exists: Chancery is installed here; the private bus would get in its way")
        self.folder.mkdir(parents=True, mode=0o755)
        root = self.folder / "root"
        self.call("meson", "install", "-C", str(self.build), "--no-rebuild", "--quiet", "--destdir", str(root))
        self.prepare_accounts(root)
        for link in LINKS:
            if (root / link).exists():
                self.place("file", f"/{link}")
                os.symlink(root / link, f"/{link}")
        actions = root / ACTIONS
        for action in sorted(actions.glob("*.policy")) if actions.exists() else []:
            self.place("file", f"/{ACTIONS}/{action.name}")
            shutil.copy(action, f"/{ACTIONS}/{action.name}")
        self.prepare_bus(root)
        self.prepare_ssh()

    def prepare_accounts(self, root):
        before = self.names()
        taken = [user for user in ACCOUNTS if ("user", user) in before]
        if taken:
            raise MachineError(f"there is an account {taken[0]} here, which the private bus would have to change")
        try:
            for conf in sorted((root / "usr/lib/sysusers.d").glob("*.conf")):
                self.call("systemd-sysusers", str(conf))
            for user, groups in ACCOUNTS.items():
                for group in groups:
                    self.call("groupadd", "--force", group)
                if not os.path.exists(f"/home/{user}"):
                    self.place("folder", f"/home/{user}")
                self.call("useradd", "--create-home", "--shell", "/usr/bin/chancery", "--groups", ",".join(groups), user)
                pathlib.Path(f"/home/{user}/.hushlogin").touch()
        finally:
            for kind, name in sorted(self.names() - before):
                self.place(kind, name)

    @staticmethod
    def names():
        """The accounts that there are."""
        files = (("user", "/etc/passwd"), ("group", "/etc/group"))
        return {(kind, line.split(":")[0]) for kind, path in files for line in pathlib.Path(path).read_text().splitlines()}

    def prepare_bus(self, root):
        services = self.folder / "services"
        services.mkdir()
        for service in (root / "usr/share/dbus-1/system-services").glob("org.chancery.*.service"):
            lines = dict(line.split("=", 1) for line in service.read_text().splitlines() if "=" in line)
            daemon = lines["SystemdService"].removeprefix("chancery-").removesuffix(".service")
            (services / service.name).write_text(SERVICE.format(name=lines["Name"], supervisor=SUPERVISOR, folder=self.folder, daemon=daemon))
        (self.folder / "bus.conf").write_text(BUS.format(folder=self.folder))
        for path in RUN_FOLDERS:
            if not os.path.exists(path):
                self.place("folder", path)
                os.makedirs(path, 0o755)
        shutil.chown(USERDB, "chancery-policyd", "chancery-policyd")
        self.prepare_machine_id()
        for word in UnitFile(unit_path(root, "chancery-policyd.service")).all("BindPaths"):
            for path in word.lstrip("-").split(":"):
                self.place("file", path)

    def prepare_machine_id(self):
        """systemd makes one at the first boot; a container that was never booted may have none."""
        path = pathlib.Path("/etc/machine-id")
        old = path.read_text() if path.exists() else None
        if old is None or not re.fullmatch(r"[0-9a-f]{32}\n?", old):
            self.place("machine-id", old)
            path.unlink(missing_ok=True)
            path.write_text(uuid.uuid4().hex + "\n")

    def prepare_ssh(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "router", "-f", str(self.folder / "ssh_host_ed25519_key"))
        self.call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "collector", "-f", str(self.folder / "id_ed25519"))
        keys = self.folder / "authorized_keys.d"
        keys.mkdir()
        for user in KEY_USERS:
            shutil.copy(self.folder / "id_ed25519.pub", keys / user)
        (self.folder / "sshd_config").write_text(SSHD.format(folder=self.folder, port=self.port))

    def launch(self):
        spec = {"port": self.port}
        if not self.keep:
            spec["owner"] = os.getpid()
        (self.folder / "spec.json").write_text(json.dumps(spec))
        with (self.folder / "supervisor.log").open("wb") as log:
            self.supervisor = subprocess.Popen(["/usr/bin/python3", "-B", str(SUPERVISOR), str(self.folder)], stdin=subprocess.DEVNULL,
                                               stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": PATH})
        (self.folder / "supervisor.pid").write_text(str(self.supervisor.pid))

    def state(self):
        try:
            return json.loads((self.folder / "state").read_text())
        except (OSError, ValueError):
            return {"state": "", "text": "", "daemons": {}, "ssh": 0}

    def wait_running(self, seconds=PATIENCE):
        def running():
            state = self.state()
            if state["state"] == "failed" or (self.supervisor and self.supervisor.poll() is not None):
                raise MachineError(state["text"])
            return state["state"] == "running"
        wait_for(running, "the daemons to start", seconds)

    def logs(self):
        names = [self.folder / "supervisor.log", *sorted((self.folder / "log").glob("*.log"))]
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-1500:].strip()}" for path in names if path.exists())

    def stop(self):
        try:
            pid = int((self.folder / "supervisor.pid").read_text())
            if str(self.folder).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
                if self.supervisor:
                    self.supervisor.wait(20)
                else:
                    wait_for(lambda: not is_running(pid), "the supervisor to end")
        except (OSError, ValueError):
            pass
        for kind, name in reversed(self.placed):
            self.unplace(kind, name)
        self.placed = []
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            BOXES.rmdir()
        except OSError:
            pass

    def unplace(self, kind, name):
        """Takes away one thing that place() wrote down. Only what a private bus can have made is ever removed, whatever is written down."""
        if kind == "file" and name.startswith(PLACES):
            pathlib.Path(name).unlink(missing_ok=True)
        elif kind == "folder" and name in FOLDERS:
            shutil.rmtree(name, ignore_errors=True)
        elif kind == "machine-id":
            pathlib.Path("/etc/machine-id").unlink(missing_ok=True)
            if name is not None:
                pathlib.Path("/etc/machine-id").write_text(name)
        elif not name.startswith("chancery-") and name not in (*ACCOUNTS, *sum(ACCOUNTS.values(), [])):
            return
        elif kind == "user":
            # Never userdel --remove: the home directory of a daemon's account is the root directory.
            subprocess.run(["userdel", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        elif kind == "group":
            subprocess.run(["groupdel", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    # What a machine brings

    def enter(self):
        return []

    def environment(self):
        return {**super().environment(), "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

    def path(self, inside):
        inside = str(inside)
        for prefix, folder in (("/var/lib/chancery", "var/chancery"),):
            if inside.startswith(prefix):
                return self.folder / folder / inside[len(prefix):].lstrip("/")
        return pathlib.Path(inside)

    def restart(self, daemon):
        pid = self.kill(daemon, signal.SIGTERM)
        wait_for(lambda: self.daemon_pid(daemon) != pid, f"chancery-{daemon} to end")
        activate(self.folder, daemon)
        self.wait_daemons((daemon,))

    def journal(self, daemon):
        return (self.folder / "log" / f"{daemon}.log").read_text(errors="replace")

    def daemon_pid(self, daemon):
        return self.state()["daemons"].get(daemon, 0)

    def written(self):
        return self.folder

    def written_parts(self):
        return [self.folder]

    def ssh_words(self):
        return ["ssh", "-F", "none", "-p", str(self.state()["ssh"]), "-i", str(self.folder / "id_ed25519"), "-o", "IdentitiesOnly=yes",
                "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "StrictHostKeyChecking=accept-new",
                "-o", f"UserKnownHostsFile={self.folder}/known_hosts"]

    def ssh(self, user, command, stdin=None, timeout=PATIENCE):
        """Over sshd when it runs here; else as sshd would: the login shell of the account, with -c."""
        if self.state()["ssh"]:
            return super().ssh(user, command, stdin, timeout)
        return self.run(["chancery", "-c", command], user, stdin=stdin, check=False, timeout=timeout, text=False)

    def ssh_console(self, user, **options):
        return super().ssh_console(user, **options) if self.state()["ssh"] else self.console(user, **options)


if __name__ == "__main__":
    left = PrivateBus.attach()
    if sys.argv[1:] == ["stop"] and left:
        left.stop()
