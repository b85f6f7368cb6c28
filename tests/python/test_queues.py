"""Queues through the socket: order, leases, tokens, dead letters, and what survives."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import hearth
from stores import ROOT, kill_daemon, run_guide


def held(queue: hearth.Queue, **options: Any) -> hearth.LeasedItem:
    item = queue.lease(wait=0, **options)
    assert item is not None
    return item


def test_items_come_by_priority_and_then_in_order(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    assert queue.name == "tasks"
    ids = queue.push_many([b"a", "b", bytearray(b"c")])
    urgent = queue.push("first", priority=10)
    queue.push("", priority=-1)
    assert [item.payload for item in queue.peek()] == [b"first", b"a", b"b", b"c", b""]
    item = held(queue)
    assert (item.id, item.payload, item.priority, item.attempts) == (urgent, b"first", 10, 1)
    assert item.expires == pytest.approx(time.time() + 30, abs=5)
    assert [each.id for each in queue.lease_many(2, wait=0)] == ids[:2]
    stats = queue.stats()
    assert (stats.name, stats.ready, stats.leased, stats.dead) == ("tasks", 2, 3, 0)
    assert stats.oldest_ready < 60
    assert queue.push_many([]) == []


def test_an_acked_item_is_gone_and_its_token_with_it(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    queue.push("work")
    item = held(queue)
    item.ack()
    assert ns.queues() == []
    for late in (item.ack, item.nack, item.extend):
        with pytest.raises(hearth.Conflict, match="is done or was removed"):
            late()


def test_a_lease_that_ran_out_goes_to_the_next_and_counts_no_more(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    queue.push("work")
    first = held(queue, visibility=0.001)
    second = queue.lease(wait=5)
    assert second is not None
    assert (second.id, second.attempts) == (first.id, 2)
    with pytest.raises(hearth.Conflict, match="was leased again"):
        first.ack()
    second.extend(60)
    assert second.expires > time.time() + 50
    assert queue.lease(wait=0) is None
    second.ack()


def test_the_block_acks_what_went_well_and_gives_back_what_did_not(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    queue.push("work", max_attempts=2)
    with pytest.raises(ZeroDivisionError), held(queue):
        raise ZeroDivisionError
    with held(queue) as item:
        assert item.attempts == 2
        assert item.nack() == "dead"  # and the end of the block leaves it alone
    (dead,) = queue.dead()
    assert (dead.payload, dead.state, dead.attempts) == (b"work", "dead", 2)
    assert dead.due is None
    queue.requeue(dead.id)
    with pytest.raises(hearth.NotFound, match="is not dead"):
        queue.requeue(dead.id)
    with held(queue) as item:
        assert item.attempts == 1
    assert ns.queues() == []
    # Lost in the middle of a failure: what is raised is the failure.
    queue.push("work")
    with pytest.raises(ZeroDivisionError), held(queue) as item:
        assert queue.remove(item.id)
        raise ZeroDivisionError


def test_delays_end_and_dead_means_dead(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    item = queue.push("later", delay=0.05)
    assert queue.lease(wait=0) is None
    assert next(queue.peek(state="delayed")).id == item
    found = queue.lease()
    assert found is not None
    assert found.nack(delay=3600) == "delayed"
    (delayed,) = queue.peek(state="delayed", payloads=False)
    assert delayed.payload == b""
    assert delayed.payload_bytes == 5
    assert delayed.due == pytest.approx(time.time() + 3600, abs=30)
    assert queue.remove(item)
    assert not queue.remove(item)
    queue.push("hopeless")
    assert held(queue).nack(dead=True) == "dead"
    assert queue.stats().dead == 1


def test_lists_come_in_pages_and_consumers_have_names(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    ids = queue.push_many(str(number) for number in range(2500))
    assert [item.id for item in queue.peek(None, payloads=False)] == ids
    assert len(list(queue.peek(7))) == 7
    assert list(queue.peek(0)) == []
    held(queue, consumer="Ann")
    held(queue)
    leased = {item.consumer for item in queue.peek(state="leased")}
    assert leased == {"Ann", f"pid {os.getpid()}"}
    assert len(queue.lease_many(1000, wait=0)) == 1000


def test_limits_are_named(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    for call, match in (
        (lambda: queue.push(bytes((16 << 20) + 1)), "payload has .* the limit is 16777216"),
        (lambda: ns.queue("q" * 257).push(""), "name of a queue has 257 bytes; the limit is 256"),
        (lambda: queue.lease_many(1001, wait=0), r"count of queue\[0\] is 1001; .* 1 to 1000"),
        (lambda: queue.lease(visibility=43_201, wait=0), r"visibility_ms .* 1 to 43200000"),
        (lambda: queue.lease(visibility=0, wait=0), r"visibility_ms .* is 0; the range is 1 to"),
        (lambda: queue.push("", delay=366 * 86400), r"delay_ms .* 0 to 31536000000"),
        (lambda: queue.push("", max_attempts=1_000_001), r"max_attempts .* 1 to 1000000"),
        (lambda: queue.lease(consumer="c" * 257, wait=0), "consumer"),
        (lambda: queue.push_many([b""] * 65_537), "queue has 65537 operations; the limit is 65536"),
        (lambda: ns.queue(""), "empty"),
        (lambda: queue.push("", delay=-1), "0 or more"),
        (lambda: list(queue.peek(state="gone")), "ready, delayed, leased or dead"),
    ):
        with pytest.raises((hearth.LimitExceeded, hearth.InvalidArgument), match=match):
            call()
    with pytest.raises(TypeError, match="not one"):
        queue.push_many("abc")
    queue.push(bytes(16 << 20))
    assert len(held(queue).payload) == 16 << 20


def test_what_was_pushed_leased_and_acked_survives_a_kill(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        queue = db.namespace("docs", dimension=2).queue("tasks")
        queue.push_many(["a", "b", "c"])
        held(queue, visibility=3600).ack()
        lost = held(queue, visibility=3600)
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        queue = db.namespace("docs").queue("tasks")
        assert [item.payload for item in queue.peek()] == [b"c"]
        queue.ack(lost.id, lost.token)  # the lease is another process's to end as well
        stats = queue.stats()
        assert (stats.ready, stats.leased) == (1, 0)


def test_many_threads_get_every_item_once(ns: hearth.Namespace) -> None:
    queue = ns.queue("tasks")
    queue.push_many(str(number) for number in range(300))
    taken: list[list[int]] = [[] for _thread in range(6)]

    def work(mine: list[int]) -> None:
        while item := queue.lease(wait=0):
            with item:
                mine.append(int(item.payload))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for mine in taken for number in mine) == list(range(300))


def test_the_asyncio_calls_do_the_same(store_path: Path) -> None:
    async def work() -> None:
        async with await hearth.connect_async(store_path) as db:
            ns = await db.namespace("docs", dimension=2)
            queue = ns.queue("tasks")
            ids = await queue.push_many(["a", "b", "c"])
            ids.append(await queue.push("d", priority=-1))
            item = await queue.lease()
            assert item is not None
            async with item:
                assert item.payload == b"a"
                await item.extend(5)
            with pytest.raises(ZeroDivisionError):
                async with (await queue.lease_many(1))[0]:
                    raise ZeroDivisionError
            assert [each.payload async for each in queue.peek()] == [b"c", b"b", b"d"]
            item = await queue.lease()
            assert item is not None
            assert await item.nack(dead=True) == "dead"
            assert [each.id async for each in queue.dead()] == [ids[2]]
            await queue.requeue(ids[2])
            assert await queue.remove(ids[2])
            stats = await queue.stats()
            assert (stats.ready, stats.dead) == (2, 0)
            assert [each.name for each in await ns.queues()] == ["tasks"]
            assert len(await queue.lease_many(9)) == 2
            assert await queue.lease(wait=0.005) is None

    asyncio.run(work())


def test_the_command_line_does_the_same(store_path: Path) -> None:
    program = Path(os.environ["HEARTH_DAEMON"]).parent / "hearth"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(program), "--store", str(store_path), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def answer(*words: str) -> Any:
        return json.loads(run("--json", "queue", *words).stdout)

    run("namespace", "create", "docs", "--dimension", "2")
    assert run("queue", "push", "docs", "tasks", "a", "b").stdout == "1\n2\n"
    assert answer("push", "docs", "tasks", "c", "--priority", "5")["items"] == [3]
    assert run("queue", "peek", "docs", "tasks").stdout.splitlines()[0] == "3\t5\t0/5\tc"
    (item,) = answer("lease", "docs", "tasks", "--consumer", "me")["items"]
    assert (item["id"], item["payload"], item["consumer"]) == (3, "c", "me")
    token = str(item["token"])
    assert answer("ack", "docs", "tasks", "3", token) == {"item": 3, "state": "gone"}
    late = run("queue", "ack", "docs", "tasks", "3", token)
    assert late.returncode == 4
    assert "is done" in late.stderr
    number, token, payload = run("queue", "lease", "docs", "tasks").stdout.rstrip("\n").split("\t")
    assert payload == "a"
    nack = answer("nack", "docs", "tasks", number, token, "--dead")
    assert nack == {"item": int(number), "state": "dead"}
    assert run("queue", "dead", "docs", "tasks").stdout == "1\t0\t1/5\ta\n"
    assert answer("requeue", "docs", "tasks", number) == {"requeued": 1}
    assert answer("remove", "docs", "tasks", number, "99") == {"removed": 1}
    (counted,) = answer("stats", "docs")["queues"]
    assert (counted["queue"], counted["ready"], counted["leased"]) == ("tasks", 1, 0)
    run("queue", "lease", "docs", "tasks")
    assert run("queue", "lease", "docs", "tasks").returncode == 3


def test_the_examples_of_the_guide_run(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(store_path.parent)
    assert run_guide(ROOT / "docs" / "queues.md") >= 4
