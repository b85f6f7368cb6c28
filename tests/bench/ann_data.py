"""Vectors for `./dev bench ann`: files in the usual formats, made-up sets, and exact answers."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]

DISTANCES = ("l2", "cosine", "dot")


class Dataset(NamedTuple):
    """Rows to index and rows to ask for, each (n, dimension) in C order."""

    name: str
    distance: str
    train: Floats
    test: Floats


# ---------------------------------------------------------------- files


def read_vecs(path: Path) -> Floats:
    """A file of the TEXMEX family: each row is its dimension (int32), then that many values, which
    are float32 (.fvecs), int32 (.ivecs) or uint8 (.bvecs)."""
    kind = {".fvecs": np.float32, ".ivecs": np.int32, ".bvecs": np.uint8}[path.suffix]
    head = np.fromfile(path, "<i4", 1)
    if not len(head) or head[0] < 1:
        sys.exit(f"{path} does not begin with a dimension")
    row = np.dtype([("dimension", "<i4"), ("values", np.dtype(kind).newbyteorder("<"), head[0])])
    if path.stat().st_size % row.itemsize:
        sys.exit(f"{path} does not hold whole rows of {head[0]} values")
    rows = np.fromfile(path, row)
    if (rows["dimension"] != head[0]).any():
        sys.exit(f"{path} holds rows of different dimensions")
    return np.ascontiguousarray(rows["values"], np.float32)


def read_hdf5(path: Path) -> tuple[Floats, Floats | None, str | None]:
    """A file of ann-benchmarks: `train`, `test` and an attribute `distance`."""
    try:
        import h5py
    except ImportError:
        sys.exit(
            f"{path.name} needs h5py, which comes with the peers: run once without --peers none"
        )
    with h5py.File(path) as file:
        named = {"euclidean": "l2", "angular": "cosine", "ip": "dot"}
        distance = named.get(str(file.attrs.get("distance", "")))
        test = as_rows(file["test"][:]) if "test" in file else None
        return as_rows(file["train"][:]), test, distance


def as_rows(values: NDArray[Any]) -> Floats:
    rows = np.ascontiguousarray(values, np.float32)
    if rows.ndim != 2:
        sys.exit(f"rows of vectors have two dimensions, not {rows.ndim}")
    return rows


def read(path: Path) -> tuple[Floats, Floats | None, str | None]:
    """The rows of a file, and its queries and distance where it has them."""
    if path.suffix in (".hdf5", ".h5"):
        return read_hdf5(path)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            test = as_rows(archive["test"]) if "test" in archive else None
            return as_rows(archive["train"]), test, None
    if path.suffix == ".npy":
        return as_rows(np.load(path)), None, None
    if path.suffix in (".fvecs", ".ivecs", ".bvecs"):
        return read_vecs(path), None, None
    return sys.exit(f"{path}: one of .hdf5, .fvecs, .ivecs, .bvecs, .npy and .npz is expected")


def distance_by_name(name: str) -> str:
    """What the names of ann-benchmarks' files say: glove-100-angular is for cosine."""
    return "cosine" if {"angular", "cosine"} & set(name.lower().split("-")) else "l2"


# ---------------------------------------------------------------- made-up sets

SEED = 42


def clustered(rows: int, dimension: int) -> Iterator[Floats]:
    """200 centres ~ N(0, I), points = centre + 0.7 N(0, I). A graph whose links lack diversity
    gets lost between the clusters."""
    random = np.random.default_rng(SEED)
    centres = random.standard_normal((200, dimension), np.float32)
    while True:
        noise = random.standard_normal((rows, dimension), np.float32)
        yield centres[random.integers(0, len(centres), rows)] + np.float32(0.7) * noise


def uniform(rows: int, dimension: int) -> Iterator[Floats]:
    """Evenly in the unit cube: nothing to learn from."""
    random = np.random.default_rng(SEED)
    while True:
        yield random.random((rows, dimension), np.float32)


def embedding(rows: int, dimension: int) -> Iterator[Floats]:
    """As models make them: 1,000 topics, and a variance that falls like 1/i over directions that
    are not the axes. About 40 directions matter."""
    random = np.random.default_rng(SEED)
    spread = (1 / np.sqrt(1 + np.arange(dimension))).astype(np.float32)
    turn, _ = np.linalg.qr(random.standard_normal((dimension, dimension)))
    axes = spread[:, None] * turn.T.astype(np.float32)
    topics = random.standard_normal((1000, dimension), np.float32) @ axes
    while True:
        noise = random.standard_normal((rows, dimension), np.float32) @ axes
        yield topics[random.integers(0, len(topics), rows)] + np.float32(0.7) * noise


class Generator(NamedTuple):
    blocks: Callable[[int, int], Iterator[Floats]]  # (rows of a block, dimension) -> endless blocks
    rows: int
    dimension: int
    distance: str


GENERATORS = {
    "clustered": Generator(clustered, 20_000, 64, "l2"),
    "uniform": Generator(uniform, 50_000, 16, "l2"),
    "embedding": Generator(embedding, 50_000, 1536, "cosine"),
    "million": Generator(embedding, 1_000_000, 128, "l2"),
}


