"""Writes of any size: split under the limits, each batch whole, progress reported."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import MakeNamespace, metadata_column, rows_of

MIB = 1024 * 1024


def test_a_call_under_the_limits_is_one_batch(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=1024)
    result = ns.upsert(range(10_000), np.ones((10_000, 1024), dtype=np.float32))  # 39 MiB
    assert result.batches == 1
    assert set(ns.get(range(10_000), include=()).versions.tolist()) == {result.lsn}


@pytest.mark.slow
def test_a_large_upsert_is_split_under_64_mib(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=1024, index="flat")
    rows = rows_of(40_000, 1024)  # 156 MiB
    steps: list[tuple[int, int]] = []
    result = ns.upsert(
        np.arange(40_000),
        rows,
        metadata_column(40_000),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert result.affected == 40_000
    assert result.batches == len(steps) == 3
    assert steps[-1] == (40_000, 40_000)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert ns.count() == 40_000
    some = np.array([0, 15_999, 16_383, 16_384, 32_767, 39_999])
    records = ns.get(some)
    np.testing.assert_array_equal(records.vectors, rows[some])
    assert records.metadata == [{"row": row, "even": row % 2 == 0} for row in some.tolist()]


@pytest.mark.slow
def test_texts_and_metadata_count_too(ns: hearth.Namespace) -> None:
    texts = [chr(97 + row) * (10 * MIB) for row in range(8)]
    result = ns.upsert(range(8), texts=texts)
    assert result.batches == 2
    stored = [ns.get(row, include=["texts"]).text for row in range(8)]
    assert stored == texts
    # Bytes count, not characters.
    assert ns.upsert(range(5), texts=["é" * (8 * MIB)] * 5).batches == 2


@pytest.mark.slow
def test_metadata_of_many_small_values_fits_its_messages(ns: hearth.Namespace) -> None:
    """Small values take more room in a message than in the batch's own count."""
    row = {f"key{number}": number for number in range(2000)}
    result = ns.upsert(range(800), metadata=[row] * 800)
    assert result.affected == 800
    assert result.batches == 2
    assert ns.count() == 800
    assert ns.get(799).metadata == row


def test_batch_rows_splits_and_each_batch_has_its_version(ns: hearth.Namespace) -> None:
    steps: list[tuple[int, int]] = []
    result = ns.upsert(
        range(10),
        rows_of(10, 4),
        batch_rows=4,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert result.batches == 3
    assert steps == [(4, 10), (8, 10), (10, 10)]
    versions = ns.get(range(10)).versions.tolist()
    assert versions == [result.lsn - 2] * 4 + [result.lsn - 1] * 4 + [result.lsn] * 2
    with pytest.raises(hearth.InvalidArgument, match="batch_rows is 0"):
        ns.upsert(range(3), rows_of(3, 4), batch_rows=0)


def test_assigned_ids_of_all_batches_come_back(ns: hearth.Namespace) -> None:
    rows = rows_of(10, 4)
    ids = ns.add(vectors=rows, batch_rows=3).ids
    assert isinstance(ids, np.ndarray)
    assert ids.dtype == np.uint64
    assert len(set(ids.tolist())) == 10
    np.testing.assert_array_equal(ns.get(ids).vectors, rows)


def test_a_failed_batch_says_what_was_committed(ns: hearth.Namespace) -> None:
    ns.add(ids=["taken"], texts=["old"])
    ids = [*map(str, range(7)), "taken", "8", "9"]
    with pytest.raises(hearth.AlreadyExists) as failed:
        ns.add(ids, rows_of(10, 4), batch_rows=3)
    assert failed.value.rows_committed == 6
    assert "6 rows were committed before" in str(failed.value)
    assert ns.count() == 7
    assert list(ns.get(ids, include=()).missing) == ["6", "8", "9"]
    rows = rows_of(10, 4)
    rows[8, 2] = np.nan
    with pytest.raises(hearth.InvalidArgument, match="start at row 6 of the call") as failed_again:
        ns.upsert(range(10), rows, batch_rows=3)
    assert failed_again.value.rows_committed == 6


def test_what_is_refused_before_it_is_sent_keeps_its_row_and_says_what_was_committed(
    ns: hearth.Namespace,
) -> None:
    metadata: list[dict[str, object]] = [{} for _ in range(6)]
    metadata[4] = {"a": float("nan")}
    with pytest.raises(hearth.InvalidArgument, match=r"metadata\[4\]") as refused:
        ns.upsert(range(6), rows_of(6, 4), metadata, batch_rows=3)
    assert refused.value.rows_committed == 3
    assert "start at row" not in str(refused.value)
    metadata[4] = {"a": object()}
    with pytest.raises(TypeError, match=r"metadata\[4\]") as mistyped:
        ns.upsert(range(6), rows_of(6, 4), metadata, batch_rows=3)
    assert mistyped.value.__notes__ == ["3 rows of the call are committed"]


def test_a_first_batch_that_fails_commits_nothing(ns: hearth.Namespace) -> None:
    rows = rows_of(10, 4)
    rows[1, 0] = np.inf
    with pytest.raises(hearth.InvalidArgument) as failed:
        ns.upsert(range(10), rows, batch_rows=3)
    assert failed.value.rows_committed == 0
    assert ns.count() == 0


def test_an_id_named_twice_is_found_across_batches(ns: hearth.Namespace) -> None:
    ids = ["a", "b", "c", "d", "a"]
    with pytest.raises(hearth.InvalidArgument, match=r"'a' appears twice.*rows 0 and 4"):
        ns.upsert(ids, rows_of(5, 4), batch_rows=2)
    assert ns.count() == 0


def test_a_row_above_the_limit_is_refused_with_its_limit(ns: hearth.Namespace) -> None:
    with pytest.raises(hearth.LimitExceeded, match="metadata"):
        ns.upsert(["a", "b"], metadata=[{}, {"x": "y" * (2 * MIB)}])
    assert ns.count() == 0


def test_a_failing_progress_callback_stops_between_batches(ns: hearth.Namespace) -> None:
    def stop(done: int, _: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ns.upsert(range(10), rows_of(10, 4), batch_rows=2, progress=stop)
    assert ns.count() == 4


def test_splitting_works_awaited(shared_path: Path, name: str) -> None:
    async def main() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4)
            ids = [*map(str, range(7)), "0"]
            with pytest.raises(hearth.InvalidArgument, match="twice"):
                await ns.add(ids, rows_of(8, 4), batch_rows=3)
            result = await ns.add(vectors=rows_of(8, 4), batch_rows=3)
            assert result.batches == 3
            assert result.ids is not None
            assert len(result.ids) == 8
            assert await ns.count() == 8

    asyncio.run(main())


def test_borrowed_arrays_are_given_back(make_namespace: MakeNamespace) -> None:
    """A write reads float32 arrays in place, and lets go of them."""
    ns = make_namespace(dimension=64)
    data = bytearray(rows_of(1000, 64).tobytes())
    for _ in range(5):
        ns.upsert(range(1000), np.frombuffer(data, dtype=np.float32).reshape(1000, 64))
    ns.upsert(["last"], np.ones((1, 64)))  # takes back what the client's thread returned
    gc.collect()
    data.append(0)  # BufferError while anybody still holds it
