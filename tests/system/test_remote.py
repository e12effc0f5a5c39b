# SPDX-License-Identifier: Apache-2.0
"""The shell drives another machine: -H over real ssh, where no descriptor crosses, and -M. Here that is the router itself, from root's account: what counts
there is who ssh logs in, and root of this side has no task."""

import json
import signal
import subprocess

import pytest

from envelope import Envelope
from machine import wait_for
from terminal import Terminal
from workflow import DOSSIER, NONCE, SIGN


@pytest.fixture(scope="module")
def home(enrolled, no_router):
    """The router, whose root can log in over ssh as those whom the collector's key lets in."""
    if no_router:
        pytest.skip("ssh of the router to itself needs a booted router")
    enrolled.write("/root/.ssh/id_ed25519", (enrolled.folder / "id_ed25519").read_bytes(), mode=0o600)
    enrolled.write("/root/.ssh/config", "Host *\n StrictHostKeyChecking accept-new\n BatchMode yes\n LogLevel ERROR\n", mode=0o600)
    return enrolled


def over(home, where, command, check=True, **options):
    return home.run(["chancery", *where, *command.split()] if isinstance(command, str) else ["chancery", *where, *command], "root", check=check, **options)


def as_user(user):
    return ["-H", f"{user}@127.0.0.1"]


def test_who_is_asked_about(home):
    """The tasks are those of the user whom ssh logs in, whoever types here."""
    refused = over(home, as_user("dossier-user"), "show aaa taskgroup", check=False)
    assert refused.returncode == 1 and "% This command is not authorized" in refused.stderr and "aaa (READ)" in refused.stderr
    assert '"dossier-user"' in over(home, as_user("dossier-user"), "show user all | json").stdout
    assert "root-lr" in over(home, as_user("admin"), "show aaa taskgroup").stdout
    assert over(home, as_user("nobody"), "show user", check=False).returncode == 1


@pytest.mark.parametrize("command", ["show running-config", "show configuration commit changes all", "show configuration commit list", "show aaa usergroup | json",
                                     "show crypto ca trustpool | json", "show crypto ca certificates", "show crypto key mypubkey rsa"])
def test_same_answers(home, command):
    def without_time(text):
        return [line for line in text.splitlines() if " UTC" not in line or "Validity" in line]
    assert without_time(over(home, as_user("admin"), command).stdout) == without_time(home.chancery(command).stdout)


def test_about_this_machine(home):
    for command in ("show version", "show clock", "show users"):
        refused = over(home, as_user("admin"), command, check=False)
        assert refused.returncode == 1 and "not there for another one" in refused.stderr and not refused.stdout


def test_dossier(home):
    """Collected there, in pieces; signed there without coming here in between; and what comes through a pipe from here, signed there."""
    plain = json.loads(over(home, as_user("dossier-user"), DOSSIER).stdout)
    assert plain["nonce"] == NONCE and len(json.dumps(plain["packages"])) > 32768  # more than one message of ssh
    envelope = Envelope(over(home, as_user("dossier-user"), f"{DOSSIER} | {SIGN}").stdout)
    assert json.loads(envelope.payload)["nonce"] == NONCE and envelope.header["cty"] == "chancery-dossier+json"
    signed = Envelope(over(home, as_user("admin"), "show running-config | utility sign").stdout)
    assert signed.payload.decode().splitlines()[-1] == "end"
    refused = over(home, as_user("dossier-user"), "show aaa taskgroup | utility sign nonce 1", check=False)
    assert refused.returncode == 1 and "payload" not in refused.stdout and "aaa (READ)" in refused.stderr


def test_configuration(home):
    """From standard input, with a file of this side loaded there; and a commit that is refused."""
    home.write("/root/lines", "".join(f"domain ipv4 host remote{n} 192.0.2.{n}\n" for n in range(1, 251)))
    text = "configure\nload /root/lines\nshow configuration\ncommit label remote\nend\n"
    refused = over(home, as_user("dossier-user"), [], stdin=text, check=False)
    assert refused.returncode == 1 and "ip-services (WRITE)" in refused.stderr
    done = over(home, as_user("admin"), [], stdin=text)
    assert "domain ipv4 host remote250" in done.stdout
    listed = home.chancery("show configuration commit list 1").stdout
    assert "remote" in listed and "admin" in listed
    over(home, as_user("admin"), "rollback configuration last 1")
    assert "remote250" not in home.chancery("show running-config").stdout


def connection(home):
    return home.output(["pgrep", "-x", "systemd-stdio-b"])


