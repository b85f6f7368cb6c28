"""What the tests of the Python package share: stores, data and the truth about nearest rows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hearth

Rows = NDArray[np.float32]
#: Makes a namespace with a name of its own; keyword arguments as in `Store.namespace`.
MakeNamespace = Callable[..., hearth.Namespace]

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("HEARTH_BUILD_DIR", "build")


def clustered(rows: int, dimension: int, seed: int) -> Rows:
    """Around 60 centres, which are the same for every seed."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(1).standard_normal((60, dimension))
    noise = 0.5 * random.standard_normal((rows, dimension))
    return (centres[random.integers(0, len(centres), rows)] + noise).astype(np.float32)


def rows_of(count: int, dimension: int, seed: int = 1) -> Rows:
    return np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)


def distances(kind: str, rows: Rows, query: Rows) -> NDArray[np.float64]:
    """The distance of every row to the query, in double precision."""
    wide, target = rows.astype(np.float64), query.astype(np.float64)
    if kind == "l2":
        return np.asarray(np.linalg.norm(wide - target, axis=1))
    if kind == "dot":
        return np.asarray(-(wide @ target))
    if kind == "manhattan":
        return np.asarray(np.abs(wide - target).sum(axis=1))
    if kind == "hamming":
        return np.asarray((wide != target).sum(axis=1), dtype=np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(target)
    return np.asarray(1 - wide @ target / lengths)


def nearest(kind: str, rows: Rows, query: Rows, k: int) -> list[int]:
    return [int(row) for row in np.argsort(distances(kind, rows, query), kind="stable")[:k]]


def kill_daemon(store: Path) -> None:
    """kill -9, and waits until the process is gone."""
    with hearth.connect(store, autostart=False) as db:
        pid = db.info().pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), f"process {pid} to end")


def stop_daemon(pid: int) -> None:
    """SIGSTOP, and waits until all threads stand still: the signal is not there at once."""
    os.kill(pid, signal.SIGSTOP)
    states = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
    wait_until(
        lambda: all(
            each.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T" for each in states
        ),
        f"process {pid} to stand still",
    )


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Polls for something that another process does; fails after a minute."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, f"waited a minute for {what}"
        time.sleep(0.005)


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `code` in another process; `sys.argv[1:]` are the arguments."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def metadata_column(count: int) -> list[dict[str, Any]]:
    return [{"row": row, "even": row % 2 == 0} for row in range(count)]


def run_guide(guide: Path) -> int:
    """Runs every ```python block of a page, in order; answers how many there are."""
    text = guide.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    names: dict[str, object] = {"__name__": "__main__"}
    try:
        for block in blocks:
            # So that a traceback names the line of the page.
            padded = "\n" * text.count("\n", 0, block.start(1)) + block.group(1)
            exec(compile(padded, os.fspath(guide), "exec"), names)
    finally:
        db = names.get("db")
        if isinstance(db, hearth.Store):
            db.close()
    return len(blocks)
