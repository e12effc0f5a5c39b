# SPDX-License-Identifier: Apache-2.0
"""What the tests gave: counted, summed up for each suite, and told."""

import collections
import threading


class Results:
    def __init__(self, verbose=False):
        self.cases = []  # suite, name, outcome, detail, seconds
        self.spent = collections.Counter()  # suite: seconds that belong to no case
        self.unsteady = []  # name, detail of what failed first
        self.verbose = verbose
        self.lock = threading.Lock()

    def add(self, suite, name, outcome, detail="", seconds=0.0):
        with self.lock:
            self.cases.append((suite, name, outcome, detail, seconds))
            if self.verbose or outcome == "failed":
                print(f"  {outcome}: {suite}: {name}", flush=True)

    def add_unsteady(self, name, detail):
        """A test that failed beside others and passed alone. It counts as passed, and is told with all that it printed."""
        with self.lock:
            self.unsteady.append((name, detail))

    def spend(self, suite, seconds):
        with self.lock:
            self.spent[suite] += seconds

    def odd(self, suite):
        """Is there any case of the suite that did not pass?"""
        return any(case[0] == suite and case[2] != "passed" for case in self.cases)

    def close(self, suites, seconds):
        """Prints what failed with its output, why tests were skipped, a line for each suite, and the count. Returns the exit status."""
        for suite, name, outcome, detail, _ in self.cases:
            if outcome == "failed":
                print(f"\n---- {suite}: {name}\n{detail.strip()}")
        for name, detail in self.unsteady:
            print(f"\n---- unsteady, to be looked into: {name} failed, and passed when tested again alone\n{detail.strip()}")
        reasons = collections.Counter(detail.strip() for _, _, outcome, detail, _ in self.cases if outcome == "skipped")
        for reason, count in reasons.items():
            print(f"\n{count} skipped: {reason}")
        print(f"\n{'suite':<10} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>9}")
        for suite in suites:
            counts = collections.Counter(case[2] for case in self.cases if case[0] == suite)
            spent = self.spent[suite] + sum(case[4] for case in self.cases if case[0] == suite)
            print(f"{suite:<10} {counts['passed']:>7} {counts['failed']:>7} {counts['skipped']:>8} {spent:>9.1f}")
        total = collections.Counter(case[2] for case in self.cases)
        print(f"{int(seconds) // 60} min {int(seconds) % 60} s in all")
        skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
        print(f"{total['passed']} passed, {total['failed']} failed{skipped}", flush=True)
        ran_none = not total["passed"] and not total["failed"]
        return 1 if total["failed"] or ran_none else 0
