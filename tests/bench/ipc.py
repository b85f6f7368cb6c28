"""What a call costs beside a raw socket round trip, from C++ and Python, pinned and not."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np

import hearth
import hearth.aio
from common import binary, write_json

DIMENSION = 384
HITS = 10
Row = dict[str, str | bool | int | float]


Measured = tuple[list[float], float]  # microseconds of each call, seconds of all


def summarise(measured: Measured, raw_us: float) -> Row:
    micros, seconds = measured
    p50, p95, p99 = np.percentile(micros, [50, 95, 99])
    return {
        "p50_us": float(p50),
        "p95_us": float(p95),
        "p99_us": float(p99),
        "calls_per_second": len(micros) / seconds,
        "ratio_to_raw": float(p50) / raw_us,
    }


@contextlib.contextmanager
def instant_server(directory: str) -> Iterator[Path]:
    """The server of the C++ benchmark: it answers at once, from another thread."""
    command = [binary("ipc_bench"), "--serve", directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.read(1)
        try:
            yield Path(directory) / "bench.sock"
        finally:
            server.kill()


def blocking(calls: int, call: Callable[[], object]) -> Measured:
    for _ in range(calls // 10):
        call()
    micros = []
    start = time.perf_counter()
    for _ in range(calls):
        before = time.perf_counter_ns()
        call()
        micros.append((time.perf_counter_ns() - before) / 1e3)
    return micros, time.perf_counter() - start


async def awaited(calls: int, in_flight: int, call: Callable[[], Awaitable[object]]) -> Measured:
    micros = []

    async def one_after_the_other() -> None:
        for _ in range(calls // in_flight):
            before = time.perf_counter_ns()
            await call()
            micros.append((time.perf_counter_ns() - before) / 1e3)

    start = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    return micros, time.perf_counter() - start


def measure_python(pinned: bool, calls: int, raw_us: float) -> list[Row]:
    query = np.full(DIMENSION, 0.5, np.float32)
    rows = []

    def add(name: str, in_flight: int, measured: Measured) -> None:
        label: Row = {"name": name, "pinned": pinned, "in_flight": in_flight}
        rows.append(label | summarise(measured, raw_us))

    async def concurrent(directory: str, socket: Path) -> None:
        async with hearth.aio.connect(directory, autostart=False, socket=socket) as store:
            ns = await store.namespace("bench")
            for in_flight in (1, 4, 64):
                measured = await awaited(calls, in_flight, lambda: ns.search(query, k=HITS))
                add("search-sized call, asyncio", in_flight, measured)

    with tempfile.TemporaryDirectory() as directory, instant_server(directory) as socket:
        with hearth.connect(directory, autostart=False, socket=socket) as store:
            ns = store.namespace("bench")
            add("null call, Python", 1, blocking(calls, lambda: ns.flush(1)))
            searched = blocking(calls, lambda: ns.search(query, k=HITS))
            add("search-sized call, Python", 1, searched)
        asyncio.run(concurrent(directory, socket))
    return rows


def find(rows: list[Row], name: str, pinned: bool) -> float:
    """The median of a call, one in flight."""
    for row in rows:
        if (row["name"], row["pinned"], row["in_flight"]) == (name, pinned, 1):
            return float(row["p50_us"])
    raise KeyError(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="per row of the table")
    parser.add_argument("--json", type=Path, default=Path("build/bench/ipc.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = Path(directory) / "ipc.json"
        command = [binary("ipc_bench"), "--json", str(figures), "--calls", str(options.calls)]
        if status := subprocess.run(command, check=False).returncode:
            sys.exit(status)
        rows: list[Row] = json.loads(figures.read_text())

    cores = os.sched_getaffinity(0)
    from_python: list[Row] = []
    for pinned in (True, False):
        os.sched_setaffinity(0, {min(cores)} if pinned else cores)
        raw_us = find(rows, "raw socket, 64 bytes", pinned)
        from_python += measure_python(pinned, options.calls, raw_us)
    for row in from_python:
        print(
            f"{row['name']:<26} {'one' if row['pinned'] else 'all':<8} {row['in_flight']:9} "
            f"{row['p50_us']:9.1f} {row['p95_us']:9.1f} {row['p99_us']:9.1f} "
            f"{row['calls_per_second']:9.0f} {row['ratio_to_raw']:7.1f}"
        )
    for call in ("null call", "search-sized call"):
        over = [
            find(from_python, f"{call}, Python", pinned) - find(rows, call, pinned)
            for pinned in (True, False)
        ]
        print(f"{call}: Python takes {over[0]:+.1f} us on one core, {over[1]:+.1f} us on all")
    write_json(options.json, "ipc", {"results": rows + from_python})


if __name__ == "__main__":
    main()
