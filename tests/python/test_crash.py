"""kill -9 of the daemon at random moments: what was acknowledged stays, nothing is half there."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import crash_writer
import hearth

ROUNDS = 100
WRITERS = 3


def kill_daemon(store: Path) -> bool:
    """Kills the daemon that serves the store; false if there was none just now."""
    try:
        with hearth.connect(store, autostart=False) as db:
            os.kill(db.info().pid, signal.SIGKILL)
    except (hearth.DaemonUnavailable, ProcessLookupError):
        return False
    return True


def check_index(ns: hearth.Namespace, expected: dict[str, int]) -> None:
    """The index answers what storage holds: every record is its own nearest neighbour."""
    ids = sorted(expected)
    queries = np.stack([crash_writer.content(i, expected[i]) for i in ids])
    for exact in (False, True):
        hits = ns.search_batch(queries, k=1, exact=exact)
        assert [row.ids[0] for row in hits] == ids
        assert max(float(row.distances[0]) for row in hits) < 1e-3


@pytest.mark.slow
def test_hundred_kills_lose_nothing_that_was_acknowledged(store_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = []
    for number in range(WRITERS):
        here, there = context.Pipe()
        process = context.Process(
            target=crash_writer.run, args=(str(store_path), number, there), daemon=True
        )
        process.start()
        writers.append((process, here))
    for _, link in writers:
        assert link.recv() == "ready"

    moments = random.Random(7)
    kills = 0
    while kills < ROUNDS:
        time.sleep(moments.uniform(0.02, 0.25))
        kills += kill_daemon(store_path)
        for process, link in writers:
            assert process.is_alive(), link.recv()

    expected: dict[str, int] = {}
    acknowledged = uncertain = 0
    reopen_s: list[float] = []
    for _, link in writers:
        with contextlib.suppress(BrokenPipeError):
            link.send("stop")
    for process, link in writers:
        answer = link.recv()
        assert isinstance(answer, tuple), answer
        model, sure, unsure, waits = answer
        expected |= model
        acknowledged += sure
        uncertain += unsure
        reopen_s += waits
        process.join()
    print(
        f"\n{kills} kills, {acknowledged} acknowledged batches, {uncertain} cut off, "
        f"slowest reopening {max(reopen_s, default=0):.2f} s"
    )
    assert acknowledged > ROUNDS

    with hearth.connect(store_path) as db:
        ns = db.namespace("crash")
        ids: list[str | int] = []
        for page in ns.scan(batch_size=500):
            ids += list(page.ids)
        assert len(ids) == len(set(ids)) == ns.count()
        assert set(ids) == set(expected)
        stored = ns.get(sorted(expected))
        assert stored.metadata is not None
        assert [m["version"] for m in stored.metadata] == [expected[i] for i in sorted(expected)]
        check_index(ns, expected)


def test_other_index_parameters_keep_every_record(store_path: Path) -> None:
    rows = np.random.default_rng(1).standard_normal((2000, 24), dtype=np.float32)
    ids = [f"r{n}" for n in range(len(rows))]
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=24, distance="l2", m=8, ef_construction=40)
        ns.upsert(ids=ids, vectors=rows)
    for m, ef_construction, ef_search in ((24, 120, None), (None, None, 200), (4, None, None)):
        kill_daemon(store_path)
        with hearth.connect(store_path) as db:
            ns = db.namespace("docs", m=m, ef_construction=ef_construction, ef_search=ef_search)
            assert ns.count() == len(rows)
            hits = ns.search_batch(rows, k=1, ef=400)
            assert [row.ids[0] for row in hits] == ids


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_index_snapshot_is_rebuilt(store_path: Path, damage: str) -> None:
    rows = np.random.default_rng(2).standard_normal((3000, 16), dtype=np.float32)
    ids = list(range(len(rows)))
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=16, distance="l2")
        ns.upsert(ids=ids, vectors=rows)
        before = ns.search_batch(rows[:50], k=10, exact=True)
        while ns.info().fresh or ns.info().index != "ready":
            time.sleep(0.01)
    hearth.shutdown_daemon(store_path)
    snapshots = list(store_path.glob("namespaces/*/index-*.snap"))
    assert snapshots, "a clean stop leaves a snapshot"
    for file in snapshots:
        content = bytearray(file.read_bytes())
        if damage == "truncate":
            content = content[: len(content) // 2]
        elif damage == "flip":
            content[len(content) // 2] ^= 0x10
        else:
            content.clear()
        file.write_bytes(content)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        assert ns.count() == len(rows)
        after = ns.search_batch(rows[:50], k=10, exact=True)
        for old, new in zip(before, after, strict=True):
            assert list(old.ids) == list(new.ids)
        hits = ns.search_batch(rows, k=1, ef=200)
        assert [int(row.ids[0]) for row in hits] == ids
