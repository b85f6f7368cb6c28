"""A namespace without a dimension: keys, metadata and texts, and named vectors if it has any."""

from __future__ import annotations

import numpy as np
import pytest

import hearth


def test_it_is_a_plain_store_of_keys_and_records(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name)
    ns.kv.put(b"a", b"1")
    assert ns.kv.get(b"a") == b"1"
    ns.upsert(ids=[1, 2], metadata=[{"n": 1}, {"n": 2}], texts=["a lock", "a key"])
    assert ns.config.dimension == 0
    assert ns.count(where={"n": {"$gt": 1}}) == 1
    found = ns.get([2, 1])
    assert list(found.ids) == [2, 1]
    assert [row.vector for row in found] == [None, None]
    assert [row.text for page in ns.scan() for row in page] == ["a lock", "a key"]
    info = ns.info()
    assert (info.count, info.vectors, info.index, info.index_bytes) == (2, 0, "ready", 0)
    ns.delete([1])
    assert ns.count() == 1


def test_texts_are_searched_without_vectors(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, text_fields=["text"], language="english")
    ns.upsert(ids=["a", "b"], texts=["locks and keys", "doors"], metadata=[{"x": 1}, {"x": 2}])
    assert [hit.id for hit in ns.search(text="lock")] == ["a"]
    assert [hit.id for hit in ns.search(text="doors", where={"x": 2})] == ["b"]
    assert ns.facets("x").records == 2


def test_a_vector_is_refused_with_what_to_do(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name)
    with pytest.raises(hearth.InvalidArgument, match="no vector without a name") as refused:
        ns.upsert(ids=[1], vectors=np.zeros((1, 3), np.float32))
    assert "namespace with a dimension" in str(refused.value.hint)
    with pytest.raises(hearth.InvalidArgument, match="no vector without a name"):
        ns.search([1.0, 2.0, 3.0])
    with pytest.raises(hearth.InvalidArgument, match="no vector without a name"):
        ns.tune()
    with pytest.raises(hearth.ConfigMismatch, match="ef_search is given"):
        ns.alter(ef_search=100)
    with pytest.raises(hearth.DimensionMismatch, match="created without a dimension"):
        db.namespace(name, dimension=3)


def test_transactions_need_no_vector(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, text_fields=["text"], language="english")
    ns.upsert(ids=[1, 2], texts=["a lock", "a key"], metadata=[{"n": 1}, {"n": 2}])
    with ns.transaction() as t:
        t.upsert(ids=[3], texts=["three locks"], metadata=[{"n": 3}])
        t.update(ids=[1], metadata=[{"n": 10}])
        t.delete([2])
        t.kv.put("k", "v")
        first = t.savepoint()
        t.delete(where={"n": 10})
        assert t.count() == 1
        t.rollback_to(first)
        assert {hit.id for hit in t.search(text="lock")} == {1, 3}
        assert [row.metadata for page in t.scan() for row in page] == [{"n": 10}, {"n": 3}]
        assert [row.vector for row in t.get([1, 3])] == [None, None]
        assert t.count(where={"n": {"$gte": 3}}) == 2
        assert t.facets("n").records == 2
        with pytest.raises(hearth.InvalidArgument, match="no vector without a name"):
            t.search([1.0, 2.0])
        with pytest.raises(hearth.InvalidArgument, match="no vector without a name"):
            t.upsert(ids=[4], vectors=np.zeros((1, 3), np.float32))
        assert ns.count() == 2
    assert t.committed is not None and t.committed.records == 3
    assert {hit.id for hit in ns.search(text="lock")} == {1, 3}
    assert ns.kv.get("k") == b"v"
    assert ns.check().ok


def test_transactions_have_the_named_vectors_alone(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, named_vectors={"image": {"dimension": 2, "distance": "l2"}})
    ns.upsert(ids=[1, 2], named_vectors={"image": [[0.0, 0.0], [3.0, 4.0]]})
    with ns.transaction() as t:
        t.upsert(ids=[3, 4], named_vectors={"image": [[0.0, 1.0], [9.0, 9.0]]})
        t.upsert(ids=[5], metadata=[{"x": 1}])
        t.delete([1])
        hits = t.search([0.0, 1.0], k=4, vector_name="image")
        assert [hit.id for hit in hits] == [3, 2, 4]
    assert [hit.id for hit in ns.search([0.0, 1.0], k=4, vector_name="image")] == [3, 2, 4]
    assert ns.info().named_vectors["image"].vectors == 3
    assert ns.check().ok


def test_only_named_vectors_exist(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, named_vectors={"image": {"dimension": 2, "distance": "l2"}})
    ns.upsert(ids=[1, 2], named_vectors={"image": [[0.0, 0.0], [3.0, 4.0]]})
    hits = ns.search([0.0, 1.0], k=2, vector_name="image")
    assert [hit.id for hit in hits] == [1, 2]
    with pytest.raises(hearth.InvalidArgument) as refused:
        ns.search([0.0, 1.0])
    assert "image" in str(refused.value.hint)
    ns.update(ids=[2], named_vectors={"image": [[0.0, 1.0]]})
    assert ns.search([0.0, 1.0], k=1, vector_name="image")[0].id == 2
    assert ns.info().named_vectors["image"].vectors == 2
    found = ns.get([1])
    assert found[0].named_vectors is not None
    assert found[0].named_vectors["image"].tolist() == [0.0, 0.0]
