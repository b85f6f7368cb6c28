"""Every kind of index answers, follows changes and comes back, through a daemon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import Rows, clustered, kill_daemon, wait_until

ROWS = 5000
DIMENSION = 24
K = 10


def recall(ns: hearth.Namespace, queries: Rows, ef: int) -> float:
    def settled() -> bool:
        info = ns.info()
        return info.index == "ready" and info.fresh == 0

    wait_until(settled, "the index")
    found = [ns.search(query, k=K, ef=ef) for query in queries]
    truth = [ns.search(query, k=K, exact=True) for query in queries]
    for one, other in zip(found, truth, strict=True):
        assert len(one.ids) == K
        assert (np.diff(one.distances) >= 0).all()
        assert one.distances[0] >= other.distances[0] - 1e-5
    hits = sum(len(set(one.ids) & set(other.ids)) for one, other in zip(found, truth, strict=True))
    return hits / (K * len(queries))


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"index": "flat"}, 1.0),
        ({"index": "kd_tree"}, 1.0),
        ({"index": "ivf_flat", "nprobe": 32}, 0.9),
        ({"index": "ivf_pq", "nprobe": 32}, 0.9),
        ({"index": "hnsw", "quantization": "rabitq"}, 0.97),
    ],
    ids=lambda value: value["index"] if isinstance(value, dict) else "",
)
def test_each_index_finds_and_follows(
    store_path: Path, settings: dict[str, object], least: float
) -> None:
    queries = clustered(20, DIMENSION, 3)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=DIMENSION, distance="l2", **settings)  # type: ignore[arg-type]
        ns.add(range(ROWS), clustered(ROWS, DIMENSION, 2))
        assert recall(ns, queries, 200) >= least
        ns.delete(range(0, 1000))
        ns.upsert(range(1000, 1500), clustered(500, DIMENSION, 4))
        assert recall(ns, queries, 200) >= least
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        assert ns.config.index == settings["index"]
        assert ns.count() == ROWS - 1000
        assert recall(ns, queries, 200) >= least
