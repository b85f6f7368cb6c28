"""`./dev bench kv`: how it judges, and that it runs on a few keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import kv_report

BENCH = Path(__file__).parent
ROOT = BENCH.parents[1]
BUILD = ROOT / os.environ.get("HEARTH_BUILD_DIR", "build")
OPERATIONS = ("put", "get", "multi-get", "transaction", "scan")


def cell(system: str, operation: str, clients: int, rate: float) -> kv_report.Cell:
    return {
        "system": system,
        "operation": operation,
        "clients": clients,
        "per_second": rate,
        "rounds": [rate],
    }


def judged(cells: list[kv_report.Cell]) -> list[tuple[str, bool]]:
    return [(aim["figure"], aim["met"]) for aim in kv_report.aims(cells)]


def test_gets_are_judged_by_plain_lmdb_with_one_client() -> None:
    ours = [cell(kv_report.EMBEDDED, "get", 1, 49), cell(kv_report.EMBEDDED, "get", 8, 900)]
    assert judged([*ours, cell("LMDB", "get", 1, 100), cell("LMDB", "get", 8, 1)]) == [
        ("49%", False)
    ]
    assert judged([*ours, cell("LMDB", "get", 1, 98)]) == [("50%", True)]
    assert judged(ours) == []  # there was no LMDB


def test_puts_of_many_clients_are_judged_by_the_better_peer() -> None:
    ours = [cell(kv_report.EMBEDDED, "put", 8, 300), cell(kv_report.DAEMON, "put", 8, 100)]
    peers = [cell("SQLite", "put", 8, 50), cell("Redis", "put", 8, 200)]
    assert judged([*ours, *peers]) == [
        ("1.5 times the better one", True),
        ("0.5 times the better one", False),
    ]
    assert [met for _, met in judged([*ours, peers[0]])] == [True, True]
    assert judged([cell(kv_report.DAEMON, "put", 1, 1), cell("Redis", "put", 1, 2)]) == []


def test_scans_are_judged_by_their_rows() -> None:
    scans = [cell(kv_report.EMBEDDED, "scan", 1, 5e6), cell(kv_report.DAEMON, "scan", 1, 999_999)]
    assert judged(scans) == [("5,000,000 rows/s", True), ("999,999 rows/s", False)]


def test_a_table_leaves_out_what_was_not_measured() -> None:
    cells = [cell("LMDB", "put", 1, 1234.5), cell("LMDB", "put", 8, 2), cell("Redis", "put", 8, 3)]
    cells += [cell("SQLite", "get", 1, 4)]
    assert kv_report.table(cells, "put").splitlines() == [
        "| puts per second | 1 client | 8 clients |",
        "|---|---:|---:|",
        "| LMDB | 1,234 | 2 |",
        "| Redis |  | 3 |",
    ]


def run(
    tmp_path: Path, path: str, *arguments: str
) -> tuple[kv_report.Report, subprocess.CompletedProcess[str]]:
    command = [sys.executable, str(BENCH / "kv.py"), "--rows", "500", "--value-bytes", "20"]
    command += ["--seconds", "0.02", "--out", str(tmp_path / "small"), *arguments]
    environment = {**os.environ, "HEARTH_BUILD_DIR": str(BUILD), "PATH": path}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report: kv_report.Report = json.loads((tmp_path / "small.json").read_text())
    return report, done


def test_every_system_does_every_operation_with_as_many_clients(tmp_path: Path) -> None:
    arguments = ["--clients", "1", "3", "--rounds", "2"]
    report, done = run(tmp_path, os.environ["PATH"], *arguments)
    assert report["rows"] == 500 and report["value_bytes"] == 20
    measured = {(each["system"], each["operation"], each["clients"]) for each in report["cells"]}
    for system in (kv_report.EMBEDDED, kv_report.DAEMON, "LMDB"):
        wanted = {(system, name, clients) for name in ("put", "get") for clients in (1, 3)}
        assert wanted | {(system, "scan", 1), (system, "multi-get", 1)} <= measured
        assert f"| {system} |" in done.stdout
    for name in OPERATIONS:
        assert ("Hearth, daemon, from Python", name, 1) in measured
    for each in report["cells"]:
        assert each["per_second"] > 0
        if each["operation"] in OPERATIONS:
            assert len(each["rounds"]) == 2
    for system, package in (("SQLite", "libsqlite3-dev"), ("Redis", "redis-server")):
        there = (system, "scan", 1) in measured
        assert there != (f"going on without {system}: {package}" in done.stderr)


def test_a_peer_that_is_not_installed_is_said_and_left_out(tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "git").symlink_to(git)  # for the commit in the report
    report, done = run(tmp_path, str(tmp_path), "--clients", "1", "--rounds", "1")
    assert "going on without Redis" in done.stderr
    assert not any(each["system"] == "Redis" for each in report["cells"])
