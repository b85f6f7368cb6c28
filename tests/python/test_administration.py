"""Statistics, checkpoints, compactions and checks, over the socket."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np

import hearth


def fill(ns: hearth.Namespace, rows: int = 200) -> None:
    vectors = np.random.default_rng(1).random((rows, 4), dtype=np.float32)
    ns.upsert(
        ids=range(rows),
        vectors=vectors,
        metadata=[{"n": i % 5} for i in range(rows)],
        texts=[f"word{i % 7} common" for i in range(rows)],
    )
    ns.kv.put_many({f"key/{i}".encode(): b"v" * 10 for i in range(100)})


def churn(ns: hearth.Namespace) -> None:
    for _ in range(3):
        ns.kv.put_many({f"big/{i}".encode(): bytes(5000) for i in range(500)})
        ns.kv.delete_many([f"big/{i}".encode() for i in range(500)])


def test_stats_are_those_of_the_namespace(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, dimension=4, index="flat", text_fields=["text"])
    fill(ns)
    ns.search([0.0, 0.0, 0.0, 1.0])
    stats = ns.stats()
    assert (stats.name, stats.records, stats.keys) == (name, 200, 100)
    assert stats.accepted_lsn == stats.durable_lsn == 2
    assert stats.tables["records"].entries == 200
    assert stats.live_pages * stats.page_bytes <= stats.file_bytes
    assert stats.latencies["search"].count == 1
    assert 0 < stats.latencies["write"].p50 <= stats.latencies["write"].max
    assert [load.shard for load in stats.shards] == [0]
    assert stats.compaction is None
    assert stats.to_dict()["tables"]["records"]["entries"] == 200


def test_checkpoint_covers_what_was_written(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, dimension=4, shards=2)
    fill(ns, 40)
    lsn = ns.checkpoint()
    assert lsn == 2
    assert all(load.snapshot_lsn >= lsn for load in ns.stats().shards)


def test_compact_gives_space_back_to_every_handle(db: hearth.Store, name: str) -> None:
    ns = db.namespace(name, dimension=4, index="flat")
    other = db.namespace(name)
    fill(ns)
    churn(ns)
    done = ns.compact()
    assert done.bytes_after < done.bytes_before
    assert other.count() == 200
    assert other.kv.get(b"key/7") == b"v" * 10
    other.upsert(ids=[1000], vectors=[[1.0, 2.0, 3.0, 4.0]])
    assert ns.search([1.0, 2.0, 3.0, 4.0], k=1)[0].id == 1000
    assert ns.check().ok


def test_writes_during_compactions_are_neither_lost_nor_refused(
    db: hearth.Store, name: str
) -> None:
    ns = db.namespace(name)
    churn(ns)
    stop = threading.Event()
    written: list[int] = []
    failures: list[BaseException] = []

    def write(first: int) -> None:
        number = first
        try:
            while not stop.is_set():
                ns.kv.put(f"w/{number}".encode(), b"x")
                written.append(number)
                number += 2
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        ns.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    keys = set(ns.kv.keys(prefix=b"w/"))
    assert keys == {f"w/{number}".encode() for number in written}
    assert ns.check().ok


def test_open_transactions_are_counted_and_outlive_a_compaction(
    db: hearth.Store, name: str
) -> None:
    ns = db.namespace(name, dimension=4, index="flat")
    fill(ns)
    churn(ns)
    with ns.transaction() as t:
        assert t.kv.get(b"key/7") == b"v" * 10
        t.kv.put(b"key/7", b"new")
        t.delete([3])
        stats = ns.stats()
        assert stats.open_transactions == 1
        assert stats.transaction_bytes > 0
        ns.compact()
        assert t.kv.get(b"key/7") == b"new"
        assert t.count() == 199
    assert ns.kv.get(b"key/7") == b"new"
    assert ns.count() == 199
    stats = ns.stats()
    assert stats.transaction_bytes == 0
    assert ns.check().ok


def test_check_reports_what_it_looked_at(db: hearth.Store, name: str) -> None:
    ns = db.namespace(
        name,
        dimension=4,
        index="flat",
        text_fields=["text"],
        schema={"n": hearth.FieldRule("int", indexed=True)},
        named_vectors={"image": {"dimension": 2}},
    )
    fill(ns)
    stages: list[str] = []
    report = ns.check(lambda stage, done, total: stages.append(stage))
    assert report.ok, report.problems
    assert report.checked["records"] == 200
    assert report.checked["keys"] == 100
    assert report.checked["index entries"] == 200
    assert "records" in stages
    assert report.to_dict()["ok"] is True


def test_asyncio_has_the_same(shared_path: Path, name: str) -> None:
    async def run() -> None:
        async with await hearth.connect_async(shared_path) as db:
            ns = await db.namespace(name, dimension=4, index="flat")
            await ns.upsert(ids=[1, 2], vectors=np.ones((2, 4), np.float32))
            assert (await ns.stats()).records == 2
            assert await ns.checkpoint() == 1
            assert (await ns.compact()).bytes_after > 0
            assert (await ns.check()).ok

    asyncio.run(run())


def compact_until_killed(path: str, name: str) -> None:
    with contextlib.suppress(hearth.HearthError), hearth.connect(path) as db:
        ns = db.namespace(name, mode="open")
        number = 0
        while True:
            ns.kv.put_many({f"w/{number}/{i}".encode(): bytes(3000) for i in range(50)})
            ns.compact()
            number += 1


def test_a_daemon_killed_while_it_compacts_leaves_a_whole_file(store_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    moments = random.Random(5)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=4, index="flat")
        fill(ns)
        churn(ns)
    for _ in range(4):
        process = context.Process(target=compact_until_killed, args=(str(store_path), "docs"))
        with hearth.connect(store_path) as db:
            pid = db.info().pid
            process.start()
            time.sleep(moments.uniform(0.3, 0.9))
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.join()
        with hearth.connect(store_path) as db:
            ns = db.namespace("docs", mode="open")
            assert ns.count() == 200
            assert ns.kv.get(b"key/99") == b"v" * 10
            report = ns.check()
            assert report.ok, report.problems
            assert not list(store_path.glob("**/data.mdb.compact"))
