# SPDX-License-Identifier: Apache-2.0
"""Where no router can be booted: a container without CAP_SYS_ADMIN. ./demo says so, does the whole job on a private bus, and takes away
again what it had to put there. The container is a real one: nspawn, not booted, with the capability taken from it."""

import pathlib
import re

import pytest

from router import Router

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What has to be the same after ./demo down as before ./demo: the accounts, and what there is in the root's upper levels.
TRACES = ("cat /etc/passwd /etc/group | sort; find / -xdev -maxdepth 3 ! -path '/proc/*' ! -path '/sys/*' ! -path '/dev/*' ! -path '/tmp/*' "
          "! -name 'passwd*' ! -name 'group*' ! -name 'shadow*' ! -name 'gshadow*' ! -name 'sub?id*' ! -name .pwd.lock | sort")
SCRIPT = """
cd {root}
before=$({traces})
./demo; echo "demo ended with $?"
for user in admin dossier-user nobody; do
    echo "tasks of $user: $(runuser -u $user -- env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/chancery-box/private-bus/bus \\
        chancery -c 'show crypto key mypubkey rsa' 2>&1 | tr '\\n' ' ')"
done
ps -eo user:20,args | sort -u
./demo down; echo "down ended with $?"
[ "$before" = "$({traces})" ] && echo "no traces" || {{ echo "traces:"; diff <(echo "$before") <({traces}); }}
"""


@pytest.fixture(scope="module", params=["without-capability", "asked-for"])
def told(request, build, no_router, tmp_path_factory):
    """What ./demo and ./demo down said in the container."""
    if no_router:
        pytest.skip(f"no container can be made here: {no_router}")
    without = request.param == "without-capability"
    # meson install writes its log into the build folder.
    options = [f"--bind-ro={ROOT}", f"--bind={build}", f"--setenv=CHANCERY_BUILD={build}"]
    options += ["--drop-capability=CAP_SYS_ADMIN"] if without else ["--setenv=CHANCERY_NO_BOOT=1"]
    box = Router(f"bare-{request.param}", command=["bash", "-c", SCRIPT.format(root=ROOT, traces=TRACES)], nspawn=options)
    try:
        box.launch()
        box.wait_state(("stopped",), 180)
        return request.param, (box.folder / "boot.log").read_text(errors="replace").replace("\r", "")
    finally:
        box.stop()


def test_reason_is_said(told):
    how, text = told
    reason = "this process lacks CAP_SYS_ADMIN" if how == "without-capability" else "CHANCERY_NO_BOOT is set"
    assert f"No router can be booted here: {reason}" in text, text[-3000:]


def test_workflow_runs_to_the_end(told):
    text = told[1]
    assert "demo ended with 0" in text, text[-5000:]
    assert "system-integrity-snapshot" in text
    assert re.search(r"^the signature is good$", text, re.M)
    assert re.search(r"^leaf\.pem: OK$", text, re.M) and "Verified OK" in text


def test_daemons_run_under_their_own_users(told):
    users = {daemon: user for user, daemon in re.findall(r"^(\S+) +/usr/lib/chancery/(chancery-\w+)$", told[1], re.M)}
    assert users == {f"chancery-{name}": f"chancery-{name}" for name in ("keyd", "enrolld", "poold", "dossierd", "policyd", "hostd")}


def test_tasks_are_asked_for_here_too(told):
    """The real polkitd decides, by the rules that the configuration made."""
    text = told[1]
    assert "% This command is not authorized" in re.search(r"^tasks of nobody: (.*)$", text, re.M)[1]
    assert "system-enroll-key" in re.search(r"^tasks of admin: (.*)$", text, re.M)[1]


def test_down_leaves_no_trace(told):
    assert "down ended with 0" in told[1]
    assert "no traces" in told[1], told[1][-2000:]
