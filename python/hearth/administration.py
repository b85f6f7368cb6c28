"""What those who run a namespace ask: statistics, compactions and checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from hearth import _native


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls of a kind took in the daemon, in seconds; percentiles are at most 3.2 % too
    high."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class TableUsage:
    """What one table of a namespace's file holds."""

    entries: int
    pages: int


@dataclass(frozen=True, slots=True)
class ShardLoad:
    """What one shard of an index is working on.

    Attributes:
        vector_name: "" for the vector without a name.
        fresh_rows: vectors scanned exactly until they are in the index; `fresh_bytes` likewise.
        stale_rows: erased vectors that may still be in the index.
        snapshot_lsn: what the index snapshot on disk covers; 0: there is none.
    """

    vector_name: str
    shard: int
    fresh_rows: int
    fresh_bytes: int
    stale_rows: int
    snapshot_lsn: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A namespace in numbers, as of one moment.

    Attributes:
        file_bytes: of the file; `live_pages` of `page_bytes` are what the newest state is made of,
            `free_pages` are to be used again: `compact()` gives them back.
        tables: by name.
        readers: snapshots that are read; the oldest began `oldest_reader_lag` transactions ago.
        accepted_lsn: the newest write that was taken in; up to `durable_lsn` they are on disk, up
            to `visible_lsn` in the indexes. History begins with `oldest_lsn` (0: there is none).
        open_transactions: neither committed nor given up.
        transaction_bytes: what they have written.
        queued_writes: batches that wait for the writer, with `queued_bytes`; past
            `queued_bytes_limit` writes are `Busy`.
        queued_reads: that wait or run, of all namespaces of the daemon.
        shards: of all indexes.
        tuning: queries that a `tune` has run, and how many it may be at most, if there is one.
        compaction: bytes that a `compact` has copied, of how many, if there is one.
        open_seconds: since the daemon opened the namespace, which is what `latencies` are about:
            they are by kind of call, e.g. "search" or "commit".
    """

    name: str
    records: int
    keys: int
    file_bytes: int
    page_bytes: int
    live_pages: int
    free_pages: int
    tables: dict[str, TableUsage]
    readers: int
    oldest_reader_lag: int
    accepted_lsn: int
    durable_lsn: int
    visible_lsn: int
    oldest_lsn: int
    open_transactions: int
    transaction_bytes: int
    queued_writes: int
    queued_bytes: int
    queued_bytes_limit: int
    queued_reads: int
    shards: list[ShardLoad]
    tuning: tuple[int, int] | None
    compaction: tuple[int, int] | None
    open_seconds: float
    latencies: dict[str, Latency]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Compaction:
    """Sizes of a namespace's file before and after it was compacted; `lsn` is the newest write."""

    bytes_before: int
    bytes_after: int
    lsn: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be; `hint` says what to do about it."""

    where: str
    what: str
    hint: str


@dataclass(slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        checked: how many things of each kind were looked at.
        problems: the first ones, 100 at most; `problem_count` counts all.
    """

    checked: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    @property
    def ok(self) -> bool:
        return self.problem_count == 0

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


#: Called with what is looked at ("records", ...), how much is done, and of how much, about.
CheckProgress = Callable[[str, int, int], None]

_PROBLEMS = 100


def stats_from(plain: dict[str, Any]) -> Stats:
    plain["tables"] = {name: TableUsage(*usage) for name, usage in plain["tables"].items()}
    plain["shards"] = [ShardLoad(*load) for load in plain["shards"]]
    plain["latencies"] = {kind: Latency(*times) for kind, times in plain["latencies"].items()}
    return Stats(**plain)


def add_step(
    report: CheckReport, step: _native.CheckTuple, progress: CheckProgress | None
) -> bytes:
    """Adds what a step found, and answers the cursor of the next one: empty after the last."""
    cursor, stage, done, total, checked, problems, problem_count = step
    for what, count in checked:
        report.checked[what] = report.checked.get(what, 0) + count
    room = _PROBLEMS - len(report.problems)
    report.problems.extend(Problem(*each) for each in problems[:room])
    report.problem_count += problem_count
    if progress is not None:
        progress(stage, done, total)
    return cursor