def generate(kind: str, rows: int | None, dimension: int | None, queries: int) -> Dataset:
    generator = GENERATORS[kind]
    rows, dimension = rows or generator.rows, dimension or generator.dimension
    values = np.empty((rows + queries, dimension), np.float32)
    block = 20_000
    blocks = generator.blocks(block, dimension)
    for start in range(0, len(values), block):
        part = values[start : start + block]
        part[:] = next(blocks)[: len(part)]
    # Queries come from the same blocks as the rows, like a user's from the same model.
    return Dataset(
        f"{kind}-{rows}x{dimension}", generator.distance, values[queries:], values[:queries]
    )


# ---------------------------------------------------------------- any of them


def load(
    source: str,
    *,
    distance: str | None = None,
    query_file: Path | None = None,
    rows: int | None = None,
    dimension: int | None = None,
    queries: int | None = None,
) -> Dataset:
    """`source` is a file, or `synthetic` or `synthetic:NAME`. `rows` and `queries` are upper bounds
    for a file. A file without queries gives some of its rows, which are then not indexed."""
    kind, _, name = source.partition(":")
    if kind == "synthetic":
        made = generate(name or "clustered", rows, dimension, queries or 1000)
        return made._replace(distance=distance or made.distance)
    if dimension:
        sys.exit("--dimension is for synthetic sets")
    path = Path(source)
    if not path.is_file():
        sys.exit(f"{path} is not a file; a file, synthetic or synthetic:NAME is expected")
    train, test, said = read(path)
    if query_file:
        asked, own, _ = read(query_file)
        test = asked if own is None else own
    if test is None:
        order = np.random.default_rng(SEED).permutation(len(train))
        held = queries or min(1000, len(train) // 10)
        train, test = train[np.sort(order[held:])], train[order[:held]]
    train, test = np.ascontiguousarray(train[:rows]), np.ascontiguousarray(test[:queries])
    if not len(train) or not len(test) or train.shape[1] != test.shape[1]:
        sys.exit(f"{path}: {train.shape} rows and {test.shape} queries do not go together")
    return Dataset(path.stem, distance or said or distance_by_name(path.stem), train, test)


# ---------------------------------------------------------------- exact answers


def comparable(distance: str, rows: Floats) -> Doubles:
    """Rows whose order by `distance` is that of l2 or of dot: cosine becomes dot."""
    values = rows.astype(np.float64)
    if distance == "cosine":
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        values /= np.where(lengths > 0, lengths, 1)
    return values


BLOCK = 1 << 25  # distances at a time: 256 MiB


def exact_neighbors(data: Dataset, k: int) -> Ints:
    """(queries, min(k, rows)): the nearest rows of `train`, nearest first, in double precision."""
    k = min(k, len(data.train))
    test = comparable(data.distance, data.test)
    best: NDArray[Any] = np.empty((len(test), 0))
    rows: NDArray[Any] = np.empty((len(test), 0), np.int64)
    block = max(1, BLOCK // len(test))
    told = time.monotonic()
    for start in range(0, len(data.train), block):
        train = comparable(data.distance, data.train[start : start + block])
        near = -(test @ train.T)
        if data.distance == "l2":
            near = 2 * near + (train**2).sum(axis=1)
        names = np.broadcast_to(np.arange(start, start + len(train)), near.shape)
        if len(train) > k:
            nearest = np.argpartition(near, k - 1, axis=1)[:, :k]
            near = np.take_along_axis(near, nearest, axis=1)
            names = np.take_along_axis(names, nearest, axis=1)
        best, rows = np.hstack([best, near]), np.hstack([rows, names])
        order = np.argsort(best, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(best, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        if time.monotonic() - told > 2:
            told = time.monotonic()
            print(f"    exact answers: {start + len(train):,} rows", file=sys.stderr)
    return rows.astype(np.int32)


def cached_neighbors(data: Dataset, k: int, cache: Path) -> Ints:
    """exact_neighbors(), kept under a name made of the vectors and the distance."""
    digest = hashlib.sha256(f"{data.distance} {k} {data.train.shape}".encode())
    digest.update(data.train.data)
    digest.update(data.test.data)
    file = cache / f"neighbors-{digest.hexdigest()[:24]}.npy"
    if file.exists():
        known: Ints = np.load(file)
        return known
    print("  computing the exact answers", file=sys.stderr)
    truth = exact_neighbors(data, k)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("wb") as target:
        np.save(target, truth)
    unfinished.rename(file)
    return truth


def distances(data: Dataset, rows: Ints) -> Doubles:
    """(queries, n): how far each of `rows` (queries, n) is; infinite for what is no row."""
    far = np.empty(rows.shape)
    unknown = (rows < 0) | (rows >= len(data.train))
    for query, known in enumerate(np.where(unknown, 0, rows)):
        train = comparable(data.distance, data.train[known])
        test = comparable(data.distance, data.test[query : query + 1])
        if data.distance == "l2":
            far[query] = ((train - test) ** 2).sum(axis=1)
        else:
            far[query] = -(train @ test[0])
    far[unknown] = np.inf
    return far


class Judge:
    """Knows what is near enough. By distance and not by row, so that it does not matter which of
    several equal vectors is found."""

    def __init__(self, data: Dataset, truth: Ints) -> None:
        self._data = data
        self._limit = distances(data, truth).max(axis=1, keepdims=True)
        self._limit += 1e-9 * np.abs(self._limit)

    def recall(self, found: Ints) -> float:
        """The share of `found` (queries, as many as the truth has) that is no farther than the last
        of the true neighbours. A row that is named twice counts once."""
        ordered = np.sort(found, axis=1)
        again = np.zeros(found.shape, bool)
        again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
        near = distances(self._data, ordered) <= self._limit
        return float((near & ~again).mean())
