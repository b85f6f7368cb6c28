"""Transactions: isolation by the names of its anomalies, what is read inside, how they end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import MakeNamespace, kill_daemon, rows_of, run_python


def test_a_block_commits_at_its_end_and_nobody_sees_it_before(ns: hearth.Namespace) -> None:
    with ns.transaction() as t:
        t.kv.put("k", "v")
        t.upsert("a", np.ones(4), {"tag": "new"}, "text")
        assert t.kv.get("k") == b"v"
        assert t.get("a").metadata == {"tag": "new"}
        assert t.get("a").version == 0
        assert ns.kv.get("k") is None
        assert ns.count() == 0
        assert t.is_open
    assert t.committed is not None and t.committed.records == 1 and t.committed.keys == 1
    assert not t.is_open
    assert ns.kv.entry("k") == hearth.KeyValue(b"k", b"v", t.committed.lsn)
    assert ns.get("a").version == t.committed.lsn
    with pytest.raises(hearth.InvalidArgument, match="was committed"):
        t.kv.get("k")


def test_an_exception_in_the_block_aborts_and_is_passed_on(ns: hearth.Namespace) -> None:
    with pytest.raises(ZeroDivisionError), ns.transaction() as t:
        t.kv.put("k", "v")
        _ = 1 / 0
    assert t.committed is None
    assert ns.kv.get("k") is None
    assert "aborted" in repr(t)


def test_no_update_is_lost(ns: hearth.Namespace) -> None:
    ns.kv.put("n", "10")
    with pytest.raises(hearth.Conflict, match="key 'n'") as caught, ns.transaction() as t:
        n = int(t.kv.get("n") or b"0")
        ns.kv.put("n", "20")
        t.kv.put("n", str(n + 1))
    assert caught.value.retryable
    assert ns.kv.get("n") == b"20"


def test_there_is_no_write_skew(ns: hearth.Namespace) -> None:
    """Two on call, each may leave while the other stays."""
    ns.kv.put_many({"alice": "on", "bob": "on"})
    first, second = ns.transaction(), ns.transaction()
    for t, name in ((first, "alice"), (second, "bob")):
        on_call = sum(value == b"on" for _key, value in t.kv.scan())
        assert on_call == 2
        t.kv.put(name, "off")
    first.commit()
    with pytest.raises(hearth.Conflict):
        second.commit()
    assert ns.kv.get("bob") == b"on"


@pytest.mark.parametrize("kind", ["keys", "count", "filter", "search", "scan", "missing"])
def test_there_are_no_phantoms(ns: hearth.Namespace, kind: str) -> None:
    ns.upsert(["a", "b"], rows_of(2, 4), [{"tag": "x"}, {"tag": "y"}])
    with pytest.raises(hearth.Conflict), ns.transaction() as t:
        if kind == "keys":
            assert list(t.kv.scan(prefix="job/")) == []
        elif kind == "count":
            assert t.count() == 2
        elif kind == "filter":
            assert t.count({"tag": "x"}) == 1
        elif kind == "search":
            assert len(t.search(np.ones(4), k=5)) == 2
        elif kind == "scan":
            assert sum(len(page) for page in t.scan()) == 2
        else:
            with pytest.raises(hearth.NotFound):
                t.get("c")
        ns.upsert("c", np.ones(4), {"tag": "x"})
        ns.kv.put("job/1", "now")
        t.kv.put("result", "done")
    assert ns.kv.get("result") is None


def test_what_nobody_read_may_change(ns: hearth.Namespace) -> None:
    ns.kv.put_many({"a": "1", "b": "1"})
    with ns.transaction() as t:
        assert t.kv.get("a") == b"1"
        assert list(t.kv.scan(start="x")) == []
        ns.kv.put("b", "2")
        ns.upsert("r", np.ones(4))
        t.kv.put("c", "1")
        t.kv.put("b", "3")  # never read: whoever comes last wins
    assert ns.kv.get("b") == b"3"


def test_searches_see_the_snapshot_and_own_writes(make_namespace: MakeNamespace) -> None:
    rows = rows_of(500, 16)
    ns = make_namespace(dimension=16, text_fields=["text"])
    ns.upsert(list(range(500)), rows, [{"even": i % 2 == 0} for i in range(500)], ["dog"] * 500)
    with ns.transaction() as t:
        t.delete([0, 1])
        t.upsert(1000, rows[0], {"even": True}, "a cat")
        t.update(2, metadata={"even": False})
        ns.delete(list(range(10, 60)))  # by somebody else
        ns.upsert(2000, rows[0], {"even": True})
        hits = t.search(rows[0], k=10)
        assert hits.ids[0] == 1000 and 2000 not in hits.ids and 0 not in hits.ids
        truth = np.linalg.norm(rows - rows[0], axis=1)
        nearest = [int(i) for i in np.argsort(truth, kind="stable") if i > 1][:9]
        assert list(hits.ids[1:]) == nearest
        even = t.search(rows[2], k=400, where={"even": True})
        assert 2 not in even.ids and 1000 in even.ids and len(even) == 249
        assert list(t.search(text="cat").ids) == [1000]
        hybrid = t.search(rows[0], text="cat")
        assert hybrid.ids[0] == 1000
        t.abort()


def test_savepoints_bring_back_what_was_written_until_then(ns: hearth.Namespace) -> None:
    with ns.transaction() as t:
        t.kv.put("a", "1")
        mark = t.savepoint()
        t.kv.put("a", "2")
        t.upsert("r", np.ones(4))
        t.rollback_to(mark)
        assert t.kv.get("a") == b"1"
        assert t.count() == 0
        with pytest.raises(hearth.InvalidArgument, match="no savepoint 7"):
            t.rollback_to(7)
    assert ns.kv.get("a") == b"1"


def test_a_read_only_transaction_reads_one_moment_and_writes_nothing(ns: hearth.Namespace) -> None:
    ns.kv.put_many({"a": "1", "b": "1"})
    with ns.transaction(read_only=True) as t:
        assert t.kv.get("a") == b"1"
        ns.kv.put_many({"a": "2", "b": "2"})
        assert t.kv.get("b") == b"1"
        with pytest.raises(hearth.InvalidArgument, match="read-only"):
            t.kv.put("a", "3")
    assert t.committed is not None and t.committed.lsn == t.snapshot


def test_an_old_snapshot_moves_on_or_says_so(ns: hearth.Namespace) -> None:
    ns.kv.put_many({"steady": "1", "hot": "1"})
    steady, hot = ns.transaction(read_only=True), ns.transaction(read_only=True)
    assert steady.kv.get("steady") == b"1"
    assert hot.kv.get("hot") == b"1"
    ns.kv.put("hot", "2")
    time.sleep(2.5)  # a snapshot is kept for two seconds
    assert steady.kv.get("hot") == b"2"
    with pytest.raises(hearth.Conflict, match="key 'hot'"):
        hot.kv.get("steady")


def test_run_repeats_until_it_commits_and_passes_other_errors_on(ns: hearth.Namespace) -> None:
    ns.kv.put("n", "0")
    calls: list[int] = []

    def add(t: hearth.Transaction) -> int:
        n = int(t.kv.get("n") or b"0") + 1
        if len(calls) < 3:
            calls.append(n)
            ns.kv.put("n", str(10 * n))  # somebody is faster
        t.kv.put("n", str(n))
        return n

    assert ns.run(add) == 1111
    assert calls == [1, 11, 111]

    def fail(t: hearth.Transaction) -> None:
        t.kv.put("n", "broken")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ns.run(fail)

    def lose(t: hearth.Transaction) -> None:
        t.kv.get("n")
        ns.kv.increment("n")
        t.kv.put("n", "0")

    with pytest.raises(hearth.Conflict):
        ns.run(lose, attempts=2)
    assert ns.kv.get("n") != b"broken"


def test_what_is_refused_leaves_the_transaction_open_and_as_it_was(ns: hearth.Namespace) -> None:
    ns.upsert("a", np.ones(4))
    with ns.transaction() as t:
        t.kv.put("k", "v")
        with pytest.raises(hearth.AlreadyExists):
            t.add("a", np.ones(4))
        with pytest.raises(hearth.NotFound):
            t.update("b", metadata={"x": 1})
        with pytest.raises(hearth.DimensionMismatch):
            t.upsert("b", np.ones(5))
        with pytest.raises(hearth.InvalidArgument, match="give each record an id"):
            t.upsert(None, np.ones((1, 4)))
        with pytest.raises(hearth.LimitExceeded, match="64 MiB"):
            t.kv.put("large", b"x" * (63 << 20))
            t.kv.put("more", b"x" * (2 << 20))
        t.delete(where={"none": 1})
    assert ns.kv.get("k") == b"v"
    assert ns.kv.get("more") is None


def test_a_time_out_ends_a_transaction(ns: hearth.Namespace) -> None:
    t = ns.transaction(timeout=0.05)
    t.kv.put("a", "1")
    time.sleep(0.1)
    with pytest.raises(hearth.Timeout, match="50 ms"):
        t.commit()
    assert ns.kv.get("a") is None
    for wrong in (0, -1, 601):
        with pytest.raises((hearth.InvalidArgument, hearth.LimitExceeded), match="timeout"):
            ns.transaction(timeout=wrong)


def test_hundreds_of_open_transactions_cost_others_nothing(ns: hearth.Namespace) -> None:
    many = [ns.transaction() for _each in range(500)]
    for number, t in enumerate(many):
        t.kv.put(f"k{number}", "v")
    before = ns.info().file_bytes
    for number in range(200):
        ns.kv.put("hot", b"x" * 10_000 + str(number).encode())
    assert ns.info().file_bytes - before < 50 * 10_000 + (1 << 20)
    for t in many[::-1]:
        t.commit()
    assert sum(1 for _key in ns.kv.keys(prefix="k")) == 500


def test_the_end_of_a_client_or_of_the_daemon_aborts(store_path: Path) -> None:
    code = """
