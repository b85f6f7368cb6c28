"""One writer process of the crash test: random writes, a model of what must be there.

Every operation is a batch on ids of this writer alone. An acknowledged batch goes into the model.
A batch whose acknowledgement never came is checked as soon as the daemon is back: it must be there
whole or not at all, and the model takes over whichever it is.
"""

from __future__ import annotations

import random
import time
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt

import hearth

DIMENSION = 32
BATCH = 8
Model = dict[str, int | None]  # id -> version of its content, None: not there


def content(record_id: str, version: int) -> npt.NDArray[np.float32]:
    """The vector that version `version` of a record holds; no two are alike."""
    seed = [*record_id.encode(), version]
    return np.random.default_rng(seed).standard_normal(DIMENSION, dtype=np.float32)


class Writer:
    def __init__(self, store: str, number: int) -> None:
        self.store = store
        self.prefix = f"w{number}-"
        self.random = random.Random(number)
        self.model: Model = {}
        self.version = 0
        self.acknowledged = 0
        self.uncertain = 0
        self.reopen_s: list[float] = []
        self.db = hearth.connect(store)
        self.ns = self.db.namespace("crash", dimension=DIMENSION, distance="l2")

    def plan(self) -> Model:
        """The ids of the next batch and the content that each is to have."""
        self.version += 1
        erase = self.random.random() < 0.3
        start = self.random.randrange(0, 400)
        ids = [f"{self.prefix}{start + offset}" for offset in range(BATCH)]
        return dict.fromkeys(ids, None if erase else self.version)

    def execute(self, batch: Model) -> None:
        if all(version is None for version in batch.values()):
            self.ns.delete(list(batch))
            return
        written = {record_id: v for record_id, v in batch.items() if v is not None}
        self.ns.upsert(
            ids=list(written),
            vectors=np.stack([content(record_id, v) for record_id, v in written.items()]),
            metadata=[{"version": v} for v in written.values()],
        )

    def stored(self, ids: list[str]) -> Model:
        rows = self.ns.get(ids)
        assert rows.metadata is not None and rows.vectors is not None
        found: Model = dict.fromkeys(ids)
        for record_id, metadata, vector in zip(rows.ids, rows.metadata, rows.vectors, strict=True):
            version = metadata["version"]
            assert isinstance(record_id, str) and isinstance(version, int)
            assert np.array_equal(vector, content(record_id, version)), record_id
            found[record_id] = version
        return found

    def settle(self, batch: Model) -> None:
        """Finds out what became of a batch that was never acknowledged."""
        self.uncertain += 1
        begin = time.monotonic()
        while True:
            try:
                now = self.stored(list(batch))
                break
            except (hearth.DaemonUnavailable, hearth.Timeout):
                assert time.monotonic() - begin < 60, "the daemon does not come back"
                time.sleep(0.01)
        self.reopen_s.append(time.monotonic() - begin)
        before = {record_id: self.model.get(record_id) for record_id in batch}
        assert now in (before, batch), f"half a batch: {before} -> {now}, wanted {batch}"
        self.model.update(now)

    def step(self) -> None:
        batch = self.plan()
        try:
            self.execute(batch)
        except (hearth.DaemonUnavailable, hearth.Timeout):
            self.settle(batch)
            return
        self.acknowledged += 1
        self.model.update(batch)


def run(store: str, number: int, link: Connection) -> None:
    """Writes until the parent says stop, then sends the model and the counts."""
    try:
        writer = Writer(store, number)
        link.send("ready")
        while not link.poll():
            writer.step()
        expected = {record_id: v for record_id, v in writer.model.items() if v is not None}
        link.send((expected, writer.acknowledged, writer.uncertain, writer.reopen_s))
    except BaseException as failure:
        link.send(failure if isinstance(failure, AssertionError) else repr(failure))
        raise
