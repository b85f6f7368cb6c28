"""The asyncio API: the same calls, awaited."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearth
from stores import metadata_column, nearest, rows_of


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


Arguments = list[tuple[str, object, object]]


def public(kind: type) -> dict[str, Arguments]:
    """The arguments of its calls, inherited ones too: name, kind and default."""
    return {
        name: [
            (each.name, each.kind, each.default)
            for each in inspect.signature(member).parameters.values()
        ]
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("blocking", "awaited"),
    [
        (hearth.Store, hearth.AsyncStore),
        (hearth.Namespace, hearth.AsyncNamespace),
        (hearth.KeyValues, hearth.AsyncKeyValues),
        (hearth.Transaction, hearth.AsyncTransaction),
    ],
)
def test_both_apis_have_the_same_calls_with_the_same_arguments(
    blocking: type, awaited: type
) -> None:
    assert public(blocking) == public(awaited)


def test_connect_takes_the_same_arguments() -> None:
    blocking = inspect.signature(hearth.connect).parameters
    assert list(blocking.values()) == list(
        inspect.signature(hearth.aio.connect).parameters.values()
    )
    assert hearth.connect_async is hearth.aio.connect


def test_every_call_works_awaited(shared_path: Path, name: str) -> None:
    rows = rows_of(50, 4)

    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4, distance="l2")
            assert ns.config.dimension == 4
            written = await ns.upsert(range(40), rows[:40], metadata_column(40))
            assert written.affected == 40
            added = await ns.add(vectors=rows[40:])
            assert added.ids is not None
            assert await ns.count() == 50
            assert await ns.update(3, metadata={"new": True})
            record = await ns.get(3)
            assert record.metadata == {"row": 3, "even": False, "new": True}
            records = await ns.get([1, "nobody"], include=["vectors"])
            assert list(records.missing) == ["nobody"]
            np.testing.assert_array_equal(records.vectors, rows[1:2])
            hits = await ns.search(rows[7], k=5, exact=True)
            assert hits.ids[0] == 7
            batch = await ns.search_batch(rows[:3], k=1)
            assert [int(hits.ids[0]) for hits in batch] == [0, 1, 2]
            assert len(await ns.search_batch(np.empty((0, 4)))) == 0
            assert await ns.delete([0, "nobody"]) == 1
            assert await ns.flush() == (await ns.info()).lsn
            pages = [page async for page in ns.scan(batch_size=20)]
            assert sum(len(page) for page in pages) == 49
            assert name in await db.namespaces()
            assert (await db.info()).sessions >= 1
            await db.drop(name)
            with pytest.raises(hearth.NotFound):
                await ns.count()

    run(test)


def test_await_connect(shared_path: Path) -> None:
    async def test() -> None:
        db = await hearth.connect_async(shared_path)
        assert not db.closed
        assert isinstance(await db.namespaces(), list)
        await db.close()
        await db.close()
        assert db.closed
        with pytest.raises(hearth.InvalidArgument, match="closed"):
            await db.namespaces()

    run(test)


def test_errors_are_those_of_the_blocking_api(shared_path: Path, name: str) -> None:
    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            with pytest.raises(hearth.NotFound, match=name):
                await db.namespace(name, mode="open")
            ns = await db.namespace(name, dimension=4)
            with pytest.raises(hearth.DimensionMismatch):
                await ns.search([1.0, 2.0])
            with pytest.raises(hearth.NotFound, match="'x'"):
                await ns.get("x")
            with pytest.raises(TypeError, match=r"metadata\[0\]\['a'\]"):
                await ns.upsert(["a"], metadata=[{"a": object()}])
            with pytest.raises(TypeError, match="cannot pickle"):
                pickle.dumps(ns)
        with pytest.raises(hearth.DaemonUnavailable):
            await hearth.aio.connect(shared_path / "nobody", autostart=False)

    run(test)


def test_many_calls_are_in_flight_at_once_without_threads(shared_path: Path, name: str) -> None:
    rows = rows_of(300, 8)

    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=8, distance="l2")
            await asyncio.gather(*(ns.upsert(row, rows[row]) for row in range(100)))
            before = threading.active_count()
            searches = [asyncio.ensure_future(ns.search(row, k=3)) for row in rows[:100]]
            await asyncio.sleep(0)
            assert threading.active_count() <= before
            answers = await asyncio.gather(*searches)
            for row, hits in enumerate(answers):
                assert list(hits.ids) == nearest("l2", rows[:100], rows[row], 3)

    run(test)


def test_the_array_may_be_changed_while_the_call_is_in_flight(shared_path: Path, name: str) -> None:
    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=64, distance="l2")
            rows = rows_of(2000, 64)
            kept = rows.copy()
            write = asyncio.ensure_future(ns.upsert(range(2000), rows))
            await asyncio.sleep(0)
            rows[:] = 0
            await write
            np.testing.assert_array_equal((await ns.get(range(2000))).vectors, kept)

    run(test)


def test_arguments_may_be_changed_before_the_call_is_awaited(shared_path: Path, name: str) -> None:
    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4, distance="l2")
            rows = rows_of(3, 4)
            kept = rows.copy()
            ids, texts = np.arange(3, dtype=np.uint64), ["a", "b", "c"]
            metadata: list[Any] = [{"tags": ["old"]}, {"deep": {"n": 1}}, {}]
            write = ns.upsert(ids, rows, metadata, texts, batch_rows=1)
            rows[:], ids[:], texts[1] = 0, 9, "changed"
            metadata[0]["tags"].append("new")
            metadata[1]["deep"]["n"] = 2
            metadata[2]["late"] = True
            await write
            stored = await ns.get([0, 1, 2])
            np.testing.assert_array_equal(stored.vectors, kept)
            assert stored.texts == ["a", "b", "c"]
            assert stored.metadata == [{"tags": ["old"]}, {"deep": {"n": 1}}, {}]

            query, listed, queries = kept[1].copy(), list(kept[2]), kept.copy()
            wanted, columns = np.array([2], dtype=np.uint64), ["texts"]
            calls = (
                ns.search(query, k=1),
                ns.search(listed, k=1),
                ns.search_batch(queries, k=1),
                ns.get(wanted, include=columns),
            )
            query[:], listed[:], queries[:], wanted[:] = kept[0], list(kept[0]), 0, 0
            columns.append("vectors")
            one, other, several, records = await asyncio.gather(*calls)
            assert (one.ids[0], other.ids[0]) == (1, 2)
            assert [int(hits.ids[0]) for hits in several] == [0, 1, 2]
            assert records.texts == ["c"]

            gone = [0, 1]
            delete = ns.delete(gone)
            gone.append(2)
            assert await delete == 2

    run(test)


def test_metadata_that_contains_itself_is_refused(shared_path: Path, name: str) -> None:
    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4)
            loop: dict[str, Any] = {}
            loop["self"] = loop
            with pytest.raises(hearth.LimitExceeded, match="nests deeper"):
                await ns.upsert("a", metadata=loop)

    run(test)


def test_a_cancelled_task_leaves_the_store_usable(shared_path: Path, name: str) -> None:
    async def test() -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4)
            write = asyncio.ensure_future(ns.upsert(range(1000), np.ones((1000, 4))))
            await asyncio.sleep(0)
            write.cancel()
            with pytest.raises(asyncio.CancelledError):
                await write
            # It was sent, and writes of one connection keep their order.
            await ns.upsert(["after"], np.ones((1, 4)))
            assert await ns.count() == 1001

    run(test)


def test_closing_ends_the_calls_in_flight(shared_path: Path, name: str) -> None:
    async def test() -> None:
        db = await hearth.aio.connect(shared_path)
        ns = await db.namespace(name, dimension=64)
        calls = [
            asyncio.ensure_future(
                ns.upsert([f"{n} {row}" for row in range(1000)], rows_of(1000, 64))
            )
            for n in range(5)
        ]
        await asyncio.sleep(0)
        await db.close()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, hearth.WriteResult | hearth.Cancelled), outcome
        assert any(isinstance(outcome, hearth.Cancelled) for outcome in outcomes)
        with pytest.raises(hearth.InvalidArgument, match="closed"):
            await ns.count()

    run(test)


def test_a_store_belongs_to_its_event_loop(shared_path: Path) -> None:
    async def connect() -> hearth.AsyncStore:
        return await hearth.aio.connect(shared_path)

    db = asyncio.run(connect())

    async def use() -> None:
        with pytest.raises(RuntimeError, match="event loop"):
            await db.namespaces()
        await db.close()

    asyncio.run(use())


def test_loops_in_several_threads_have_stores_of_their_own(shared_path: Path, name: str) -> None:
    async def work(number: int) -> None:
        async with hearth.aio.connect(shared_path) as db:
            ns = await db.namespace(name, dimension=4, distance="l2")
            for row in range(10):
                await ns.upsert(f"{number} {row}", np.full(4, number))
            hits = await ns.search(np.full(4, number), k=10)
            assert all(str(each).startswith(f"{number} ") for each in hits.ids)

    failures: list[BaseException] = []

    def main(number: int) -> None:
        try:
            asyncio.run(work(number))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=main, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_closed_stores_give_their_descriptors_back(shared_path: Path) -> None:
    async def test() -> None:
        db = await hearth.aio.connect(shared_path)
        await db.namespaces()
        await db.close()

    run(test)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        run(test)
    # A connection may take a moment to close on the client's thread.
    assert len(os.listdir("/proc/self/fd")) <= before + 4
