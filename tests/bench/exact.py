"""Exact searches, one by one and in batches, beside a scan of the vectors and faiss's flat index.

    ./dev bench exact --dataset fashion-mnist-784-euclidean.npz
    ./dev bench exact --dataset synthetic:embedding --rows 100000 --no-peer

Every answer of Hearth's that is measured alone is compared with that of a scan of all vectors; if
one differs, in a row or in a bit of a distance, the benchmark fails. The peer is installed into
.dev/peers. Times of one thread are its CPU time, those of several are from start to end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import ann_data
from ann import install_peers
from common import PEERS, binary, commit, machine, say, write_json


def run_json(command: list[str], environment: dict[str, str] | None = None) -> dict[str, Any]:
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if run.returncode:
        sys.exit(f"{Path(command[0]).name} failed (see above)")
    measured: dict[str, Any] = json.loads(run.stdout)
    return measured


def peer(common: list[str], folder: Path) -> dict[str, Any]:
    """faiss's flat index: every query against every row, by matrix products."""
    install_peers()
    here = Path(__file__).with_name("ann_peers.py")
    command = [str(PEERS / "bin/python"), str(here), "faiss-flat", *common]
    command += ["--found", str(folder / "found.i32"), "--m", "0", "--ef-construction", "0"]
    # Waiting threads must not count as working ones.
    answer = run_json(command, {**os.environ, "OMP_WAIT_POLICY": "passive"})
    point: dict[str, Any] = answer["measured"][0]["points"][0]
    return {"version": answer["version"], "qps": point["qps"], "qps_threads": point["qps_threads"]}


def print_table(report: dict[str, Any]) -> None:
    hearth, faiss = report["hearth"], report.get("peer")
    print(f"{machine()}, {commit()}, kernels {hearth['kernels']}")
    print(
        f"{report['dataset']}: {hearth['rows']:,} x {hearth['dimension']}, {report['distance']}, "
        f"{report['queries']} queries, k {report['k']}: equal to a scan"
    )
    extra = hearth["memory_bytes"] / hearth["plain_memory_bytes"] - 1
    print(
        f"inserted in {hearth['build_s']:.2f} s ({hearth['plain_build_s']:.2f} without codes); "
        f"codes add {extra:.0%} of memory"
    )
    threads = hearth["threads"]
    rows = [
        ("alone", hearth["single_qps"], "a scan of vectors", hearth["plain_single_qps"]),
    ]
    if faiss:
        rows.append(("batch, 1 thread", hearth["qps"], faiss["version"], faiss["qps"]))
        batch = (f"batch, {threads} threads", hearth["qps_threads"])
        rows.append((*batch, faiss["version"], faiss["qps_threads"]))
    else:
        rows.append(("batch, 1 thread", hearth["qps"], "", 0))
        rows.append((f"batch, {threads} threads", hearth["qps_threads"], "", 0))
    for name, ours, other, theirs in rows:
        versus = f"   {other} {theirs:,.0f} QPS: {ours / theirs:.1f}x" if theirs else ""
        print(f"{name:<18}{ours:>10,.0f} QPS{versus}")
    print(
        f"expected of full codes: {hearth['expected_single_qps']:,.0f} QPS alone, "
        f"{hearth['expected_batch_qps']:,.0f} in a batch"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--dataset", required=True, help="a file that `./dev bench ann` reads, or synthetic:NAME"
    )
    parser.add_argument("--distance", choices=ann_data.DISTANCES, help="else the data set's own")
    parser.add_argument("--rows", type=int, help="at most, or of a synthetic set")
    parser.add_argument("--queries", type=int, help="at most")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--single", type=int, default=200, help="queries that are asked alone")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()

    data = ann_data.load(
        options.dataset, distance=options.distance, rows=options.rows, queries=options.queries
    )
    report: dict[str, Any] = {"dataset": data.name, "distance": data.distance, "k": options.k}
    report["queries"] = len(data.test)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data.train.tofile(folder / "train.f32")
        data.test.tofile(folder / "test.f32")
        common = ["--data", place, "--dimension", str(data.train.shape[1])]
        common += ["--distance", data.distance, "--k", str(options.k)]
        common += ["--repeats", str(options.repeats), "--threads", str(options.threads)]
        say(f"{data.name}: Hearth")
        command = [binary("exact_bench"), *common, "--single", str(options.single)]
        report["hearth"] = run_json(command)
        if not options.no_peer:
            say(f"{data.name}: faiss")
            report["peer"] = peer(common, folder)
    print_table(report)
    if options.json:
        write_json(options.json, "exact", report)


if __name__ == "__main__":
    main()
