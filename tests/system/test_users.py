# SPDX-License-Identifier: Apache-2.0
"""Users and what they may do, as the shell shows it, on a booted router."""

import json
import re

import pytest

from authorization import configure
from terminal import rendered

GROUPS = ["taskgroup viewers", "description May look", "task read crypto", "task read config-services", "inherit taskgroup operator",
          "usergroup viewers", "taskgroup viewers", "usergroup keepers", "inherit usergroup viewers", "taskgroup serviceadmin",
          "username alice", "group keepers", "username dossier-user"]
# A line for each kind of task, and what `describe` says of it. (A command of another mode is in test_described_lines.)
COMMANDS = {
    "show crypto key mypubkey rsa": ["crypto (READ)"],
    "show crypto key authentication rsa": ["crypto (READ)"],
    "show crypto ca certificates": ["crypto (READ)"],
    "show crypto ca trustpool": ["crypto (READ)"],
    "crypto key generate ed25519 x": ["crypto (EXECUTE)"],
    "crypto key zeroize ed25519 x": ["crypto (EXECUTE)"],
    "crypto key zeroize authentication rsa all": ["crypto (EXECUTE)", "aaa (WRITE)"],
    "crypto ca authenticate x": ["crypto (EXECUTE)"],
    "crypto ca enroll x": ["crypto (EXECUTE)"],
    "clear crypto ca certificates x": ["crypto (EXECUTE)"],
    "crypto ca trustpool import url clean": ["crypto (EXECUTE)"],
    "configure exclusive": ["config-services (WRITE)"],
    "rollback configuration last 1": ["config-services (READ)"],
    "show aaa taskgroup": ["aaa (READ)"],
    "show aaa userdb": ["aaa (READ)"],
    "show aaa task supported": ["aaa (READ)"],
    "show configuration commit changes all": ["config-services (READ)"],
    "show configuration commit list": ["config-services (READ)"],
    "show configuration history": ["config-services (READ)"],
    "show configuration sessions": ["config-services (READ)"],
    "show running-config": ["config-services (READ)"],
    "show platform security integrity dossier include packages reboot-history": ["basic-services (READ)", "pkg-mgmt (READ)", "system (READ)"],
    "show platform security integrity dossier":
        ["basic-services (READ)", "pkg-mgmt (READ)", "system (READ)", "config-services (READ)", "sysmgr (READ)"],
    "configure": [],
    "show user all": [],
    "show clock": [],
    "show version": [],
}


@pytest.fixture(scope="module")
def peopled(routers):
    one = routers("users", users={"carol": ["operator", "keepers"]})
    one.wait_daemons()
    configure(one, GROUPS)
    yield one
    one.stop()


def show(machine, command, user="admin"):
    return rendered(machine.chancery(command, user).stdout).splitlines()


