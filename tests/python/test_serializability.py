"""Transactions of four processes, interleaved at random, against a model; and histories of many
processes that must have an order in which they could have happened one by one."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import hearth
from stores import run_python
from transaction_worker import Worker

WORKERS = 4
KEYS = [bytes([letter]) for letter in b"abcdef"]
#: A transaction's snapshot is kept for two seconds; in a slow test run it may have moved on.
STEADY = 1.0

keys = st.sampled_from(KEYS)
records = st.integers(0, 4)
numbers = st.integers(0, 9)
workers = st.integers(0, WORKERS - 1)

State = dict[Any, Any]


class Begun:
    """A transaction as the model knows it."""

    def __init__(self, lsn: int, committed: State) -> None:
        self.lsn = lsn
        self.stored = dict(committed)
        self.own: State = {}
        self.read: set[Any] = set()
        self.savepoints: list[State] = []
        self.since = time.monotonic()

    def state(self) -> State:
        now = {**self.stored, **self.own}
        return {name: value for name, value in now.items() if value is not None}


class Interleaved(RuleBasedStateMachine):
    """Keys are bytes, records are integers; a value of None stands for what is not there."""

    store: ClassVar[hearth.Store]
    hands: ClassVar[list[Worker]]
    names: ClassVar[Iterator[int]] = itertools.count()

    @initialize()
    def start(self) -> None:
        name = f"model-{next(self.names)}"
        self.store.namespace(name, dimension=2, distance="l2")
        self.committed: State = {}
        self.changed: list[set[Any]] = []  # by LSN, from 1
        self.begun: list[Begun | None] = [None] * WORKERS
        self.name = name
        for worker in self.hands:
            assert worker.ask("open", name)[0] == "ok"

    # ---- the model -----------------------------------------------------------------------------

    def stale(self, begun: Begun) -> bool:
        """Whether anything that it has read was changed since its snapshot."""
        changed = set().union(*self.changed[begun.lsn :])
        if "records" in begun.read and any(isinstance(name, int) for name in changed):
            return True
        ranges = [each for each in begun.read if isinstance(each, tuple)]
        within = any(
            isinstance(name, bytes) and first <= name < end
            for name in changed
            for first, end in ranges
        )
        return within or bool(changed & begun.read)

    def moved(self, begun: Begun) -> bool:
        """Its snapshot may have been let go: then it goes on with the newest."""
        if time.monotonic() - begun.since < STEADY or self.stale(begun):
            return False
        begun.lsn = len(self.changed)
        begun.stored = dict(self.committed)
        return True

    def happened(self, changes: State) -> None:
        self.committed = {
            name: value
            for name, value in {**self.committed, **changes}.items()
            if value is not None
        }
        self.changed.append(set(changes))

    def ask(self, worker: int, expected: Any, *command: Any, read: Any = None) -> bool:
        """Asks, and compares; False if the transaction ended with a conflict, rightly."""
        begun = self.begun[worker]
        told, value = self.hands[worker].ask(*command)
        if begun is not None and (told, value) == ("error", "conflict"):
            assert self.stale(begun), command
            self.begun[worker] = None
            return False
        assert told == "ok", (command, value)
        wanted = expected(begun.state() if begun is not None else self.committed)
        if value != wanted and begun is not None and self.moved(begun):
            wanted = expected(begun.state())
        assert value == wanted, command
        if begun is not None and read is not None:
            begun.read.add(read)
        return True

    def write(self, worker: int, changes: State) -> None:
        begun = self.begun[worker]
        if begun is None:
            self.happened(changes)
        else:
            begun.own.update(changes)

    # ---- rules ---------------------------------------------------------------------------------

    @rule(worker=workers)
    def begin(self, worker: int) -> None:
        if self.begun[worker] is None:
            told, lsn = self.hands[worker].ask("begin")
            assert (told, lsn) == ("ok", len(self.changed))
            self.begun[worker] = Begun(lsn, self.committed)

    def own(self, worker: int, name: Any) -> bool:
        """Whether the transaction has written it, so that reading it depends on nobody else."""
        begun = self.begun[worker]
        return begun is not None and name in begun.own

    @rule(worker=workers, key=keys)
    def get(self, worker: int, key: bytes) -> None:
        self.ask(worker, lambda state: state.get(key), "get", key, read=key)

    @rule(worker=workers, bounds=st.tuples(keys, keys))
    def scan(self, worker: int, bounds: tuple[bytes, bytes]) -> None:
        start, end = bounds

        def within(state: State) -> list[tuple[bytes, bytes]]:
            found = [name for name in state if isinstance(name, bytes) and start <= name < end]
            return [(name, state[name]) for name in sorted(found)]

        self.ask(worker, within, "scan", start, end, read=bounds)

    @rule(worker=workers, key=keys, value=numbers)
    def put(self, worker: int, key: bytes, value: int) -> None:
        if self.ask(worker, lambda state: None, "put", key, str(value).encode()):
            self.write(worker, {key: str(value).encode()})

    @rule(worker=workers, key=keys)
    def delete(self, worker: int, key: bytes) -> None:
        read = None if self.own(worker, key) else key
        there = key in (b.state() if (b := self.begun[worker]) else self.committed)
        if self.ask(worker, lambda state: key in state, "delete", key, read=read):
            begun = self.begun[worker]
            if begun is None and not there:
                self.changed.append(set())  # a batch that changed nothing has an LSN, too
            else:
                self.write(worker, {key: None})

    @rule(worker=workers, key=keys, amount=numbers)
    def add(self, worker: int, key: bytes, amount: int) -> None:
        read = None if self.own(worker, key) else key
        if self.ask(
            worker, lambda state: int(state.get(key, b"0")) + amount, "add", key, amount, read=read
        ):
            state = b.state() if (b := self.begun[worker]) else self.committed
            self.write(worker, {key: str(int(state.get(key, b"0")) + amount).encode()})

    @rule(worker=workers, record=records, value=numbers)
    def upsert(self, worker: int, record: int, value: int) -> None:
        if self.ask(worker, lambda state: None, "upsert", record, value):
            self.write(worker, {record: value})

    @rule(worker=workers, record=records)
    def erase(self, worker: int, record: int) -> None:
        read = None if self.own(worker, record) else record
        there = record in (b.state() if (b := self.begun[worker]) else self.committed)
        if self.ask(worker, lambda state: int(record in state), "erase", record, read=read):
            if self.begun[worker] is None and not there:
                self.changed.append(set())
            else:
                self.write(worker, {record: None})

    @rule(worker=workers, record=records)
    def record(self, worker: int, record: int) -> None:
        self.ask(worker, lambda state: state.get(record), "record", record, read=record)

    @rule(worker=workers, least=numbers)
    def count(self, worker: int, least: int) -> None:
        def matching(state: State) -> int:
            return sum(isinstance(n, int) and value >= least for n, value in state.items())

        self.ask(worker, matching, "count", least, read="records")

    @rule(worker=workers, value=numbers)
    def nearest(self, worker: int, value: int) -> None:
        told, ids = self.hands[worker].ask("nearest", value)
        begun = self.begun[worker]
        if begun is not None and (told, ids) == ("error", "conflict"):
            assert self.stale(begun)
            self.begun[worker] = None
            return
        assert told == "ok"
        state = begun.state() if begun is not None else self.committed
        found = {name for name in state if isinstance(name, int)}
        if set(ids) != found and begun is not None and self.moved(begun):
            state = begun.state()
            found = {name for name in state if isinstance(name, int)}
        assert set(ids) == found and len(ids) == len(found)
        away = [abs(state[each] - value) for each in ids]
        assert away == sorted(away)
        if begun is not None:
            begun.read.add("records")

    @rule(worker=workers)
    def savepoint(self, worker: int) -> None:
        begun = self.begun[worker]
        if begun is not None and len(begun.savepoints) < 5:
            assert self.hands[worker].ask("savepoint") == ("ok", len(begun.savepoints) + 1)
            begun.savepoints.append(dict(begun.own))

    @rule(worker=workers, number=st.integers(1, 5))
    def rollback(self, worker: int, number: int) -> None:
        begun = self.begun[worker]
        if begun is not None and number <= len(begun.savepoints):
            told, value = self.hands[worker].ask("rollback_to", number)
            if (told, value) == ("error", "conflict"):
                assert self.stale(begun)
                self.begun[worker] = None
                return
            assert told == "ok"
            del begun.savepoints[number:]
            begun.own = dict(begun.savepoints[-1])

    @rule(worker=workers)
    def commit(self, worker: int) -> None:
        begun = self.begun[worker]
        if begun is None:
            return
        self.begun[worker] = None
        told, lsn = self.hands[worker].ask("commit")
        if not begun.own:
            assert told == "ok" and begun.lsn <= lsn <= len(self.changed)
        elif self.stale(begun):
            assert (told, lsn) == ("error", "conflict")
        else:
            # What it erased and was not there is no change.
            real = {
                name: value
                for name, value in begun.own.items()
                if value is not None or name in self.committed
            }
            self.happened(real)
            assert (told, lsn) == ("ok", len(self.changed))

    @rule(worker=workers)
    def abort(self, worker: int) -> None:
        if self.begun[worker] is not None:
            self.begun[worker] = None
            assert self.hands[worker].ask("abort")[0] == "ok"

    @precondition(lambda self: random.random() < 0.05)
    @rule(worker=workers)
    def die(self, worker: int) -> None:
        self.begun[worker] = None
        self.hands[worker].kill()
        assert self.hands[worker].ask("open", self.name)[0] == "ok"

    def teardown(self) -> None:
        for worker, begun in enumerate(self.begun):
            if begun is not None:
                self.hands[worker].ask("abort")
        ns = self.store.namespace(self.name)
        now: State = dict(ns.kv.scan())
        for page in ns.scan(include=["metadata"]):
            now.update((int(each.id), (each.metadata or {})["value"]) for each in page)
        assert now == self.committed
        self.store.drop(self.name)


@pytest.mark.slow
def test_any_interleaving_of_four_processes_agrees_with_the_model(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        Interleaved.store = db
        Interleaved.hands = [Worker(str(store_path)) for _each in range(WORKERS)]
        try:
            machine = Interleaved.TestCase
            machine.settings = settings(
                max_examples=25,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            machine().runTest()
        finally:
            for worker in Interleaved.hands:
                worker.kill()


HISTORY = """
import json, random, sys
import hearth