def test_interactive(home):
    """A session at a terminal: Ctrl-C that the connection outlives, configuration mode, a job with its question. The program that enters the router is kept
    out of the terminal's reach."""
    with Terminal(home.words(["setsid", "--ctty", "--wait", "chancery", *as_user("admin")])) as console:
        console.prompt()
        before = connection(home)
        home.kill("policyd", signal.SIGSTOP)
        try:
            console.line("show configuration commit list")
            console.expect(r" UTC\n")
            console.send("\x03")
            console.expect(r"% Interrupted\.\n")
        finally:
            home.kill("policyd", signal.SIGCONT)
        console.prompt()
        assert connection(home) == before
        console.command("configure")
        console.command("hostname remote-one")
        assert "hostname remote-one" in console.command("show configuration")
        console.command("abort")
        assert "[OK]" in console.command("crypto key generate rsa of-remote", [(r"modulus \[2048\]: ?", "512")])
        assert "of-remote" in console.command("show crypto key mypubkey rsa | include label")
        console.command("crypto key zeroize rsa of-remote", [(r"\[yes/no\]: ?", "yes")])


def test_connection_that_ends(home):
    """It is said, the changes of the session are gone with it, and the next command makes a new one."""
    with Terminal(home.words(["chancery", *as_user("admin")])) as console:
        console.prompt()
        console.command("configure")
        console.command("hostname remote-two")
        home.run(["pkill", "-x", "systemd-stdio-b"])
        console.line("show configuration")
        console.expect(r"% ")
        assert console.prompt() == ""
        assert "admin" in console.command("show user")
    wait_for(lambda: "remote-two" not in home.chancery("show configuration sessions").stdout, "the session to be gone")


def test_bad_destinations(home):
    for where in ("-oProxyCommand=touch${IFS}/tmp/bad", "", "admin@127.0.0.1:ssh", "admin@127.0.0.1/", "admin@127.0.0.1/../x", "[::1"):
        refused = over(home, [f"--host={where}"], "show user", check=False)
        assert refused.returncode == 1 and "cannot be reached" in refused.stderr, where
    assert home.run(["test", "-e", "/tmp/bad"], check=False).returncode == 1
    assert over(home, ["-H", "admin@127.0.0.1", "-M", "x"], "show user", check=False).returncode == 2
    assert over(home, ["-H", "admin@127.0.0.1:9"], "show user", check=False).returncode == 1


def test_login_shell_serves_the_bridge_only(home):
    for command in ("systemd-stdio-bridge --system", "systemd-stdio-bridge; id", "/usr/bin/systemd-stdio-bridge"):
        refused = home.ssh("admin", command)
        assert refused.returncode == 1 and b"Invalid input" in refused.stderr, command


@pytest.fixture
def box(home):
    """What machined would say of a container: here processes with folders and numbers of their own, that see the router's bus."""
    inside = home.popen(["unshare", "--mount", "--pid", "--fork", "sh", "-c", "echo ready; read never"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert inside.stdout.readline() == "ready\n"
    leader = home.output(["pgrep", "-x", "-f", "sh -c echo ready; read never"]).split()[-1]
    home.write("/run/systemd/machines/box", f"NAME=box\nCLASS=container\nLEADER={leader}\n")
    yield "box"
    home.path("/run/systemd/machines/box").unlink()
    inside.stdin.close()
    inside.wait(60)


def test_machine(home, box):
    """As root there, as another user there, and as another user of this machine."""
    refused = over(home, ["-M", "absent"], "show user", check=False)
    assert refused.returncode == 1 and "cannot be reached" in refused.stderr
    refused = over(home, ["-M", f"dossier-user@{box}"], "show aaa taskgroup", check=False)
    assert refused.returncode == 1 and "aaa (READ)" in refused.stderr
    assert over(home, ["-M", box], "show user").stdout == "root\n"
    assert over(home, ["-M", f"admin@{box}"], "show running-config").stdout.splitlines()[-1] == "end"
    assert over(home, ["-M", "admin@.host"], "show user").stdout == "admin\n"


def test_transfers_end(home):
    """They are for their connection alone, and end with it; what is no transfer is no descriptor."""
    def call(path, interface, *words):
        return home.run(["busctl", "--system", "call", "org.chancery.Policy1", path, interface, *words], "admin", check=False)
    root = "/org/chancery/Policy1"
    assert "is 'content' or 'pipe'" in call(root, "org.chancery.Transfer1", "New", "s", "file").stderr
    made = call(root, "org.chancery.Transfer1", "New", "s", "content").stdout.split('"')[1]
    assert "Unknown object" in call(made, "org.chancery.Transfer1.Transfer", "End").stderr
    shown = call(root, "org.chancery.Policy1.Plain", "GetRunningConfiguration", "ass", "0", "text").stdout
    assert shown.startswith('o "/org/chancery/Policy1/transfer/')
    refused = home.run(["busctl", "--system", "call", "org.chancery.TrustPool1", "/org/chancery/TrustPool1", "org.chancery.TrustPool1.Plain", "Verify", "oa{sv}",
                        "/org/chancery/TrustPool1/transfer/1", "0"], "admin", check=False)
    assert "There is no transfer" in refused.stderr
