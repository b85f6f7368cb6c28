"""From connect() to the first answer, by size, after a clean stop and after kill -9."""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import hearth
from common import write_json

DIMENSION = 384


def fill(store: Path, rows: int, settle: bool) -> None:
    random = np.random.default_rng(42)
    with hearth.connect(store) as db:
        ns = db.namespace("bench", dimension=DIMENSION, distance="l2")
        for first in range(0, rows, 10_000):
            count = min(10_000, rows - first)
            ns.upsert(
                ids=np.arange(first, first + count, dtype=np.uint64),
                vectors=random.standard_normal((count, DIMENSION), dtype=np.float32),
            )
        while settle and ns.info().fresh > 0:
            time.sleep(0.5)


def first_answer(store: Path, query: np.ndarray) -> tuple[float, float]:
    """Seconds to the first answer, and of a second, warm search."""
    begin = time.perf_counter()
    with hearth.connect(store) as db:
        hits = db.namespace("bench").search(query, k=10)
        opened = time.perf_counter() - begin
        assert len(hits) == 10
        begin = time.perf_counter()
        db.namespace("bench").search(query, k=10)
        return opened, time.perf_counter() - begin


def stop(store: Path, clean: bool) -> None:
    if clean:
        hearth.shutdown_daemon(store)
        return
    with hearth.connect(store, autostart=False) as db:
        pid = db.info().pid
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,500000", help="rows, comma-separated")
    parser.add_argument("--rounds", type=int, default=5, help="medians over these")
    parser.add_argument("--unsettled", action="store_true", help="do not wait for the graph")
    parser.add_argument("--json", type=Path, default=Path("build/bench/open.json"))
    options = parser.parse_args()
    query = np.random.default_rng(1).standard_normal(DIMENSION, dtype=np.float32)
    results = []
    print("| rows | stop | first answer | slowest | second search |")
    print("|---:|---|---:|---:|---:|")
    for size in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as directory:
            store = Path(directory) / "store"
            begin = time.perf_counter()
            fill(store, size, not options.unsettled)
            filled = time.perf_counter() - begin
            for clean in (True, False):
                opened, warm = [], []
                for _ in range(options.rounds):
                    stop(store, clean)
                    first, second = first_answer(store, query)
                    opened.append(first)
                    warm.append(second)
                row = {
                    "rows": size,
                    "stop": "clean" if clean else "kill -9",
                    "first_answer_s": statistics.median(opened),
                    "slowest_s": max(opened),
                    "second_search_s": statistics.median(warm),
                    "fill_s": filled,
                }
                results.append(row)
                print(
                    f"| {size:,} | {row['stop']} | {row['first_answer_s']:.3f} s "
                    f"| {row['slowest_s']:.3f} s | {statistics.median(warm) * 1e3:.2f} ms |",
                    flush=True,
                )
            hearth.shutdown_daemon(store)
    write_json(options.json, "open", {"dimension": DIMENSION, "results": results})


if __name__ == "__main__":
    main()
