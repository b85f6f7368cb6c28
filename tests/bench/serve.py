"""Searches per second of many clients of one daemon, beside the engine alone, on all cores.

./dev bench serve --dataset fashion-mnist-784-euclidean.npz
./dev bench serve --dataset synthetic:million --rows 100000 --clients 1 8

Clients are processes of their own, on the same cores as the daemon.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import ann_data
import hearth
from common import ROOT, binary, write_json

NAME = "serve"


def engine_qps(data: ann_data.Dataset, options: argparse.Namespace, folder: Path) -> float:
    """Of the index alone, in one process, one query after the other on each core."""
    data.train.tofile(folder / "train.f32")
    data.test.tofile(folder / "test.f32")
    command = [binary("ann_bench"), "--data", str(folder), "--found", str(folder / "found")]
    command += ["--dimension", str(data.train.shape[1]), "--distance", data.distance]
    command += ["--k", str(options.k), "--effort", str(options.ef)]
    command += ["--threads", str(os.cpu_count()), "--repeats", "5"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit("ann_bench failed")
    return float(json.loads(run.stdout)["measured"][0]["points"][0]["qps_threads"])


def fill(store: Path, data: ann_data.Dataset) -> None:
    with hearth.connect(store) as db:
        ns = db.namespace(NAME, dimension=data.train.shape[1], distance=data.distance)
        ns.add(range(len(data.train)), data.train)
        while ns.info().index != "ready" or ns.info().fresh > 0:
            time.sleep(0.2)


class Task(NamedTuple):
    store: Path
    queries: ann_data.Floats
    options: argparse.Namespace
    batch: int


def client(task: Task, start: Any, counts: Any) -> None:
    """Searches from the moment all clients are there until the time is over."""
    queries, options, batch = task.queries, task.options, task.batch
    with hearth.connect(task.store) as db:
        ns = db.namespace(NAME)
        done, at = 0, os.getpid() % len(queries)
        ns.search(queries[at], k=options.k, ef=options.ef)
        start.wait()
        end = time.perf_counter() + options.seconds
        while time.perf_counter() < end:
            if batch == 1:
                ns.search(queries[at], k=options.k, ef=options.ef)
            else:
                ns.search_batch(queries[at : at + batch], k=options.k, ef=options.ef)
            done += min(batch, len(queries) - at)
            at = (at + batch) % len(queries)
        counts.put(done)


def daemon_qps(task: Task, clients: int) -> float:
    context = multiprocessing.get_context("spawn")
    rounds: list[float] = []
    for _ in range(task.options.rounds):
        start, counts = context.Barrier(clients), context.Queue()
        each = (task, start, counts)
        processes = [context.Process(target=client, args=each) for _ in range(clients)]
        for process in processes:
            process.start()
        rounds.append(sum(counts.get() for _ in processes) / task.options.seconds)
        for process in processes:
            process.join()
    return statistics.median(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="as of ./dev bench ann")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--ef", type=int, default=64)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="medians over these")
    parser.add_argument("--json", type=Path, default=Path("build/bench/serve.json"))
    options = parser.parse_args()
    data = ann_data.load(options.dataset, rows=options.rows, queries=options.queries)
    figures: list[dict[str, Any]] = []
    # Not in /tmp, which may be memory.
    (ROOT / ".dev").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".dev", prefix="serve-") as directory:
        alone = engine_qps(data, options, Path(directory))
        print(f"engine alone, {os.cpu_count()} threads: {alone:,.0f} searches per second\n")
        store = Path(directory) / "store"
        fill(store, data)
        print("| clients | queries per call | searches per second | of the engine's |")
        print("|---:|---:|---:|---:|")
        for clients in options.clients:
            for batch in options.batch:
                qps = daemon_qps(Task(store, data.test, options, batch), clients)
                print(f"| {clients} | {batch} | {qps:,.0f} | {qps / alone:.0%} |", flush=True)
                figures.append({"clients": clients, "batch": batch, "qps": qps})
        hearth.shutdown_daemon(store)
    settings = {"dataset": data.name, "k": options.k, "ef": options.ef}
    write_json(options.json, NAME, {**settings, "engine_qps": alone, "daemon": figures})


if __name__ == "__main__":
    main()
