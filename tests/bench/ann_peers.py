"""Other libraries under the measurements of ann_bench.cpp: one system per process.

ann.py runs it with the interpreter of .dev/peers. It takes the options of ann_bench and prints the
same JSON. Rows are made ready for a library (normalized, turned to int8) before the clock starts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import statistics
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Effort = dict[str, int]

NOT_INSTALLED = 3  # exit status


class Peer(ABC):
    """One index of one library. `arguments` are those of the command line."""

    version: str

    def __init__(self, arguments: argparse.Namespace, rows: int) -> None:
        self.arguments = arguments
        self.rows = rows
        self.parameters: dict[str, Any] = {}

    def ready(self, rows: Array) -> Array:
        """Rows or queries as the library wants them."""
        return rows

    @abstractmethod
    def build(self, train: Array, threads: int) -> None: ...

    @abstractmethod
    def efforts(self) -> list[Effort]: ...

    @abstractmethod
    def prepare(self, effort: Effort, threads: int) -> None:
        """Sets what the next searches take."""

    @abstractmethod
    def search(self, test: Array, k: int) -> Array:
        """(queries, k) rows, in one call of the library."""


def normalized(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


# ---------------------------------------------------------------- hnswlib


class Hnswlib(Peer):
    def __init__(self, arguments: argparse.Namespace, rows: int) -> None:
        import hnswlib

        super().__init__(arguments, rows)
        space = {"l2": "l2", "cosine": "cosine", "dot": "ip"}[arguments.distance]
        self._index = hnswlib.Index(space=space, dim=arguments.dimension)
        self.parameters = {"M": arguments.m, "ef_construction": arguments.ef_construction}
        self.version = f"hnswlib {version('hnswlib')}, compiled here"

    def build(self, train: Array, threads: int) -> None:
        self._index.init_index(
            self.rows, ef_construction=self.arguments.ef_construction, M=self.arguments.m
        )
        self._index.add_items(train, num_threads=threads)

    def efforts(self) -> list[Effort]:
        return [{"ef": ef} for ef in self.arguments.effort]

    def prepare(self, effort: Effort, threads: int) -> None:
        self._index.set_ef(max(effort["ef"], self.arguments.k))
        self._threads = threads

    def search(self, test: Array, k: int) -> Array:
        found: Array = self._index.knn_query(test, k=k, num_threads=self._threads)[0]
        return found


# ---------------------------------------------------------------- faiss


class Faiss(Peer):
    def __init__(self, arguments: argparse.Namespace, rows: int) -> None:
        import faiss

        super().__init__(arguments, rows)
        self._faiss = faiss
        metric = faiss.METRIC_L2 if arguments.distance == "l2" else faiss.METRIC_INNER_PRODUCT
        self._index = faiss.index_factory(arguments.dimension, self.factory(), metric)
        self.parameters = {"factory": self.factory()}
        self.version = f"faiss {faiss.__version__}, {faiss.get_compile_options().split()[-1]}"

    @abstractmethod
    def factory(self) -> str: ...

    def ready(self, rows: Array) -> Array:
        return normalized(rows) if self.arguments.distance == "cosine" else rows

    def build(self, train: Array, threads: int) -> None:
        self._faiss.omp_set_num_threads(threads)
        self._index.train(train)
        self._index.add(train)

    def prepare(self, effort: Effort, threads: int) -> None:
        self._faiss.omp_set_num_threads(threads)

    def search(self, test: Array, k: int) -> Array:
        found: Array = self._index.search(test, k)[1]
        return found


class FaissFlat(Faiss):
    def factory(self) -> str:
        return "Flat"

    def efforts(self) -> list[Effort]:
        return [{}]


class FaissHnsw(Faiss):
    storage = "Flat"

    def factory(self) -> str:
        return f"HNSW{self.arguments.m},{self.storage}"

    def build(self, train: Array, threads: int) -> None:
        self._index.hnsw.efConstruction = self.arguments.ef_construction
        self.parameters["ef_construction"] = self.arguments.ef_construction
        super().build(train, threads)

    def efforts(self) -> list[Effort]:
        return [{"ef": ef} for ef in self.arguments.effort]

    def prepare(self, effort: Effort, threads: int) -> None:
        super().prepare(effort, threads)
        self._index.hnsw.efSearch = effort["ef"]


class FaissHnswSq8(FaissHnsw):
    storage = "SQ8"


class FaissIvfFlat(Faiss):
    def lists(self) -> int:
        return 1 << max(0, round(math.log2(self.rows) / 2))

    def factory(self) -> str:
        return f"IVF{self.lists()},Flat"

    def probes(self) -> list[int]:
        return [count for count in (1, 2, 4, 8, 16, 32, 64, 128, 256) if count <= self.lists()]

    def efforts(self) -> list[Effort]:
        return [{"nprobe": nprobe} for nprobe in self.probes()]

    def prepare(self, effort: Effort, threads: int) -> None:
        super().prepare(effort, threads)
        self._faiss.extract_index_ivf(self._index).nprobe = effort["nprobe"]


class FaissIvfPq(FaissIvfFlat):
    """4-bit codes scanned in registers, the best of them ranked by the vectors themselves."""

    def factory(self) -> str:
        dimension = self.arguments.dimension
        parts = next(n for n in range(max(1, dimension // 4), 0, -1) if dimension % n == 0)
        return f"IVF{self.lists()},PQ{parts}x4fs,RFlat"

    def efforts(self) -> list[Effort]:
        return [{"nprobe": n, "k_factor": f} for n in self.probes() for f in (2, 5, 15, 50, 150)]

    def prepare(self, effort: Effort, threads: int) -> None:
        self._faiss.omp_set_num_threads(threads)
        refined = self._faiss.downcast_index(self._index)
        refined.k_factor = effort["k_factor"]
        self._faiss.extract_index_ivf(refined.base_index).nprobe = effort["nprobe"]


# ---------------------------------------------------------------- usearch


class Usearch(Peer):
    kind = "f32"

    def __init__(self, arguments: argparse.Namespace, rows: int) -> None:
        from usearch.index import Index

        super().__init__(arguments, rows)
        self._index = Index(
            ndim=arguments.dimension,
            metric={"l2": "l2sq", "cosine": "cos", "dot": "ip"}[arguments.distance],
            dtype=self.kind,
            connectivity=arguments.m,
            expansion_add=arguments.ef_construction,
        )
        self.parameters = {
            "connectivity": arguments.m,
            "expansion_add": arguments.ef_construction,
            "dtype": self.kind,
        }
        self.version = f"usearch {version('usearch')}, {self._index.hardware_acceleration}"

    def build(self, train: Array, threads: int) -> None:
        self._index.add(np.arange(len(train)), train, threads=threads, copy=True)

    def efforts(self) -> list[Effort]:
        return [{"ef": ef} for ef in self.arguments.effort]

    def prepare(self, effort: Effort, threads: int) -> None:
        self._index.expansion_search = effort["ef"]
        self._threads = threads

    def search(self, test: Array, k: int) -> Array:
        return np.asarray(self._index.search(test, k, threads=self._threads).keys)


class UsearchI8(Usearch):
    """int8 by one scale for all values: its own conversion would take the lengths away."""

    kind = "i8"
    _middle = 0.0
    _scale = 0.0

    def ready(self, rows: Array) -> Array:
        if self.arguments.distance == "cosine":
            rows = normalized(rows)
        if not self._scale:  # the rows to index come first
            low, high = np.quantile(rows[:: max(1, len(rows) // 10_000)], [0.0001, 0.9999])
            # Only l2 stays the same when all values are moved.
            self._middle = (low + high) / 2 if self.arguments.distance == "l2" else 0.0
            self._scale = 127 / max(high - self._middle, self._middle - low)
        return np.clip(np.rint((rows - self._middle) * self._scale), -127, 127).astype(np.int8)


SYSTEMS: dict[str, Callable[[argparse.Namespace, int], Any]] = {
    "hnswlib": Hnswlib,
    "faiss-hnsw": FaissHnsw,
    "faiss-hnsw-sq8": FaissHnswSq8,
    "faiss-ivf-flat": FaissIvfFlat,
    "faiss-ivf-pq": FaissIvfPq,
    "faiss-flat": FaissFlat,
    "usearch-f32": Usearch,
    "usearch-i8": UsearchI8,
}


# ---------------------------------------------------------------- measuring


def resident_bytes() -> int:
    """What this process holds in memory, files left out."""
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    sys.exit("/proc/self/status has no RssAnon")


def median_seconds(clock: Callable[[], float], repeats: int, work: Callable[[], Any]) -> float:
    patience_s = 10  # a slow point is not repeated
    seconds: list[float] = []
    while len(seconds) < repeats and sum(seconds) < patience_s:
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def sweep(peer: Peer, test: Array, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    points = []
    with arguments.found.open("wb") as file:
        for effort in peer.efforts():
            peer.prepare(effort, threads=1)
            found = peer.search(test, arguments.k)
            np.ascontiguousarray(found, np.int32).tofile(file)
            # The CPU time of all threads, in case the library starts some.
            alone = median_seconds(
                time.process_time, arguments.repeats, lambda: peer.search(test, arguments.k)
            )
            peer.prepare(effort, arguments.threads)
            together = median_seconds(
                time.perf_counter, arguments.repeats, lambda: peer.search(test, arguments.k)
            )
            qps = len(test) / alone
            points.append({"effort": effort, "qps": qps, "qps_threads": len(test) / together})
            told = " ".join(f"{name} {value}" for name, value in effort.items()) or "exact"
            print(f"    {told}: {qps:.0f} QPS", file=sys.stderr)
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dimension", type=int, required=True)
    parser.add_argument("--distance", choices=["l2", "cosine", "dot"], required=True)
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--m", type=int, required=True)
    parser.add_argument("--ef-construction", type=int, required=True)
    parser.add_argument("--effort", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    shape = (-1, arguments.dimension)
    train = np.memmap(arguments.data / "train.f32", np.float32, "r").reshape(shape)
    test = np.fromfile(arguments.data / "test.f32", np.float32).reshape(shape)
    try:
        peer: Peer = SYSTEMS[arguments.system](arguments, len(train))
    except ImportError as error:
        print(f"    {error}", file=sys.stderr)
        sys.exit(NOT_INSTALLED)
    train, test = peer.ready(train), peer.ready(test)

    before = resident_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    peer.build(train, arguments.threads)
    built = {
        "state": "built",
        "build_s": time.perf_counter() - wall,
        "build_cpu_s": time.process_time() - cpu,
    }
    points = sweep(peer, test, arguments)
    built |= {"rss_bytes": resident_bytes() - before, "points": points}
    answer = {"version": peer.version, "parameters": peer.parameters, "measured": [built]}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