store, number, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(number)
told = []
with hearth.connect(store) as db:
    ns = db.namespace("history")
    for step in range(rounds):
        names = [f"r{i}" for i in rng.sample(range(8), 3)]
        tag = f"{number}-{step}"
        try:
            with ns.transaction() as t:
                seen = {name: (t.kv.get(name) or b"").decode() for name in names[:2]}
                listed = None
                if rng.random() < 0.3:
                    listed = [
                        (key.decode(), value.decode())
                        for key, value in t.kv.scan(prefix="r", batch_size=3)
                    ]
                wrote = {}
                for name in rng.sample(names, rng.randrange(3)):
                    if rng.random() < 0.2:
                        t.kv.delete(name)
                        wrote[name] = ""
                    else:
                        t.kv.put(name, tag)
                        wrote[name] = tag
            told.append((t.committed.lsn, seen, listed, wrote))
        except hearth.Conflict:
            pass
print(json.dumps(told))
"""


def test_histories_of_many_processes_happened_one_by_one(store_path: Path) -> None:
    """In the order of LSNs, each transaction must have read what those before it left behind."""
    import json
    from concurrent.futures import ThreadPoolExecutor

    with hearth.connect(store_path) as db:
        db.namespace("history", dimension=2)
        with ThreadPoolExecutor(6) as pool:
            runs = list(pool.map(lambda each: run_python(HISTORY, store_path, each, 60), range(6)))
        told = []
        for run in runs:
            assert run.returncode == 0, run.stderr
            told += json.loads(run.stdout)
        assert len(told) > 100  # most of them committed
        left: dict[str, str] = {}
        # One that wrote nothing has the LSN of what it saw; it comes behind who wrote that.
        for _lsn, seen, listed, wrote in sorted(told, key=lambda each: (each[0], not each[3])):
            assert seen == {name: left.get(name, "") for name in seen}
            if listed is not None:
                assert dict(listed) == left
            left.update(wrote)
            left = {name: value for name, value in left.items() if value}
        ns = db.namespace("history")
        assert {k.decode(): v.decode() for k, v in ns.kv.scan()} == left


ADD = """
import sys
import hearth

with hearth.connect(sys.argv[1]) as db:
    ns = db.namespace("counter")

    def once(t):
        t.kv.put("n", str(int(t.kv.get("n", b"0")) + 1))

    for _each in range(125):
        ns.run(once, attempts=1000)
"""


def test_a_thousand_increments_of_eight_processes_end_at_a_thousand(store_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with hearth.connect(store_path) as db:
        ns = db.namespace("counter", dimension=2)
        with ThreadPoolExecutor(8) as pool:
            for run in pool.map(lambda _each: run_python(ADD, store_path), range(8)):
                assert run.returncode == 0, run.stderr
        assert ns.kv.get("n") == b"1000"