def refused(machine, command, user):
    result = machine.chancery(command, user, check=False)
    assert result.returncode != 0, command
    return rendered(result.stdout + result.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_describe_says_what_is_needed(peopled, command):
    """Where something is needed, a user without any task is refused for one of these."""
    described = [line.strip() for line in show(peopled, f"describe {command}", "dossier-user") if line.startswith("       ")]
    assert described == COMMANDS[command]
    result = peopled.chancery(command, "dossier-user", check=False, stdin="yes\n")
    missing = re.findall(r"^% Task ID (\S+ \([A-Z]+\)) is missing$", rendered(result.stderr), re.M)
    assert (result.returncode != 0) == bool(described) and len(missing) == bool(described) and set(missing) <= set(described)


def test_described_lines(peopled):
    text = peopled.run(["chancery"], "admin", stdin="configure\ndescribe hostname x\nusername alice\ndescribe group root-lr\ndescribe commit\nabort\n").stdout
    assert text == ("\nUser needs ALL of the following taskids:\n\n       host-services (WRITE)\n\nUser needs ALL of the following taskids:\n\n"
                    "       aaa (WRITE)\n\nUser needs no taskid.\n")
    for words in ("describe nonsense", "describe show", "configure\ndescribe nonsense"):
        assert peopled.run(["chancery"], "dossier-user", stdin=words + "\n", check=False).returncode != 0, words


@pytest.mark.parametrize("command", ["show aaa taskgroup viewers", "show aaa usergroup", "show aaa userdb", "show aaa task supported"])
def test_others_need_the_task(peopled, command):
    assert "% This command is not authorized\n% Task ID aaa (READ) is missing" in refused(peopled, command, "alice")


def test_taskgroup(peopled):
    assert show(peopled, "show aaa taskgroup viewers") == [
        "Task group 'viewers'",
        "  Description: May look",
        "  Inherits from task group 'operator'",
        "  Task IDs included directly by this group:",
        "    Task:      config-services  : READ",
        "    Task:               crypto  : READ",
        "",
        "Task group 'viewers' has the following combined set",
        "  of task IDs (including all inherited groups):",
        "    Task:       basic-services  : READ    WRITE    EXECUTE    DEBUG",
        "    Task:                  cdp  : READ",
        "    Task:      config-services  : READ",
        "    Task:               crypto  : READ",
        "    Task:                 diag  : READ",
        "    Task:           ext-access  : READ",
        "    Task:              logging  : READ"]
    names = re.findall(r"^Task group '(\S+)'$", "\n".join(show(peopled, "show aaa taskgroup")), re.M)
    assert names == ["cisco-support", "netadmin", "operator", "root-lr", "root-system", "serviceadmin", "sysadmin", "viewers"]


# The tasks of the predefined groups, where one says what all say: (a task of the system, one of routing, one of services, aaa itself).
READ, WRITE, ACT, ALL = ["read"], ["read", "write"], ["read", "execute", "debug"], ["read", "write", "execute", "debug"]
PREDEFINED = {
    "root-system": (ALL, ALL, ALL, ALL), "owner-sdr": (ALL, ALL, ALL, ALL), "root-lr": (ALL, ALL, ALL, ALL), "cisco-support": (ALL, ALL, ALL, ALL),
    "netadmin": (READ, ALL, None, READ), "sysadmin": (ALL, None, None, ALL), "operator": (None, None, None, None),
    "serviceadmin": (None, None, ALL, None), "maintenance": (ACT, READ, READ, None), "provisioning": (WRITE, WRITE, WRITE, None),
    "retrieve": (READ, READ, READ, READ), "read-only-tg": (READ, READ, READ, READ),
}


@pytest.mark.parametrize("name", PREDEFINED)
def test_predefined_usergroup(name, peopled):
    tasks = json.loads("\n".join(show(peopled, f"show aaa usergroup {name} | json")))[0]["tasks"]
    assert tuple(tasks.get(task) for task in ("system", "bgp", "firewall", "aaa")) == PREDEFINED[name]
    assert len(tasks) == {"sysadmin": 14, "operator": 5, "maintenance": 83, "provisioning": 83}.get(name, len(tasks))


def test_predefined_usergroups_are_all(peopled):
    names = re.findall(r"^User group '(\S+)'$", "\n".join(show(peopled, "show aaa usergroup")), re.M)
    assert set(names) == set(PREDEFINED) | {"viewers", "keepers"}
    assert "There is a user group with this name, and no task group" in rendered(peopled.run(
        ["chancery"], "admin", stdin="configure\nusergroup keepers taskgroup retrieve\ncommit\n", check=False).stderr)


def test_usergroup_and_userdb(peopled):
    lines = show(peopled, "show aaa usergroup keepers")
    assert lines[:6] == ["User group 'keepers'", "  Inherits from task group 'serviceadmin'", "  Inherits from user group 'viewers'", "",
                         "User group 'keepers' has the following combined set", "  of task IDs (including all inherited groups):"]
    assert "    Task:               crypto  : READ" in lines and "    Task:                   li  : READ    WRITE    EXECUTE    DEBUG" in lines
    assert show(peopled, "show aaa userdb") == ["Username alice", "User group keepers", "", "Username dossier-user"]
    assert json.loads("\n".join(show(peopled, "show aaa userdb alice | json")))[0]["tasks"]["crypto"] == ["read"]
    assert "% There is no user group 'nobody'" in refused(peopled, "show aaa usergroup nobody", "admin")


def test_all_tasks(peopled):
    listed = show(peopled, "show aaa task supported")
    assert len(listed) == 85 and listed == sorted(listed) == show(peopled, "show task supported") and "crypto" in listed


def test_oneself(peopled):
    """By the configuration, and by Unix groups of the same names."""
    assert show(peopled, "show user", "alice") == ["alice"]
    assert show(peopled, "show user group", "alice") == ["keepers"]
    assert sorted(show(peopled, "show user group", "carol")[0].split(", ")) == ["keepers", "operator"]
    assert show(peopled, "show user tasks", "carol") == show(peopled, "show user tasks", "alice") == [
        line.strip() for line in show(peopled, "show aaa usergroup keepers") if line.startswith("    Task:")]
    assert show(peopled, "show user tasks", "dossier-user") == []
    assert show(peopled, "show user all", "admin")[:3] == ["Username: admin", "Groups: root-lr", "User admin has the following Task ID(s):"]
    assert len(show(peopled, "show user tasks", "root")) == 86


# --- Secrets --------------------------------------------------------------------------------------------------------------------------

SECRET = "Zebra-Crossing-42"


@pytest.fixture(scope="module")
def passwords(peopled):
    """The router's sshd asks for passwords."""
    peopled.write("/etc/ssh/sshd_config.d/00-passwords.conf", "PasswordAuthentication yes\n")
    peopled.run(["systemctl", "restart", "ssh.service"])
    peopled.write("/srv/ask", "#!/bin/sh\ncat /srv/secret\n", 0o755)
    return peopled


def logged_in(router, user, secret, command):
    """ssh inside the router, with nothing but a password."""
    router.write("/srv/secret", secret + "\n", 0o600)
    words = ["env", "SSH_ASKPASS=/srv/ask", "SSH_ASKPASS_REQUIRE=force", "ssh", "-F", "none", "-o", "PreferredAuthentications=password",
             "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1",
             f"{user}@127.0.0.1", command]
    return router.run(words, check=False)


def gets_in(router, user, secret):
    result = logged_in(router, user, secret, "show user")
    assert result.returncode == 0 or "Permission denied" in result.stderr, result.stderr
    return result.returncode == 0 and result.stdout == f"{user}\n"


def hash_of(router, user):
    """From the running configuration."""
    found = re.search(r"^ secret 10 (\S+)$", router.chancery(f"show running-config username {user}").stdout, re.M)
    return found and found[1]


@pytest.fixture
def unsecret(passwords):
    """Both users as they are without a secret."""
    configure(passwords, ["username alice", "no secret", "username dossier-user", "no secret"])
    return passwords


@pytest.fixture
def secret(unsecret):
    """Alice has one."""
    configure(unsecret, ["username alice", f"secret {SECRET}"])
    return unsecret


def test_no_secret_no_password(unsecret):
    for secret in ("", "!", "*", SECRET):
        assert not gets_in(unsecret, "alice", secret), secret


@pytest.mark.parametrize("line", ["secret 10 cisco", "secret 10 $1$abc$def", "secret 10", "secret two words"])
def test_what_is_no_secret(line, unsecret):
    result = unsecret.run(["chancery"], "admin", stdin=f"configure\nusername alice\n{line}\ncommit\n", check=False)
    assert result.returncode != 0 and hash_of(unsecret, "alice") is None


def test_secrets_need_the_task(passwords):
    assert "aaa (WRITE)" in passwords.run(["chancery"], "alice", stdin="configure\nusername alice secret x\n", check=False).stderr


def test_secret_lets_in(unsecret):
    passwords = unsecret
    configure(passwords, ["username alice", f"secret {SECRET}"])
    assert not gets_in(passwords, "alice", SECRET.lower())
    assert gets_in(passwords, "alice", SECRET)
    assert hash_of(passwords, "alice").startswith("$y$")
    assert not gets_in(passwords, "dossier-user", SECRET)
    for name in ("alice", passwords.output(["id", "-u", "alice"]).strip()):
        assert passwords.output(["stat", "-c", "%a", f"/run/userdb/{name}.user-privileged"]) == "600\n"


@pytest.mark.parametrize(("line", "why"), [
    ("secret 5 $1$abc$def", "Hashes of type 5 (MD5) are broken"), ("secret 8 $8$abc$def", "cannot check hashes of type 8"),
    ("password 7 094F471A1A0A", "can be read by everybody"), ("password-policy strict password x", "no policies for passwords here"),
    ("policy strict", "no policies for passwords here"), ("login-history enable", "in the system's journal"),
    ("directory home", "begins with '/'")])
def test_lines_that_cannot_take_effect(line, why, unsecret):
    result = unsecret.run(["chancery"], "admin", stdin=f"configure\nusername alice\n{line}\n", check=False)
    assert result.returncode != 0 and why in rendered(result.stderr).replace("\n", " ")


def test_password_is_a_secret(unsecret):
    """In other words, and under the same hash."""
    configure(unsecret, ["username alice", f"password {SECRET}"])
    assert hash_of(unsecret, "alice").startswith("$y$") and gets_in(unsecret, "alice", SECRET)
    configure(unsecret, ["username alice", "no secret", "password 0 Other-1"])
    assert not gets_in(unsecret, "alice", SECRET) and gets_in(unsecret, "alice", "Other-1")
    assert "password" not in unsecret.chancery("show running-config username alice").stdout


@pytest.fixture
def account(secret):
    """Alice as the system sees her, who has a secret, and is put back as she was."""
    yield lambda: secret.output(["getent", "passwd", "alice"]).strip().split(":")[5:]
    configure(secret, ["username alice", "no shell-type", "no directory"])


def test_shell_and_directory(secret, account):
    assert account() == ["/", "/usr/bin/chancery"]
    secret.run(["install", "-d", "-o", "alice", "/srv/alice"])
    configure(secret, ["username alice", "shell-type bash", "directory /srv/alice"])
    assert account() == ["/srv/alice", "/bin/bash"]
    assert logged_in(secret, "alice", SECRET, "cd; pwd").stdout == "/srv/alice\n"
    configure(secret, ["username alice", "shell-type nologin"])
    result = logged_in(secret, "alice", SECRET, "show user")
    assert result.returncode != 0 and "not available" in result.stdout
    configure(secret, ["username alice", "no shell-type", "no directory"])
    assert account() == ["/", "/usr/bin/chancery"] and gets_in(secret, "alice", SECRET)


@pytest.mark.parametrize(("line", "named"), [(f"secret {SECRET}", "username carol secret 10"), ("shell-type bash", "username carol shell-type"),
                                             ("directory /srv", "username carol directory")])
def test_accounts_of_the_system_are_left_alone(line, named, passwords):
    """Carol is in /etc/passwd: what would change nothing is refused, and says where it can be changed."""
    result = passwords.run(["chancery"], "admin", stdin=f"configure\nusername carol\n{line}\ncommit\n", check=False)
    assert result.returncode != 0 and f"{named}: The account is the system's own" in rendered(result.stderr)
    configure(passwords, ["username carol", "group viewers"])
    configure(passwords, ["no username carol"])


def test_hash_can_be_copied(secret):
    """As it stands in the configuration, for another user and from a file."""
    passwords = secret
    made = hash_of(passwords, "alice")
    configure(passwords, ["username dossier-user", f"secret 10 {made}"])
    assert gets_in(passwords, "dossier-user", SECRET)
    passwords.write("/srv/clear", f"username dossier-user\n secret {SECRET}\n")
    result = passwords.run(["chancery"], "admin", stdin="configure\nload /srv/clear\n", check=False)
    assert result.returncode != 0 and "A text has no secret in clear" in result.stdout + result.stderr


def test_hashes_need_the_task(secret):
    """Who may read the configuration but no aaa sees that there is a secret, wherever lines are shown, and cannot load what he sees."""
    passwords = secret
    made = hash_of(passwords, "alice")
    commands = ["show running-config", "show running-config | json", "show running-config username alice", "show configuration commit changes all",
                "show configuration commit changes all diff"]
    configure(passwords, ["username alice", "no secret"])
    back = passwords.chancery("show configuration rollback changes last 1", "alice").stdout
    assert "$y$" not in back and "secret 10 <removed>" in back
    configure(passwords, ["username alice", f"secret 10 {made}"])
    for command in commands:
        shown = passwords.chancery(command, "alice").stdout
        assert "$y$" not in shown and "<removed>" in shown, command
        assert made in passwords.chancery(command, "admin").stdout, command
    merged = "configure\nshow configuration merge\n"
    shown = passwords.run(["chancery"], "alice", stdin=merged).stdout
    assert "$y$" not in shown and "secret 10 <removed>" in shown
    assert made in passwords.run(["chancery"], "admin", stdin=merged).stdout
    seen = passwords.chancery("show running-config", "alice").stdout
    passwords.write("/srv/seen", seen)
    result = passwords.run(["chancery"], "admin", stdin="configure\nload /srv/seen\n", check=False)
    assert result.returncode != 0 and "Nothing was loaded" in result.stderr and hash_of(passwords, "alice") == made


def test_clear_text_is_nowhere(passwords):
    """Not where the configuration is shown or kept, in no journal, no history, no message."""
    with passwords.console("admin") as console:
        console.prompt()
        for line in ("configure", "username alice", f"secret {SECRET}", f"secr 0 {SECRET}", f"secret 5 {SECRET}", f"password {SECRET}",
                     f"pass 7 {SECRET}", f"password-policy p password {SECRET}", "group nowhere", "commit",
                     "show configuration failed", "show configuration", "abort"):
            console.command(line)
        shown = re.sub(r"^RP/0/RP0/CPU0:.*", "", rendered(console.transcript), flags=re.M)  # all but what was typed
        assert SECRET not in shown and "secret 10 $y$" in shown
        console.line("exit")
        console.process.wait(30)
    history = passwords.output("cat ~admin/.chancery_history")
    assert "secret <removed>\nsecr <removed>\nsecret <removed>\npassword <removed>\npass <removed>\npassword-policy <removed>\n" in history
    batch = passwords.run(["chancery"], "admin", stdin=f"configure\nusername alice\nsecret 5 {SECRET}\n", check=False)
    assert batch.returncode != 0 and SECRET not in batch.stdout + batch.stderr and "secret <removed>" in batch.stderr
    assert SECRET not in history + passwords.output("journalctl --sync; journalctl --no-pager --output=export")
    found = passwords.run(f"grep -rl {SECRET} /var/lib/chancery /var/lib/private /run /etc", check=False)
    assert found.stdout == "", found.stdout


def test_secret_is_withdrawn(secret):
    passwords, made = secret, hash_of(secret, "alice")
    configure(passwords, ["username dossier-user", f"secret 10 {made}"])
    assert gets_in(passwords, "alice", SECRET)
    configure(passwords, ["username alice", "no secret"])
    assert not gets_in(passwords, "alice", SECRET) and gets_in(passwords, "dossier-user", SECRET)
    assert passwords.run("ls /run/userdb/alice.user-privileged", check=False).returncode != 0
    configure(passwords, ["no username dossier-user"])
    left = passwords.run("ls /run/userdb/*privileged", check=False)
    configure(passwords, ["username dossier-user"])
    assert left.returncode != 0
