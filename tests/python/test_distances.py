"""The distances manhattan and hamming, with every index that has them, through a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hearth
from stores import MakeNamespace, Rows, clustered, distances, kill_daemon, wait_until

ROWS = 5000
K = 10


def settle(ns: hearth.Namespace) -> None:
    def settled() -> bool:
        info = ns.info()
        return info.index == "ready" and info.fresh == 0 and info.rebuild is None

    wait_until(settled, "the index")


def bits(rows: int, dimension: int, seed: int) -> NDArray[np.bool_]:
    """Around 60 centres, one bit in eight turned over."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(1).integers(0, 2, (60, dimension)).astype(bool)
    return centres[random.integers(0, 60, rows)] ^ (random.random((rows, dimension)) < 1 / 8)


def recall(
    ns: hearth.Namespace, kind: str, rows: Rows, live: NDArray[np.int64], asked: Rows
) -> float:
    """Of true distances, by distance: of equally near rows each is right."""
    settle(ns)
    hits = 0
    for query in asked:
        real = distances(kind, rows, query)
        limit = np.sort(real[live])[K - 1]
        for exact in (True, False):
            found = ns.search(query, k=K, ef=200, exact=exact)
            assert len(found) == K
            ids = np.asarray(found.ids, dtype=np.int64)
            assert np.isin(ids, live).all()
            np.testing.assert_allclose(found.distances, real[ids], rtol=1e-5)
            right = int((real[ids] <= limit * (1 + 1e-5)).sum())
            assert right == K or not exact
        hits += right
    return hits / (K * len(asked))


@pytest.mark.parametrize(
    ("distance", "settings", "least"),
    [
        ("manhattan", {"index": "flat"}, 1.0),
        ("manhattan", {"index": "kd_tree"}, 1.0),
        ("manhattan", {"index": "hnsw"}, 0.98),
        ("hamming", {"index": "flat"}, 1.0),
        ("hamming", {"index": "kd_tree"}, 1.0),
        ("hamming", {"index": "ivf_flat", "nprobe": 32}, 0.9),
        ("hamming", {"index": "ivf_pq", "nprobe": 32}, 0.9),
        ("hamming", {"index": "hnsw"}, 0.98),
        ("hamming", {"index": "hnsw", "memory": "lean", "shards": 2}, 0.98),
        ("hamming", {"index": "hnsw", "quantization": "none"}, 0.98),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_each_index_finds_and_follows(
    store_path: Path, distance: str, settings: dict[str, object], least: float
) -> None:
    dimension = 24 if distance == "manhattan" else 96

    def make(count: int, seed: int) -> Rows:
        if distance == "manhattan":
            return clustered(count, dimension, seed)
        return bits(count, dimension, seed).astype(np.float32)

    everything, asked = make(ROWS, 2), make(20, 3)
    live = np.arange(ROWS)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=dimension, distance=distance, **settings)  # type: ignore[arg-type]
        ns.add(range(ROWS), everything)
        assert recall(ns, distance, everything, live, asked) >= least
        ns.delete(range(0, 1000))
        live = live[1000:]
        everything[1000:1500] = make(500, 4)
        ns.upsert(range(1000, 1500), everything[1000:1500])
        assert recall(ns, distance, everything, live, asked) >= least
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        assert (ns.config.distance, ns.config.index) == (distance, settings["index"])
        assert ns.count() == ROWS - 1000
        assert recall(ns, distance, everything, live, asked) >= least


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float64])
def test_bits_come_in_any_dtype(make_namespace: MakeNamespace, dtype: type) -> None:
    ns = make_namespace(dimension=70, distance="hamming")
    rows: NDArray[Any] = bits(50, 70, 1).astype(dtype)
    ns.add(range(50), rows)
    hits = ns.search(rows[7], k=50, include=("vectors",))
    assert hits.vectors is not None
    assert hits.ids[0] == 7 and hits.distances[0] == 0
    order = np.asarray(hits.ids, dtype=np.int64)
    np.testing.assert_array_equal(hits.vectors, rows[order].astype(np.float32))
    np.testing.assert_array_equal(hits.distances, (rows[order] != rows[7]).sum(axis=1))
    together = ns.search_batch(rows[:5], k=1)
    assert [found.ids[0] for found in together] == [0, 1, 2, 3, 4]


