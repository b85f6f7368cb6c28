"""Namespaces whose vectors stay on disk answer like those that keep them in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import Rows, clustered, kill_daemon, wait_until

ROWS = 6000  # codes are learned from 4,096 rows on
DIMENSION = 96
K = 10


def settle(ns: hearth.Namespace) -> None:
    def settled() -> bool:
        info = ns.info()
        return info.index == "ready" and info.rebuild is None and info.fresh == 0

    wait_until(settled, "the index")


def recall(ns: hearth.Namespace, queries: Rows) -> float:
    hits = 0
    for query in queries:
        truth = ns.search(query, k=K, exact=True)
        found = ns.search(query, k=K, ef=200)
        np.testing.assert_allclose(found.distances[0], truth.distances[0], rtol=1e-5)
        hits += len(set(found.ids) & set(truth.ids))
    return hits / (K * len(queries))


@pytest.mark.parametrize("memory", ["balanced", "lean"])
@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_vectors_on_disk_cost_no_recall(store_path: Path, memory: str, distance: str) -> None:
    rows = clustered(ROWS, DIMENSION, 2)
    queries = clustered(20, DIMENSION, 3)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=DIMENSION, distance=distance, memory=memory)
        ns.add(range(ROWS), rows)
        settle(ns)
        assert recall(ns, queries) >= 0.98
        ns.delete(range(0, 1500))
        ns.upsert(range(1500, 2000), clustered(500, DIMENSION, 4))
        settle(ns)
        assert recall(ns, queries) >= 0.98
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        assert ns.count() == ROWS - 1500
        settle(ns)
        assert recall(ns, queries) >= 0.98


def test_memory_is_changed_on_a_live_namespace(store_path: Path) -> None:
    rows = clustered(ROWS, DIMENSION, 2)
    queries = clustered(20, DIMENSION, 3)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=DIMENSION, distance="l2")
        ns.add(range(ROWS), rows)
        settle(ns)
        fast = ns.info().index_bytes
        assert ns.alter(memory="lean").memory == "lean"
        settle(ns)
        assert ns.info().index_bytes < fast - ROWS * DIMENSION * 3
        assert recall(ns, queries) >= 0.98
