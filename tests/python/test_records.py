"""Writing and reading records: add, upsert, update, delete, get, scan, count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hearth
from stores import MakeNamespace, metadata_column, rows_of


def test_records_come_back_as_they_went_in(ns: hearth.Namespace) -> None:
    rows = rows_of(3, 4)
    result = ns.upsert(
        ids=["a", 7, "b"],
        vectors=rows,
        metadata=[{"n": 1}, None, {}],
        texts=["first", None, ""],
    )
    assert (result.affected, result.ids, result.batches) == (3, None, 1)
    assert 1 <= result.durable_lsn == result.lsn
    records = ns.get(["b", "a", 7])
    assert records.ids == ["b", "a", 7]
    assert records.metadata == [{}, {"n": 1}, {}]
    assert records.texts == ["", "first", None]
    assert records.vectors is not None
    assert records.vectors.dtype == np.float32
    np.testing.assert_array_equal(records.vectors, rows[[2, 0, 1]])
    assert records.has_vector is not None
    assert records.has_vector.tolist() == [True, True, True]
    assert records.versions.tolist() == [result.lsn] * 3
    assert len(records.missing) == 0


def test_one_record_and_a_missing_one(ns: hearth.Namespace) -> None:
    ns.upsert("a", [1, 2, 3, 4], {"n": 1}, "text")
    record = ns.get("a")
    assert (record.id, record.metadata, record.text) == ("a", {"n": 1}, "text")
    assert record.vector is not None
    assert record.vector.tolist() == [1, 2, 3, 4]
    with pytest.raises(hearth.NotFound, match="'b'") as missing:
        ns.get("b")
    assert isinstance(missing.value, KeyError)
    with pytest.raises(hearth.NotFound, match="17"):
        ns.get(17)
    records = ns.get(["x", "a", 5])
    assert records.ids == ["a"]
    assert list(records.missing) == ["x", 5]


def test_ids_can_be_assigned(ns: hearth.Namespace) -> None:
    first = ns.add(vectors=rows_of(3, 4))
    second = ns.upsert(texts=["no vector", "none here either"])
    assert first.ids is not None
    assert second.ids is not None
    assert isinstance(first.ids, np.ndarray)
    assert first.ids.dtype == np.uint64
    everyone = [*first.ids, *second.ids]
    assert len(set(everyone)) == 5
    assert ns.count() == 5
    assert list(ns.get(first.ids).ids) == list(first.ids)
    assert ns.get(second.ids).texts == ["no vector", "none here either"]


def test_assigned_ids_never_meet_those_of_the_user(ns: hearth.Namespace) -> None:
    ns.add(ids=[1, 2, 3], vectors=np.ones((3, 4)))
    assigned = ns.add(vectors=np.ones((50, 4))).ids
    assert assigned is not None
    assert not {1, 2, 3} & set(assigned)
    assert ns.count() == 53


def test_add_refuses_what_is_there_and_changes_nothing(ns: hearth.Namespace) -> None:
    ns.add(ids=["a"], texts=["old"])
    with pytest.raises(hearth.AlreadyExists, match="a"):
        ns.add(ids=["b", "a"], texts=["new", "new"])
    assert ns.count() == 1
    assert ns.get("a").text == "old"


def test_upsert_replaces_the_whole_record(ns: hearth.Namespace) -> None:
    ns.upsert(["a"], np.ones((1, 4)), [{"x": 1, "y": 2}], ["text"])
    before = ns.get("a").version
    ns.upsert(["a"], metadata=[{"y": 3}])
    record = ns.get("a")
    assert record.metadata == {"y": 3}
    assert record.text is None
    assert record.vector is None
    assert record.version > before
    assert ns.count() == 1


def test_update_merges_and_replaces(ns: hearth.Namespace) -> None:
    ns.upsert(["a", "b"], np.ones((2, 4)), [{"x": 1, "y": 2}, {"x": 5}], ["one", "two"])
    ns.update(["a"], metadata=[{"y": 3, "z": None, "w": [1]}])
    assert ns.get("a").metadata == {"x": 1, "y": 3, "w": [1]}
    ns.update("a", metadata={"x": None})
    assert ns.get("a").metadata == {"y": 3, "w": [1]}
    ns.update(["a"], metadata=[{"only": True}], mode="replace")
    record = ns.get("a")
    assert record.metadata == {"only": True}
    assert record.text == "one"
    assert record.vector is not None
    ns.update(["a", "b"], texts=["new", None])
    assert ns.get(["a", "b"]).texts == ["new", "two"]
    ns.update("b", [9, 9, 9, 9])
    vector = ns.get("b").vector
    assert vector is not None
    assert vector.tolist() == [9, 9, 9, 9]
    assert ns.get("b").metadata == {"x": 5}
    assert ns.search([9, 9, 9, 9], k=1).ids == ["b"]


def test_update_of_a_missing_record_changes_nothing(ns: hearth.Namespace) -> None:
    ns.add(ids=["a"], metadata=[{"x": 1}])
    with pytest.raises(hearth.NotFound, match="nobody"):
        ns.update(["a", "nobody"], metadata=[{"x": 2}, {"x": 2}])
    assert ns.get("a").metadata == {"x": 1}
    with pytest.raises(hearth.InvalidArgument, match="nothing"):
        ns.update(["a"])
    with pytest.raises(hearth.InvalidArgument, match=r"metadata\[0\] is None"):
        ns.update(["a"], metadata=[None], mode="replace")
    with pytest.raises(hearth.InvalidArgument, match="mode is 'patch'"):
        ns.update(["a"], metadata=[{}], mode="patch")


def test_delete_counts_what_was_there(ns: hearth.Namespace) -> None:
    rows = rows_of(4, 4)
    ns.add(ids=["a", "b", 3, 4], vectors=rows)
    assert ns.delete(["a", "nobody", 3]) == 2
    assert ns.delete("a") == 0
    assert ns.delete("b") == 1
    assert ns.count() == 1
    assert ns.search(rows[0], k=10).ids.tolist() == [4]  # type: ignore[union-attr]
    assert ns.delete([]) == 0


def test_empty_writes_and_reads_are_no_errors(ns: hearth.Namespace) -> None:
    result = ns.upsert(ids=[], vectors=np.empty((0, 4)))
    assert (result.affected, result.lsn, result.batches) == (0, 0, 0)
    assert ns.add(vectors=np.empty((0, 4))).affected == 0
    records = ns.get([])
    assert len(records) == 0
    assert list(ns.scan()) == []
    assert ns.count() == 0
    with pytest.raises(hearth.InvalidArgument, match="no columns"):
        ns.upsert()


def test_only_the_included_columns_come_back(ns: hearth.Namespace) -> None:
    ns.upsert("a", [1, 2, 3, 4], {"n": 1}, "text")
    record = ns.get("a", include=["metadata"])
    assert (record.metadata, record.text, record.vector) == ({"n": 1}, None, None)
    records = ns.get(["a"], include=())
    assert (records.metadata, records.texts, records.vectors) == (None, None, None)
    assert records.has_vector is None
    with pytest.raises(hearth.InvalidArgument, match="'vector'"):
        ns.get("a", include=["vector"])
    with pytest.raises(TypeError, match="list of columns"):
        ns.get("a", include="texts")


@pytest.mark.parametrize("batch_size", [1, 7, 100, 1000])
def test_a_scan_sees_every_record_once(ns: hearth.Namespace, batch_size: int) -> None:
    rows = rows_of(100, 4)
    ids: list[Any] = [row if row % 2 else f"id {row}" for row in range(100)]
    ns.upsert(ids, rows, metadata_column(100), [f"text {row}" for row in range(100)])
    seen: dict[Any, hearth.Record] = {}
    for page in ns.scan(batch_size=batch_size):
        assert 1 <= len(page) <= batch_size
        for record in page:
            assert record.id not in seen
            seen[record.id] = record
    assert set(seen) == set(ids)
    for row, each in enumerate(ids):
        record = seen[each]
        assert record.metadata == {"row": row, "even": row % 2 == 0}
        assert record.text == f"text {row}"
        np.testing.assert_array_equal(record.vector, rows[row])


def test_a_scan_goes_on_while_others_write(ns: hearth.Namespace) -> None:
    ns.upsert(list(range(50)), np.ones((50, 4)))
    seen: list[int] = []
    for number, page in enumerate(ns.scan(batch_size=10, include=())):
        seen.extend(int(each) for each in page.ids)
        ns.delete([int(page.ids[0])])
        ns.upsert([1000 + number], np.ones((1, 4)))
    always = [each for each in seen if each < 50]
    assert sorted(always) == list(range(50))


def test_a_scan_checks_its_arguments_at_once(ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.InvalidArgument, match="batch_size"):
        ns.scan(batch_size=0)


def test_durability_interval_is_on_disk_after_a_flush(ns: hearth.Namespace) -> None:
    for row in range(20):
        ns.upsert([row], np.ones((1, 4)), durability="interval")
    durable = ns.flush()
    info = ns.info()
    assert durable == info.lsn == info.durable_lsn
    assert info.count == 20
    assert ns.flush(durable) >= durable
    with pytest.raises(hearth.InvalidArgument, match="durability is 'never'"):
        ns.upsert([1], np.ones((1, 4)), durability="never")


# ---- ids -----------------------------------------------------------------------------------------

STRANGE_IDS: list[Any] = [
    0,
    7,
    "7",
    2**63,
    2**64 - 1,
    "ünïcødé ☃ 漢字 \U0001f525",
    "with\nnewline\x00and nul",
    " ",
    "x" * 4096,
    "é" * 2048,
]


def test_all_kinds_of_ids_round_trip(ns: hearth.Namespace) -> None:
    rows = rows_of(len(STRANGE_IDS), 4)
    ns.upsert(STRANGE_IDS, rows)
    records = ns.get(STRANGE_IDS)
    assert records.ids == STRANGE_IDS
    assert [type(each) for each in records.ids] == [type(each) for each in STRANGE_IDS]
    np.testing.assert_array_equal(records.vectors, rows)
    scanned = [record.id for page in ns.scan() for record in page]
    assert sorted(map(repr, scanned)) == sorted(map(repr, STRANGE_IDS))
    hits = ns.search(rows[5], k=1)
    assert list(hits.ids) == [STRANGE_IDS[5]]
    assert ns.delete(STRANGE_IDS) == len(STRANGE_IDS)


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(3, dtype=np.uint64),
        np.arange(3, dtype=np.int64),
        np.arange(3, dtype=np.int8),
        np.arange(6, dtype=np.uint32)[::2],
        np.array(["a", "bb", "ccc"]),
        np.array(["a", 2, "c"], dtype=object),
        (1, 2, "x"),
        range(3),
        [np.int64(4), np.uint8(5), np.str_("z")],
    ],
    ids=lambda ids: f"{type(ids).__name__}-{getattr(ids, 'dtype', '')}",
)
def test_id_columns_of_any_kind(ns: hearth.Namespace, ids: Any) -> None:
    ns.upsert(ids, rows_of(3, 4))
    expected = [each if isinstance(each, str) else int(each) for each in ids]
    assert [record.id for record in ns.get(list(ids))] == expected
    assert [record.id for record in ns.get(ids)] == expected


def test_numbers_come_back_as_an_array(ns: hearth.Namespace) -> None:
    ns.upsert(range(3), rows_of(3, 4))
    ids = ns.get([2, 1]).ids
    assert isinstance(ids, np.ndarray)
    assert ids.dtype == np.uint64
    assert ids.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([-1], hearth.InvalidArgument),
        ([2**64], hearth.InvalidArgument),
        (np.array([3, -4]), hearth.InvalidArgument),
        ([""], hearth.InvalidArgument),
        (["x" * 4097], hearth.LimitExceeded),
        (["\ud800"], hearth.InvalidArgument),
        (["a", "a"], hearth.InvalidArgument),
        ([1.5], TypeError),
        ([True], TypeError),
        ([None], TypeError),
        ([b"bytes"], TypeError),
        (np.array([1.5]), TypeError),
        (np.ones((1, 1), dtype=np.int64), TypeError),
        (b"bytes", TypeError),
    ],
)
def test_bad_ids_are_refused(ns: hearth.Namespace, ids: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="id"):
        ns.upsert(ids, texts=["text"] * len(ids))
    assert ns.count() == 0


# ---- vectors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", ">f8", "i1", "u1", "i4", "i8", "u8", "?"]
)
def test_vectors_of_any_real_dtype(ns: hearth.Namespace, dtype: str) -> None:
    rows = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    ns.upsert(range(3), rows)
    stored = ns.get(range(3)).vectors
    assert stored is not None
    np.testing.assert_array_equal(stored, rows.astype(np.float32))


def test_vectors_in_any_layout(ns: hearth.Namespace) -> None:
    rows = rows_of(6, 8)
    layouts: dict[str, Any] = {
        "strided": rows[::2, ::2],
        "transposed": np.asfortranarray(rows[:3, :4]),
        "lists": rows[:3, :4].tolist(),
        "tuple of arrays": tuple(rows[row, :4] for row in range(3)),
        "read-only": rows[:3, :4].copy(),
    }
    layouts["read-only"].flags.writeable = False
    for name, layout in layouts.items():
        ns.upsert([f"{name} {row}" for row in range(3)], layout)
        stored = ns.get([f"{name} {row}" for row in range(3)]).vectors
        np.testing.assert_array_equal(stored, np.asarray(layout), err_msg=name)
    ns.upsert("buffer", rows[0, :4].copy().data)
    np.testing.assert_array_equal(ns.get("buffer").vector, rows[0, :4])


def test_the_array_may_be_changed_after_the_call(ns: hearth.Namespace) -> None:
    rows = rows_of(100, 4)
    kept = rows.copy()
    ns.upsert(range(100), rows)
    rows[:] = 0
    np.testing.assert_array_equal(ns.get(range(100)).vectors, kept)


def test_results_are_read_only_and_own_their_memory(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=1024)
    rows = rows_of(50, 1024)
    ns.upsert(range(50), rows)
    vectors = ns.get(range(50)).vectors
    assert vectors is not None
    with pytest.raises(ValueError, match="read-only"):
        vectors[0, 0] = 1
    others = [ns.get(range(50)).vectors for _ in range(20)]  # the memory is not taken by others
    np.testing.assert_array_equal(vectors, rows)
    assert all(other is not None and (other == rows).all() for other in others)


@pytest.mark.parametrize(
    ("vectors", "error", "match"),
    [
        (np.ones((2, 3)), hearth.DimensionMismatch, "3"),
        (np.ones((2, 0)), hearth.InvalidArgument, "0"),
        (np.ones((3, 4)), hearth.InvalidArgument, "vectors has 3 rows"),
        (np.ones((2, 2, 2)), hearth.InvalidArgument, "3 dimensions"),
        (np.float32(1), hearth.InvalidArgument, "0 dimensions"),
        (np.ones((2, 70_000)), hearth.LimitExceeded, "65536"),
        ([[1, 2, 3, 4], [1, 2]], hearth.InvalidArgument, "rectangular"),
        ([[1, 2, 3, float("nan")]] * 2, hearth.InvalidArgument, r"vectors"),
        ([[1, 2, 3, float("inf")]] * 2, hearth.InvalidArgument, r"vectors"),
        (np.ones((2, 4), dtype=complex), TypeError, "complex"),
        ([["1", "2", "3", "4"]] * 2, TypeError, "dtype"),
        ("text", TypeError, "dtype"),
    ],
    ids=str,
)
def test_bad_vectors_are_refused(
    ns: hearth.Namespace, vectors: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        ns.upsert(["a", "b"], vectors)
    assert ns.count() == 0


def test_columns_must_fit_together(ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.InvalidArgument, match="texts has 1 rows"):
        ns.upsert(["a", "b"], texts=["one"])
    with pytest.raises(TypeError, match="metadata must be a sequence"):
        ns.upsert(["a", "b"], metadata={"one": "for all"})
    with pytest.raises(TypeError, match="texts must be a sequence"):
        ns.upsert(["a", "b"], texts="ab")
    with pytest.raises(TypeError, match="that one record"):
        ns.upsert("a", metadata=[{}])
    with pytest.raises(TypeError, match=r"texts\[1\] is int"):
        ns.upsert(["a", "b"], texts=["one", 2])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"metadata\[1\] is list"):
        ns.upsert(["a", "b"], metadata=[{}, []])  # type: ignore[list-item]
    with pytest.raises(hearth.InvalidArgument, match=r"texts\[0\].*surrogate"):
        ns.upsert(["a"], texts=["\udcff"])
    with pytest.raises(hearth.LimitExceeded, match=r"texts\[0\]"):
        ns.upsert(["a"], texts=["x" * (16 * 1024 * 1024 + 1)])
    assert ns.count() == 0


def test_an_answer_too_large_for_a_message_is_refused_before_it_is_built(
    make_namespace: MakeNamespace,
) -> None:
    ns = make_namespace(dimension=2)
    ns.upsert(ids=[1], vectors=[[1, 2]], texts=["x" * 1_000_000])
    before = ns.info().count
    with pytest.raises(hearth.LimitExceeded, match="more than 80 MiB"):
        ns.get([1] * 1_000_000)  # would be a terabyte
    with pytest.raises(hearth.LimitExceeded, match="more than 80 MiB"):
        ns.search_batch(np.zeros((1000, 2), np.float32), k=1, include=["texts"])
    assert ns.info().count == before
