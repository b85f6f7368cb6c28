"""What is measured and predicted of searches: explanations, tunings, advice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import MakeNamespace, Rows, rows_of, wait_until


def ready(ns: hearth.Namespace) -> hearth.Namespace:
    wait_until(lambda: ns.info().index == "ready" and ns.info().fresh == 0, "the index")
    return ns


def sparse_graph(make_namespace: MakeNamespace, rows: Rows) -> hearth.Namespace:
    """A graph with few links: a small ef misses much."""
    ns = make_namespace(dimension=rows.shape[1], m=4, ef_construction=20)
    ns.add(range(len(rows)), rows)
    return ready(ns)


def recall_of(ns: hearth.Namespace, queries: Rows, ef: int) -> float:
    truth = ns.search_batch(queries, k=10, exact=True)
    found = ns.search_batch(queries, k=10, ef=ef)
    return float(
        np.mean([len(set(a.ids) & set(b.ids)) / 10 for a, b in zip(truth, found, strict=True)])
    )


# ---- explain ------------------------------------------------------------------------------------


def test_a_search_explains_itself(make_namespace: MakeNamespace) -> None:
    rows = rows_of(500, 8)
    ns = make_namespace(dimension=8)
    ns.add(range(500), rows)
    ready(ns)
    assert ns.search(rows[0]).explanation is None
    hits = ns.search(rows[0], k=7, ef=33, explain=True)
    said = hits.explanation
    assert said is not None
    assert (said.distance, said.index, said.ef, said.rounds) == ("l2", "hnsw", 33, 1)
    steps = {stage.step: stage for stage in said.stages}
    assert list(steps) == ["index", "records"]
    assert (steps["index"].rows, steps["index"].candidates) == (500, 7)
    assert (steps["records"].rows, steps["records"].candidates) == (7, 7)
    assert 0 < said.seconds < 60
    assert said.to_dict()["stages"][0]["step"] == "index"

    batch = ns.search_batch(rows[:3], k=2, exact=True, nprobe=5, explain=True).explanation
    assert batch is not None
    assert {stage.step: stage.rows for stage in batch.stages} == {"index": 1500, "records": 6}
    assert batch.exact and not said.exact
    assert batch.nprobe == 5


# ---- tune ---------------------------------------------------------------------------------------


def test_tuning_finds_the_least_ef_and_remembers_it(make_namespace: MakeNamespace) -> None:
    ns = sparse_graph(make_namespace, rows_of(3000, 24))
    tuned = ns.tune(recall=0.9, k=10, sample=200, seed=3)
    assert (tuned.parameter, tuned.finished, tuned.queries) == ("ef_search", True, 200)
    assert tuned.value is not None and tuned.recall is not None
    assert tuned.recall >= 0.9
    assert all(point.recall < 0.9 for point in tuned.tried if point.value < tuned.value)
    assert tuned.value - 1 in [point.value for point in tuned.tried]
    assert all(0 < point.mean_seconds < 60 for point in tuned.tried)
    assert ns.info().config.ef_search == tuned.value
    assert ns.info().tuning is None
    again = ns.tune(recall=0.9, k=10, sample=200, seed=3)
    assert again.value == tuned.value
    assert [(p.value, p.recall) for p in again.tried] == [(p.value, p.recall) for p in tuned.tried]
    # Queries that it has never seen.
    assert recall_of(ns, rows_of(100, 24, seed=9), tuned.value) == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"recall": 0.0}, "recall"),
        ({"k": 1001}, "k is 1001"),
        ({"sample": 9}, "sample"),
        ({"time_limit": 0.05}, "time_limit"),
        ({"time_limit": -1.0}, "time_limit"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    ns: hearth.Namespace, arguments: dict[str, float], named: str
) -> None:
    with pytest.raises(hearth.InvalidArgument, match=named):
        ns.tune(**arguments)  # type: ignore[arg-type]


def test_an_exact_index_has_nothing_to_tune(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(index="flat")
    ns.add(vectors=rows_of(200, 4))
    ready(ns)
    with pytest.raises(hearth.Unsupported, match="exact"):
        ns.tune()


def test_tuning_can_be_awaited(shared_path: Path, name: str) -> None:
    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4)
            await ns.add(vectors=rows_of(300, 4))
            while (await ns.info()).index != "ready":
                await asyncio.sleep(0.01)
            tuned = await ns.tune(recall=0.5, sample=20)
            assert tuned.value == (await ns.info()).config.ef_search
            hits = await ns.search(np.ones(4), k=3, explain=True)
            assert hits.explanation is not None

    asyncio.run(test())


# ---- advice -------------------------------------------------------------------------------------


def test_advice_fits_what_was_asked_for(db: hearth.Store, name: str) -> None:
    few = hearth.suggest_index(n=1000, dimension=64)
    assert few.settings == {"index": "flat"}
    assert few.recall == 1 and few.fits and few.reasons

    many = hearth.suggest_index(n=1_000_000, dimension=64, recall=0.9)
    assert many.settings["index"] == "hnsw" and many.settings["memory"] == "fast"
    tight = hearth.suggest_index(
        n=1_000_000, dimension=64, memory=many.memory_bytes - 1, recall=0.9
    )
    assert tight.settings["memory"] != "fast" and tight.memory_bytes < many.memory_bytes
    assert not hearth.suggest_index(n=1_000_000, dimension=64, memory=1000).fits
    config = db.namespace(name, dimension=64, **many.settings).config
    assert config.ef_search == many.settings["ef_search"]
    assert many.to_dict()["settings"] == many.settings
    with pytest.raises(hearth.InvalidArgument, match="recall"):
        hearth.suggest_index(n=10, dimension=3, recall=2)
