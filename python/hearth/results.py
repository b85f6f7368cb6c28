"""What calls answer: columns first, rows on demand.

Arrays are read-only views of the client's memory, which they own; nothing was copied on the way.
Use `.copy()` for an array to write into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from hearth._table import render
from hearth.measures import Explanation

#: The id of a record: the number 7 and the string "7" are different ids.
Id: TypeAlias = int | str
#: Ids as a column: a uint64 array if all of them are numbers, otherwise a list.
IdColumn: TypeAlias = NDArray[np.uint64] | list[str] | list[int | str]
#: Metadata of one record: str keys; None, bool, int, float, str, datetime, GeoPoint, list and dict.
Metadata: TypeAlias = dict[str, Any]

T = TypeVar("T")


def _id_at(ids: IdColumn, row: int) -> Id:
    found = ids[row]
    return found if isinstance(found, str) else int(found)


def _at(column: Sequence[T] | None, row: int) -> T | None:
    return None if column is None else column[row]


def _plain_ids(ids: IdColumn) -> list[Id]:
    return list(ids.tolist()) if isinstance(ids, np.ndarray) else list(ids)


def _row_number(row: int, size: int) -> int:
    if not -size <= row < size:
        raise IndexError(f"row {row} of {size}")
    return row % size


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction has done, under one LSN.

    `records` and `keys`: how many it wrote or removed. `items`: the id of the item of each of its
    operations on queues, in their order.
    """

    lsn: int
    durable_lsn: int
    records: int
    keys: int
    items: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class NamedVectors:
    """A named vector of several records.

    Attributes:
        vectors: float32 array (rows, dimension); zeros where the record has no such vector.
        has_vector: bool array (rows,).
    """

    vectors: NDArray[np.float32]
    has_vector: NDArray[np.bool_]

    def __getitem__(self, rows: slice) -> NamedVectors:
        return NamedVectors(self.vectors[rows], self.has_vector[rows])

    def to_list(self) -> list[list[float] | None]:
        """Ready for JSON; no vector is None."""
        pairs = zip(self.vectors.tolist(), self.has_vector.tolist(), strict=True)
        return [row if there else None for row, there in pairs]


