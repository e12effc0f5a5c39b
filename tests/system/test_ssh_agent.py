# SPDX-License-Identifier: Apache-2.0
"""ssh logs in elsewhere with keys that stay in keyd, by the agent: those that are granted, and the user's own."""

import pytest

from test_grants import configure, grant

SSH = ("chancery-ssh-agent ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
       "-o IdentitiesOnly=no dossier-user@127.0.0.1 show clock")
KEYS = ("ed25519 out", "ecdsanistp384 out", "rsa out")


@pytest.fixture(scope="module")
def logging_in(routers):
    machine = routers("agent")
    machine.wait_daemons()
    machine.run(["chancery"], "admin", stdin="crypto key generate ed25519 out\ncrypto key generate ecdsa nistp384 out\ncrypto key generate rsa out\n2048\n"
                "crypto key generate ed25519 tls-only\n")
    assert "Failed" not in configure(machine, "username dossier-user")
    assert "Failed" not in configure(machine, *grant("tls-only", "tls", "user nobody", key="ed25519 tls-only"))
    yield machine
    machine.stop()


def identities(machine, user):
    result = machine.run("chancery-ssh-agent ssh-add -L", user, check=False)
    return [line for line in result.stdout.splitlines() if " " in line and not line.startswith("The agent")]


def let_in(machine, lines):
    machine.run("mkdir -p /etc/ssh/authorized_keys.d")
    machine.write("/etc/ssh/authorized_keys.d/dossier-user", "".join(line + "\n" for line in lines).encode())


def test_nobody_has_keys_that_are_not_granted(logging_in):
    for user in ("nobody", "admin", "root"):
        assert identities(logging_in, user) == []  # least of all one that is granted for tls


@pytest.mark.parametrize("key", KEYS)
def test_granted_key(logging_in, key):
    assert "Failed" not in configure(logging_in, *grant("out", "ssh", "user nobody", key=key))
    lines = identities(logging_in, "nobody")
    assert len(lines) == 1 and lines[0].endswith(key)
    assert identities(logging_in, "admin") == []
    let_in(logging_in, [])
    assert logging_in.run(SSH, "nobody", check=False).returncode == 255
    let_in(logging_in, lines)
    result = logging_in.run(SSH, "nobody", check=False)
    assert result.returncode == 0 and "UTC" in result.stdout, result
    assert logging_in.run(SSH, "root", check=False).returncode == 255  # to whom it is not granted
    # Nothing but a request to log in is signed with it.
    signed = logging_in.run("cd $(mktemp -d) && echo text >text && chancery-ssh-agent sh -c 'ssh-add -L >out.pub && ssh-keygen -Y sign -n file -f out.pub text'",
                            "nobody", check=False)
    assert "agent refused operation" in signed.stderr, signed
    assert signed.returncode != 0
    assert "Failed" not in configure(logging_in, "no crypto key grant out")
    assert identities(logging_in, "nobody") == []
    assert logging_in.run(SSH, "nobody", check=False).returncode == 255


def test_own_key(logging_in):
    logging_in.run(["chancery"], "admin", stdin="crypto key generate authentication-ssh rsa\n2048\n")
    lines = identities(logging_in, "admin")
    assert len(lines) == 1 and lines[0].endswith("authentication-ssh-rsa admin")
    assert identities(logging_in, "nobody") == []
    let_in(logging_in, lines)
    result = logging_in.run(SSH, "admin", check=False)
    assert result.returncode == 0 and "UTC" in result.stdout, result


def test_exit_status_is_the_command_s(logging_in):
    assert logging_in.run("chancery-ssh-agent sh -c 'test -S $SSH_AUTH_SOCK && exit 7'", "nobody", check=False).returncode == 7
    assert logging_in.run("chancery-ssh-agent no-such-command", "nobody", check=False).returncode == 127
    assert logging_in.run("chancery-ssh-agent", "nobody", check=False).returncode == 1
