# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: made from the build under test, installed on a running router that has none of it, upgraded, removed and purged."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from machine import DAEMONS, wait_for
from router import Router

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["chancery", "chancery-snmp", "chancery-verify", "libnss-chancery"]
MAKE_SECONDS = 600


@pytest.fixture(scope="module")
def packages(build, tmp_path_factory):
    source = tmp_path_factory.mktemp("package") / "chancery"
    shutil.copytree(ROOT, source, ignore=lambda folder, names: [n for n in names if n.startswith((".", "build"))] if folder == str(ROOT) else [])
    made = subprocess.run(["make", "-f", "debian/rules", "binary", f"BUILD={build}"], cwd=source, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MAKE_SECONDS, check=False,
                          env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "DPKG_DEB_COMPRESSOR_TYPE": "none"})
    assert made.returncode == 0, made.stdout[-4000:]
    return sorted(source.parent.glob("*.deb"))


@pytest.fixture(scope="module")
def plain(no_router):
    """A router as Debian has it, without a program of ours. (The box makes a drop-in of its own for one unit.)"""
    if no_router:
        pytest.skip(f"no router can be booted here: {no_router}")
    with Router("package") as router:
        assert router.run("ls /usr/bin/chancery /usr/lib/chancery", check=False).returncode
        # What the machine around it says about services that a package starts, as many containers do, is not about a router.
        router.run(["rm", "--force", "/usr/sbin/policy-rc.d"])
        yield router


def install(router, packages):
    for package in packages:
        router.write(f"/root/{package.name}", package.read_bytes())
    result = router.run(["env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-unsafe-io", "--install", *(f"/root/{p.name}" for p in packages)], check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def fingerprint(router):
    shown = router.chancery("show crypto key mypubkey rsa").stdout
    assert "Key label: kept\n" in shown, shown
    return re.findall(r"^ *[0-9A-F]{8} .*$", shown.split("Key label: kept\n")[1], re.M)


def test_each_file_is_in_one_package(packages):
    owner = {}
    assert {p.name.partition("_")[0] for p in packages} == set(PACKAGES)
    for package in packages:
        listing = subprocess.run(["dpkg-deb", "--contents", str(package)], stdout=subprocess.PIPE, text=True, check=True).stdout
        for path in re.findall(r"^[^d].*? (\./\S+)", listing, re.M):
            assert owner.setdefault(path, package) == package, path
    assert "./usr/bin/chancery" in owner and "./usr/bin/chancery-verify" in owner


def test_the_collectors_package_needs_no_daemon(packages):
    verify = next(p for p in packages if p.name.startswith("chancery-verify_"))
    depends = subprocess.run(["dpkg-deb", "--field", str(verify), "Depends"], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = {re.match(r"[a-z0-9.+-]+", word.strip())[0] for word in depends.split(",")}
    assert not {n for n in names if re.match(r"chancery|systemd|libsystemd|dbus|polkit|libcurl|libseccomp", n)}, depends


@pytest.fixture(scope="module")
def installed(plain, packages):
    install(plain, packages)
    return plain


def test_everything_runs_after_the_installation(installed):
    installed.wait_daemons()
    for daemon in DAEMONS:
        assert installed.output(["systemctl", "is-enabled", f"chancery-{daemon}.service"]).strip() == "enabled"
    sockets = installed.output("systemctl list-unit-files --no-legend 'chancery-*.socket'").splitlines()
    assert len(sockets) >= 10
    for line in sockets:
        unit = line.split()[0]
        assert installed.run(["systemctl", "is-active", unit], check=False).stdout.strip() == "active", unit
    failed = installed.output("systemctl list-units --no-legend --state=failed 'chancery*'")
    assert not failed, failed
    assert installed.output("sshd -T | grep -i ^authorizedkeyscommand\\ ").split()[1] == "/usr/lib/chancery/chancery-authorized-keys"
    assert "chancery" in re.search(r"(?m)^hosts:(.*)$", installed.read("/etc/nsswitch.conf").decode())[1].split()


def test_nobody_may_do_anything_until_a_group_says_so(installed):
    refused = installed.chancery("show crypto key mypubkey rsa", user="nobody", check=False)
    assert refused.returncode and "not authorized" in refused.stdout + refused.stderr
    installed.chancery("crypto key generate rsa kept", stdin="2048\n")
    assert fingerprint(installed)


def test_an_upgrade_keeps_keys_and_restarts_the_daemons(installed, packages):
    before = fingerprint(installed)
    pid = installed.daemon_pid("keyd")
    install(installed, packages)
    wait_for(lambda: installed.daemon_pid("keyd") not in (0, pid), "keyd to run anew")
    installed.wait_daemons()
    assert fingerprint(installed) == before


def test_removed_it_runs_no_more_and_keeps_its_keys(installed):
    installed.run(["dpkg", "--remove", *PACKAGES], timeout=300)
    assert not installed.output("systemctl list-units --no-legend --state=active 'chancery*'")
    assert installed.output("find /var/lib/chancery/keyd -type f").strip()
    assert "chancery" not in installed.read("/etc/nsswitch.conf").decode()
    assert installed.run("sshd -t", check=False).returncode == 0


def test_purged_nothing_is_left(installed):
    installed.run(["dpkg", "--purge", *PACKAGES], timeout=300)
    left = installed.output("find /etc /usr /var /harddisk: -xdev -iname '*chancery*' ! -path '/var/lib/dpkg/*' ! -path '/var/log/*' "
                            "! -path '/var/lib/systemd/*' ! -name 'chancery-probe-files.service.d' 2>/dev/null; true")
    assert not left, left
    assert installed.run("sshd -t", check=False).returncode == 0