#: The named vectors of several records, by name.
NamedColumns: TypeAlias = dict[str, NamedVectors]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hit:
    """One record that a search found. `named_vectors` has those that the record has."""

    id: Id
    distance: float
    metadata: Metadata | None
    text: str | None
    vector: NDArray[np.float32] | None
    score: float | None = None
    text_score: float | None = None
    group: Any = None
    named_vectors: dict[str, NDArray[np.float32]] | None = None

    def __repr__(self) -> str:
        if self.score is None:
            return _row_repr(self, id=self.id, distance=self.distance)
        return _row_repr(self, id=self.id, score=self.score, distance=self.distance)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hits:
    """What one search found, nearest first. A column that was not included is None.

    Attributes:
        ids: uint64 array (hits,), or a list when there are string ids.
        distances: float32 array (hits,); smaller is nearer for every kind of distance. NaN for a
            hit that only its text brought.
        metadata: one dict per hit.
        texts: one str per hit, None where the record has no text.
        vectors: float32 array (hits, dimension).
        explanation: how the search was answered, with `explain=True`.
        scores: float64 array (hits,), where a text was searched: what the hits are ordered by, most
            first.
        text_scores: float64 array (hits,): what the text alone gave; NaN for a hit that is not
            among those by text.
        groups: with `group_by`: the value of the field; None for records without it.
        named_vectors: with `vectors`: a `NamedVectors` by name.
    """

    ids: IdColumn
    distances: NDArray[np.float32]
    metadata: list[Metadata] | None = None
    texts: list[str | None] | None = None
    vectors: NDArray[np.float32] | None = None
    explanation: Explanation | None = None
    scores: NDArray[np.float64] | None = None
    text_scores: NDArray[np.float64] | None = None
    groups: list[Any] | None = None
    named_vectors: NamedColumns | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Hit:
        row = _row_number(row, len(self.ids))
        return Hit(
            _id_at(self.ids, row),
            float(self.distances[row]),
            _at(self.metadata, row),
            _at(self.texts, row),
            None if self.vectors is None else self.vectors[row],
            None if self.scores is None else float(self.scores[row]),
            None if self.text_scores is None else float(self.text_scores[row]),
            _at(self.groups, row),
            _named_at(self.named_vectors, row),
        )

    def __iter__(self) -> Iterator[Hit]:
        return map(self.__getitem__, range(len(self.ids)))

    def to_dict(self) -> dict[str, Any]:
        """The included columns as plain lists, ready for JSON."""
        plain: dict[str, Any] = {"ids": _plain_ids(self.ids), "distances": self.distances.tolist()}
        if self.scores is not None:
            plain["scores"] = self.scores.tolist()
        if self.text_scores is not None:
            plain["text_scores"] = self.text_scores.tolist()
        if self.groups is not None:
            plain["groups"] = self.groups
        plain |= _plain_columns(self.metadata, self.texts, self.vectors)
        return plain | _plain_named(self.named_vectors)

    def __repr__(self) -> str:
        columns: dict[str, Callable[[int], object]] = {
            "id": lambda row: _id_at(self.ids, row),
            "distance": lambda row: float(self.distances[row]),
        }
        if (scores := self.scores) is not None:
            columns["score"] = lambda row: float(scores[row])
        if (groups := self.groups) is not None:
            columns["group"] = groups.__getitem__
        columns |= _shown_columns(self.metadata, self.texts, self.vectors)
        return render(f"Hits: {_counted(len(self.ids), 'hit')}", len(self.ids), columns)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BatchHits:
    """What a search with several queries found. `hits[q]` are the `Hits` of query q.

    The columns hold the hits of all queries one after the other: those of query q are the rows
    `offsets[q]` to `offsets[q + 1]`. There are fewer than k only if fewer than k records have a
    vector. `explanation` is of all queries together.
    """

    offsets: NDArray[np.uint64]
    ids: IdColumn
    distances: NDArray[np.float32]
    metadata: list[Metadata] | None = None
    texts: list[str | None] | None = None
    vectors: NDArray[np.float32] | None = None
    explanation: Explanation | None = None
    scores: NDArray[np.float64] | None = None
    text_scores: NDArray[np.float64] | None = None
    groups: list[Any] | None = None
    named_vectors: NamedColumns | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, query: int) -> Hits:
        query = _row_number(query, len(self))
        rows = slice(int(self.offsets[query]), int(self.offsets[query + 1]))
        return Hits(
            self.ids[rows],
            self.distances[rows],
            None if self.metadata is None else self.metadata[rows],
            None if self.texts is None else self.texts[rows],
            None if self.vectors is None else self.vectors[rows],
            None,
            None if self.scores is None else self.scores[rows],
            None if self.text_scores is None else self.text_scores[rows],
            None if self.groups is None else self.groups[rows],
            _named_part(self.named_vectors, rows),
        )

    def __iter__(self) -> Iterator[Hits]:
        return map(self.__getitem__, range(len(self)))

    def to_dict(self) -> dict[str, Any]:
        """One `Hits.to_dict()` per query."""
        return {"queries": [hits.to_dict() for hits in self]}

    def __repr__(self) -> str:
        columns: dict[str, Callable[[int], object]] = {
            "query": lambda row: row,
            "hits": lambda row: len(self[row]),
            "nearest": lambda row: _id_at(self[row].ids, 0) if len(self[row]) else "",
            "distance": lambda row: float(self[row].distances[0]) if len(self[row]) else "",
        }
        title = f"BatchHits: {_counted(len(self), 'query', 'queries')}"
        return render(title, len(self), columns)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record:
    """One stored record. `version` is the LSN of the write that last changed it.

    `named_vectors` has those that the record has.
    """

    id: Id
    version: int
    metadata: Metadata | None
    text: str | None
    vector: NDArray[np.float32] | None
    named_vectors: dict[str, NDArray[np.float32]] | None = None

    def __repr__(self) -> str:
        return _row_repr(self, id=self.id, version=self.version)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Records:
    """Stored records. A column that was not included is None.

    Attributes:
        ids: uint64 array (rows,), or a list when there are string ids.
        versions: uint64 array (rows,): LSN of the write that last changed the record.
        metadata: one dict per record.
        texts: one str per record, None where it has no text.
        vectors: float32 array (rows, dimension); zeros where the record has no vector.
        has_vector: bool array (rows,), with `vectors`.
        named_vectors: with `vectors`: a `NamedVectors` by name.
        missing: the ids asked for that do not exist (`get` only).
    """

    ids: IdColumn
    versions: NDArray[np.uint64]
    metadata: list[Metadata] | None
    texts: list[str | None] | None
    vectors: NDArray[np.float32] | None
    has_vector: NDArray[np.bool_] | None
    named_vectors: NamedColumns | None
    missing: IdColumn

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Record:
        row = _row_number(row, len(self.ids))
        vector = None
        if self.vectors is not None and self.has_vector is not None and self.has_vector[row]:
            vector = self.vectors[row]
        return Record(
            _id_at(self.ids, row),
            int(self.versions[row]),
            _at(self.metadata, row),
            _at(self.texts, row),
            vector,
            _named_at(self.named_vectors, row),
        )

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self.ids)))

    def to_dict(self) -> dict[str, Any]:
        """The included columns as plain lists, ready for JSON; no vector is None."""
        plain: dict[str, Any] = {"ids": _plain_ids(self.ids), "versions": self.versions.tolist()}
        plain |= _plain_columns(self.metadata, self.texts, None)
        if self.vectors is not None:
            rows = [record.vector for record in self]
            plain["vectors"] = [None if row is None else row.tolist() for row in rows]
        plain |= _plain_named(self.named_vectors)
        return plain | {"missing": _plain_ids(self.missing)}

    def __repr__(self) -> str:
        title = f"Records: {_counted(len(self.ids), 'record')}"
        if len(self.missing):
            title += f", {len(self.missing)} missing"
        columns: dict[str, Callable[[int], object]] = {"id": lambda row: _id_at(self.ids, row)}
        columns |= _shown_columns(self.metadata, self.texts, self.vectors)
        return render(title, len(self.ids), columns)


