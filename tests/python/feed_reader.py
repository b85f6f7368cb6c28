"""Processes of the tests of the change feed: a reader that is killed, and a writer."""

from __future__ import annotations

import contextlib
import random
from multiprocessing.synchronize import Event
from pathlib import Path

import hearth


def read(store: str, journal: str) -> None:
    """Notes every change of the consumer "reader", and acknowledges some of them."""
    moments = random.Random()
    with (
        hearth.connect(store) as db,
        Path(journal).open("a", encoding="utf-8", buffering=1) as lines,
        db.namespace("docs").watch(consumer="reader", from_lsn=0, batch_size=7) as feed,
    ):
        for change in feed:
            name = change.id if change.key is None else change.key.decode()
            lines.write(f"{change.lsn} {change.cursor} {change.kind} {name}\n")
            if moments.random() < 0.3:
                feed.ack(change)


def write(store: str, number: int, stop: Event, at_least: int) -> None:
    """Random writes to ids and keys of this writer alone, until it is to stop."""
    chance = random.Random(number)
    with hearth.connect(store) as db:
        ns = db.namespace("docs")
        step = 0
        while step < at_least or not stop.is_set():
            step += 1
            # Whether a write happened when the daemon was killed, the feed will tell.
            with contextlib.suppress(hearth.DaemonUnavailable):
                write_something(ns, chance, number, step)


def write_something(ns: hearth.Namespace, chance: random.Random, number: int, step: int) -> None:
    ids = sorted({f"w{number}-{chance.randrange(40)}" for _ in range(chance.randrange(1, 5))})
    kind = chance.random()
    if kind < 0.5:
        vectors = [[chance.random(), chance.random()] for _ in ids]
        ns.upsert(ids, vectors, [{"step": step, "by": number}] * len(ids))
    elif kind < 0.7:
        ns.delete(ids)
    elif kind < 0.9:
        ns.kv.put_many({f"{each}/key": f"{step}" for each in ids})
    else:
        ns.kv.delete(f"{ids[0]}/key")