import os, sys
import hearth
ns = hearth.connect(sys.argv[1]).namespace("docs")
t = ns.transaction()
t.kv.put("k", "lost")
os._exit(1)
"""
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=4)
        run_python(code, store_path)
        assert ns.kv.get("k") is None
        t = ns.transaction()
        t.kv.put("k", "lost")
        kept = ns.transaction()
        kept.kv.put("kept", "v")
        kept.commit()
        kill_daemon(store_path)
        with pytest.raises((hearth.Conflict, hearth.DaemonUnavailable)) as caught:
            t.commit()
        assert caught.value.retryable
        assert ns.kv.get("k") is None
        assert ns.kv.get("kept") == b"v"


def test_transactions_of_threads_do_not_mix(ns: hearth.Namespace) -> None:
    def work(number: int) -> None:
        for step in range(20):
            key = f"{number}/{step}"
            ns.run(lambda t, key=key: t.kv.put(key, str(number)))  # type: ignore[misc]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(1 for _each in ns.kv.scan()) == 160


def test_awaited_transactions_do_the_same(store_path: Path) -> None:
    async def main() -> None:
        async with hearth.connect_async(store_path) as db:
            ns = await db.namespace("docs", dimension=4)
            async with await ns.transaction() as t:
                await t.kv.put("k", "v")
                await t.upsert("a", np.ones(4))
                mark = await t.savepoint()
                await t.kv.put("k", "w")
                await t.rollback_to(mark)
                assert [hit.id for hit in await t.search(np.ones(4), k=1)] == ["a"]
                assert await ns.kv.get("k") is None
                await t.kv.put_path("a/b/c", 1)
                assert [child.name async for child in t.kv.children("a")] == ["b"]
                assert await t.query("a/").count() == 1
            assert t.committed is not None
            assert await ns.kv.get_path("a/b/c") == 1
            assert await ns.kv.get("k") == b"v"

            async def add(t: hearth.AsyncTransaction) -> None:
                await t.kv.put("n", str(int(await t.kv.get("n") or b"0") + 1))

            await asyncio.gather(*(ns.run(add, attempts=200) for _each in range(20)))
            assert await ns.kv.get("n") == b"20"
            with pytest.raises(hearth.Conflict):
                async with await ns.transaction() as lost:
                    await lost.kv.get("n")
                    await ns.kv.put("n", "0")
                    await lost.kv.put("n", "1")

    asyncio.run(main())


def names(kv: hearth.KeyValues, path: str, **options: bool) -> list[tuple[object, bool, bool]]:
    return [(c.name, c.has_value, c.has_children) for c in kv.children(path, **options)]


def test_paths_inside_a_transaction_are_those_it_has_written(ns: hearth.Namespace) -> None:
    for path in ("users/al/email", "users/al/name", "users/bo", "users/cy/a/b", "other/x"):
        ns.kv.put_path(path, path)
    with ns.transaction() as t:
        assert t.kv.delete_tree("users/al") == 2
        t.kv.put_path("users/cy", {"age": 3})
        t.kv.put_path("users/dee/city", "Rome")
        assert t.kv.delete_tree("users/dee") == 1
        t.kv.put_path("users/eve/city", "Oslo")
        below = [("bo", True, False), ("cy", True, True), ("eve", False, True)]
        assert names(t.kv, "users") == below
        assert [c.name for c in t.kv.children("users", reverse=True, batch_size=1)] == [
            "eve",
            "cy",
            "bo",
        ]
        assert t.kv.get_tree("users/eve") == {"city": "Oslo"}
        rows = t.query("users/").with_path().to_list()
        assert {"path": "users/cy", "age": 3, "a/b": "users/cy/a/b"} in rows
        assert {"path": "users/eve", "city": "Oslo"} in rows and len(rows) == 3
        assert [c.name for c in ns.kv.children("users")] == ["al", "bo", "cy"]
    assert names(ns.kv, "users") == below
    assert ns.kv.get_path("users/al/email") is None
    assert ns.kv.get_path("other/x") == "other/x"


def test_what_comes_below_a_deleted_or_listed_path_is_a_conflict(ns: hearth.Namespace) -> None:
    ns.kv.put_path("a/1", 1)
    with pytest.raises(hearth.Conflict), ns.transaction() as t:
        t.kv.delete_tree("a")
        ns.kv.put_path("a/2", 2)
    assert names(ns.kv, "a") == [("1", True, False), ("2", True, False)]
    with pytest.raises(hearth.Conflict), ns.transaction() as t:
        t.kv.put("n", str(len(list(t.kv.children("a")))))
        ns.kv.put_path("a/3/x", 3)
    with ns.transaction() as t:
        t.kv.put("n", str(len(list(t.kv.children("a")))))
        ns.kv.put_path("b", 3)
    assert ns.kv.get("n") == b"3"


def test_items_are_pushed_and_acked_with_what_was_written(ns: hearth.Namespace) -> None:
    tasks = ns.queue("tasks")
    tasks.push("work")
    item = tasks.lease()
    assert item is not None
    with ns.transaction() as t:
        t.kv.put("result", "done")
        t.ack("tasks", item)
        t.push("next", "more", priority=2)
        assert tasks.stats().leased == 1
    assert t.committed is not None and t.committed.items[0] == item.id
    assert tasks.stats().leased == 0
    found = ns.queue("next").lease()
    assert found is not None and found.payload == b"more" and found.id == t.committed.items[1]
    # A lease that is over: nothing of the transaction happens.
    found.nack()
    again = ns.queue("next").lease()
    assert again is not None
    with pytest.raises(hearth.Conflict), ns.transaction() as t:
        t.kv.put("result", "twice")
        t.ack("next", found)
    assert ns.kv.get("result") == b"done"
    again.ack()


def test_the_command_line_applies_all_changes_or_none(store_path: Path) -> None:
    program = Path(os.environ["HEARTH_DAEMON"]).parent / "hearth"

    def apply(*lines: str) -> subprocess.CompletedProcess[str]:
        command = [str(program), "--store", str(store_path), "--json", "apply", "docs"]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, input="\n".join(lines)
        )

    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=2)
        done = apply(
            '{"put": "k", "value": "v"}',
            "",
            '{"add": "n", "amount": 4}',
            '{"upsert": "a", "vector": [1, 2], "metadata": {"x": 1}, "text": "hello"}',
            '{"update": "a", "metadata": {"y": 2}}',
        )
        assert json.loads(done.stdout) == {"changes": 4, "records": 1, "keys": 2, "lsn": 1}
        assert ns.kv.get("n") == b"4"
        assert ns.get("a").metadata == {"x": 1, "y": 2}
        for line, said in (
            ('{"erase": "a"', "line 1"),
            ('{"what": 1}', "no change 'what'"),
            ('{"put": "k"}', "'value' has to be a string"),
            ('{"put": "k", "values": "v"}', "no member 'values'"),
            ('{"update": "none", "text": "x"}', "there is no 'none'"),
            ('{"upsert": 1, "vector": [1]}', "dimension"),
            ('{"expect": "k", "value": "other"}', "'k' is 'v'"),
            ('{"add": "k"}', "not a whole number"),
        ):
            failed = apply(line, '{"delete": "k"}')
            assert failed.returncode != 0 and said in failed.stderr + failed.stdout, line
        assert ns.kv.get("k") == b"v"
        assert json.loads(apply('{"delete": "k"}', '{"erase": "a"}').stdout)["records"] == 1
        assert ns.count() == 0
