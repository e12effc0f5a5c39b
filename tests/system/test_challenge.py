# SPDX-License-Identifier: Apache-2.0
"""A configured challenge password (F32): sealed by keyd, shown as it is sealed, sent to Debian's scepserver at enrolment and at renewal, and in clear nowhere that
anybody could look. Each test is one step and needs those before it."""

import pathlib
import re
import subprocess

import pytest

import workflow
from clock import Clock
from machine import ADMIN, wait_for
from terminal import complaints
from test_scep import LINES, configure, fingerprint, say, scepserver, serial, state

CANARY = "canary-91d4-secret"
LINE = re.compile(r"^ challenge-password 6 (\S+)$", re.M)


@pytest.fixture(scope="module")
def machine(routers):
    one = routers("challenge")
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate rsa scep-key"], ADMIN, stdin="2048\n")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def url(machine):
    """Like scepserver() of test_scep.py, with this password."""
    with scepserver(machine, CANARY) as address:
        yield address


def shown(machine):
    return machine.chancery("show running-config crypto ca trustpoint peer").stdout


def test_what_is_refused(machine):
    for line in ("challenge-password", "challenge-password clear"):  # where nobody can be asked for it
        said = machine.run(["chancery"], ADMIN, stdin=f"configure\ncrypto ca trustpoint peer\n{line}\n", check=False)
        assert said.returncode != 0 and "% Incomplete" in said.stdout + said.stderr
    for lines, words in ((("challenge-password 6",), "% Incomplete"),
                         (("challenge-password 6 not/sealed",), "no sealed password"), (("challenge-password clear " + 256 * "x",), "% Invalid"),
                         (("challenge-password clear x", "enrollment terminal"), "only with a SCEP server"),
                         (("challenge-password clear x", "skip-challenge-password", "enrollment url http://127.0.0.1/"), "only one of the two")):
        with machine.console(ADMIN) as console:
            console.prompt()
            console.command("configure")
            console.command("crypto ca trustpoint peer")
            said = "".join(console.command(line) for line in lines)
            if "%" not in said:
                console.command("commit")
                said = console.command("show configuration failed")
            assert words in " ".join(said.split()), (lines, said)
            console.command("abort")


def test_another_password(machine, url):
    """The server's refusal is told; and what nobody here has sealed is warned about, and not sent."""
    configure(machine, "crypto ca trustpoint peer", f"enrollment url {url}", "challenge-password clear wrong", *LINES)
    with machine.console(ADMIN) as console:
        console.prompt()
        assert "% Warning" in workflow.commit(console, ["crypto ca trustpoint peer", "enrollment legacy"])
    assert say(machine, f"crypto ca authenticate peer fingerprint {fingerprint(machine, '/tmp/depot-home/depot/ca.pem')}")[0] == 0
    status, said = say(machine, "crypto ca enroll peer")
    assert status != 0 and "Password:" not in said, said
    sealed = LINE.search(shown(machine))[1]
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, ["crypto ca trustpoint peer", f"challenge-password 6 {'B' + sealed[1:]}"])
        assert "was not sealed by this router" in " ".join(printed.split()), printed
    status, said = say(machine, "crypto ca enroll peer")
    assert status != 0 and "cannot be opened" in " ".join(said.split()), said


def test_enrolment(machine, url):
    """The password is asked for where it is configured, and shown nowhere; at the enrolment nobody is asked."""
    with machine.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpoint peer", "auto-enroll 50"):
            console.command(line)
        answers = [("Password:", CANARY), ("Re-enter Password:", "another"), ("not the same.\nPassword:", CANARY), ("Re-enter Password:", CANARY)]
        assert complaints(console.command("challenge-password", answers)) == ["% The passwords are not the same."]
        assert "% No password was entered" in console.command("sftp-password clear", [("Password:", ""), ("Re-enter Password:", "")])
        assert "has no blanks" in console.command("sftp-password", [("Password:", "a b"), ("Re-enter Password:", "a b")])
        assert "% Incomplete" in console.command("challenge-password 6")
        assert LINE.search(console.command("show configuration"))
        assert not [line for line in complaints(console.command("commit")) if "Warning" not in line]
        console.command("end")
        assert CANARY not in console.transcript
    status, said = say(machine, "crypto ca enroll peer")
    assert status == 0 and "Password:" not in said, said
    assert state(machine, "peer")["state"] == "enrolled"


def configure_with_warnings(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        printed = workflow.commit(console, lines)
    assert all("% Warning" in line for line in printed.splitlines() if "%" in line), printed


def test_text_loaded_back(machine):
    """The same configuration: nothing is left to commit; and whoever has not sealed it cannot say what it is."""
    text = shown(machine)
    assert CANARY not in text and LINE.search(text)
    machine.write("/tmp/trustpoint.cfg", text)
    with machine.console(ADMIN) as console:
        console.prompt()
        console.command("configure")
        for line in text[text.index("crypto ca trustpoint"):].splitlines():
            console.command(line.strip())
        assert "challenge-password" not in console.command("show configuration")
        console.command("abort")
    assert LINE.search(shown(machine))[1] == LINE.search(text)[1]


def test_renewal(machine, url, build):
    """By itself, with the same password; without one the server would refuse."""
    before = serial(machine, "peer")
    assert len(before) == 1
    with Clock(machine, build, ["enrolld"]) as clock:
        clock.ahead("enrolld", 300 * 86400)
        clock.restart()
        wait_for(lambda: serial(machine, "peer") not in ([], before), "the renewal")


def test_clear_text_is_nowhere(machine):
    """Not in the journal, not in a file, no argument of a process, no environment; scepserver's own words are left out, and the test's."""
    machine.run(["journalctl", "--sync"])
    journal = machine.run("journalctl --all --output=export", text=False).stdout
    assert b"chancery-enrolld" in journal and CANARY.encode() not in journal
    for folder in machine.written_parts():
        found = subprocess.run(["grep", "-rlaF", "-e", CANARY, folder], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        assert [path for path in found if "/log/journal/" not in path] == []
    space = pathlib.Path(f"/proc/{machine.leader}/ns/pid").readlink()
    looked = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").readlink() != space or (process / "comm").read_text().strip() == "scepserver":
                continue
            assert CANARY.encode() not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            looked += 1
        except OSError:  # it ended
            continue
    assert looked > 10
