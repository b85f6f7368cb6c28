"""The index, its parameters and the distance change while processes search and write."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import MakeNamespace, Rows, distances, kill_daemon, nearest, rows_of, wait_until

K = 10


def is_settled(ns: hearth.Namespace) -> bool:
    info = ns.info()
    return info.index == "ready" and info.rebuild is None and info.fresh == 0


def settle(ns: hearth.Namespace) -> None:
    wait_until(lambda: is_settled(ns), "the index")


def distance_of(hits: hearth.Hits, rows: Rows, query: Rows) -> str | None:
    """The distance that all hits are in: ids are row numbers."""
    fitting = []
    for kind in ("l2", "cosine", "dot"):
        real = distances(kind, rows[np.asarray(hits.ids, dtype=np.int64)], query)
        if np.allclose(hits.distances, real, atol=1e-3) and (np.diff(real) > -1e-3).all():
            fitting.append(kind)
    return fitting[0] if len(fitting) == 1 else None


def test_what_is_stated_changes_and_the_rest_stays(make_namespace: MakeNamespace) -> None:
    rows = rows_of(300, 8)
    ns = make_namespace(dimension=8, m=8, ef_search=100)
    ns.add(range(300), rows)
    config = ns.alter(distance="dot", ef_construction=50)
    assert (config.distance, config.ef_construction) == ("dot", 50)
    assert (config.m, config.ef_search, config.index) == (8, 100, "hnsw")
    assert ns.config == config == ns.info().config
    settle(ns)
    hits = ns.search(rows[7], k=K, ef=400)
    assert list(hits.ids) == nearest("dot", rows, rows[7], K)

    assert ns.alter(index="flat").index == "flat"
    assert ns.alter(distance="cosine").distance == "cosine"
    settle(ns)
    assert list(ns.search(rows[7], k=K).ids) == nearest("cosine", rows, rows[7], K)


@pytest.mark.parametrize(
    "settings",
    [{"distance": "hamming!"}, {"index": "tree"}, {"m": 1}, {"nbits": 5}, {"memory": "x"}],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    ns: hearth.Namespace, settings: dict[str, object]
) -> None:
    before = ns.info().config
    with pytest.raises(hearth.InvalidArgument):
        ns.alter(**settings)  # type: ignore[arg-type]
    assert ns.info().config == before == ns.config


def test_opening_does_not_change_the_distance(db: hearth.Store, ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.ConfigMismatch, match="alter"):
        db.namespace(ns.name, distance="dot")


def test_searches_and_writes_run_throughout(make_namespace: MakeNamespace) -> None:
    rows = rows_of(6000, 32)
    ns = make_namespace(dimension=32, distance="l2", shards=2)
    ns.add(range(5000), rows[:5000])
    settle(ns)

    seen: list[list[str | None]] = [[], []]
    failures: list[BaseException] = []
    written = 5000
    done = threading.Event()

    def search(which: int) -> None:
        numbers = np.random.default_rng(which)
        try:
            while not done.is_set():
                known = written
                row = int(numbers.integers(known - 200, known))
                hits = ns.search(rows[row], k=K, ef=400)
                assert len(hits) == K
                kind = distance_of(hits, rows, rows[row])
                seen[which].append(kind)
                if kind == "l2":
                    assert hits.ids[0] == row  # acknowledged, so found
        except BaseException as error:  # noqa: BLE001 (reported by the test's own thread)
            failures.append(error)

    threads = [threading.Thread(target=search, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    states = set()
    ns.alter(distance="dot", m=24)
    for first in range(5000, 6000, 50):
        ns.add(range(first, first + 50), rows[first : first + 50])
        written = first + 50
        info = ns.info()
        states.add(info.index)
        if info.rebuild is not None:
            assert info.rebuild.serving.distance == "l2"
            assert info.rebuild.rows_done <= info.rebuild.rows_total == info.vectors
    settle(ns)
    query = rows[5990]
    after = ns.search(query, k=K, ef=400)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert states <= {"ready", "rebuilding"}
    assert distance_of(after, rows, query) == "dot"
    assert len(set(after.ids) & set(nearest("dot", rows, query, K))) >= K - 1
    for kinds in seen:
        # One switch: the new distance is never followed by the old one.
        before = kinds.index("dot") if "dot" in kinds else len(kinds)
        assert set(kinds[:before]) <= {"l2"} and set(kinds[before:]) <= {"dot"}


def test_kill_9_in_the_middle_keeps_the_change_and_every_record(store_path: Path) -> None:
    rows = rows_of(4000, 48)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=48, distance="l2")
        ns.add(range(4000), rows)
        settle(ns)
    hearth.shutdown_daemon(store_path)  # leaves a snapshot of the first index
    wanted = "l2"
    for step in range(6):
        with hearth.connect(store_path) as db:
            ns = db.namespace("docs")
            wanted = "cosine" if step % 2 == 0 else "l2"
            ns.alter(distance=wanted, m=8 + 2 * step)
            ns.delete([step])
            if step % 3 == 2:
                settle(ns)
        kill_daemon(store_path)
        with hearth.connect(store_path) as db:
            ns = db.namespace("docs")
            config = ns.info().config
            assert (config.distance, config.m) == (wanted, 8 + 2 * step)
            assert ns.count() == 4000 - step - 1
            live = rows[step + 1 :]
            for exact in (False, True):
                hits = ns.search(rows[100], k=K, exact=exact, ef=400)
                assert distance_of(hits, rows, rows[100]) == wanted
                right = [row + step + 1 for row in nearest(wanted, live, rows[100], K)]
                assert len(set(hits.ids) & set(right)) >= K - 1
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        settle(ns)
        assert ns.info().indexed == 3994


def test_alter_can_be_awaited(shared_path: Path, name: str) -> None:
    rows = rows_of(200, 4)

    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4, distance="l2")
            await ns.add(range(200), rows)
            config = await ns.alter(distance="dot")
            assert config.distance == ns.config.distance == "dot"
            while (await ns.info()).rebuild is not None:
                hits = await ns.search(rows[3], k=K)
                assert distance_of(hits, rows, rows[3]) is not None
            hits = await ns.search(rows[3], k=K, ef=200)
            assert list(hits.ids) == nearest("dot", rows, rows[3], K)

    asyncio.run(test())
