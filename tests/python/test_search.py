"""Searching: against the truth, shapes and options, results and their looks."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest

import hearth
from stores import MakeNamespace, distances, metadata_column, nearest, rows_of


@pytest.mark.parametrize("distance", ["l2", "cosine", "dot", "manhattan"])
@pytest.mark.parametrize("index", ["flat", "hnsw"])
def test_exact_search_is_the_truth(
    make_namespace: MakeNamespace, distance: str, index: str
) -> None:
    ns = make_namespace(dimension=24, distance=distance, index=index)
    rows, queries = rows_of(600, 24), rows_of(20, 24, seed=2)
    ns.upsert(range(600), rows)
    for query in queries:
        hits = ns.search(query, k=10, exact=True)
        assert list(hits.ids) == nearest(distance, rows, query, 10)
        expected = np.sort(distances(distance, rows, query))[:10]
        np.testing.assert_allclose(hits.distances, expected, rtol=2e-5, atol=2e-5)


def test_approximate_search_finds_nearly_everything(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=16, distance="l2")
    rows, queries = rows_of(2000, 16), rows_of(50, 16, seed=2)
    ns.upsert(range(2000), rows)
    found = ns.search_batch(queries, k=10, ef=200)
    right = sum(
        len(set(hits.ids) & set(nearest("l2", rows, query, 10)))
        for hits, query in zip(found, queries, strict=True)
    )
    assert right >= 0.98 * 500


def test_search_brings_the_columns_of_its_hits(ns: hearth.Namespace) -> None:
    rows = rows_of(30, 4)
    ns.upsert(range(30), rows, metadata_column(30), [f"text {row}" for row in range(30)])
    hits = ns.search(rows[11], k=5, include=("vectors", "metadata", "texts"))
    assert len(hits) == 5
    assert hits.ids[0] == 11
    for hit in hits:
        row = int(hit.id)
        assert hit.metadata == {"row": row, "even": row % 2 == 0}
        assert hit.text == f"text {row}"
        np.testing.assert_array_equal(hit.vector, rows[row])
    bare = ns.search(rows[11], k=5, include=())
    assert (bare.metadata, bare.texts, bare.vectors) == (None, None, None)
    assert list(bare.ids) == list(hits.ids)
    assert bare[0].metadata is None


def test_k_results_whenever_k_exist(ns: hearth.Namespace) -> None:
    assert len(ns.search([0, 0, 0, 1])) == 0
    ns.upsert(range(10), rows_of(10, 4))
    ns.upsert(["no vector"], texts=["text"])
    for k in (1, 9, 10, 11, 5000):
        hits = ns.search([0, 0, 0, 1], k=k)
        assert len(hits) == min(k, 10)
        assert list(hits.distances) == sorted(hits.distances)
        assert len(set(hits.ids)) == len(hits)


def test_a_write_is_found_as_soon_as_it_is_acknowledged(ns: hearth.Namespace) -> None:
    rows = rows_of(40, 4)
    for row, vector in enumerate(rows):
        ns.upsert(row, vector)
        assert list(ns.search(vector, k=1).ids) == [row]
    ns.delete(range(0, 40, 2))
    assert all(int(each) % 2 for each in ns.search(rows[0], k=40).ids)


def test_a_batch_answers_like_single_searches(ns: hearth.Namespace) -> None:
    rows, queries = rows_of(200, 4), rows_of(9, 4, seed=3)
    ns.upsert([f"r{row}" for row in range(200)], rows, metadata_column(200))
    batch = ns.search_batch(queries, k=7, exact=True, include=["metadata", "vectors"])
    assert len(batch) == 9
    assert batch.offsets.tolist() == list(range(0, 64, 7))
    for query, hits in zip(queries, batch, strict=True):
        alone = ns.search(query, k=7, exact=True, include=["metadata", "vectors"])
        assert hits.ids == alone.ids
        assert hits.metadata == alone.metadata
        np.testing.assert_array_equal(hits.distances, alone.distances)
        np.testing.assert_array_equal(hits.vectors, alone.vectors)
    assert batch[-1].ids == batch[8].ids
    with pytest.raises(IndexError):
        batch[9]


def test_a_batch_may_be_empty_and_hits_may_be_few(ns: hearth.Namespace) -> None:
    empty = ns.search_batch(np.empty((0, 4)), k=3)
    assert len(empty) == 0
    assert list(empty) == []
    nothing = ns.search_batch(np.ones((2, 4)), k=3)
    assert [len(hits) for hits in nothing] == [0, 0]
    ns.add(ids=["only"], vectors=np.ones((1, 4)))
    assert [list(hits.ids) for hits in ns.search_batch(np.ones((2, 4)), k=3)] == [["only"]] * 2


@pytest.mark.parametrize(
    ("query", "options", "error", "match"),
    [
        ([1, 2, 3], {}, hearth.DimensionMismatch, "3"),
        ([[1, 2, 3, 4]], {}, hearth.InvalidArgument, "search_batch"),
        ([1, 2, 3, float("nan")], {}, hearth.InvalidArgument, "NaN"),
        ([1, 2, 3, 1e300], {}, hearth.InvalidArgument, "infinit"),
        ([1, 2, 3, 4], {"k": 0}, hearth.InvalidArgument, "k is 0"),
        ([1, 2, 3, 4], {"k": -1}, hearth.InvalidArgument, "k is -1"),
        ([1, 2, 3, 4], {"k": 2**32}, hearth.InvalidArgument, "k is"),
        ([1, 2, 3, 4], {"k": 2**32 - 1}, hearth.LimitExceeded, "k"),
        ([1, 2, 3, 4], {"k": 2.5}, TypeError, "integer"),
        ([1, 2, 3, 4], {"ef": 0}, hearth.InvalidArgument, "ef is 0"),
        ([1, 2, 3, 4], {"include": ["meta"]}, hearth.InvalidArgument, "'meta'"),
        ([1, 2, 3, 4], {"text": "also"}, hearth.Unsupported, "no text index"),
        (None, {}, hearth.InvalidArgument, "a vector, a text, both"),
        ({"a": 1}, {}, TypeError, "query"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_bad_searches_are_refused(
    ns: hearth.Namespace, query: Any, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        ns.search(query, **options)


def test_bad_batches_are_refused(ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.InvalidArgument, match="reshape"):
        ns.search_batch([1, 2, 3, 4])
    with pytest.raises(hearth.LimitExceeded):
        ns.search_batch(np.zeros((65_537, 4)), k=1)
    with pytest.raises(hearth.LimitExceeded):
        ns.search_batch(np.zeros((10_000, 4)), k=10_000)


# ---- text ----------------------------------------------------------------------------------------

TEXTS = [
    "a database shared by several processes",
    "how to bake sourdough bread",
    "the writer commits a batch to the database",
    "growing tomatoes on a balcony",
]


def test_search_by_text_with_the_lexical_embedder(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=384, distance="cosine", embedder="lexical")
    ns.upsert(range(4), hearth.embed_lexical(TEXTS), texts=TEXTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(ns.search(text="sourdough bread baking", k=1).ids) == [1]
        assert set(ns.search(text="databases", k=2).ids) == {0, 2}
    hits = ns.search(text=TEXTS[3], k=1)
    assert hits.texts == [TEXTS[3]]
    assert abs(hits.distances[0]) < 1e-5


def test_search_by_text_needs_a_label_that_fits(make_namespace: MakeNamespace) -> None:
    unlabelled = make_namespace(dimension=384, distance="cosine")
    unlabelled.upsert(range(4), hearth.embed_lexical(TEXTS))
    with pytest.warns(UserWarning, match="does not say who made its vectors") as caught:
        assert list(unlabelled.search(text=TEXTS[2], k=1).ids) == [2]
    assert caught[0].filename == __file__
    other = make_namespace(dimension=384, embedder="all-MiniLM-L6-v2")
    with pytest.raises(hearth.Unsupported, match="all-MiniLM-L6-v2") as refused:
        other.search(text="words", mode="vector")
    assert refused.value.hint
    with pytest.raises(hearth.Unsupported, match="no text index"):
        other.search(text="words")
    with pytest.raises(TypeError, match="text must be str"):
        other.search(text=5)  # type: ignore[arg-type]


def test_the_lexical_embedder() -> None:
    rows = hearth.embed_lexical([*TEXTS, "", "…"])
    assert rows.shape == (6, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows[:4], axis=1), 1, rtol=1e-5)
    assert not rows[4:].any()
    np.testing.assert_array_equal(rows[0], hearth.embed_lexical(TEXTS[:1])[0])
    assert hearth.embed_lexical(TEXTS, dimension=64).shape == (4, 64)
    assert hearth.embed_lexical([]).shape == (0, 384)
    assert hearth.embed_lexical(text for text in TEXTS).shape == (4, 384)
    with pytest.raises(hearth.InvalidArgument):
        hearth.embed_lexical(TEXTS, dimension=4)
    with pytest.raises(TypeError, match="not one str"):
        hearth.embed_lexical("one text")
    with pytest.raises(TypeError, match=r"texts\[1\]"):
        hearth.embed_lexical(["fine", None])  # type: ignore[list-item]


# ---- results -------------------------------------------------------------------------------------


def test_results_are_plain_for_json(ns: hearth.Namespace) -> None:
    ns.upsert(["a", 2], [[1, 2, 3, 4], [5, 6, 7, 8]], [{"n": 1}, {}], ["text", None])
    ns.upsert(["bare"], metadata=[{}])
    hits = ns.search([1, 2, 3, 4], include=["vectors", "metadata", "texts"])
    assert json.loads(json.dumps(hits.to_dict())) == {
        "ids": ["a", 2],
        "distances": [0.0, 8.0],
        "metadata": [{"n": 1}, {}],
        "texts": ["text", None],
        "vectors": [[1, 2, 3, 4], [5, 6, 7, 8]],
    }
    assert hits[1].id == 2
    assert hits[-1].distance == 8.0
    with pytest.raises(IndexError):
        hits[2]
    batch = ns.search_batch([[1, 2, 3, 4]], k=1, include=())
    assert batch.to_dict() == {"queries": [{"ids": ["a"], "distances": [0.0]}]}
    records = ns.get(["a", "bare", "missing"])
    plain = json.loads(json.dumps(records.to_dict()))
    assert plain["ids"] == ["a", "bare"]
    assert plain["vectors"] == [[1, 2, 3, 4], None]
    assert plain["missing"] == ["missing"]


def test_results_look_like_small_tables(ns: hearth.Namespace) -> None:
    ns.upsert(
        ["a", "long id"],
        [[1, 0, 0, 0], [4, 4, 0, 0]],
        [{"n": 1}, {}],
        ["one\nline \x1b[31m", "x" * 100],
    )
    lines = repr(ns.search([1, 0, 0, 0])).splitlines()
    assert lines[0] == "Hits: 2 hits"
    assert lines[1] == "  id       distance  metadata  text"
    assert lines[2] == "  a          0.0000  {'n': 1}  one line  [31m"
    assert lines[3].startswith("  long id    5.0000  {}        xxxx")
    assert lines[3].endswith("x…")
    assert repr(ns.search([1, 0, 0, 0], k=1)).startswith("Hits: 1 hit\n")
    assert repr(ns.get(["nobody"])) == "Records: 0 records, 1 missing"
    assert "vector=[1. 0. 0. 0.]" in repr(ns.get("a"))
    ns.upsert(range(100), np.ones((100, 4)))
    many = repr(ns.search([1, 0, 0, 0], k=50))
    assert many.splitlines()[-1] == "  … 40 more"
    assert "BatchHits: 1 query" in repr(ns.search_batch([[1, 0, 0, 0]]))


def test_results_are_frozen(ns: hearth.Namespace) -> None:
    ns.upsert(["a"], [[1, 2, 3, 4]])
    hits = ns.search([1, 2, 3, 4])
    with pytest.raises(AttributeError):
        hits.ids = []  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ns.config.dimension = 5  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        hits.distances[0] = 1
