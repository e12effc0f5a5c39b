# SPDX-License-Identifier: Apache-2.0
"""Static checks: clang-tidy for each source file, cppcheck, and the style rules. What has not changed since it was found clean is not
looked at again."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import time

import check_source

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Off: what cppcheck cannot judge here. It does not know the cleanup attribute (memleak), guesses at loops that always run (uninitvar,
# uninitdata), and gives up on some compound literals (internalAstError); compilers, clang-analyzer and the sanitizers see to these. From 2.11 on it tells
# of each function of which it has not followed every branch (normalCheckLevelMaxBranches).
OFF = ("missingInclude", "missingIncludeSystem", "unmatchedSuppression", "unknownMacro", "memleak", "uninitvar", "uninitdata", "internalAstError",
       "normalCheckLevelMaxBranches")
CPPCHECK = ["cppcheck", "--quiet", "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1", "--std=c11",
            "--template={file}:{line}: {severity}: {message} [{id}]", *(f"--suppress={name}" for name in OFF)]


def run(results, work, build, say):
    """Adds one case for each rule, each source file under clang-tidy, and cppcheck."""
    for name, promise, function in check_source.rules():
        found = [f"{path.relative_to(ROOT)}:{number}: {reason}" for path, number, reason in function()]
        results.add("static", f"style {name}: {promise}", "failed" if found else "passed", "\n".join(found))
    begun = time.monotonic()
    cppcheck(results, work)
    say(f"ran cppcheck, {time.monotonic() - begun:.0f} s")
    if build:
        begun = time.monotonic()
        clang_tidy(results, work, work / build)
        say(f"ran clang-tidy, {time.monotonic() - begun:.0f} s")


def cppcheck(results, work):
    cache = work / "cppcheck"
    cache.mkdir(exist_ok=True)
    folders = [room for room in check_source.ROOMS if (ROOT / room).is_dir() and room != "tests"]
    begun = time.monotonic()
    result = subprocess.run([*CPPCHECK, f"--cppcheck-build-dir={cache}", "-j", str(os.cpu_count() or 2), *folders], cwd=ROOT,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    results.add("static", "cppcheck", "failed" if result.returncode else "passed", result.stdout, time.monotonic() - begun)


def clang_tidy(results, work, build):
    """What is shipped, with the commands of the clang build, so that clang-tidy sees what clang compiled."""
    stamps = work / "clang-tidy"
    stamps.mkdir(exist_ok=True)
    common = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for header in [*check_source.sources(".h"), *sorted(build.rglob("*.h"))]:
        common.update(header.read_bytes())
    jobs = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix == ".c" and ROOT in path.parents and not {build, ROOT / "tests"} & set(path.parents):
            jobs.setdefault(path, entry["command"])
    used = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        waiting = {}
        for path, command in sorted(jobs.items()):
            digest = common.copy()
            digest.update(command.encode() + path.read_bytes())
            stamp = stamps / digest.hexdigest()
            used.add(stamp)
            waiting[pool.submit(tidy_one, path, build, stamp)] = path
        for job in concurrent.futures.as_completed(waiting):
            found, seconds = job.result()
            results.add("static", f"clang-tidy {waiting[job].relative_to(ROOT)}", "failed" if found else "passed", found, seconds)
    for stamp in set(stamps.iterdir()) - used:
        stamp.unlink()


def tidy_one(path, build, stamp):
    if stamp.exists():
        return "", 0.0
    begun = time.monotonic()
    result = subprocess.run(["clang-tidy", "-p", str(build), "--quiet", str(path)], cwd=ROOT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        return result.stdout or result.stderr or f"clang-tidy: status {result.returncode}", time.monotonic() - begun
    stamp.touch()
    return "", time.monotonic() - begun
