"""The sum at the end of ./dev test is the true one, also when a program dies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import summary

SCRIPT = Path(summary.__file__)

# What Catch2 2.13 prints last, whether the program exits with 0, and what that comes to.
ENDINGS = {
    "all pass": ("All tests passed (2 assertions in 2 test cases)\n", True, (2, 0)),
    "one case": ("All tests passed (1 assertion in 1 test case)\n", True, (1, 0)),
    "one fails": ("test cases: 7 | 5 passed | 2 failed\nassertions: 9 | 9 failed\n", False, (5, 2)),
    "a signal in a case": ("test cases: 2 | 1 passed | 1 failed\n", False, (1, 1)),
    "failed as promised": ("test cases: 2 | 1 passed | 1 failed as expected\n", True, (2, 0)),
    "promised and not": (
        "test cases: 3 | 1 passed | 1 failed | 1 failed as expected\n",
        False,
        (2, 1),
    ),
    "no assertions": ("test cases: 1 | 1 passed\nassertions: - none -\n", True, (1, 0)),
    "the filter selects nothing": ("No test cases matched 'x'\nNo tests ran\n", True, (0, 0)),
    "dies before the end": ("half a li", False, (0, 1)),
    "dies after the end": ("All tests passed (2 assertions in 2 test cases)\n", False, (2, 1)),
    "a leak found at exit": ("test cases: 2 | 2 passed\n", False, (2, 1)),
    "another kind of program": ("hello\n", True, (1, 0)),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_program_is_counted_by_its_cases(case: str) -> None:
    output, succeeded, (passed, failed) = ENDINGS[case]
    count = summary.count_catch2("Filters: *\n=====\n" + output, succeeded)
    assert (count.passed, count.failed) == (passed, failed)


def write_reports(folder: Path, python_failures: int) -> tuple[Path, Path]:
    log = folder / "testlog.json"
    tests = [
        {"name": "core", "result": "OK", "stdout": ENDINGS["all pass"][0]},
        {"name": "engine", "result": "OK", "stdout": ENDINGS["one case"][0]},
    ]
    log.write_text("\n".join(map(json.dumps, tests)) + "\n")
    cases = ['<testcase classname="tests.python.test_x" name="a"/>'] * 3
    cases += ['<testcase classname="tests.python.test_x" name="b"><skipped/></testcase>']
    bad = '<testcase classname="tests.python.test_x" name="c"><failure/></testcase>'
    report = folder / "pytest.xml"
    report.write_text(
        f"<testsuites><testsuite>{''.join(cases + [bad] * python_failures)}"
        "</testsuite></testsuites>"
    )
    return log, report


def last_line(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()[-1]


def test_the_last_line_is_the_sum_of_all_reports(tmp_path: Path) -> None:
    assert last_line(*write_reports(tmp_path, 0)) == (0, "6 passed, 0 failed")
    assert last_line(*write_reports(tmp_path, 2)) == (1, "6 passed, 2 failed")


def test_a_run_that_failed_without_a_failing_test_is_a_failure(tmp_path: Path) -> None:
    reports = write_reports(tmp_path, 0)
    assert last_line(*reports, "--status", "1") == (1, "6 passed, 1 failed")


def test_nothing_to_run_is_a_failure(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert last_line(missing, missing) == (1, "0 passed, 1 failed")
