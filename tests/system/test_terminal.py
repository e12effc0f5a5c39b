# SPDX-License-Identifier: Apache-2.0
"""The terminal of the shell: pages and what may be typed between them, rows that wrap, another size, keys that leave, the history, help."""

import fcntl
import re
import signal
import struct
import termios

import pytest

from machine import wait_for
from terminal import PATIENCE, Terminal, rendered

MORE = r"--More--$"
POOL = "show crypto ca trustpool"


@pytest.fixture
def console(router):
    """Without the time line."""
    with router.console(columns=80, rows=24) as one:
        one.prompt()
        one.command("terminal exec prompt no-timestamp")
        yield one


@pytest.fixture(scope="module")
def pool(router):
    """The lines that make several pages."""
    lines = router.chancery(POOL).stdout.splitlines()
    assert len(lines) > 200
    return lines


def resize(console, columns, rows):
    fcntl.ioctl(console.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def page(console, keys):
    """What comes after these keys, up to the end of the page."""
    console.send(keys)
    console.expect(MORE)
    return rendered(console.before).splitlines()[1 if "\n" in keys else 0:]


# --- Pages ------------------------------------------------------------------------------------------------------------------------------


def test_pages(console, pool):
    """A page has one line less than the terminal; blank goes on by a page, Enter by a line, q and Ctrl-C leave."""
    console.command("terminal length 6")
    console.line(POOL)
    console.expect(r"pool\n")
    assert page(console, "") == [line.rstrip() for line in pool[:5]]
    assert page(console, " ")[-5:] == [line.rstrip() for line in pool[5:10]]
    assert page(console, "\r")[-1] == pool[10].rstrip()
    console.send("x")  # means nothing
    assert page(console, "\r")[-1] == pool[11].rstrip()
    console.send("q")
    console.prompt()
    assert pool[12].rstrip() not in rendered(console.before)
    console.line(POOL)
    console.expect(MORE)
    console.send("\x03")
    console.prompt()
    console.command("terminal length 0")
    assert len(console.command(POOL).splitlines()) == len(pool)


def test_pages_are_searched(console, pool):
    """/ goes on at the first line that matches, + with those that match, - with those that do not, and h says so."""
    first = next(n for n, line in enumerate(pool) if n > 30 and line.startswith("Validity End"))
    console.command("terminal length 6")
    console.line(POOL)
    console.expect(MORE)
    console.send("h")
    console.expect(r"--More-- [^\n]*/X: from X on, \+X: only, -X: without$")
    page(console, "/x\x7f\x7f")
    console.send("/(((\r")
    console.expect(r"--More-- \(that is no regular expression\)$")
    console.send("/absent\x15\x1b")
    console.expect(MORE)
    for _ in range(6):
        page(console, " ")
    assert page(console, "/^Validity Ex\x7fnd\r")[-5:] == [line.rstrip() for line in pool[first:first + 5]]
    shown = page(console, "+^Val\r")[-5:]
    assert len(shown) == 5 and all(line.startswith("Validity ") for line in shown)
    shown = page(console, "-Start\r")[-5:]
    assert all(line.startswith("Validity End") for line in shown)
    console.send("/nothing is like that\r")
    console.expect(r"% Nothing more matches\.\n")
    console.prompt()
    console.command("terminal length 0")


def test_rows_that_wrap(router, pool):
    """On a terminal that is as small as they come, no page has more rows than it, and nothing is lost."""
    with router.console(columns=20, rows=10) as small:
        small.prompt()
        small.command("terminal exec prompt no-timestamp")
        small.line(f"{POOL} | utility head count 12")
        small.expect(r"12\n")
        text = ""
        while True:
            match = small.expect(r"--More--$|RP/0/RP0/CPU0:[^\n]*#$")
            part = re.sub(r"\r +\r", "", small.before)
            rows = sum(max(1, -(-len(line) // 20)) for line in part.strip("\n").split("\n"))
            assert rows <= 9
            text += part
            if match[0] != "--More--":
                break
            small.send(" ")
        assert text == "".join(f"{line}\n" for line in pool[:12])


def test_width(router):
    """It counts for pages, and goes back to what it was when the session ends."""
    words = router.words(["sh", "-c", "chancery; stty size"], "admin")
    with Terminal(words, columns=100, rows=8) as console:
        console.prompt()
        console.command("terminal width 10")
        console.line("show running-config | utility head count 4")
        console.expect(MORE)
        console.send("q")
        console.prompt()
        console.command("terminal width 0")
        console.command("show running-config | utility head count 4")
        console.command("terminal width 40")
        console.line("exit")
        console.expect(r"(\d+) (\d+)\n")
        assert console.transcript.rstrip().endswith("8 100")


# --- The line -----------------------------------------------------------------------------------------------------------------------------


def test_another_size_while_typing(console):
    """The line is drawn again, and goes on."""
    console.send("show clo")
    console.expect(r"show clo$")
    for columns in (30, 80):
        resize(console, columns, 24)
        console.expect(r"#show clo$")
    console.line("ck")
    console.prompt()
    assert re.search(r"UTC \w{3} \w{3} +\d+ \d{4}$", rendered(console.before))


def test_caret_of_a_line_that_wraps(console):
    """It stands below a copy of the part that is wrong."""
    words = "show crypto ca trustpool subject \"a text that is longer than a row of this terminal\" wrong"
    shown = console.command(words).splitlines()
    caret = next(n for n, line in enumerate(shown) if line.strip() == "^")
    assert shown[caret - 1][shown[caret].index("^"):] == "wrong" and len(shown[caret - 1]) < 80


def test_text_in_utf8(router):
    """It is typed and shown as such, also where no locale is set, and takes the columns that it takes."""
    with Terminal(router.words(["env", "-u", "LANG", "chancery"], "admin")) as console:
        console.prompt()
        check_text_in_utf8(console)


def check_text_in_utf8(console):
    shown = console.command("show crypto ca trustpool subject größe中 wrong")
    assert [line for line in shown.splitlines() if line.strip() == "^"] == [" " * len("RP/0/RP0/CPU0:router#show crypto ca trustpool subject größe__ ") + "^"]
    for line in ("configure", "crypto ca trustpoint of-terminal", "description Prüfstelle für größere 中文"):
        assert "%" not in console.command(line)
    assert " description Prüfstelle für größere 中文" in console.command("show configuration")
    console.line("description grün\x7f\x7fn")
    console.prompt()
    assert " description grn" in console.command("show configuration")
    console.command("abort")


def test_lines_that_are_too_long(console):
    """Typed ones too; nothing of them is run."""
    console.send("show version | include " + "x" * 4200)
    console.line("")
    console.expect(r"% The line is too long, it can have 4096 bytes\.\n")
    console.prompt()
    assert console.command("show clock | count").strip().endswith("1")


# --- Help ---------------------------------------------------------------------------------------------------------------------------------


def help_at(console, typed):
    console.send(f"{typed}?")
    console.expect(re.escape(typed) + r"\n")
    console.expect(r"#" + re.escape(typed) + "$")
    shown = console.before
    console.send("\x15")
    console.line("")
    console.prompt()
    return shown


def test_help(console):
    """Words with what they mean, ranges, where a line may end and be piped; stages after the bar, in both modes."""
    assert re.search(r"^  length +Lines of a page\n", help_at(console, "terminal "), re.M)
    assert "  <0-512>  Number; 0 for no pages\n" in help_at(console, "terminal length ")
    assert re.search(r"^  \|     Filter[^\n]*\n  <cr> *\n", help_at(console, "show clock "), re.M)
    assert "% Unrecognized command\n" in help_at(console, "show nothing ")
    assert re.search(r"^  clock +The time\n", help_at(console, "show cl"), re.M)
    assert re.search(r"^  head +First lines", help_at(console, "show clock | include x | utility "), re.M)
    console.command("configure")
    assert re.search(r"^  <30-65535> +Seconds", help_at(console, "commit confirmed "), re.M)
    assert re.search(r"^  include +Include lines", help_at(console, "do show clock | "), re.M)
    assert re.search(r"^  sort +Sort the lines", help_at(console, "do show clock | count x | utility s"), re.M)
    assert "Include lines" not in help_at(console, "hostname a | ")
    console.command("abort")


def test_tab(console):
    """A word that is unique is completed, with a blank; of several, what they have in common, then all of them."""
    console.send("sh\tcr\tca tr\t")
    console.expect(r"show crypto ca trustpo$")
    console.send("\t")
    console.expect(r"\n  trustpoints +How[^\n]*\n  trustpool +The pool[^\n]*\n")
    console.expect(r"#show crypto ca trustpo$")
    console.send("\x15configure\r")
    console.expect(r"\(config\)#$")
    console.send("do show clock | util\the\t")
    console.expect(r"\| utility head $")
    console.send("\x15")
    console.line("abort")
    console.prompt()


def test_names(console, router):
    """Names of what is there are completed, whatever they begin with: of trustpoints to the commands, of all else to configuration lines; not to one who may not
    see them."""
    console.command("configure")
    for name in ("names-alpha", "names-alto", "Names-core"):
        console.command(f"crypto ca trustpoint {name}")
    console.command("root")
    console.send("crypto ca trustpoint name\tt\t")
    console.expect(r"trustpoint names-alto $")
    console.send("\x15no crypto ca trustpoint N\t")
    console.expect(r"trustpoint Names-core $")
    console.send("\x15do show crypto ca certificates n\t")
    console.expect(r"certificates n$")  # nothing is committed yet
    console.send("\x15")
    console.line("commit")
    console.prompt()
    console.send("do show crypto ca certificates n\t")
    console.expect(r"certificates names-al$")
    console.send("\x15show crypto ca trustpoints N\t")
    console.expect(r"trustpoints Names-core $")
    console.send("\x15end\r")
    console.prompt()
    for command in ("crypto ca authenticate ", "crypto ca enroll ", "crypto ca import ", "crypto ca cancel-enroll ", "show crypto ca certificates ",
                    "show crypto ca trustpoints ", "clear crypto ca certificates ", "crypto ca crl request "):
        shown = help_at(console, command)
        assert all(re.search(rf"^  {name} *$", shown, re.M) for name in ("Names-core", "names-alpha", "names-alto")), (command, shown)
        assert "  WORD " in shown, (command, shown)
    assert "names" not in help_at(console, "show crypto ca certificates names-alto ")
    with router.console("nobody") as other:
        other.prompt()
        other.command("terminal exec prompt no-timestamp")
        shown = help_at(other, "show crypto ca certificates ")
        assert "  WORD " in shown and "names" not in shown.lower(), shown
    console.command("configure")
    for name in ("names-alpha", "names-alto", "Names-core"):
        console.command(f"no crypto ca trustpoint {name}")
    console.command("commit")
    console.command("end")


def test_help_by_pages(console):
    console.command("terminal length 5")
    console.send("show ?")
    console.expect(MORE)
    console.send("q")
    console.expect(r"#show $")
    console.send("clock\r")
    console.prompt()
    console.command("terminal length 0")


# --- Keys that leave ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["\x04", "\x1a"])
def test_leaving_configuration_mode_by_a_key(console, key):
    """As "end" does, which asks before changes are lost; in a line that has text it leaves nothing."""
    console.command("configure")
    console.command("hostname of-a-key")
    console.send(f"show cl{key}")
    console.line("ock")
    assert console.prompt() == "config"
    for answer, mode in (("", "config"), ("no", "")):
        console.send(key)
        console.expect(r"end\nUncommitted changes found, commit them before exiting\(yes/no/cancel\)\? \[cancel\]: ?")
        console.line(answer)
        assert console.prompt() == mode
    console.command("configure")
    console.send(key)
    assert console.prompt() == ""


def test_delete_by_a_key(console):
    console.send("show xclock\x01\x1bf\x1b[C\x04\r")
    console.prompt()
    assert "UTC" in console.before


def test_leaving_by_a_key(router):
    with router.console() as console:
        console.prompt()
        console.send("\x1a\x04")
        wait_for(lambda: not console.read_some(0.1) and console.ended, "the end of the session")
        assert console.process.wait(PATIENCE) == 0


def test_question_that_is_left(console):
    """Ctrl-D is no answer, least of all the default one."""
    console.line("crypto key generate rsa of-nobody")
    console.expect(r"modulus \[2048\]: ?")
    console.send("\x04")
    console.expect(r"\n% The question was not answered, nothing has been changed\.\n")
    console.prompt()
    assert "of-nobody" not in console.command("show crypto key mypubkey rsa")


@pytest.mark.parametrize("typed", ["commit", "end\ryes"])
def test_half_a_line_is_no_line(router, typed):
    """A connection that is lost before Enter loses the session, and runs nothing."""
    with router.ssh_console("admin") as console:
        console.prompt()
        console.command("configure")
        console.command("hostname half-a-line")
        console.send(typed)
        console.expect(re.escape(typed[-3:]))
    wait_for(lambda: "pts" not in router.chancery("show configuration sessions").stdout, "the session to be gone")
    assert "half-a-line" not in router.chancery("show running-config").stdout


def test_connection_lost_in_a_commit(router):
    """It has happened as a whole, or not at all; and nobody has to wait for it."""
    with router.ssh_console("admin") as console:
        console.prompt()
        for line in ("configure", "hostname lost-one", "domain name lost.example"):
            console.command(line)
        router.kill("policyd", signal.SIGSTOP)
        try:
            console.line("commit label of-lost")
            console.expect(r"of-lost\n")
            console.close()
        finally:
            router.kill("policyd", signal.SIGCONT)
    wait_for(lambda: "pts" not in router.chancery("show configuration sessions").stdout, "the session to be gone")
    shown = router.chancery("show running-config").stdout
    assert ("lost-one" in shown) == ("lost.example" in shown)
    assert ("lost-one" in shown) == ("of-lost" in router.chancery("show configuration commit list 1").stdout)
    if "lost-one" in shown:
        router.chancery("rollback configuration last 1")


def test_paste(console):
    """Many lines at once, faster than they are run."""
    console.command("configure")
    lines = [f"domain ipv4 host of-paste-{n} 192.0.2.{n}" for n in range(1, 201)]
    console.send("\r".join(lines) + "\r")
    console.expect(r"of-paste-200 192\.0\.2\.200\n")
    console.prompt()
    assert console.command("show configuration | include of-paste | count").strip() == "200"
    console.command("abort")


# --- The history ----------------------------------------------------------------------------------------------------------------------------

HISTORY = "/home/admin/.chancery_history"


def test_history_is_shared(router):
    """What was run is there for the next session, also while the first one goes on, and when that is killed."""
    with router.console() as first:
        first.prompt()
        first.command("show clock | include of-first")
        with router.console() as second:
            second.prompt()
            second.command("show clock | include of-second")
            second.send("\x10\x10\x12")
            second.expect(r"#show clock \| include of-first *$")
            second.send("\x15")
    kept = router.output(f"tail -n 2 {HISTORY}").splitlines()
    assert kept == ["show clock | include of-first", "show clock | include of-second"]


def test_history_that_is_damaged(router):
    """What is no text is left out, and the rest is there; so it is when the file is too long."""
    good = "".join(f"show clock | include {n}\n" for n in range(1200))
    router.write(HISTORY, good.encode() + b"show cl\xeffck\nshow \x1b[2Jversion\n\x00\x00\nshow half of a li", mode=0o600)
    router.run(["chown", "admin:", HISTORY])
    with router.console() as console:
        console.prompt()
        console.send("\x10")
        console.expect(r"#show clock \| include 1199$")
        console.send("\x10")
        console.expect(r"1198$")
        console.send("\x15")
        console.command("show clock | include last")
    kept = router.output(["cat", HISTORY]).splitlines()
    assert kept == [f"show clock | include {n}" for n in (*range(700, 1200), "last")]


def test_history_that_is_no_file(router):
    """A link or a pipe of that name is not followed, and nobody waits for it."""
    router.run(f"rm -f {HISTORY}; echo kept > /home/admin/kept; ln -s kept {HISTORY}")
    for change in ("true", f"rm {HISTORY}; mkfifo {HISTORY}"):
        router.run(change)
        with router.console() as console:
            console.prompt()
            assert "UTC" in console.command("show clock")
    assert router.output("cat /home/admin/kept") == "kept\n"
    router.run(f"rm -f {HISTORY} /home/admin/kept")


# --- Secrets --------------------------------------------------------------------------------------------------------------------------------

ASKS = "crypto ca trustpool import url sftp://somebody@127.0.0.1:9/bundle"


def test_secret_is_dropped(console):
    """Ctrl-C ends the command at once; what was typed goes nowhere."""
    console.line(ASKS)
    console.expect(r"Password: $")
    console.send("canary-secret\x03")
    console.expect(r"% Interrupted\.\n")
    console.prompt()
    console.line(ASKS)
    console.expect(r"Password: $")
    console.send("canary-secret" * 30 + "\r")
    console.expect(r"% The answer is too long: it can have 255 bytes\.\n")
    console.prompt()
    assert "canary" not in console.transcript


# --- What is no terminal --------------------------------------------------------------------------------------------------------------------


def test_lines_with_nul(router):
    """They are not run up to there."""
    result = router.run(["chancery"], "admin", stdin=b"show clock\x00 | include nothing\n", check=False, text=False)
    assert result.returncode == 1 and result.stdout == b"" and b"% Invalid input" in result.stderr


def test_file_on_the_harddisk(router):
    router.run("mkdir -p /harddisk: && chown admin: /harddisk:")
    for name in ("harddisk:one.txt", "harddisk:/two.txt"):
        router.chancery(f"show version | file {name}")
    assert router.output("cat /harddisk:/one.txt") == router.output("cat /harddisk:/two.txt")
    assert router.output("cat /harddisk:/one.txt").startswith("Chancery, Version")
    router.run("rm -r /harddisk:")


def test_process_that_does_not_run(router):
    """It is said where to look."""
    router.run(["systemctl", "mask", "--runtime", "--now", "chancery-poold.service"])
    try:
        refused = router.chancery("show crypto ca trustpool", check=False)
        assert refused.returncode == 1 and "masked" in refused.stderr and "% A process of Chancery's does not run: 'show tech-support'" in refused.stderr
        assert re.search(r"^poold +(inactive|failed) ", router.chancery("show tech-support | begin Process").stdout, re.M)
    finally:
        router.run(["systemctl", "unmask", "--runtime", "chancery-poold.service"])
        router.run(["systemctl", "start", "chancery-poold.service"])
        router.wait_daemons(["poold"])


def test_lines_from_standard_input(router):
    """The first that fails is the last one: its number and the line are said, and the status tells. Nothing is left of a session without commit."""
    good = router.run(["chancery"], "admin", stdin="! a remark\n\nshow clock\nshow version | count\n", check=False)
    assert good.returncode == 0 and good.stdout.endswith("\n5\n") and good.stderr == ""
    bad = router.run(["chancery"], "admin", stdin="configure\nhostname of-input\nhostname two words\ncommit\n", check=False)
    assert bad.returncode == 1 and bad.stdout == ""
    assert bad.stderr == ("hostname two words\n             ^\n% Invalid input detected at '^' marker.\n"
                          "% Line 3 failed, no further line is run: hostname two words\n")
    dropped = router.run(["chancery"], "admin", stdin="configure\nhostname of-input\n", check=False)
    assert dropped.returncode == 1 and dropped.stderr == "% The changes were not committed, and are dropped.\n"
    assert "of-input" not in router.chancery("show running-config").stdout


def test_questions_answered_by_the_input(router):
    """Question and answer are shown; what is no answer, and none at all, change nothing."""
    removes = ["chancery", "crypto", "key", "zeroize", "ed25519"]
    for answer, status, said in (("", 1, "% The question was not answered, nothing has been changed.\n"), ("maybe\n", 1, "% Answer yes or no.\n"), ("n\n", 0, "")):
        asked = router.run(removes, "admin", stdin=answer, check=False)
        assert (asked.returncode, asked.stderr) == (status, said)
        assert asked.stdout.endswith(f"[yes/no]: {answer.strip()}\n")
    assert "the_default" in router.chancery("show crypto key mypubkey ed25519").stdout


def test_words_that_are_ambiguous(router):
    """In both modes; one that is unique does."""
    for text, said in (("show crypto ca c\n", '% Ambiguous command: "show crypto ca c"\n'), ("configure\nc\n", '% Ambiguous command: "c"\n')):
        refused = router.run(["chancery"], "admin", stdin=text, check=False)
        assert refused.returncode == 1 and said in refused.stderr
    assert router.run(["chancery", "sh", "ver"], "admin").stdout.startswith("Chancery, Version")
