# SPDX-License-Identifier: Apache-2.0
"""The shell drives a container of this machine (-M): one that has booted its own systemd, bus and daemons, and that systemd-machined of the router knows.
Its root shares nothing with the router's but /usr, so that it needs no file system that the machine might not have."""

import pytest

from authorization import configure
from machine import wait_for
from terminal import Terminal, rendered

INNER = "/var/lib/machines/inner"
MAKE = f"""set -e
mkdir -p {INNER}/usr/lib {INNER}/var {INNER}/root {INNER}/home
cp /usr/lib/os-release {INNER}/usr/lib/
for link in bin sbin lib lib32 lib64 libx32; do if [ -L /$link ]; then cp -a /$link {INNER}/; fi; done
cp -a /etc {INNER}/
echo uninitialized > {INNER}/etc/machine-id
echo inner > {INNER}/etc/hostname
"""
UNIT = ["systemd-run", "--quiet", "--property=Delegate=yes", "--setenv=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"]
NSPAWN = ["systemd-nspawn", "--quiet", f"--directory={INNER}", "--machine=inner", "--bind-ro=/usr", "--private-network", "--link-journal=no",
          "--system-call-filter=memfd_secret landlock_create_ruleset landlock_add_rule landlock_restrict_self"]


@pytest.fixture(scope="module")
def outer(routers):
    one = routers("outer", users={"reader": []})
    one.wait_daemons()
    configure(one, ["hostname outer"])
    one.run(["sh", "-c", MAKE])
    one.run(["systemctl", "start", "systemd-machined.service"])
    # Not every machine that has containers has containers in them.
    probe = one.run([*UNIT, "--pipe", "--wait", *NSPAWN, "--as-pid2", "--console=pipe", "/bin/true"], check=False)
    if probe.returncode:
        one.stop()
        pytest.skip(f"no container can be run in the router: {' '.join(probe.stderr.split())}")
    one.run([*UNIT, "--unit=inner", *NSPAWN, "--boot", "--console=read-only"])

    def booted():
        assert one.output(["systemctl", "is-active", "inner.service"], check=False).strip() == "active", one.output(["journalctl", "-o", "cat", "-u", "inner.service"])
        return one.output(["systemctl", "-M", "inner", "is-system-running"], check=False).strip() in ("running", "degraded")

    wait_for(booted, "the container to have booted")
    yield one
    one.stop()


def within(outer, where, command=(), user="root", **options):
    return outer.run(["chancery", "-M", where, *command], user, check=False, **options)


def settings(text):
    return [line for line in rendered(text).splitlines() if line and not line.startswith("!")]


def test_refused_and_allowed_there(outer):
    """The tasks are those that the user holds in the container; who is not root here does not get there."""
    refused = within(outer, "reader@inner", ["show", "aaa", "taskgroup"])
    assert refused.returncode == 1 and "% This command is not authorized" in refused.stderr and "aaa (READ)" in refused.stderr
    refused = within(outer, "inner", ["show", "user"], user="reader")
    assert refused.returncode == 1 and "cannot be reached" in refused.stderr and not refused.stdout
    assert "root-lr" in within(outer, "admin@inner", ["show", "aaa", "taskgroup"]).stdout
    assert within(outer, "inner", ["show", "user"]).stdout == "root\n" and within(outer, "reader@inner", ["show", "user"]).stdout == "reader\n"


def test_configuration_is_that_of_the_container(outer):
    """Over the bus itself, where descriptors cross, and as another user through systemd's bridge, where they do not."""
    outer.write("/root/lines", "".join(f"domain ipv4 host inner{n} 192.0.2.{n}\n" for n in range(1, 251)))
    done = within(outer, "admin@inner", stdin="configure\nhostname within\nload /root/lines\ncommit label inside\nend\nshow running-config\n")
    assert done.returncode == 0 and "hostname within" in settings(done.stdout) and "domain ipv4 host inner250 192.0.2.250" in settings(done.stdout)
    assert settings(outer.chancery("show running-config").stdout) == ["hostname outer", "end"]
    listed = within(outer, "admin@inner", ["show", "configuration", "commit", "list"]).stdout
    assert "inside" in listed and "admin" in listed and "inside" not in outer.chancery("show configuration commit list").stdout
    told = outer.output(["systemd-run", "-M", "inner", "--quiet", "--pipe", "--wait", "hostname"]).strip()
    assert told == "within" and outer.output("hostname").strip() == "outer"
    assert within(outer, "inner", ["show", "running-config"]).stdout.splitlines()[1:] == within(outer, "admin@inner", ["show", "running-config"]).stdout.splitlines()[1:]


def test_container_that_ends(outer):
    """It is said, and the shell goes on; nothing of it is left to be asked."""
    with Terminal(outer.words(["chancery", "-M", "inner"])) as console:
        console.prompt()
        assert "root" in console.command("show user")
        outer.run(["machinectl", "terminate", "inner"])
        wait_for(lambda: "inner" not in outer.output(["machinectl", "list", "--no-legend"]), "machined to have let go of it")
        console.line("show configuration sessions")
        console.expect(r"% ")
        console.prompt()
    refused = within(outer, "inner", ["show", "user"])
    assert refused.returncode == 1 and "The system bus of inner cannot be reached" in refused.stderr
