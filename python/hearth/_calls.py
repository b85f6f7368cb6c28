"""What the blocking and the asyncio API share: arguments in, results out."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hearth import _native
from hearth._daemon import find_daemon
from hearth.descriptions import (
    FieldRule,
    NamespaceConfig,
    NamespaceInfo,
    Rebuild,
    StoreInfo,
    VectorConfig,
    VectorInfo,
    VectorSettings,
)
from hearth.errors import HearthError, make_error
from hearth.filters import Filter
from hearth.measures import Explanation, Stage, Tried, Tuned
from hearth.results import BatchHits, Facets, Hits, Id, NamedVectors, Record, Records, WriteResult

#: Ids as a call takes them: one, or a column of them.
Ids: TypeAlias = Id | Sequence[Id] | NDArray[Any]
#: Metadata as a call takes it: of one record, or a column.
MetadataArgument: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any] | None]
#: Texts as a call takes them: of one record, or a column.
Texts: TypeAlias = str | Sequence[str | None]
#: A filter as a call takes it: built with `K`, in its dict form, or as text.
Where: TypeAlias = Filter | Mapping[str, Any] | str
#: What a schema says of each field: a `FieldRule`, or just a type.
Schema: TypeAlias = Mapping[str, "FieldRule | str"]
#: Columns of named vectors as a write takes them, by name.
NamedArgument: TypeAlias = Mapping[str, ArrayLike]
#: Called with rows committed so far and rows in all.
Progress: TypeAlias = Callable[[int, int], object]

#: Columns that a search brings along, and those that `get` and `scan` do.
HIT_COLUMNS = ("metadata", "texts")
ALL_COLUMNS = ("vectors", "metadata", "texts")

UINT32_MAX = 2**32 - 1
#: Deeper metadata is refused anyway, and may contain itself.
COPIED_LEVELS = 64


def is_single(ids: object) -> bool:
    """True for one id, False for a column of them."""
    return isinstance(ids, str | int | np.integer)


def id_column(ids: Iterable[Any] | NDArray[Any]) -> NDArray[np.uint64] | list[Any]:
    """Ids as the native module takes them: a uint64 array, or a list of str and int."""
    if isinstance(ids, np.ndarray):
        if ids.dtype.kind == "u" and ids.ndim == 1:
            return np.ascontiguousarray(ids, dtype=np.uint64)
        if ids.dtype.kind == "i" and ids.ndim == 1:
            if len(ids) and ids.min() < 0:
                row = int(np.argmax(ids < 0))
                raise make_error(
                    "invalid_argument",
                    f"ids[{row}] is {ids[row]}; an id is 0 to 2^64-1 or a string",
                )
            return np.ascontiguousarray(ids, dtype=np.uint64)
        if ids.dtype.kind not in "UOT" or ids.ndim != 1:
            raise TypeError(
                f"ids must be a one-dimensional array of integers or strings, "
                f"not {ids.ndim}-dimensional of {ids.dtype}"
            )
        return list(ids.tolist())
    if isinstance(ids, bytes | Mapping):
        raise TypeError(f"ids must be a sequence of str and int, not {type(ids).__name__}")
    return list(ids)


def _column(name: str, column: object, single: bool) -> list[Any] | None:
    """A metadata or text column as a list; the value of a single row becomes a list of one."""
    if column is None:
        return None
    lone = isinstance(column, str | Mapping)
    if lone != single:
        wanted = "the value of that one record" if single else "a sequence with one entry per row"
        raise TypeError(f"{name} must be {wanted}, not {type(column).__name__}")
    if lone:
        return [dict(column) if isinstance(column, Mapping) else column]
    if not isinstance(column, Iterable):
        raise TypeError(f"{name} must be a sequence, not {type(column).__name__}")
    return list(column)


def copied(value: Any, depth: int = 0) -> Any:
    """`value` as it is now: arrays, lists and dicts that the caller may change are copied."""
    if depth > COPIED_LEVELS:
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return [copied(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {key: copied(each, depth + 1) for key, each in value.items()}
    return value


def query_copy(query: ArrayLike) -> ArrayLike:
    """A query, or several, as an array of its own."""
    try:
        return np.array(query)
    except ValueError:  # the native module refuses it as well, in words of its own
        return query


def included(include: Iterable[str]) -> Iterable[str]:
    """The columns asked for; a lone string is refused by the native module."""
    return include if isinstance(include, str) else tuple(include)


def count_argument(name: str, value: object, lowest: int = 1) -> int:
    """`value` as an integer that fits the wire."""
    number = operator.index(value)  # type: ignore[arg-type]
    if not lowest <= number <= UINT32_MAX:
        raise make_error(
            "invalid_argument", f"{name} is {number}; the range is {lowest} to {UINT32_MAX}"
        )
    return number


class Write:
    """One write call: its columns, and what became of its batches so far."""

    def __init__(
        self,
        kind: str,
        ids: Ids | None,
        vectors: ArrayLike | None = None,
        metadata: MetadataArgument | None = None,
        texts: Texts | None = None,
        *,
        named_vectors: NamedArgument | None = None,
        durability: str = "sync",
        mode: str = "merge",
        batch_rows: int | None = None,
        progress: Progress | None = None,
        versions: Iterable[int] | int | None = None,
        where: Where | None = None,
        copy: bool = False,
    ) -> None:
        for name, value in (("durability", durability), ("mode", mode)):
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        single = is_single(ids) or where is not None
        column = None if ids is None else id_column([ids] if is_single(ids) else ids)  # type: ignore[arg-type]
        records = _column("metadata", metadata, single)
        self.job = _native.WriteJob(
            kind,
            column,
            vectors,
            dict(named_vectors or {}),
            copied(records) if copy else records,
            _column("texts", texts, single),
            durability,
            mode,
            copy,
            None if batch_rows is None else count_argument("batch_rows", batch_rows),
            None if versions is None else [versions] if isinstance(versions, int) else versions,
            where,
        )
        self._progress = progress
        self._committed = 0
        self._affected = 0
        self._lsn = 0
        self._durable_lsn = 0
        self._batches = 0
        self._assigned: list[Any] = []

    @property
    def unfinished(self) -> bool:
        return self.job.position < self.job.rows

    def add(self, written: _native.Written) -> None:
        """Notes that the batch handed out last is committed."""
        self._lsn, self._durable_lsn, affected, assigned = written
        self._affected += affected
        self._batches += 1
        if assigned is not None:
            self._assigned.append(assigned)
        self._committed = self.job.position
        if self._progress is not None:
            self._progress(self._committed, self.job.rows)

    def explain(self, error: BaseException) -> None:
        """Says in `error` how far the call came, if it was split."""
        if self._committed == 0:
            return
        if not isinstance(error, HearthError):
            error.add_note(f"{self._committed} rows of the call are committed")
            return
        error.rows_committed = self._committed
        sent = self.job.position > self._committed
        if sent and ("row" in error.message or "[" in error.message):
            # The daemon counts rows from the start of the batch; what is refused before, does not.
            error.message += f"; its rows start at row {self.job.batch_start} of the call"

    def result(self) -> WriteResult:
        ids = None
        if self._assigned:
            ids = self._assigned[0] if len(self._assigned) == 1 else np.concatenate(self._assigned)
        return WriteResult(self._affected, ids, self._lsn, self._durable_lsn, self._batches)


def explanation_from(plain: _native.ExplanationTuple | None) -> Explanation | None:
    if plain is None:
        return None
    return Explanation(*plain[:-2], tuple(Stage(*stage) for stage in plain[-2]), plain[-1])


def named_from(columns: _native.NamedList | None) -> dict[str, NamedVectors] | None:
    if columns is None:
        return None
    return {name: NamedVectors(vectors, there) for name, vectors, there in columns}


def hits_from(columns: _native.HitColumns) -> Hits:
    named = named_from(columns[10])
    return Hits(*columns[1:6], explanation_from(columns[6]), *columns[7:10], named)


def batch_hits_from(columns: _native.HitColumns) -> BatchHits:
    named = named_from(columns[10])
    return BatchHits(*columns[:6], explanation_from(columns[6]), *columns[7:10], named)


def facets_from(plain: tuple[list[tuple[Any, int]], int]) -> Facets:
    return Facets(dict(plain[0]), plain[1])


def tuned_from(plain: _native.TunedTuple) -> Tuned:
    return Tuned(*plain[:-1], tuple(Tried(*point) for point in plain[-1]))


def records_from(columns: _native.Columns, missing: Any = ()) -> Records:
    return Records(*columns[:6], named_from(columns[6]), missing)


def single_record(answer: tuple[_native.Columns, Any], wanted: Id, name: str) -> Record:
    columns, missing = answer
    if len(missing):
        raise make_error("not_found", f"namespace '{name}' has no record with the id {wanted!r}")
    return records_from(columns)[0]


def weights_of(fields: Mapping[str, float] | Iterable[str]) -> list[tuple[str, float]]:
    if isinstance(fields, str):
        raise TypeError("text_fields must be names, or a dict of names and weights, not one str")
    if isinstance(fields, Mapping):
        return [(name, float(weight)) for name, weight in fields.items()]
    return [(name, 1.0) for name in fields]


def config_from(plain: _native.ConfigDict) -> NamespaceConfig:
    fields: dict[str, Any] = {**plain}
    fields["schema"] = {
        path: FieldRule(kind, required, indexed)
        for path, kind, required, indexed in plain["schema"]
    }
    fields["text_fields"] = dict(plain["text_fields"])
    fields["stop_words"] = tuple(plain["stop_words"])
    fields["named_vectors"] = {
        name: VectorConfig(**vector) for name, vector in plain["named_vectors"].items()
    }
    return NamespaceConfig(**fields)


def _rule_of(path: str, rule: FieldRule | str) -> tuple[str, str, bool, bool]:
    if isinstance(rule, str):
        rule = FieldRule(rule)
    if not isinstance(rule, FieldRule):
        raise TypeError(
            f"the schema of '{path}' is a {type(rule).__name__}, not a FieldRule or str"
        )
    return path, rule.type, rule.required, rule.indexed


def _rebuild_from(plain: _native.RebuildTuple | None) -> Rebuild | None:
    return None if plain is None else Rebuild(VectorConfig(**plain[0]), *plain[1:])


def namespace_info_from(plain: _native.NamespaceInfoDict) -> NamespaceInfo:
    fields: dict[str, Any] = {**plain, "config": config_from(plain["config"])}
    fields["rebuild"] = _rebuild_from(plain["rebuild"])
    fields["named_vectors"] = {
        name: VectorInfo(*vector[:5], _rebuild_from(vector[5]))
        for name, vector in plain["named_vectors"].items()
    }
    return NamespaceInfo(**fields)


def store_info_from(plain: _native.StoreInfoDict) -> StoreInfo:
    return StoreInfo(**plain)


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """How to connect; the fields are the keyword arguments of `hearth.connect`."""

    path: str
    autostart: bool
    daemon: str
    socket: str
    start_timeout: float
    call_timeout: float
    reconnect: bool

    def connect(self) -> _native.Store:
        return _native.connect(
            os.fsencode(self.path),
            self.autostart,
            os.fsencode(self.daemon),
            os.fsencode(self.socket),
            self.start_timeout,
            self.call_timeout,
            self.reconnect,
        )


def connect_options(
    path: str | os.PathLike[str],
    *,
    autostart: bool,
    daemon: str | os.PathLike[str] | None,
    socket: str | os.PathLike[str] | None,
    start_timeout: float,
    call_timeout: float,
    reconnect: bool,
) -> ConnectOptions:
    # Absolute, because a lost connection is made again later, whatever the working directory is.
    found = os.fspath(daemon) if daemon is not None else find_daemon() if autostart else ""
    return ConnectOptions(
        os.path.abspath(os.fspath(path)),  # noqa: PTH100 (resolve() would follow links)
        autostart,
        found,
        "" if socket is None else os.fspath(socket),
        start_timeout,
        call_timeout,
        reconnect,
    )


def _named_settings(named: object) -> dict[str, dict[str, object]]:
    if not isinstance(named, Mapping):
        raise TypeError(f"named_vectors must be a dict, not {type(named).__name__}")
    settings: dict[str, dict[str, object]] = {}
    for name, wanted in named.items():
        if not isinstance(wanted, Mapping):
            raise TypeError(
                f"named_vectors['{name}'] must be a dict of settings, not {type(wanted).__name__}"
            )
        if unknown := set(wanted) - set(VectorSettings.__annotations__):
            raise TypeError(f"named_vectors['{name}'] has no setting '{min(unknown)}'")
        settings[name] = {key: value for key, value in wanted.items() if value is not None}
    return settings


def namespace_settings(**settings: object) -> dict[str, object]:
    """What the caller states about a namespace; the rest is neither checked nor changed."""
    stated = {name: value for name, value in settings.items() if value is not None}
    if isinstance(schema := stated.get("schema"), Mapping):
        stated["schema"] = [_rule_of(path, rule) for path, rule in schema.items()]
    if (fields := stated.get("text_fields")) is not None:
        stated["text_fields"] = weights_of(fields)  # type: ignore[arg-type]
    if (named := stated.get("named_vectors")) is not None:
        stated["named_vectors"] = _named_settings(named)
    if (words := stated.get("stop_words")) is not None:
        stated["stop_words"] = [words] if isinstance(words, str) else list(words)  # type: ignore[call-overload]
    return stated


def refuse_pickle(thing: object) -> NoReturn:
    raise TypeError(
        f"cannot pickle {type(thing).__name__}: it is a live connection; "
        "call hearth.connect() in each process instead"
    )


def closed(what: str) -> HearthError:
    return make_error("invalid_argument", f"the {what} is closed", "connect again")
