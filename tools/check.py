# SPDX-License-Identifier: Apache-2.0
"""The program behind ./check: builds, runs the suites, counts every test, and closes with one line.

Two lanes run side by side: compilers and static checks in one, the booted routers, which mostly wait, in the other.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback
import xml.etree.ElementTree

import check_static
from results import Results

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build-check"
JOBS = str(os.cpu_count() or 2)
SUITES = ("unit", "fuzz", "static", "contract", "system", "sandbox")
ROUTER_SUITES = ("contract", "system", "sandbox")
FILES_AGAIN = 3  # more files than these with a failed test are no accident

BUILDS = {  # name: environment, meson options
    "release": ({"CC": "gcc"}, []),
    "sanitize": ({"CC": "gcc"}, ["-Dsanitize=true", "-Dman=disabled", "-Dbuildtype=debug", "-Doptimization=1"]),
    "clang": ({"CC": "clang"}, ["-Dman=disabled"]),
}
SANITIZER = {"ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
             "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def first_failure(log):
    """The part of a build log that says what went wrong."""
    lines = log.read_text(errors="replace").splitlines()
    at = next((number for number, line in enumerate(lines) if line.startswith("FAILED") or " ERROR: " in line), max(0, len(lines) - 40))
    return "\n".join(lines[at:at + 40])


def judge(case, group, number):
    """The outcome of one case in a JUnit report, and what is to be said about it. What a program printed stands with its group."""
    bad = [element for element in case if element.tag in ("failure", "error")]
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped", skipped.get("message") or ""
    if not bad:
        return "passed", ""
    printed = "\n".join(element.text or "" for element in [*case, *group] if element.tag in ("system-out", "system-err"))
    # cmocka reports a skipped test as "not ok N # SKIP name", which meson takes for a failure.
    left_out = re.search(rf"^not ok {number} # SKIP (\w+)", printed, re.M)
    if left_out:
        return "skipped", f"the test program left {left_out[1]} out on this machine"
    return "failed", "\n".join(f"{element.get('message') or ''}\n{element.text or ''}" for element in bad) + printed[-4000:]


def file_of(name):
    """The file of a test that pytest names: system.test_load.test_it, or system.test_load.Class.test_it."""
    suite, _, rest = name.partition(".")
    return ROOT / "tests" / suite / (rest.partition(".")[0] + ".py")


class Check:
    def __init__(self, arguments):
        self.suites = [suite for suite in SUITES if suite in arguments.suites] or list(SUITES)
        self.select = arguments.select
        self.results = Results(arguments.verbose)
        self.begun = time.monotonic()
        self.built = set()
        (WORK / "logs").mkdir(parents=True, exist_ok=True)

    def say(self, text):
        seconds = time.monotonic() - self.begun
        print(f"[{int(seconds) // 60}:{int(seconds) % 60:02}] {text}", flush=True)

    def command(self, name, argv, environment=None):
        """Runs a command with its output in a log; returns the status and the log."""
        log = WORK / "logs" / f"{name}.log"
        with log.open("wb") as output:
            status = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                    env={**os.environ, **(environment or {})}, check=False).returncode
        return status, log

    def build(self, name, suite):
        """Configures when that has not been done, and compiles. A build that fails is a failed test of the suite that needs it."""
        environment, options = BUILDS[name]
        folder = WORK / name
        begun = time.monotonic()
        status, log = 0, None
        stamp = folder / "configured-as"
        if not stamp.exists() or stamp.read_text() != repr(BUILDS[name]):
            shutil.rmtree(folder, ignore_errors=True)
            status, log = self.command(f"setup-{name}", ["meson", "setup", str(folder), *options], environment)
            if not status:
                stamp.write_text(repr(BUILDS[name]))
        if not status:
            status, log = self.command(f"build-{name}", ["ninja", "-C", str(folder), "-j", JOBS], environment)
        seconds = time.monotonic() - begun
        self.say(f"built {name}, {seconds:.0f} s" if not status else f"building {name} failed")
        self.results.add(suite, f"build {name}", "failed" if status else "passed", first_failure(log) if status else "", seconds)
        if not status:
            self.built.add(name)
        return not status

    def meson_tests(self, build, suite, environment=None):
        """Runs meson's tests of one suite; each case that a TAP test reports counts."""
        folder = WORK / build
        listed = subprocess.run(["meson", "introspect", "--tests", str(folder)], stdout=subprocess.PIPE, text=True, check=False).stdout
        if f'"{suite}"' not in listed and f':{suite}"' not in listed:
            return
        begun = time.monotonic()
        report = folder / "meson-logs/testlog.junit.xml"
        report.unlink(missing_ok=True)
        status, log = self.command(f"{suite}-{build}", ["meson", "test", "-C", str(folder), "--no-rebuild", "--suite", suite,
                                                        "--num-processes", JOBS], environment)
        cases = self.read_report(report, lambda _case: suite, f" ({build})")
        for case in cases:
            self.results.add(*case)
        if not cases or (status and not self.results.odd(suite)):
            self.results.add(suite, f"meson test --suite {suite} ({build})", "failed", log.read_text(errors="replace")[-4000:])
        self.results.spend(suite, time.monotonic() - begun)
        self.say(f"ran {suite} on the {build} build, {time.monotonic() - begun:.0f} s")

    def read_report(self, report, suite_of, suffix=""):
        """The cases of a JUnit report, as Results.add takes them."""
        cases = []
        if not report.exists():
            return cases
        for group in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
            for number, case in enumerate(group.iter("testcase"), 1):
                outcome, detail = judge(case, group if suffix else (), number)
                name = ".".join(filter(None, [group.get("name") if suffix else case.get("classname"), case.get("name")]))
                seconds = 0 if suffix else float(case.get("time") or 0)  # meson's tests are timed as a whole
                cases.append((suite_of(case), name + suffix, outcome, detail, seconds))
        return cases

    def pytest_run(self, name, suites, arguments):
        """Runs pytest once; returns its exit status, its log, and the cases."""
        report = WORK / f"{name}.xml"
        report.unlink(missing_ok=True)
        status, log = self.command(name, [
            "/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-v", f"--junitxml={report}",
            "-o", "junit_family=xunit1", "-o", "junit_duration_report=total", *(["-k", self.select] if self.select else []), *arguments],
            {"CHANCERY_BUILD": str(WORK / "release"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

        def suite_of(case):
            return next((suite for suite in suites if (case.get("classname") or "").startswith(f"{suite}.")), suites[0])
        return status, log, self.read_report(report, suite_of)

    def pytest(self, suites):
        """The tests that live on a machine. Those of a file run one after the other and share routers, some files run at a time (tests/conftest.py)."""
        folders = [f"tests/{suite}" for suite in suites if list((ROOT / "tests" / suite).glob("test_*.py"))]
        if not folders:
            return
        begun = time.monotonic()
        self.say("booting routers for " + ", ".join(suites))
        status, log, cases = self.pytest_run("pytest", suites, ["-n", "auto", "--dist", "loadfile", *folders])
        if not cases or status not in (0, 1, 5) or (status == 5 and not self.select):
            self.results.add(suites[0], "pytest", "failed", log.read_text(errors="replace")[-4000:])
        for case in self.tested_again(suites, cases):
            self.results.add(*case)
        self.say(f"ran {len(cases)} tests of {', '.join(suites)}, {time.monotonic() - begun:.0f} s")

    def tested_again(self, suites, cases):
        """The cases, those of a file in which one failed from a second run of that file, alone and on routers of its own.

        What fails twice has failed. What fails once is a race, in a test or in Chancery: it is told as unsteady, at length.
        """
        failed = {case[1]: case[3] for case in cases if case[2] == "failed"}
        files = {file_of(name) for name in failed}
        if not 0 < len(files) <= FILES_AGAIN or not all(file.exists() for file in files):
            return cases
        self.say("testing again, alone: " + ", ".join(sorted(file.stem for file in files)))
        status, _, again = self.pytest_run("pytest-again", suites, ["-n", "0", *sorted(map(str, files))])
        if status not in (0, 1):
            return cases
        for name, detail in failed.items():
            if any(case[1] == name and case[2] == "passed" for case in again):
                self.results.add_unsteady(name, detail)
        return [case for case in cases if file_of(case[1]) not in files] + again

    def lane(self, function, *arguments):
        try:
            function(*arguments)
        except Exception:  # a lane that dies must be seen, and must not be taken for one without findings
            self.results.add(self.suites[0], f"./check {function.__name__}", "failed", traceback.format_exc())

    def on_machines(self, suites):
        for suite in suites:
            self.meson_tests("release", suite)
        self.pytest(suites)

    def compiled(self):
        if "unit" in self.suites and "release" in self.built:
            self.meson_tests("release", "unit")
        if {"unit", "fuzz"} & set(self.suites) and self.build("sanitize", "unit" if "unit" in self.suites else "fuzz"):
            for suite in ("unit", "fuzz"):
                if suite in self.suites:
                    self.meson_tests("sanitize", suite, SANITIZER)
        if "static" in self.suites:
            built = self.build("clang", "static")
            check_static.run(self.results, WORK, "clang" if built else None, self.say)

    def run(self):
        machines = [suite for suite in ROUTER_SUITES if suite in self.suites]
        lanes = []
        if machines or "unit" in self.suites:
            built = self.build("release", "unit" if "unit" in self.suites else machines[0])
            if machines and built:
                lanes.append(threading.Thread(target=self.lane, args=(self.on_machines, machines)))
        lanes.append(threading.Thread(target=self.lane, args=(self.compiled,)))
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        return self.results.close(self.suites, time.monotonic() - self.begun)


def main():
    parser = argparse.ArgumentParser(prog="check", add_help=False)
    parser.add_argument("suites", nargs="*")
    parser.add_argument("-k", dest="select")
    parser.add_argument("-v", dest="verbose", action="store_true")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - set(SUITES)
    if unknown:
        sys.exit(f"check: there is no suite {' '.join(sorted(unknown))}; there are {' '.join(SUITES)}")
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")
    sys.exit(Check(arguments).run())


if __name__ == "__main__":
    main()
