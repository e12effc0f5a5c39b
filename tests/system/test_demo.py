# SPDX-License-Identifier: Apache-2.0
"""./demo itself, on machines of its own: one that systemd has booted, and one without it. It does the whole job, twice, and leaves the machine as it
found it."""

import pathlib
import re

import pytest

from router import Router

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Accounts, mounts, scopes and what there is in the root's upper levels: what a person would notice.
TRACES = ("cat /etc/passwd /etc/group /proc/self/mounts; ls /run/systemd/transient 2>/dev/null; find / -xdev -maxdepth 3 ! -path '/proc/*' "
          "! -path '/sys/*' ! -path '/dev/*' ! -path '/tmp/*' ! -path '/run/systemd/*' ! -path '/run/user*' ! -path '/run/log/*' | sort")
SCRIPT = """
cd {root}
before=$({traces})
./demo; echo "demo ended with $?"
./demo > /tmp/second; echo "second ended with $?"
echo "uptime and name: $(./demo shell root < /dev/null 2>&1; echo 'hostname; exit' | ./demo shell root 2>/dev/null)"
echo 'show crypto ca certificates system-trustpoint' | ./demo shell dossier-user | grep -c Fingerprint
./demo down; echo "down ended with $?"
./demo shell; echo "shell ended with $?"
[ "$before" = "$({traces})" ] && echo "no traces" || {{ echo "traces:"; diff <(echo "$before") <({traces}); }}
echo finished
"""


@pytest.fixture(scope="module", params=["with-systemd", "without-systemd"])
def told(request, build, no_router):
    if no_router:
        pytest.skip(f"no router can be booted here: {no_router}")
    script = SCRIPT.format(root=ROOT, traces=TRACES)
    options = [f"--bind-ro={ROOT}", f"--bind={build}"]
    if request.param == "with-systemd":
        host = Router("demo-host", nspawn=options)
        try:
            host.start()
            result = host.run(["env", f"CHANCERY_BUILD={build}", "bash", "-c", script], check=False, timeout=180)
            return result.stdout + result.stderr
        finally:
            host.stop()
    host = Router("demo-host", command=["bash", "-c", script], nspawn=[*options, f"--setenv=CHANCERY_BUILD={build}"])
    try:
        host.launch()
        host.wait_state(("stopped",), 180)
        return (host.folder / "boot.log").read_text(errors="replace").replace("\r", "")
    finally:
        host.stop()


def test_a_router_is_booted(told):
    assert re.search(r"^Booting a router: .*: done, [\d.]+ s$", told, re.M), told[-4000:]


def test_the_job_is_done(told):
    assert "demo ended with 0" in told, told[-4000:]
    assert re.search(r"^Verdict: +good$", told, re.M) and re.search(r"^Verdict: +bad-signature$", told, re.M)
    assert "leaf.pem: OK" in told and "Verified OK" in told and "the signature is good" in told


def test_a_second_run_starts_anew(told):
    assert "second ended with 0" in told, told[-4000:]


def test_shell(told):
    """As root and as a user, while the router is up; a clear word when it is not."""
    assert re.search(r"^uptime and name: .*router|^uptime and name: .*ios", told, re.M | re.S)
    assert "demo: nothing is running; ./demo starts it" in told and "shell ended with 1" in told


def test_down_leaves_no_trace(told):
    assert "down ended with 0" in told and "no traces" in told, told[-3000:]
