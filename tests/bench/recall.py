#!/usr/bin/env python3
"""Recall and speed of the vector indexes on a data set, as a table and as JSON.

    recall.py --binary build/tests/bench/recall_bench --dataset fashion.npz --distance l2
    recall.py --binary build/tests/bench/recall_bench --clustered --json out.json

A data set is an .npz in the layout of ann-benchmarks: `train` (n, d), `test` (q, d) and
`neighbors` (q, >= 10), the exact nearest rows of `train`, nearest first. `--clustered` makes one
that exposes graphs without diverse links. With `--peer`, hnswlib (from PyPI) is measured with the
same parameters on one thread, if it can be imported. Times are CPU time of one thread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

K = 10
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def exact_neighbors(train: Floats, test: Floats) -> Ints:
    """The K nearest rows of `train` by Euclidean distance for each row of `test`."""
    norms = (train.astype(np.float64) ** 2).sum(axis=1)
    found = np.empty((len(test), K), np.int32)
    for start in range(0, len(test), 256):
        block = test[start : start + 256].astype(np.float64)
        distances = norms - 2 * block @ train.T.astype(np.float64)
        found[start : start + 256] = np.argsort(distances, axis=1, kind="stable")[:, :K]
    return found


def clustered(rows: int = 20_000, queries: int = 1_000, dimension: int = 64) -> dict[str, Any]:
    """200 centres ~ N(0, I), points and queries = centre + 0.7 N(0, I)."""
    random = np.random.default_rng(42)
    centres = random.standard_normal((200, dimension))

    def points(count: int) -> Floats:
        noise = 0.7 * random.standard_normal((count, dimension))
        return (centres[random.integers(0, len(centres), count)] + noise).astype(np.float32)

    train, test = points(rows), points(queries)
    return {"train": train, "test": test, "neighbors": exact_neighbors(train, test)}


def load(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.clustered:
        return clustered()
    with np.load(arguments.dataset) as archive:
        return {
            "train": np.ascontiguousarray(archive["train"], np.float32),
            "test": np.ascontiguousarray(archive["test"], np.float32),
            "neighbors": np.ascontiguousarray(archive["neighbors"], np.int32),
        }


def run_binary(arguments: argparse.Namespace, data: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(arguments.binary)]
        for name, values in data.items():
            file = Path(folder) / f"{name}.raw"
            values.tofile(file)
            command += [f"--{name}", str(file)]
        command += ["--dimension", str(data["train"].shape[1]), "--distance", arguments.distance]
        command += ["--m", str(arguments.m), "--ef-construction", str(arguments.ef_construction)]
        command += ["--ef", ",".join(map(str, arguments.ef)), "--index", arguments.index]
        if arguments.no_replace:
            command.append("--no-replace")
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        sys.exit(finished.stderr)
    measured: dict[str, Any] = json.loads(finished.stdout)
    return measured


def run_hnswlib(arguments: argparse.Namespace, data: dict[str, Any]) -> dict[str, Any] | None:
    try:
        import hnswlib
    except ImportError:
        print("hnswlib cannot be imported: no peer", file=sys.stderr)
        return None
    space = {"l2": "l2", "cosine": "cosine", "dot": "ip"}[arguments.distance]
    train, test, truth = data["train"], data["test"], data["neighbors"][:, :K]
    index = hnswlib.Index(space=space, dim=train.shape[1])
    index.init_index(len(train), ef_construction=arguments.ef_construction, M=arguments.m)
    index.set_num_threads(1)
    start = time.thread_time()
    index.add_items(train, num_threads=1)
    build = time.thread_time() - start
    points = []
    for ef in arguments.ef:
        index.set_ef(ef)
        seconds = []
        for _ in range(3):
            start = time.thread_time()
            found, _ = index.knn_query(test, k=K, num_threads=1)
            seconds.append(time.thread_time() - start)
        hits = sum(len(np.intersect1d(mine, true)) for mine, true in zip(found, truth, strict=True))
        qps = len(test) / sorted(seconds)[len(seconds) // 2]
        points.append({"ef": ef, "recall": hits / truth.size, "qps": qps})
    return {"build_s": build, "built": points}


def print_table(report: dict[str, Any]) -> None:
    hearth, peer = report["hearth"], report.get("hnswlib")
    print(
        f"{report['name']}: {hearth['rows']} x {hearth['dimension']}, {report['distance']}, "
        f"M {hearth['m']}, ef_construction {hearth['ef_construction']}, {hearth['kernels']}"
    )
    build = f"build {hearth['build_s']:.1f} s, memory {hearth['memory_bytes'] / 2**20:.0f} MiB"
    if "replaced" in hearth:
        build += f"; half erased {hearth['erase_s']:.1f} s, added again {hearth['insert_s']:.1f} s"
    if peer:
        build += f"; hnswlib build {peer['build_s']:.1f} s"
    print(build)
    columns = [("hearth", hearth["built"])]
    if "replaced" in hearth:
        columns.append(("half replaced", hearth["replaced"]))
    if peer:
        columns.append(("hnswlib", peer["built"]))
    print("   ef" + "".join(f" | {name:>13} recall      QPS" for name, _ in columns))
    for row in range(len(hearth["built"])):
        cells = [points[row] for _, points in columns]
        print(
            f"{cells[0]['ef']:5d}"
            + "".join(f" | {cell['recall']:20.4f} {cell['qps']:8.0f}" for cell in cells)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, required=True, help="the built recall_bench")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", type=Path, help=".npz with train, test and neighbors")
    source.add_argument("--clustered", action="store_true", help="make the clustered set")
    parser.add_argument("--distance", choices=["l2", "cosine", "dot"], default="l2")
    parser.add_argument("--index", choices=["hnsw", "flat"], default="hnsw")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construction", type=int, default=200)
    parser.add_argument("--ef", type=int, nargs="+", default=[10, 20, 40, 80, 100, 200, 400])
    parser.add_argument("--no-replace", action="store_true", help="only build and search")
    parser.add_argument("--peer", action="store_true", help="measure hnswlib too")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()

    data = load(arguments)
    name = "clustered" if arguments.clustered else arguments.dataset.stem
    report: dict[str, Any] = {"name": name, "distance": arguments.distance}
    report["hearth"] = run_binary(arguments, data)
    if arguments.peer and (peer := run_hnswlib(arguments, data)):
        report["hnswlib"] = peer
    print_table(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
