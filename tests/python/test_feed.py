"""The change feed: everything at least once and in order, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import subprocess
import threading
import time
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest

import feed_reader
import hearth
from stores import BUILD, ROOT, MakeNamespace, kill_daemon, run_guide, wait_until

SPAWN = multiprocessing.get_context("spawn")


def shown(change: hearth.Change) -> str:
    name = change.key.decode() if change.key is not None else str(change.id)
    return f"{change.lsn} {change.kind} {name}{'!' if change.last else ''}"


def test_the_examples_of_the_page_run(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(store_path.parent)
    assert run_guide(ROOT / "docs" / "change_feed.md") == 6


def test_changes_come_in_order_with_what_is_there_now(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2, distance="l2")
    ns.upsert(["a", 7], np.eye(2), [{"n": 1}, {"n": 2}], ["one", None])
    ns.update("a", metadata={"n": 3})
    ns.kv.put("k", b"\x00v")
    ns.delete([7])
    with ns.watch(
        from_lsn=0, include=["metadata", "vectors", "texts"], values=True, timeout=0
    ) as feed:
        changes = list(feed)
    assert [shown(each) for each in changes] == [
        "1 put 7",
        "1 put a!",
        "2 put a!",
        "3 put k!",
        "4 erase 7!",
    ]
    assert changes[0].version == 0
    assert changes[0].record is None
    record = changes[1].record
    assert record is not None
    assert (record.id, record.version, record.metadata, record.text) == ("a", 2, {"n": 3}, "one")
    assert record.vector is not None
    assert record.vector.tolist() == [1, 0]
    assert changes[3].value == b"\x00v"
    assert feed.cursor == "4"
    assert feed.newest_lsn == 4


def test_every_cursor_goes_on_behind_its_change(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2)
    ns.upsert(list(range(10)), np.ones((10, 2)))
    ns.kv.put_many({f"k{i}": "" for i in range(5)})
    changes = list(ns.watch(from_lsn=0, timeout=0, batch_size=4))
    assert len(changes) == 15
    for at, change in enumerate(changes):
        rest = list(ns.watch(cursor=change.cursor, timeout=0))
        assert [shown(each) for each in rest] == [shown(each) for each in changes[at + 1 :]]
    with pytest.raises(hearth.InvalidArgument):
        next(ns.watch(cursor="5-"))
    with pytest.raises(hearth.InvalidArgument):
        ns.watch(from_lsn=1, cursor="1")


def test_a_transaction_is_delivered_under_one_lsn_and_whole(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2)
    ns.upsert(["a", "b"], np.eye(2))
    feed = ns.watch(from_lsn=1, values=True, timeout=10)
    with pytest.raises(ZeroDivisionError), ns.transaction() as t:
        t.kv.put("never", "")
        _ = 1 / 0
    with ns.transaction() as t:
        t.kv.put("k", "before")
        t.kv.put("k", "v")
        t.delete(["b"])
        t.upsert("c", np.ones(2), {"n": 1})
    assert t.committed is not None
    lsn = t.committed.lsn
    changes = [next(feed) for _ in range(3)]
    assert [shown(each) for each in changes] == [
        f"{lsn} put c",
        f"{lsn} erase b",
        f"{lsn} put k!",
    ]
    assert [each.version for each in changes] == [lsn, 0, lsn]
    assert changes[2].value == b"v"
    assert feed.cursor == str(lsn)
    feed.close()
    ns.kv.put("later", "")
    rest = ns.watch(cursor=changes[0].cursor, timeout=0)
    assert [shown(each) for each in rest] == [
        f"{lsn} erase b",
        f"{lsn} put k!",
        f"{lsn + 1} put later!",
    ]


def test_conditions_choose_what_is_put(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2, distance="l2")
    ns.upsert(["a", "b"], np.eye(2), [{"n": 1}, {"n": 2}])
    ns.kv.put_many({"x/1": "1", "y/1": "2"})
    ns.delete(["b"])

    def names(**conditions: object) -> list[str]:
        return [shown(each) for each in ns.watch(0, timeout=0, **conditions)]  # type: ignore[arg-type]

    assert names(where=hearth.K("n") == 1) == ["1 put a!", "3 erase b!"]
    assert names(near=([0.9, 0.0], 0.2)) == ["1 put a!", "3 erase b!"]
    assert names(near=([0.0, 0.0], 0.2)) == ["3 erase b!"]
    assert names(prefix="y/") == ["2 put y/1!"]
    assert names(what="keys") == ["2 put x/1", "2 put y/1!"]
    assert names(what="records") == ["1 put a", "1 put b!", "3 erase b!"]
    with pytest.raises(hearth.InvalidArgument):
        names(what="vectors")
    with pytest.raises(hearth.InvalidArgument):
        names(where="n ==")


def test_a_feed_waits_and_is_woken(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2)
    feed = ns.watch()
    late = threading.Timer(0.1, lambda: ns.kv.put("now", ""))
    late.start()
    assert next(feed).key == b"now"
    late.join()
    assert feed.poll() == []
    ns.kv.put("then", "")
    assert [change.key for change in feed.poll()] == [b"then"]
    closer = threading.Timer(0.05, feed.close)
    closer.start()
    assert list(feed) == []
    closer.join()


def test_a_consumer_goes_on_where_it_acknowledged(make_namespace: MakeNamespace) -> None:
    ns = make_namespace(dimension=2)
    for i in range(5):
        ns.kv.put(f"k{i}", "")
    with ns.watch(consumer="c", from_lsn=0, timeout=0) as feed:
        first = [next(feed), next(feed)]
        feed.ack(first[0])
    with ns.watch(consumer="c", timeout=0) as feed:
        assert [change.key for change in feed] == [b"k1", b"k2", b"k3", b"k4"]
        assert feed.ack() == "5"
    assert ns.consumers() == [hearth.Consumer("c", 5, "5")]
    assert list(ns.watch(consumer="c", from_lsn=0, timeout=0)) == []
    ns.delete_consumer("c")
    with pytest.raises(hearth.NotFound):
        ns.delete_consumer("c")
    with pytest.raises(hearth.InvalidArgument):
        ns.watch().ack()


def test_asyncio_has_the_same_feed(store_path: Path) -> None:
    async def run() -> None:
        async with hearth.aio.connect(store_path) as db:
            ns = await db.namespace("docs", dimension=2)
            async with ns.watch(consumer="c", timeout=5) as feed:
                reader = asyncio.ensure_future(anext(aiter(feed)))
                await asyncio.sleep(0.05)
                await ns.kv.put("a", "1")
                assert (await reader).key == b"a"
                assert await feed.ack() == "1"
            found = [change.key async for change in ns.watch(0, timeout=0)]
            assert found == [b"a"]
            assert [each.name for each in await ns.consumers()] == ["c"]
            await ns.delete_consumer("c")

    asyncio.run(run())


def test_trimmed_history_says_so(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_HISTORY_BATCHES", "5")
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=2)
        ns.kv.put("k", "0")
        list(ns.watch(consumer="slow", timeout=0))
        for i in range(30):
            ns.kv.put("k", str(i))
        deadline = time.monotonic() + 60
        while True:  # upkeep trims a moment later
            try:
                list(ns.watch(from_lsn=0, timeout=0))
            except hearth.CursorTooOld as error:
                assert "lsn 0" in error.message
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # For the consumer, history is kept.
        assert len(list(ns.watch(consumer="slow", timeout=0))) == 30
    hearth.shutdown_daemon(store_path)


def start_writers(store: Path, count: int) -> tuple[Event, list[SpawnProcess]]:
    stop = SPAWN.Event()
    writers = [
        SPAWN.Process(target=feed_reader.write, args=(str(store), number, stop, 20))
        for number in range(count)
    ]
    for writer in writers:
        writer.start()
    return stop, writers


def lines_of(journal: Path) -> int:
    return journal.read_text(encoding="utf-8").count("\n") if journal.exists() else 0


def test_killed_readers_see_every_change_at_least_once_and_in_order(
    store_path: Path, tmp_path: Path
) -> None:
    with hearth.connect(store_path) as db:
        db.namespace("docs", dimension=2, distance="l2")
    stop, writers = start_writers(store_path, 2)
    moments = random.Random(3)
    journals = [tmp_path / f"journal{number}" for number in range(5)]
    for journal in journals:
        reader = SPAWN.Process(target=feed_reader.read, args=(str(store_path), str(journal)))
        reader.start()
        wanted = moments.randrange(1, 120)
        wait_until(lambda at=journal, n=wanted: lines_of(at) >= n, "the reader to get on")  # type: ignore[misc]
        reader.kill()
        reader.join()
    stop.set()
    for writer in writers:
        writer.join()
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        position = ns.consumers()[0].cursor
        truth = list(ns.watch(from_lsn=0, timeout=0))
        rest = {change.cursor for change in ns.watch(cursor=position, timeout=0)}
    places = {change.cursor: place for place, change in enumerate(truth)}
    seen: set[str] = set()
    for journal in journals:
        lines = journal.read_text(encoding="utf-8").split("\n")[:-1]
        cursors = [line.split(" ")[1] for line in lines]
        order = [places[cursor] for cursor in cursors]
        assert order == list(range(order[0], order[0] + len(order)))
        seen.update(cursors)
    assert seen
    assert seen | rest == set(places)


def apply(copy: hearth.Namespace, change: hearth.Change) -> None:
    """Again, until it is done: what is applied twice is the same."""
    while True:
        try:
            return apply_once(copy, change)
        except hearth.DaemonUnavailable:
            time.sleep(0.01)


def apply_once(copy: hearth.Namespace, change: hearth.Change) -> None:
    if change.key is not None:
        if change.value is not None:
            copy.kv.put(change.key, change.value)
        else:
            copy.kv.delete(change.key)
    elif change.record is not None:
        record = change.record
        assert record.vector is not None
        assert record.metadata is not None
        copy.upsert([record.id], [record.vector], [record.metadata])
    else:
        assert change.id is not None
        copy.delete([change.id])


def contents(ns: hearth.Namespace) -> tuple[dict[object, object], dict[bytes, bytes]]:
    records: dict[object, object] = {}
    for page in ns.scan():
        for record in page:
            assert record.vector is not None
            records[record.id] = (record.vector.tolist(), record.metadata)
    return records, dict(ns.kv.scan())


def test_a_copy_made_from_the_feed_equals_its_source_through_crashes(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=2, distance="l2")
        copy = db.namespace("copy", dimension=2, distance="l2")
        applied = 0

        def follow() -> None:
            nonlocal applied
            include = ["vectors", "metadata"]
            for change in ns.watch(0, include=include, values=True, batch_size=20):
                apply(copy, change)
                applied += 1
                if change.key == b"end":
                    return

        follower = threading.Thread(target=follow)
        follower.start()
        stop, writers = start_writers(store_path, 3)
        for _ in range(2):
            before = applied
            wait_until(lambda n=before + 60: applied >= n, "the copy to get on")  # type: ignore[misc]
            kill_daemon(store_path)
        stop.set()
        for writer in writers:
            writer.join()
        ns.kv.put("end", "")
        follower.join()
        assert contents(copy) == contents(ns)


def daemon_memory(db: hearth.Store) -> int:
    pages = Path(f"/proc/{db.info().pid}/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_many_and_slow_readers_do_not_grow_the_daemon(store_path: Path) -> None:
    async def run() -> None:
        async with hearth.aio.connect(store_path) as db:
            ns = await db.namespace("docs", dimension=2)
            feeds = [ns.watch(from_lsn=0, what="keys") for _ in range(200)]
            slow = [ns.watch(from_lsn=0, values=True, batch_size=1) for _ in range(20)]
            readers = [asyncio.ensure_future(anext(aiter(feed))) for feed in feeds]
            await asyncio.sleep(0.3)
            await ns.kv.put("first", "")
            woken = await asyncio.gather(*readers)
            assert {change.key for change in woken} == {b"first"}
            for feed in slow:
                await anext(aiter(feed))
            with hearth.connect(store_path) as plain:
                before = daemon_memory(plain)
                value = b"v" * 100_000
                for i in range(300):
                    plain.namespace("docs").kv.put(f"k{i % 3}", value)
                # 20 readers that are 300 changes of 100 kB behind: 600 MB, if anybody kept them.
                assert daemon_memory(plain) - before < 200 << 20
            for feed in slow:
                assert (await anext(aiter(feed))).key == b"k0"

    asyncio.run(run())


def run_cli(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BUILD / "tools" / "hearth", "--store", store, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_prints_changes(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=2)
        ns.upsert(["a"], np.ones((1, 2)), [{"n": 1}])
        ns.kv.put("k", "v")
        printed = run_cli(store_path, "watch", "docs", "--from-lsn", "0", "--existing", "--values")
        assert printed.stdout.splitlines() == ["1\tput\trecord\ta", "2\tput\tkey\tk\tv"]
        printed = run_cli(
            store_path,
            "--json",
            "watch",
            "docs",
            "--from-lsn",
            "0",
            "--where",
            "n == 1",
            "--fields",
            "metadata",
            "--limit",
            "1",
        )
        line = json.loads(printed.stdout)
        assert line["record"]["metadata"] == {"n": 1}
        assert (line["lsn"], line["change"], line["id"], line["cursor"]) == (1, "put", "a", "1")
        arguments = ("watch", "docs", "--consumer", "c", "--from-lsn", "1", "--existing")
        assert run_cli(store_path, *arguments).stdout.splitlines() == ["2\tput\tkey\tk"]
        assert run_cli(store_path, *arguments).stdout == ""
        listed = json.loads(run_cli(store_path, "--json", "consumers", "docs").stdout)
        assert listed["consumers"] == [{"name": "c", "cursor": "2", "behind": 0}]
        assert run_cli(store_path, "watch", "docs", "--cursor", "x").returncode == 5
