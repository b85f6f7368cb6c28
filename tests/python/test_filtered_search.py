"""Searches, scans, counts, facets and writes with filters, through the socket."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearth
from filter_oracle import matches
from hearth import FieldRule, Filter, GeoPoint, K
from stores import MakeNamespace, clustered, distances, kill_daemon

ROWS = 10_000
TAGS = ["red", "green", "blue", "grün"]


def random_metadata(rng: random.Random) -> dict[str, Any]:
    """Mixed types under few keys; a key is often missing, and often of another type."""
    record: dict[str, Any] = {}
    if rng.random() < 0.9:
        record["year"] = rng.randrange(1990, 2026)
    if rng.random() < 0.7:
        record["price"] = rng.choice([rng.uniform(0, 100), rng.randrange(100), None])
    if rng.random() < 0.8:
        record["tags"] = rng.sample(TAGS, rng.randrange(4))
    if rng.random() < 0.5:
        record["author"] = {"name": rng.choice(["Ann", "Bob", "Zoë"]), "age": rng.randrange(90)}
    if rng.random() < 0.3:
        record["place"] = GeoPoint(rng.uniform(-90, 90), rng.uniform(-180, 180))
    if rng.random() < 0.2:
        record["year"] = rng.choice(["soon", True, 2000.5])
    return record


def random_comparison(rng: random.Random) -> Filter:
    year, price = rng.randrange(1990, 2026), rng.uniform(0, 100)
    return rng.choice(
        [
            K("year") == year,
            K("year") >= year,
            K("year") < year + 0.5,
            K("year") != year,
            K("price") <= price,
            K("price") == None,  # noqa: E711
            K("price").exists(),
            ~K("price").exists(),
            K("tags").contains(rng.choice(TAGS)),
            K("tags").in_(rng.sample(TAGS, 2)),
            K("tags").not_in(rng.sample(TAGS, 2)),
            K("author.name") == rng.choice(["Ann", "Bob", "Zoë", "Eve"]),
            K("author.name").prefix(rng.choice(["A", "Zo", ""])),
            K("author.age") > rng.randrange(90),
            K("place").geo_radius(GeoPoint(48, 11), rng.choice([1e5, 3e6])),
            K("place").geo_box(GeoPoint(-10, 100), GeoPoint(60, -100)),
        ]
    )


def random_filter(rng: random.Random, depth: int = 2) -> Filter:
    if depth == 0 or rng.random() < 0.4:
        return random_comparison(rng)
    left, right = random_filter(rng, depth - 1), random_filter(rng, depth - 1)
    return rng.choice([left & right, left | right, ~left])


def found(ns: hearth.Namespace, where: Any) -> set[int]:
    return {int(i) for page in ns.scan(where=where, include=[]) for i in page.ids}


def test_filters_select_the_same_records_in_every_form_and_after_every_start(
    store_path: Path,
) -> None:
    rng = random.Random(7)
    records = [random_metadata(rng) for _ in range(ROWS)]
    wanted = [random_filter(rng) for _ in range(40)]
    truth = [
        {i for i, record in enumerate(records) if matches(each.to_dict(), record)}
        for each in wanted
    ]

    def check(ns: hearth.Namespace, forms: bool) -> None:
        for where, ids in zip(wanted, truth, strict=True):
            assert found(ns, where) == ids, where
            if forms:
                text = hearth._native.filter_text(where)
                assert ns.count(where.to_dict()) == len(ids)
                assert ns.count(text) == len(ids)
                assert found(ns, text) == ids

    with hearth.connect(store_path) as db:
        ns = db.namespace("mixed", dimension=2, schema={"year": FieldRule(indexed=True)})
        ns.add(ids=np.arange(ROWS, dtype=np.uint64), metadata=records)
        check(ns, forms=True)
        ns.alter(schema={name: FieldRule(indexed=True) for name in ("year", "tags", "author.age")})
        check(ns, forms=False)  # while indexes are being built
    hearth.shutdown_daemon(store_path)
    with hearth.connect(store_path) as db:
        check(db.namespace("mixed"), forms=False)
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        check(db.namespace("mixed"), forms=False)


@pytest.mark.parametrize("index", ["hnsw", "flat", "ivf_flat", "ivf_pq", "kd_tree"])
def test_a_filtered_search_finds_k_whatever_share_matches(
    make_namespace: MakeNamespace, index: str
) -> None:
    rows = clustered(12_000, 16, 1)
    numbers = np.random.default_rng(2).random(len(rows))
    ns = make_namespace(dimension=16, index=index)
    ns.add(
        ids=np.arange(len(rows), dtype=np.uint64),
        vectors=rows,
        metadata=[{"u": float(u)} for u in numbers],
    )
    queries = clustered(20, 16, 3)
    for share in (0.5, 0.1, 0.01, 0.001):
        allowed = np.flatnonzero(numbers < share)
        hits = 0
        for query in queries:
            got = ns.search(query, k=10, where=K("u") < share, include=[])
            assert len(got) == min(10, len(allowed))
            assert set(got.ids.tolist()) <= set(allowed.tolist())  # type: ignore[union-attr]
            away = distances("l2", rows[allowed], query)
            best = set(allowed[np.argsort(away, kind="stable")[:10]].tolist())
            hits += len(best & set(got.ids.tolist()))  # type: ignore[union-attr]
        assert hits >= 0.95 * len(queries) * min(10, len(allowed)), (share, hits)


def test_a_filter_that_is_correlated_with_the_query_misses_little(
    make_namespace: MakeNamespace,
) -> None:
    rows = clustered(12_000, 16, 1)
    ns = make_namespace(dimension=16)
    query = rows[0]
    away = distances("l2", rows, query)
    ns.add(
        ids=np.arange(len(rows), dtype=np.uint64),
        vectors=rows,
        metadata=[{"d": float(d)} for d in away],
    )
    order = np.sort(away)
    for share in (0.5, 0.1, 0.01):
        bound = float(order[int(share * len(rows))])
        far = float(order[int((1 - share) * len(rows))])
        near_truth = np.argsort(away, kind="stable")[:10]
        got = ns.search(query, k=10, where=K("d") < bound, include=[])
        assert len(set(got.ids.tolist()) & set(near_truth.tolist())) >= 9  # type: ignore[union-attr]
        candidates = np.flatnonzero(away >= far)
        far_truth = candidates[np.argsort(away[candidates], kind="stable")[:10]]
        got = ns.search(query, k=10, where=K("d") >= far, include=[])
        assert len(set(got.ids.tolist()) & set(far_truth.tolist())) >= 9  # type: ignore[union-attr]


def test_an_explanation_says_how_the_filter_was_answered(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(schema={"a": FieldRule("int", indexed=True)})
    ns.add(vectors=np.eye(4), metadata=[{"a": i, "b": i} for i in range(4)])
    by_index = ns.search(np.zeros(4), where=K("a") >= 2, explain=True).explanation
    assert by_index is not None
    assert "index" in by_index.filter
    assert by_index.stages[0].step == "filter"
    assert (by_index.stages[0].rows, by_index.stages[0].candidates) == (0, 2)
    by_scan = ns.search(np.zeros(4), where=K("b") >= 2, explain=True).explanation
    assert by_scan is not None
    assert by_scan.stages[0].rows == 4


def test_a_field_that_filters_use_gets_an_index_by_itself(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2)
    rows = 12_000
    ns.add(vectors=np.zeros((rows, 2)), metadata=[{"n": i} for i in range(rows)])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ns.upsert(ids=[rows + 1], vectors=[[0, 0]])  # so that nothing is remembered
        said = ns.search([0, 0], where=K("n") < 7, explain=True).explanation
        assert said is not None
        if said.stages[0].rows < rows / 2:
            return
        time.sleep(0.05)
    pytest.fail("the field was never indexed")


@pytest.mark.parametrize("reading", ["search", "scan", "count", "facets"])
def test_any_read_with_a_filter_gets_its_field_an_index(
    make_namespace: MakeNamespace, reading: str
) -> None:
    ns = make_namespace(dimension=2, schema={"u": FieldRule("int", indexed=True)})
    rows = 12_000
    ns.add(vectors=np.zeros((rows, 2)), metadata=[{"n": i, "u": i} for i in range(rows)])
    where = K("n") < 7
    read: dict[str, Callable[[], object]] = {
        "search": lambda: ns.search([0, 0], where=where),
        "scan": lambda: list(ns.scan(where=where)),
        "count": lambda: ns.count(where),
        "facets": lambda: ns.facets("n", where=where),
    }
    read[reading]()
    deadline = time.monotonic() + 30
    few = 500
    while time.monotonic() < deadline:
        # Reads too few records to ask for an index itself, and is not remembered.
        few += 1
        watching = (K("u") < few) & (K("n") < 7)
        said = ns.search([0, 0], where=watching, explain=True).explanation
        assert said is not None
        assert said.stages[0].rows <= few
        if said.stages[0].rows < 100:
            return
        time.sleep(0.05)
    pytest.fail("the field was never indexed")


def test_writes_are_seen_by_the_filters_of_searches_at_once(ns: hearth.Namespace) -> None:
    ns.add(ids=[1, 2], vectors=np.eye(4)[:2], metadata=[{"a": 1}, {"a": 2}])
    where = K("a") == 1
    assert ns.search(np.zeros(4), where=where).ids.tolist() == [1]  # type: ignore[union-attr]
    ns.update(ids=[2], metadata=[{"a": 1}])
    assert sorted(ns.search(np.zeros(4), where=where).ids.tolist()) == [1, 2]  # type: ignore[union-attr]
    ns.update(ids=[1], metadata=[{"a": 3}])
    assert ns.search(np.zeros(4), where=where).ids.tolist() == [2]  # type: ignore[union-attr]
    ns.delete([2])
    assert len(ns.search(np.zeros(4), where=where)) == 0


def test_deleting_and_updating_by_filter_reaches_all_that_match(ns: hearth.Namespace) -> None:
    ns.add(
        ids=np.arange(100, dtype=np.uint64),
        vectors=np.zeros((100, 4)),
        metadata=[{"n": i} for i in range(100)],
    )
    assert ns.delete(where=K("n") >= 90) == 10
    assert ns.count() == 90
    changed = ns.update(where=K("n") < 10, metadata={"low": True}, texts="small")
    assert changed.affected == 10
    assert ns.count(K("low") == True) == 10  # noqa: E712
    record = ns.get(3)
    assert (record.metadata, record.text) == ({"n": 3, "low": True}, "small")
    assert ns.delete(where=K("n") == 1000) == 0
    with pytest.raises(hearth.InvalidArgument, match="neither ids"):
        ns.delete([1], where=K("n") == 1)


def test_compare_and_set_refuses_what_changed_meanwhile(ns: hearth.Namespace) -> None:
    first = ns.add(ids=["a"], vectors=np.zeros((1, 4)), metadata=[{"n": 1}])
    ns.update(ids="a", metadata={"n": 2}, versions=first.lsn)
    with pytest.raises(hearth.Conflict, match="at version 2; the batch expects it at version 1"):
        ns.update(ids="a", metadata={"n": 3}, versions=first.lsn)
    with pytest.raises(hearth.Conflict, match="expects it not there"):
        ns.upsert(ids="a", vectors=np.zeros(4), versions=0)
    with pytest.raises(hearth.Conflict):
        ns.delete("a", versions=[1])
    assert ns.get("a").metadata == {"n": 2}
    ns.upsert(ids="b", vectors=np.zeros(4), versions=0)
    assert ns.delete("b", versions=3) == 1


def test_a_schema_refuses_metadata_that_breaks_it(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(schema={"year": FieldRule("int", required=True), "name": "string"})
    assert ns.config.schema["year"] == FieldRule("int", required=True)
    ns.add(ids=[1], vectors=np.zeros((1, 4)), metadata=[{"year": 2020, "name": "x"}])
    with pytest.raises(hearth.InvalidArgument, match=r'metadata\[0\] lacks "year"'):
        ns.add(ids=[2], vectors=np.zeros((1, 4)))
    with pytest.raises(
        hearth.InvalidArgument, match='"name" is of type int; the schema says string'
    ):
        ns.update(ids=1, metadata={"name": 5})
    with pytest.raises(hearth.InvalidArgument, match="lacks"):
        ns.update(ids=1, metadata={"year": None})
    assert ns.get(1).metadata == {"year": 2020, "name": "x"}
    ns.alter(schema={})
    ns.update(ids=1, metadata={"name": 5})


def test_scans_can_be_ordered_by_a_field_and_begin_anywhere(ns: hearth.Namespace) -> None:
    ns.add(
        ids=np.arange(50, dtype=np.uint64),
        metadata=[{"n": (i * 7) % 50, "even": i % 2 == 0} for i in range(49)] + [{}],
    )
    order = sorted(range(49), key=lambda i: (i * 7) % 50)

    def listed(**how: Any) -> list[int]:
        return [int(i) for page in ns.scan(batch_size=7, include=[], **how) for i in page.ids]

    assert listed(order_by="n") == [*order, 49]
    assert listed(order_by="n", descending=True) == [*order[::-1], 49]
    assert listed(order_by="n", offset=5, limit=10) == order[5:15]
    assert listed(order_by="n", where=K("even") == True) == [i for i in order if i % 2 == 0]  # noqa: E712
    assert listed(where=K("n") < 10, offset=2, limit=3) == sorted(order[:10])[2:5]


def test_facets_count_values(ns: hearth.Namespace) -> None:
    ns.add(
        ids=np.arange(6, dtype=np.uint64),
        metadata=[{"t": ["a", "b"]}, {"t": "a"}, {"t": "c"}, {"t": 1}, {"t": 1.0}, {"u": 1}],
    )
    facets = ns.facets("t")
    assert facets.counts == {1: 2, "a": 2, "b": 1, "c": 1}
    assert facets.records == 6
    assert ns.facets("t", where=K("t") == "a").counts == {"a": 2, "b": 1}
    assert list(ns.facets("t", limit=1).counts) == [1]


def test_wrong_filters_are_refused_by_name(ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.InvalidArgument, match="column"):
        ns.search(np.zeros(4), where="a ==")
    with pytest.raises(hearth.InvalidArgument, match=r"\$near"):
        ns.count({"a": {"$near": 1}})
    with pytest.raises(TypeError, match="int"):
        ns.count(5)  # type: ignore[arg-type]
