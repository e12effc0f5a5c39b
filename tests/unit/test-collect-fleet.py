#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""chancery-collect with an ssh and a chancery-verify of the test's own: what they were asked, how often, and what became of it.

    test-collect-fleet.py CHANCERY-COLLECT
"""
import fcntl
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SSH = """#!/usr/bin/python3
import fcntl, json, os, pathlib, re, sys, time
folder = pathlib.Path({folder!r})
host, command = sys.argv[-2:]
with open(folder / "lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    log = folder / "log"
    before = sum(json.loads(line)["host"] == host for line in log.read_text().splitlines()) if log.exists() else 0
    with open(log, "a") as f:
        f.write(json.dumps(dict(host=host, argv=sys.argv[1:])) + "\\n")
if host == "closed" or host == "busy" and before < 2:
    sys.stderr.write("ssh: connect to host: Connection refused")
    sys.exit(255)
if host in ("stranger", "locked"):
    sys.stderr.write("@" * 80 + "\\n" + "Somebody could be listening. " * 12 + "\\nHost key for stranger has changed.\\nHost key verification failed.\\n" if host == "stranger" else
                     "y" * 400 + "Permission denied (publickey).\\n")
    sys.exit(255)
if host == "denied":
    print("% This command is not authorized")
    sys.exit(1)
if host.startswith("silent"):
    import subprocess
    child = subprocess.Popen(["sleep", "600"])
    with open(folder / "processes", "a") as f:
        f.write(f"{{os.getpid()}}\\n{{child.pid}}\\n")
    time.sleep(600)
if host == "talks":
    sys.stderr.write("x" * (1 << 20))
if host == "twin":
    (folder / f"twin-{{os.getpid()}}").touch()
    end = time.monotonic() + 60
    while len(list(folder.glob("twin-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
blocks = None
if asked := re.search(r"filesystem-inventory-options '(.*?)'", command):
    node, = json.loads(asked[1]).items()
    blocks = [number for number in range(5, 5 + (int(host[1:]) if host[1:].isdigit() else 1)) if number >= node[1]["block_start"]][:node[1]["count"]]
more = dict(floods=3 << 20, b9=400 << 10).get(host, 0) * "x"
print(json.dumps(dict(host=host, nonce=re.search("nonce (\\\\S+)", command)[1], blocks=blocks, more=more)))
"""
VERIFY = """#!/usr/bin/python3
import json, os, sys
for line in sys.stdin:
    entry = json.loads(line)
    envelope = json.load(open(entry["envelope"]))
    assert envelope["nonce"] == entry["nonce"]
    if envelope["host"] == "kills":
        os.kill(os.getpid(), 9)
    nodes = [dict(node="0/RP0/CPU0", **{"first-block": 5, "last-block": 4 + int(envelope["host"][1:]), "from": envelope["blocks"][0],
             "to": envelope["blocks"][-1]})] if envelope.get("blocks") and envelope["host"] != "half" else []
    if envelope["host"] == "half":
        nodes = [dict(node="0/RP0/CPU0", to=5)]
    print(json.dumps(dict(id=entry["id"], inventory=dict(nodes=nodes), verdict="differs" if "previous" in entry else "good" if envelope["host"] != "bad" else "untrusted",
                          entry=entry, argv=sys.argv[1:])), flush=True)
"""


def prepare(program, folder, routers, *options):
    (folder / "routers").write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in routers))
    for name, text in (("ssh", SSH), ("verify", VERIFY)):
        (folder / name).write_text(text.format(folder=str(folder)) if name == "ssh" else text)
        (folder / name).chmod(0o755)
    return [program, str(folder / "routers"), str(folder / "kept"), "--ssh", str(folder / "ssh"), "--verify", str(folder / "verify"), "--rate", "1000",
            "--backoff", "0.01", *options]


def collect(program, folder, routers, *options):
    result = subprocess.run(prepare(program, folder, routers, *options), capture_output=True, check=False)
    log = folder / "log"
    calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return result, [json.loads(line) for line in result.stdout.splitlines()], calls


def router(host, **more):
    return {"id": host, "host": host, "root": "root.pem", **more}


def test_bad_lists(program, folder):
    good = router("a")
    for routers in (["text"], ["[]"], [{}], [{"id": "a", "host": "a"}], [dict(good, colour=1)], [dict(good, port="22")], [good, good],
                    [dict(good, id="../a")], [dict(good, id="")], [dict(good, host="-oProxyCommand=x")], [dict(good, user="-x")], [dict(good, host="a b")]):
        result, told, calls = collect(program, folder, routers)
        assert result.returncode == 1 and not told and not calls and b"line " in result.stderr, (routers, result)
    result, told, calls = collect(program, folder, [good], "--at-once", "0")
    assert result.returncode == 2 and not calls


def test_verdicts(program, folder):
    routers = [router("bad"), router("closed"), router("busy", user="collector", port=2222), router("denied"), router("fine", crl="x.crl")]
    result, told, calls = collect(program, folder, routers, "--include", "packages", "reboot-history", "--max-age", "60")
    assert result.returncode == 15, result
    assert [one["id"] for one in told] == ["bad", "closed", "busy", "denied", "fine"]
    assert [one["verdict"] for one in told] == ["untrusted", "no-answer", "good", "no-answer", "good"], told
    assert "not authorized" in told[3]["reason"]
    counts = {host: sum(call["host"] == host for call in calls) for host in ("bad", "closed", "busy", "denied", "fine")}
    assert counts == {"bad": 1, "closed": 4, "busy": 3, "denied": 1, "fine": 1}, "what a session was refused for is tried again, what was said is not"
    busy = next(call["argv"] for call in calls if call["host"] == "busy")
    assert busy[busy.index("-l") + 1] == "collector" and busy[busy.index("-p") + 1] == "2222" and "BatchMode=yes" in busy
    nonces = [one["entry"]["nonce"] for one in told if "entry" in one]
    assert len(set(nonces)) == 3 and all(len(nonce) == 66 for nonce in nonces)
    assert busy[-1] == (f"show platform security integrity dossier include packages reboot-history nonce {told[2]['entry']['nonce']} | "
                        f"utility sign nonce {told[2]['entry']['nonce']} include-certificate")
    assert told[4]["argv"] == ["--batch", "-", "--max-age", "60"] and told[4]["entry"]["crl"] == "x.crl" and "previous" not in told[4]["entry"]


def test_what_stays_refused(program, folder):
    """A login that was refused once is refused again, and counted against the collector; what is said of it is whole lines, as far as they fit."""
    result, told, calls = collect(program, folder, [router("stranger"), router("locked")])
    assert result.returncode == 15 and sorted(call["host"] for call in calls) == ["locked", "stranger"]
    assert told[0]["reason"] == "Host key for stranger has changed. Host key verification failed."
    assert told[1]["reason"].startswith("...yyy") and told[1]["reason"].endswith("Permission denied (publickey).") and len(told[1]["reason"]) == 300
    missing = subprocess.run([program, str(folder / "missing"), str(folder / "kept")], capture_output=True, check=False)
    assert missing.returncode == 1 and missing.stderr.decode() == f"chancery-collect: {folder}/missing: No such file or directory\n"


def test_compared_with_the_last_good_one(program, folder):
    first = collect(program, folder, [router("fine"), router("bad")])[1]
    result, told, _ = collect(program, folder, [router("fine"), router("bad")], "--compare", "--reference", "list.json")
    assert Path(told[0]["entry"]["previous"]).name == "latest" and "previous" not in told[1]["entry"]
    assert told[0]["argv"][-2:] == ["--reference", "list.json"]
    assert (folder / "kept/fine/latest").resolve() == Path(told[0]["entry"]["envelope"]).resolve() != Path(first[0]["entry"]["envelope"]).resolve()
    assert not (folder / "kept/bad/latest").exists() and result.returncode == 15


def test_one_session_for_each_router_and_no_more_than_allowed(program, folder):
    result, told, calls = collect(program, folder, [router(f"r{n}") for n in range(60)], "--at-once", "7")
    assert result.returncode == 0 and [one["id"] for one in told] == [f"r{n}" for n in range(60)]
    assert sorted(call["host"] for call in calls) == sorted(f"r{n}" for n in range(60))


def test_one_that_spoils_nothing_for_the_others(program, folder):
    """A router whose envelope ends chancery-verify, says half of what it should, talks without end, or has no folder to be kept in."""
    (folder / "kept").mkdir()
    (folder / "kept/nowhere").write_text("")
    routers = [router("first"), router("kills"), router("nowhere"), router("talks"), router("last")]
    result, told, _ = collect(program, folder, routers, "--timeout", "60", "--tries", "1")
    assert result.returncode == 15 and not result.stderr, result
    assert [(one["id"], one["verdict"]) for one in told] == [("first", "good"), ("kills", "not-verified"), ("nowhere", "no-answer"), ("talks", "good"),
                                                             ("last", "good")]
    assert told[1]["reason"].endswith("status -9") and "nowhere" in told[2]["reason"]
    result, told, _ = collect(program, folder, [router("half"), router("kills"), router("b1")], "--include", "filesystem-inventory", "--pages", "3")
    assert [one["verdict"] for one in told] == ["good", "not-verified", "good"], result


def assert_gone(folder):
    """Sessions, and what they have started, which holds their standard error."""
    for pid in (folder / "processes").read_text().split():
        end = time.monotonic() + 60
        while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
            assert time.monotonic() < end, "a session is left"
            time.sleep(0.01)


def test_router_that_says_nothing(program, folder):
    """It has its time, and that again, and then it counts as one that does not answer."""
    (folder / "processes").touch()  # a slow machine may not come to write there in that time
    result, told, calls = collect(program, folder, [router("silent")], "--timeout", "2", "--tries", "2")
    assert result.returncode == 15 and len(calls) <= 2
    assert told == [{"id": "silent", "verdict": "no-answer", "reason": "no answer within 2 seconds"}]
    assert not list((folder / "kept/silent").iterdir())
    assert_gone(folder)


def test_interrupted(program, folder):
    """While a router says nothing, and others wait for their turn: it ends at once, keeps what is whole, and asks nobody else."""
    for number in (signal.SIGINT, signal.SIGTERM):
        routers = [router("fine"), router("silent-1"), router("silent-2"), *(router(f"never{n}") for n in range(30))]
        with subprocess.Popen(prepare(program, folder, routers, "--at-once", "2", "--timeout", "600"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            end = time.monotonic() + 60
            while not (folder / "processes").exists() or (folder / "processes").read_text().count("\n") < 4:
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            told, said = process.communicate(timeout=60)
        assert process.returncode == -number and not told and said.startswith(b"chancery-collect: interrupted; "), (process.returncode, said)
        assert_gone(folder)
        assert {json.loads(line)["host"] for line in (folder / "log").read_text().splitlines()} == {"fine", "silent-1", "silent-2"}
        assert len(list((folder / "kept/fine").glob("*.json"))) == 1 and not list((folder / "kept").glob("*/.part*"))
        for name in ("processes", "log", "kept/fine"):
            subprocess.run(["rm", "-r", str(folder / name)], check=True)


def test_pages(program, folder):
    routers = [router("b7"), router("b3"), router("b4")]
    for wrong in (["--pages", "3"], ["--pages", "3", "--include", "packages"], ["--pages", "-1", "--include", "filesystem-inventory"],
                  ["--pages", "3", "--include", "filesystem-inventory", "--node", "x'y"]):
        assert collect(program, folder, routers, *wrong)[0].returncode == 2, wrong
    result, told, calls = collect(program, folder, routers, "--include", "packages", "filesystem-inventory", "--pages", "3", "--form", "eat-cwt")
    assert result.returncode == 0, result
    asked = {host: [call["argv"][-1] for call in calls if call["host"] == host] for host in ("b7", "b3", "b4")}
    starts = {host: [json.loads(words.split("'")[1])["0/RP0/CPU0"]["block_start"] for words in words_of] for host, words_of in asked.items()}
    assert starts == {"b7": [0, 8, 11], "b3": [0], "b4": [0, 8]}, "no block twice, none left out, none asked for that is not there"
    assert [" packages " in words for words in asked["b7"]] == [True, False, True]
    assert all(words.endswith("include-certificate eat-cwt") for words_of in asked.values() for words in words_of)
    assert [len(one["entry"].get("pages", [])) for one in told] == [2, 0, 1]
    files = [*told[0]["entry"]["pages"], told[0]["entry"]["envelope"]]
    assert [json.loads(Path(file).read_text())["blocks"] for file in files] == [[5, 6, 7], [8, 9, 10], [11]]
    assert len({json.loads(Path(file).read_text())["nonce"] for file in files}) == 3 and all(file.endswith(".cwt") for file in files)


def test_two_collectors_of_one_folder(program, folder):
    """Each has what it was sent; and what one has left that was killed goes, unless somebody still writes it."""
    kept = folder / "kept/twin"
    kept.mkdir(parents=True)
    (kept / ".part-old").write_text("half")
    with open(kept / ".part-other", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        command = prepare(program, folder, [router("twin")])
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        told = [json.loads(process.communicate()[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0] and [one["verdict"] for one in told] == ["good", "good"], told
    files = [Path(one["entry"]["envelope"]) for one in told]
    assert [json.loads(file.read_text())["nonce"] for file in files] == [one["entry"]["nonce"] for one in told] and files[0] != files[1]
    assert sorted(file.name for file in kept.iterdir()) == sorted([".part-other", "latest", *(file.name for file in files)])
    assert (kept / "latest").resolve() in [file.resolve() for file in files]


def test_what_a_router_may_send(program, folder):
    """In one session, and in all of them."""
    assert collect(program, folder, [router("floods")], "--limit", "0")[0].returncode == 2
    paged = ["--include", "filesystem-inventory", "--pages", "1"]
    for host, options in (("floods", []), ("b9", paged)):
        result, told, calls = collect(program, folder, [router(host), router("b1")], "--limit", "1", *options)
        assert result.returncode == 15 and [one["verdict"] for one in told] == ["no-answer", "good"], told
        assert "1 MiB" in told[0]["reason"] and not list((folder / "kept" / host).iterdir())
        assert len(calls) == (4 if options else 2), "not asked again"
    assert collect(program, folder, [router("b9")], "--limit", "4", *paged)[1][0]["verdict"] == "good"


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                test(sys.argv[1], Path(folder))
            print(f"{name}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