def test_what_is_no_bit_is_refused_whole(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=4, distance="hamming")
    ns.add(range(2), [[0, 1, 0, 1], [1, 1, 1, 1]])
    wrong = np.array([[0, 1, 0, 0], [0, 1, 0.5, 0]])
    for write in (
        lambda: ns.add([8, 9], wrong),
        lambda: ns.upsert([1, 9], wrong),
        lambda: ns.update([0, 1], wrong),
        lambda: ns.search_batch(wrong, k=1),
    ):
        with pytest.raises(
            hearth.InvalidArgument, match=r"vectors\[1\] holds 0.5 at position 2.*0 or 1"
        ):
            write()
    with pytest.raises(hearth.InvalidArgument, match=r"vectors\[0\] holds -1 at position 3"):
        ns.search([0, 0, 0, -1], k=1, exact=True)
    assert ns.count() == 2
    assert list(ns.search([1, 1, 1, 1], k=2).ids) == [1, 0]
    # Packed bytes are not bits: their namespace is a dimension they do not have.
    with pytest.raises(hearth.DimensionMismatch):
        ns.search(np.packbits([0, 1, 0, 1]), k=1)


@pytest.mark.parametrize(
    ("distance", "settings", "names"),
    [
        ("manhattan", {"index": "ivf_flat"}, "index 'ivf_flat'"),
        ("manhattan", {"index": "ivf_pq", "m": 2}, "index 'ivf_pq'"),
        ("manhattan", {"quantization": "pca"}, "quantization 'pca'"),
        ("manhattan", {"memory": "lean"}, "memory 'lean'"),
        ("hamming", {"quantization": "rabitq"}, "quantization 'rabitq'"),
    ],
)
def test_what_a_distance_does_not_go_with_is_named(
    db: hearth.Store, distance: str, settings: dict[str, object], names: str
) -> None:
    with pytest.raises(hearth.InvalidArgument, match=f"{names} does not go with .*{distance}"):
        db.namespace(f"refused-{distance}", dimension=4, distance=distance, **settings)  # type: ignore[arg-type]
    assert f"refused-{distance}" not in db.namespaces()


def test_a_graph_of_bits_is_tuned_with_bits(make_namespace: MakeNamespace) -> None:
    rows = np.random.default_rng(1).integers(0, 2, (6000, 48), dtype=np.uint8)
    ns = make_namespace(dimension=48, distance="hamming", m=4, ef_construction=20)
    ns.add(range(6000), rows)
    settle(ns)
    tuned = ns.tune(recall=0.9, sample=100)
    assert tuned.finished and tuned.value is not None and tuned.recall is not None
    assert tuned.recall >= 0.9 > tuned.tried[0].recall
    # Queries that it has never seen are a little harder than vectors with some bits turned over.
    right = 0
    for query in np.random.default_rng(2).integers(0, 2, (50, 48), dtype=np.uint8):
        limit = ns.search(query, k=K, exact=True).distances[-1]
        right += int((ns.search(query, k=K).distances <= limit).sum())
    assert right / (50 * K) >= 0.75


@pytest.mark.parametrize("index", ["flat", "hnsw", "kd_tree"])
def test_the_distance_changes_from_each_to_each(make_namespace: MakeNamespace, index: str) -> None:
    rows = bits(300, 40, 1).astype(np.float32)
    query = bits(1, 40, 2)[0].astype(np.float32)
    ns = make_namespace(dimension=40, distance="hamming", index=index)
    ns.add(range(300), rows)
    for kind in ("manhattan", "l2", "manhattan", "cosine", "manhattan", "dot", "manhattan"):
        before = ns.config
        with (
            pytest.raises(hearth.ConfigMismatch, match="hamming")
            if kind == "l2"
            else (pytest.raises(hearth.InvalidArgument, match="ivf_flat"))
        ):
            if kind == "l2":
                ns.alter(distance="hamming")
            else:
                ns.alter(distance="manhattan", index="ivf_flat")
        assert ns.info().config == before
        assert ns.alter(distance=kind).distance == kind
        settle(ns)
        found = ns.search(query, k=K, ef=300)
        real = distances(kind, rows, query)
        np.testing.assert_allclose(found.distances, np.sort(real)[:K], rtol=1e-5, atol=1e-6)
