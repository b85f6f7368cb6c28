"""What was measured or predicted of searches: explanations, tunings and advice."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a search: sums over its queries, shards and rounds.

    Attributes:
        step: "filter" (finds the records that match), "text" (searches the text index), "tail"
            (compares with fresh vectors that are not in the index yet), "index" (asks the index),
            "storage" (compares with vectors as they are stored), "late" (compares with
            vectors that were written meanwhile) or "records" (looks candidates up).
        rows: vectors compared with, or candidates looked up; of the index, the vectors it holds.
        candidates: found, or live.
        seconds: of all threads together.
    """

    step: str
    rows: int
    candidates: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a search was answered, inside the daemon.

    Attributes:
        distance: of the index that was asked; while another one is built, that before.
        index: its kind.
        ef, nprobe: the effort; it applies where the kind of index takes it.
        rounds: more than 1 if candidates were gone and others had to be found.
        exact: every vector was compared, or proven to be farther: nothing is missed.
        walk_seconds, exact_seconds: what one query was expected to take in the index, by a walk
            through its graph and by comparing all vectors; the less was chosen. 0: no choice.
        seconds: from the first step to the last.
        stages: the steps that happened.
        filter: with a filter: how the records that match were found.
    """

    distance: str
    index: str
    ef: int
    nprobe: int
    rounds: int
    exact: bool
    walk_seconds: float
    exact_seconds: float
    seconds: float
    stages: tuple[Stage, ...]
    filter: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Tried:
    """How searches were with one value of the parameter that was tuned; times are of one search."""

    value: int
    recall: float
    mean_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """What `Namespace.tune` found.

    Attributes:
        parameter: "ef_search", or "nprobe" of an ivf index.
        value: the least that reached the recall; the namespace's from now on. None: none did, and
            nothing has changed.
        finished: False if the time limit came before the value was narrowed down.
        queries: how many were measured with; fewer than asked for if time was short.
        tried: the values that were tried, in their order.
    """

    parameter: str
    value: int | None
    finished: bool
    queries: int
    tried: tuple[Tried, ...]

    @property
    def recall(self) -> float | None:
        """That of `value`, as measured."""
        return next((point.recall for point in self.tried if point.value == self.value), None)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Advice:
    """Which index `hearth.suggest_index` suggests, and what to expect of it.

    Attributes:
        settings: arguments for `Store.namespace` or `Namespace.alter`.
        memory_bytes: of the index when it holds the vectors.
        recall: of ten hits, on data as hard as the harder of two measured sets.
        searches_per_second: of one thread on such data, to one digit.
        build_seconds: CPU time to build it.
        fits: whether it stays within the memory; if not, nothing does.
        reasons: one sentence each.
    """

    settings: dict[str, Any]
    memory_bytes: int
    recall: float
    searches_per_second: float
    build_seconds: float
    fits: bool
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