@dataclass(frozen=True, slots=True)
class Facets:
    """How often each value of a field occurs.

    Attributes:
        counts: by value, the most frequent first. The elements of a list count one by one.
        records: how many records matched.
    """

    counts: dict[Any, int]
    records: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        listed = [{"value": value, "count": count} for value, count in self.counts.items()]
        return {"facets": listed, "records": self.records}


@dataclass(frozen=True, slots=True, eq=False)
class WriteResult:
    """What a write did.

    Attributes:
        affected: records written.
        ids: the ids that the namespace assigned, if the call named none; otherwise None.
        lsn: log sequence number of the (last) batch; 0 if there was nothing to write.
        durable_lsn: everything up to here is on disk.
        batches: batches the write was split into; each one committed whole.
    """

    affected: int
    ids: IdColumn | None
    lsn: int
    durable_lsn: int
    batches: int


def _named_at(named: NamedColumns | None, row: int) -> dict[str, NDArray[np.float32]] | None:
    if named is None:
        return None
    return {name: column.vectors[row] for name, column in named.items() if column.has_vector[row]}


def _named_part(named: NamedColumns | None, rows: slice) -> NamedColumns | None:
    return None if named is None else {name: column[rows] for name, column in named.items()}


def _plain_named(named: NamedColumns | None) -> dict[str, Any]:
    if not named:
        return {}
    return {"named_vectors": {name: column.to_list() for name, column in named.items()}}


def _row_repr(row: Hit | Record, **first: object) -> str:
    """Only what is there, and of a vector only its ends."""
    shown = {name: repr(value) for name, value in first.items()}
    if row.metadata is not None:
        shown["metadata"] = repr(row.metadata)
    if row.text is not None:
        shown["text"] = repr(row.text)
    if row.vector is not None:
        shown["vector"] = np.array2string(row.vector, precision=3, threshold=4)
    if row.named_vectors:
        shown["named_vectors"] = repr(sorted(row.named_vectors))
    inside = ", ".join(f"{name}={value}" for name, value in shown.items())
    return f"{type(row).__name__}({inside})"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _plain_columns(
    metadata: list[Metadata] | None,
    texts: list[str | None] | None,
    vectors: NDArray[np.float32] | None,
) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    if metadata is not None:
        plain["metadata"] = metadata
    if texts is not None:
        plain["texts"] = texts
    if vectors is not None:
        plain["vectors"] = vectors.tolist()
    return plain


def _shown_columns(
    metadata: list[Metadata] | None,
    texts: list[str | None] | None,
    vectors: NDArray[np.float32] | None,
) -> dict[str, Callable[[int], object]]:
    shown: dict[str, Callable[[int], object]] = {}
    if metadata is not None and any(metadata):
        shown["metadata"] = metadata.__getitem__
    if texts is not None and any(text is not None for text in texts):
        shown["text"] = texts.__getitem__
    if vectors is not None:
        shown["vector"] = lambda row: np.array2string(vectors[row], precision=3, threshold=4)
    return shown
