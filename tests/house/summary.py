"""Adds up what the C++ and Python test runs report.

    summary.py MESON_TESTLOG PYTEST_XML --status N

prints a table and ends with the line `N passed, N failed`. A Catch2 program counts with its test
cases, as it names them in its last line; one that died before it could, or any other program,
counts as one test. `--status` is the exit status of the runs: if it is not 0 and no failure was
counted, one is added, so that the sum never looks better than the run.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

PASSED_LINE = re.compile(r"^All tests passed \(.*? in (\d+) test cases?\)$", re.MULTILINE)
FAILED_LINE = re.compile(r"^test cases:\s*(\d+)((?:\s*\|\s*\d+ [a-z ]+)*)$", re.MULTILINE)
NONE_LINE = re.compile(r"^(No tests ran|No test cases matched)", re.MULTILINE)


class Count(NamedTuple):
    passed: int
    failed: int
    skipped: int = 0


def count_catch2(output: str, succeeded: bool) -> Count:
    """The test cases of one program, from its output and from whether it exited with 0."""
    if match := PASSED_LINE.search(output):
        # Failing after that means a leak, or a crash on the way out.
        return Count(int(match.group(1)), 0 if succeeded else 1)
    if match := FAILED_LINE.search(output):
        parts = re.findall(r"(\d+) ([a-z ]+)", match.group(2))
        # "failed as expected" is what the case promised, so it counts as passed.
        failed = sum(int(n) for n, what in parts if what.strip() == "failed")
        total = int(match.group(1))
        if not succeeded and failed == 0:
            return Count(total, 1)
        return Count(total - failed, failed)
    if succeeded and NONE_LINE.search(output):
        return Count(0, 0)
    return Count(1, 0) if succeeded else Count(0, 1)


def count_meson(log: Path) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for line in log.read_text().splitlines():
        test = json.loads(line)
        if test["result"] == "SKIP":
            counts[test["name"]] = Count(0, 0, 1)
            continue
        succeeded = test["result"] in ("OK", "EXPECTEDFAIL")
        counts[test["name"]] = count_catch2(test.get("stdout", ""), succeeded)
    return counts


def count_pytest(report: Path) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        module = case.get("classname", "").rsplit(".Test", 1)[0].replace(".", "/")
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        before = counts.get(module, Count(0, 0))
        counts[module] = Count(
            before.passed + (not bad and not skipped),
            before.failed + bad,
            before.skipped + (skipped and not bad),
        )
    return counts


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("testlog", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--status", type=int, default=0)
    arguments = parser.parse_args()

    counts: dict[str, Count] = {}
    if arguments.testlog.is_file():
        counts |= count_meson(arguments.testlog)
    if arguments.report.is_file():
        counts |= count_pytest(arguments.report)
    passed = sum(count.passed for count in counts.values())
    failed = sum(count.failed for count in counts.values())
    if failed == 0 and (arguments.status != 0 or passed == 0):
        counts["(a run that ended early, or nothing to run)"] = Count(0, 1)
        failed = 1

    print()
    for name, count in counts.items():
        skipped = f", {count.skipped} skipped" if count.skipped else ""
        mark = "FAIL" if count.failed else "ok  "
        print(f"  {mark} {name:<44} {count.passed:5} passed, {count.failed} failed{skipped}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
