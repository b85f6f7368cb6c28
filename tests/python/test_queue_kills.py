"""Nothing is lost and nothing is held twice, whoever is killed: 50 rounds of kill -9."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

import hearth
from queue_worker import MAX_ATTEMPTS, VISIBILITY
from stores import is_running, kill_daemon, wait_until

ROUNDS = 50
WORKERS = 4


class Workers:
    """So many workers at a time, each with a number of its own."""

    def __init__(self, store: Path, notes: Path) -> None:
        notes.mkdir()
        self.notes = notes
        script = Path(__file__).with_name("queue_worker.py")
        self.nursery = subprocess.Popen(
            [sys.executable, str(script), str(store), str(notes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.count = 0
        self.running = [self.spawn() for _each in range(WORKERS)]

    def spawn(self) -> int:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.count += 1
        print(self.count, file=self.nursery.stdin, flush=True)
        return int(self.nursery.stdout.readline())

    def kill(self, index: int) -> None:
        pid = self.running[index]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_running(pid), f"worker {pid} to end")
        self.running[index] = self.spawn()

    def end(self) -> None:
        for pid in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self.running:
            wait_until(lambda pid=pid: not is_running(pid), "the workers to end")  # type: ignore[misc]
        self.nursery.kill()
        self.nursery.wait()

    def written(self) -> int:
        return sum(each.stat().st_size for each in self.notes.iterdir())

    def events(self) -> list[dict[str, Any]]:
        """What was noted; a last line may be cut off where its worker was killed."""
        found = []
        for file in sorted(self.notes.iterdir()):
            for line in file.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(json.JSONDecodeError):
                    found.append(json.loads(line))
        return found


def names_of(events: list[dict[str, Any]], what: str) -> set[str]:
    return {name for each in events if each["what"] == what for name in each["items"]}


def check_leases(events: list[dict[str, Any]]) -> None:
    """Of one item, no lease begins before the one before is over."""
    leases: dict[str, list[tuple[int, float]]] = defaultdict(list)
    given_back = set()
    for each in events:
        if each["what"] == "leased":
            leases[each["item"]].append((each["attempt"], each["expires"]))
        elif each["what"] == "nack":
            given_back.add((each["item"], each["attempt"]))
        elif each["what"] == "conflict":
            assert each["late"], each  # a lease that still runs is never refused
    for item, attempts in leases.items():
        attempts.sort()
        for (attempt, expires), (later, later_expires) in itertools.pairwise(attempts):
            assert attempt < later, item
            begins = later_expires - VISIBILITY
            assert begins >= expires - 0.0015 or (item, attempt) in given_back, item


def check_items(events: list[dict[str, Any]], left: Counter[str]) -> None:
    """Every item that was pushed was acked once, or is still there."""
    acked = Counter(each["item"] for each in events if each["what"] == "acked")
    acking = {each["item"] for each in events if each["what"] == "ack"}
    pushed, pushing = names_of(events, "pushed"), names_of(events, "pushing")
    assert max(acked.values()) == 1
    assert max(left.values(), default=1) == 1
    for item in pushed:
        assert acked[item] == 0 or left[item] == 0, item
        assert acked[item] == 1 or left[item] == 1 or item in acking, item
    assert set(left) | set(acked) <= pushing
    for each in events:
        if each["what"] == "leased":
            assert each["item"] in pushing
            assert each["attempt"] <= MAX_ATTEMPTS


@pytest.mark.slow
def test_fifty_kills_lose_no_item_and_lease_none_twice(store_path: Path, tmp_path: Path) -> None:
    rng = random.Random(20261122)
    with hearth.connect(store_path) as db:
        db.namespace("work", dimension=2)
    workers = Workers(store_path, tmp_path / "notes")
    daemons = 0
    try:
        for _round in range(ROUNDS):
            enough = workers.written() + rng.randrange(500, 6000)
            wait_until(lambda enough=enough: workers.written() >= enough, "work")  # type: ignore[misc]
            if rng.random() < 0.4:
                with contextlib.suppress(hearth.HearthError):  # another one is just starting
                    kill_daemon(store_path)
                    daemons += 1
            else:
                for index in rng.sample(range(WORKERS), rng.randrange(1, 3)):
                    workers.kill(index)
    finally:
        workers.end()
    events = workers.events()
    assert daemons > 10
    assert Counter(each["what"] for each in events)["acked"] > 200
    check_leases(events)

    with hearth.connect(store_path) as db:
        queue = db.namespace("work").queue("tasks")
        states = ("ready", "delayed", "leased", "dead")
        listed = [item for state in states for item in queue.peek(None, state=state)]
        stats = queue.stats()
        assert len(listed) == stats.ready + stats.delayed + stats.leased + stats.dead
        check_items(events, Counter(item.payload.decode() for item in listed))
        # All that is left can be worked off, the dead as well: some die only now, when the lease of
        # a worker that was killed runs out.
        done = 0
        for _pass in range(100):
            for item in queue.dead():
                queue.requeue(item.id)
            leased = queue.lease_many(100, wait=2 * VISIBILITY)
            for held in leased:
                held.ack()
            done += len(leased)
            if not leased and queue.stats().dead == 0:
                break
        assert done == len(listed)
        assert db.namespace("work").queues() == []
