"""Durable ingest by batch and client count beside plain LMDB; file size over raw vectors."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from common import binary, write_json


def run_once(directory: str, seconds: float) -> list[dict[str, float | str]]:
    command = [binary("ingest_bench"), directory, binary("hearthd"), str(seconds)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(json.loads(line))
            print(".", end="", flush=True, file=sys.stderr)
    if process.returncode:
        sys.exit(process.returncode)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="the table shows medians over these")
    parser.add_argument("--seconds", type=float, default=2.0, help="per cell")
    parser.add_argument("--directory", help="on the disk to measure (default: the temp directory)")
    parser.add_argument("--json", type=Path, default=Path("build/bench/ingest.json"))
    options = parser.parse_args()

    rates: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    sizes: dict[int, float] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            for line in run_once(directory, options.seconds):
                if line["system"] == "size":
                    sizes[int(line["dimension"])] = float(line["ratio"])
                else:
                    shape = (int(line["batch"]), int(line["clients"]))
                    rates[shape][str(line["system"])].append(float(line["rows_per_s"]))
    print(file=sys.stderr)

    print(f"Durable 768-d vectors per second, medians of {options.rounds}\n")
    print("| batch | clients | plain LMDB | embedded | of LMDB | daemon | of LMDB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for (batch, clients), systems in rates.items():
        lmdb, embedded, daemon = (
            statistics.median(systems[name]) for name in ("lmdb", "embedded", "daemon")
        )
        rows.append(
            {
                "batch": batch,
                "clients": clients,
                "lmdb": lmdb,
                "embedded": embedded,
                "daemon": daemon,
            }
        )
        print(
            f"| {batch} | {clients} | {lmdb:,.0f} | {embedded:,.0f} | {embedded / lmdb:.0%} "
            f"| {daemon:,.0f} | {daemon / lmdb:.0%} |"
        )
    print("\n| dimension | file / raw vectors |\n|---:|---:|")
    for dimension, ratio in sizes.items():
        print(f"| {dimension} | {ratio:.3f} |")
    write_json(options.json, "ingest", {"rates": rows, "size_ratio": sizes})


if __name__ == "__main__":
    main()
