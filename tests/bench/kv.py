"""Keys and values per second beside LMDB, SQLite and Redis, durable, with one and many clients.

./dev bench kv
./dev bench kv --rounds 1 --seconds 0.5 --rows 100000
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import hearth
import kv_report
from common import binary, commit, install_peer, machine, say, see_installed_peers, write_json

MANY = 100
PYTHON = "Hearth, daemon, from Python"


def run_native(directory: str, options: argparse.Namespace) -> kv_report.Rates:
    """The rates of every round, by system, operation and clients."""
    rates: kv_report.Rates = {}
    command = [binary("kv_bench"), directory, binary("hearthd"), str(options.rows)]
    command += [str(options.value_bytes), str(options.seconds), str(options.rounds)]
    command += [",".join(map(str, options.clients))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            cell = json.loads(line)
            where = (cell["system"], cell["operation"], int(cell["clients"]))
            rates.setdefault(where, []).append(float(cell["per_second"]))
            print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    if process.returncode:
        sys.exit(process.returncode)
    return rates


def per_second(seconds: float, call: Callable[[], int]) -> float:
    """What `call` answers, per second."""
    call()
    done = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        done += call()
    return done / elapsed


def run_python(directory: str, options: argparse.Namespace) -> kv_report.Rates:
    """One Python client over the socket."""
    rates: kv_report.Rates = {}
    choose = random.Random(1)
    keys = [f"{choose.getrandbits(64):016x}".encode() for _ in range(options.rows)]
    value = b"v" * options.value_bytes
    with hearth.connect(directory) as store:
        bench = store.namespace("bench", dimension=1)
        kv = bench.kv
        for begin in range(0, len(keys), 10_000):
            kv.put_many((key, value) for key in keys[begin : begin + 10_000])
        rows = len(set(keys))

        def put() -> int:
            kv.put(choose.choice(keys), value)
            return 1

        def get() -> int:
            if kv.get(choose.choice(keys)) is None:
                sys.exit("a key is missing")
            return 1

        def get_many() -> int:
            return len(kv.get_many(choose.choices(keys, k=MANY)))

        def exchange() -> int:
            one, other = choose.sample(keys, 2)
            with bench.transaction() as t:
                if t.kv.get(one) is None or t.kv.get(other) is None:
                    sys.exit("a key is missing")
                t.kv.put(one, value)
                t.kv.put(other, value)
            return 1

        def scan() -> int:
            collections.deque(kv.scan(), maxlen=0)
            return rows

        for _ in range(options.rounds):
            cells = (
                ("put", put),
                ("get", get),
                ("multi-get", get_many),
                ("transaction", exchange),
                ("scan", scan),
            )
            for operation, call in cells:
                rate = per_second(options.seconds, call)
                rates.setdefault((PYTHON, operation, 1), []).append(rate)
    hearth.shutdown_daemon(directory)
    return rates


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000, help="keys that are there")
    parser.add_argument("--value-bytes", type=int, default=100)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--rounds", type=int, default=3, help="the tables show medians over these")
    parser.add_argument("--seconds", type=float, default=2.0, help="per cell")
    parser.add_argument("--directory", help="on the disk to measure (default: the temp directory)")
    parser.add_argument("--out", type=Path, default=Path("build/bench/kv"), help="without suffix")
    return parser.parse_args()


def draw(report: kv_report.Report, picture: Path) -> None:
    see_installed_peers()
    if importlib.util.find_spec("matplotlib") is None and install_peer("matplotlib"):
        see_installed_peers()
    try:
        import kv_plot
    except ImportError:
        say("no picture: there is no matplotlib")
        return
    kv_plot.draw(report, picture)
    say(f"and {picture}")


def main() -> None:
    options = parse_arguments()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        rates = run_native(directory, options)
        rates |= run_python(f"{directory}/python", options)
    report: kv_report.Report = {
        "machine": machine(),
        "commit": commit(),
        "rows": options.rows,
        "value_bytes": options.value_bytes,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "load_before": load,
        "cells": [
            {
                "system": system,
                "operation": operation,
                "clients": clients,
                "per_second": statistics.median(measured),
                "rounds": measured,
            }
            for (system, operation, clients), measured in rates.items()
        ],
    }
    report["aims"] = kv_report.aims(report["cells"])
    print(kv_report.text(report))
    write_json(options.out.with_name(options.out.name + ".json"), "kv", dict(report))
    draw(report, options.out.with_name(options.out.name + ".png"))


if __name__ == "__main__":
    main()
