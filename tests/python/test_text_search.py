"""Full text and hybrid searches, and the other ways to ask, through the socket."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearth
from hearth import K
from stores import MakeNamespace, clustered, distances, kill_daemon

WORDS = [f"w{i}" for i in range(60)]


def random_texts(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    # Some words are much more frequent than others.
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    return [" ".join(rng.choices(WORDS, weights, k=rng.randrange(1, 25))) for _ in range(count)]


def bm25(texts: Sequence[str | None], query: str) -> dict[int, float]:
    """Plain BM25, k1 1.2, b 0.75, of all texts that have one of the words."""
    documents = {i: text.split() for i, text in enumerate(texts) if text}
    average = sum(map(len, documents.values())) / len(documents)
    scores: dict[int, float] = {}
    for word, times in Counter(query.split()).items():
        having = [i for i, words in documents.items() if word in words]
        idf = math.log((len(documents) - len(having) + 0.5) / (len(having) + 0.5) + 1)
        for i in having:
            tf, length = documents[i].count(word), len(documents[i])
            part = idf * 2.2 * tf / (tf + 1.2 * (0.25 + 0.75 * length / average))
            scores[i] = scores.get(i, 0) + times * part
    return scores


def best(scores: dict[int, float], k: int) -> list[int]:
    return sorted(scores, key=lambda i: (-scores[i], i))[:k]


@pytest.fixture
def texts_ns(make_namespace: MakeNamespace) -> hearth.Namespace:
    return make_namespace(text_fields=["text"])


def add_texts(ns: hearth.Namespace, texts: Sequence[str | None]) -> None:
    ns.upsert(ids=np.arange(len(texts), dtype=np.uint64), texts=texts)


def ids_of(hits: hearth.Hits) -> list[Any]:
    return [hit.id for hit in hits]


def test_scores_are_those_of_plain_bm25(texts_ns: hearth.Namespace) -> None:
    texts: list[str | None] = [*random_texts(2000, 1), None, ""]
    add_texts(texts_ns, texts)
    for query in ("w0", "w5 w40", "w1 w2 w3 w59", "w7 w7 w8", "nothing w30"):
        truth = bm25(texts, query)
        hits = texts_ns.search(text=query, k=20, include=[])
        assert hits.scores is not None
        assert ids_of(hits) == best(truth, 20)
        assert hits.scores == pytest.approx([truth[i] for i in ids_of(hits)], rel=1e-12)
        assert np.isnan(hits.distances).all()


def test_what_is_deleted_or_updated_leaves_nothing_behind(store_path: Path) -> None:
    texts: list[str | None] = list(random_texts(600, 2))
    with hearth.connect(store_path) as db:
        ns = db.namespace("t", dimension=2, text_fields=["text"])
        add_texts(ns, texts)
        rng = random.Random(3)
        for i in rng.sample(range(600), 200):
            texts[i] = None
            ns.delete([i])
        for i in rng.sample([i for i in range(600) if texts[i]], 100):
            texts[i] = random_texts(1, 100 + i)[0]
            ns.update(ids=[i], texts=[texts[i]])
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        ns = db.namespace("t")
        for query in ("w0 w9", "w3", "w50 w51 w52"):
            truth = bm25(texts, query)
            hits = ns.search(text=query, k=30, include=[])
            assert hits.scores is not None
            # A record that was written again has a later row, and so another place among equals.
            assert hits.scores == pytest.approx(
                sorted(truth.values(), reverse=True)[:30], rel=1e-12
            )
            assert all(truth[int(hit.id)] == pytest.approx(hit.score) for hit in hits)


def test_an_index_can_be_added_to_records_that_are_there(make_namespace: MakeNamespace) -> None:
    ns = make_namespace()
    texts = random_texts(12_000, 4)
    add_texts(ns, texts)
    with pytest.raises(hearth.Unsupported, match="text_fields"):
        ns.search(text="w1", mode="text")
    ns.alter(text_fields=["text"])
    ns.upsert(ids=[20_000], texts=["w1 brand new"])
    deadline = time.monotonic() + 60
    while True:
        try:
            hits = ns.search(text="w1 w2", k=5, mode="text")
            break
        except hearth.Busy:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    truth = bm25([*texts, *[None] * 8000, "w1 brand new"], "w1 w2")
    assert ids_of(hits) == best(truth, 5)
    ns.alter(language="english")  # made anew with stems
    while True:
        try:
            assert ids_of(ns.search(text="brands", mode="text")) == [20_000]
            break
        except hearth.Busy:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    ns.alter(text_fields=[])
    with pytest.raises(hearth.Unsupported):
        ns.search(text="w1", mode="text")


def test_operators_phrases_prefixes_and_fields(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(text_fields={"text": 1.0, "title": 3.0}, language="english")
    ns.add(
        ids=["solar", "wind", "both"],
        metadata=[{"title": "Sun"}, {"title": "Wind power"}, {"title": ["Sun", "and wind"]}],
        texts=["solar panels make power", "turbines make panels turn", "panels solar"],
    )

    def asked(text: str, **how: Any) -> set[str]:
        return set(ids_of(ns.search(text=text, text_operators=True, **how)))

    assert asked("panel") == {"solar", "wind", "both"}
    assert asked('"solar panels"') == {"solar"}
    assert asked("turb*") == {"wind"}
    assert asked("+panel -turbine") == {"solar", "both"}
    assert asked("solar AND power") == {"solar"}
    assert asked("title:wind") == {"wind", "both"}
    assert asked("title:wind AND NOT title:power") == {"both"}
    assert asked("sun", text_fields=["text"]) == set()
    assert ids_of(ns.search(text="sun wind", k=1)) == ["both"]
    with pytest.raises(hearth.InvalidArgument, match="column"):
        asked('"open')
    assert set(ids_of(ns.search(text='"open panel'))) == {"solar", "wind", "both"}  # just words
    with pytest.raises(hearth.InvalidArgument, match="fields with one: text, title"):
        ns.search(text="sun", text_fields=["body"])


def test_languages_that_there_are_not_are_refused(make_namespace: MakeNamespace) -> None:
    with pytest.raises(hearth.InvalidArgument, match="language"):
        make_namespace(text_fields=["text"], language="klingon")
    ns = make_namespace(text_fields=["text"])
    with pytest.raises(hearth.InvalidArgument, match="language"):
        ns.alter(language="klingon")


def hybrid_data() -> tuple[Any, list[str]]:
    return clustered(3000, 8, 5), random_texts(3000, 6)


def test_hybrid_searches_fuse_both_lists(make_namespace: MakeNamespace) -> None:
    rows, texts = hybrid_data()
    ns = make_namespace(dimension=8, text_fields=["text"])
    ns.add(ids=np.arange(3000, dtype=np.uint64), vectors=rows, texts=texts)
    query = rows[17] + 0.01
    depth = 200
    away = distances("l2", rows, query)
    by_vector = np.argsort(away, kind="stable")[:depth].tolist()
    scores = bm25(texts, "w4 w11")
    by_text = best(scores, depth)

    def truth(points: Any) -> dict[int, float]:
        fused: dict[int, float] = {}
        for weight, order, side in ((2.0, by_vector, "v"), (0.5, by_text, "t")):
            for at, row in enumerate(order):
                fused[row] = fused.get(row, 0) + weight * points(at, row, order, side)
        return fused

    def spread(at: int, row: int, order: list[int], side: str) -> float:
        values = [-away[i] if side == "v" else scores[i] for i in order]
        return float((values[at] - values[-1]) / (values[0] - values[-1]))

    ways = {
        "rrf": lambda at, row, order, side: 1 / (60 + at + 1),
        "borda": lambda at, row, order, side: len(order) - at,
        "weighted": spread,
    }
    for fusion, points in ways.items():
        wanted = truth(points)
        hits = ns.search(
            query, text="w4 w11", k=15, fusion=fusion, weights=(2.0, 0.5), candidates=depth,
            exact=True, include=[],
        )  # fmt: skip
        assert hits.scores is not None
        assert hits.text_scores is not None
        expected = sorted(wanted.values(), reverse=True)[:15]
        assert hits.scores == pytest.approx(expected, rel=1e-4)
        for hit in hits:
            row = int(hit.id)
            assert hit.text_score == pytest.approx(scores.get(row)) or row not in by_text
            assert hit.distance == pytest.approx(away[row], rel=1e-4) or row not in by_vector


def test_a_filter_applies_to_both_sides(make_namespace: MakeNamespace) -> None:
    rows, texts = hybrid_data()
    ns = make_namespace(dimension=8, text_fields=["text"])
    ns.add(
        ids=np.arange(3000, dtype=np.uint64),
        vectors=rows,
        texts=texts,
        metadata=[{"part": i % 100} for i in range(3000)],
    )
    hits = ns.search(rows[3], text="w0", k=40, where=K("part") == 3, include=["metadata"])
    assert len(hits) == 30  # all there are
    assert hits.metadata is not None
    assert all(each["part"] == 3 for each in hits.metadata)
    only = ns.search(text="w0", k=40, where=K("part") == 3, include=[])
    truth = {i: s for i, s in bm25(texts, "w0").items() if i % 100 == 3}
    assert ids_of(only) == best(truth, 40)


def test_groups_have_a_limit_and_k_counts_them(make_namespace: MakeNamespace) -> None:
    rows = clustered(2000, 8, 7)
    ns = make_namespace(dimension=8)
    # The nearest are nearly all of one group.
    groups = [f"g{i % 40}" for i in range(2000)]
    query = rows[5]
    away = distances("l2", rows, query)
    order = np.argsort(away, kind="stable")
    for row in order[:300]:
        groups[row] = "big"
    ns.add(
        ids=np.arange(2000, dtype=np.uint64),
        vectors=rows,
        metadata=[{"g": group} for group in groups],
    )
    hits = ns.search(query, k=5, group_by="g", group_limit=3, exact=True, include=[])
    wanted: dict[str, list[int]] = {}
    for row in order:
        wanted.setdefault(groups[row], []).append(int(row))
    expected = [(g, row) for g, members in list(wanted.items())[:5] for row in members[:3]]
    assert hits.groups is not None
    assert list(zip(hits.groups, ids_of(hits), strict=True)) == expected


def test_examples_offsets_bounds_and_diversity(make_namespace: MakeNamespace) -> None:
    rows = clustered(500, 8, 8)
    ns = make_namespace(dimension=8)
    ns.add(ids=np.arange(500, dtype=np.uint64), vectors=rows)
    target = 2 * rows[[1, 2]].mean(axis=0) - rows[3]
    away = distances("l2", rows, target)
    order = [int(i) for i in np.argsort(away, kind="stable") if i not in (1, 2, 3)]
    assert ids_of(ns.search(like=[1, 2], unlike=3, k=5, exact=True)) == order[:5]
    with pytest.raises(hearth.NotFound, match="like"):
        ns.search(like=[1, 10_000])

    away = distances("l2", rows, rows[9])
    order = [int(i) for i in np.argsort(away, kind="stable")]
    assert ids_of(ns.search(rows[9], k=5, offset=3, exact=True)) == order[3:8]
    bound = float((away[order[6]] + away[order[7]]) / 2)
    assert ids_of(ns.search(rows[9], k=100, max_distance=bound)) == order[:7]

    plain = ns.search(rows[9], k=10, diversity=0.0)
    assert ids_of(plain) == order[:10]
    diverse = ns.search(rows[9], k=10, diversity=0.7, diversity_candidates=100)
    assert diverse[0].id == 9
    chosen = rows[[int(hit.id) for hit in diverse]]
    spread = np.mean([distances("l2", chosen, row).mean() for row in chosen])
    nearest = rows[order[:10]]
    assert spread > np.mean([distances("l2", nearest, row).mean() for row in nearest])


def test_batches_of_texts_and_pairs(make_namespace: MakeNamespace) -> None:
    rows, texts = hybrid_data()
    ns = make_namespace(dimension=8, text_fields=["text"])
    ns.add(ids=np.arange(3000, dtype=np.uint64), vectors=rows, texts=texts)
    batch = ns.search_batch(texts=["w1 w2", "w3"], k=7)
    assert [ids_of(hits) for hits in batch] == [
        ids_of(ns.search(text=text, k=7)) for text in ("w1 w2", "w3")
    ]
    pairs = ns.search_batch(rows[:2], texts=["w1", "w2"], k=7)
    assert [ids_of(hits) for hits in pairs] == [
        ids_of(ns.search(rows[i], text=text, k=7)) for i, text in enumerate(("w1", "w2"))
    ]
    with pytest.raises(hearth.InvalidArgument, match="3 texts for 2 vectors"):
        ns.search_batch(rows[:2], texts=["a", "b", "c"])
    filtered = ns.search_batch(rows[:3], k=4, offset=2, exact=True)
    assert [ids_of(hits) for hits in filtered] == [
        ids_of(ns.search(row, k=6, exact=True))[2:] for row in rows[:3]
    ]


def test_min_score_drops_hits_that_hardly_fit(texts_ns: hearth.Namespace) -> None:
    add_texts(texts_ns, ["rare word", "common", "common thing", "common rare"])
    every = texts_ns.search(text="common rare")
    assert every.scores is not None
    bound = float(every.scores[1])
    assert len(texts_ns.search(text="common rare", min_score=bound)) == 2
    with pytest.raises(hearth.InvalidArgument, match="max_distance"):
        texts_ns.search(np.zeros(4), min_score=1.0)


def test_the_async_api_searches_the_same(shared_path: Path, texts_ns: hearth.Namespace) -> None:
    add_texts(texts_ns, ["one fish", "two fish", "red"])

    async def ask() -> tuple[list[Any], int, dict[Any, int]]:
        async with hearth.connect_async(shared_path) as db:
            ns = await db.namespace(texts_ns.name)
            await ns.update(where=~K("n").exists(), metadata={"n": 1})
            hits = await ns.search(text="fish", where=K("n") == 1)
            return ids_of(hits), await ns.count(K("n") == 1), (await ns.facets("n")).counts

    assert asyncio.run(ask()) == ([0, 1], 3, {1: 3})


def test_searches_say_what_is_missing(ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.InvalidArgument, match="a vector, a text"):
        ns.search()
    with pytest.raises(hearth.InvalidArgument, match="mode"):
        ns.search(np.zeros(4), mode="other")
    with pytest.raises(TypeError, match="no argument 'wehre'"):
        ns.search(np.zeros(4), wehre="a == 1")  # type: ignore[call-arg]
