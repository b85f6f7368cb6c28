"""What the blocking and the asyncio API share: arguments in, results out."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hearth import _native
from hearth._daemon import find_daemon
from hearth.errors import HearthError, make_error
from hearth.filters import Filter
from hearth.measures import Explanation, Stage, Tried, Tuned
from hearth.results import (
    BatchHits,
    Facets,
    FieldRule,
    Hits,
    Id,
    NamespaceConfig,
    NamespaceInfo,
    Rebuild,
    Record,
    Records,
    StoreInfo,
    WriteResult,
)

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


def embedding_of(text: str, name: str, config: NamespaceConfig) -> ArrayLike:
    """The lexical embedding of `text`, for a namespace that has such vectors."""
    if config.embedder not in ("", _native.lexical_embedder_name):
        raise make_error(
            "unsupported",
            f"the vectors of namespace '{name}' were made by '{config.embedder}', "
            "which this library cannot run",
            "embed the text with it yourself and pass the vector",
        )
    if not config.embedder:
        warnings.warn(
            f"namespace '{name}' does not say who made its vectors; the text is embedded with "
            "hearth.embed_lexical, which finds nothing useful among vectors of another embedder "
            "(create the namespace with embedder='lexical' to say so)",
            stacklevel=4,
        )
    embedded: NDArray[np.float32] = _native.embed_lexical([text], config.dimension)[0]
    return embedded


class SearchOptions(TypedDict, total=False):
    """What searches take besides the query, k and the columns; all of it is optional.

    where: only records that match this filter: `K("year") >= 2020`, a dict, or text. k of them are
        found if there are so many.
    ef: candidates the index looks at; more finds more and takes longer. None: the namespace's
        `ef_search`. Never less than k.
    nprobe: lists that an ivf index searches. None: the namespace's `nprobe`.
    exact: compare with every vector instead of using the index.
    explain: say in `Hits.explanation` how the search was answered.
    mode: "vector", "text" or "hybrid", where it is not plain from what is given: a vector, a text,
        or both. With a text alone, namespaces whose embedder is "lexical" search by its embedding
        ("vector"), others by its words ("text"); "hybrid" does both there.
    text_fields: where to look for the text: names, or a dict of names and weights. None: all that
        are indexed.
    text_operators: the text is in the query language ("a phrase", AND, OR, NOT, +, -, prefix*,
        field:word) and not just words.
    fusion: how the hits by vector and by text become one list: "rrf" (reciprocal ranks), "weighted"
        or "borda".
    weights: (vector, text): how much each side counts.
    rank_constant: of "rrf"; 60 unless given.
    candidates: how many each side of a fusion brings. None: four times k, 100 at least.
    like, unlike: ids of examples to search for instead of a vector, and of others to keep away
        from.
    offset: hits to leave out first.
    max_distance: only hits that are not farther than this; `k` still bounds them.
    min_score: with a text: only hits that score so much.
    group_by: a metadata field: at most `group_limit` (1) hits with the same value, and k counts the
        groups.
    diversity: maximal marginal relevance: 0 looks at relevance only, 1 only at how unlike the hits
        are to each other. `diversity_candidates`: to choose from.
    """

    where: Where | None
    ef: int | None
    nprobe: int | None
    exact: bool
    explain: bool
    mode: str | None
    text_fields: Mapping[str, float] | Iterable[str] | None
    text_operators: bool
    fusion: str
    weights: tuple[float, float]
    rank_constant: float
    candidates: int | None
    like: Ids | None
    unlike: Ids | None
    offset: int
    max_distance: float | None
    min_score: float | None
    group_by: str | None
    group_limit: int
    diversity: float | None
    diversity_candidates: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """One search call, as the native module takes it."""

    vectors: Any
    options: dict[str, object]

    def copied(self) -> Search:
        """For calls that begin later: what the caller does to the array meanwhile has no effect."""
        vectors = None if self.vectors is None else query_copy(self.vectors)
        return Search(vectors, self.options)


def _weights_of(fields: Mapping[str, float] | Iterable[str]) -> list[tuple[str, float]]:
    if isinstance(fields, str):
        raise TypeError("text_fields must be names, or a dict of names and weights, not one str")
    if isinstance(fields, Mapping):
        return [(name, float(weight)) for name, weight in fields.items()]
    return [(name, 1.0) for name in fields]


def _example_ids(ids: Ids | None) -> Any:
    if ids is None:
        return None
    return id_column([ids] if is_single(ids) else ids)  # type: ignore[arg-type]


def _plain_options(k: int, more: SearchOptions) -> dict[str, object]:
    unknown = set(more) - set(SearchOptions.__annotations__)
    if unknown:
        raise TypeError(f"search has no argument '{min(unknown)}'")
    options: dict[str, object] = {"k": count_argument("k", k)}
    for name in ("ef", "nprobe", "candidates", "diversity_candidates", "group_limit"):
        if (number := more.get(name)) is not None:
            options[name] = count_argument(name, number)
    if offset := more.get("offset", 0):
        options["offset"] = count_argument("offset", offset, 0)
    for name in (
        "where",
        "exact",
        "explain",
        "text_operators",
        "fusion",
        "rank_constant",
        "max_distance",
        "min_score",
        "group_by",
    ):
        if (value := more.get(name)) is not None:
            options[name] = _native.filter_text(value) if name == "where" else value
    if (weights := more.get("weights")) is not None:
        options["vector_weight"], options["text_weight"] = weights
    if (fields := more.get("text_fields")) is not None:
        options["text_fields"] = _weights_of(fields)
    for name in ("like", "unlike"):
        if (ids := _example_ids(more.get(name))) is not None:  # type: ignore[arg-type]
            options[name] = ids
    if (diversity := more.get("diversity")) is not None:
        options["diversity"] = 1.0 - diversity
    return options


def _sides(query: object, text: object, more: SearchOptions, lexical: bool) -> tuple[bool, bool]:
    """Whether to embed the text, and whether to search for its words."""
    mode = more.get("mode")
    if mode not in (None, "vector", "text", "hybrid"):
        raise make_error("invalid_argument", f"mode is {mode!r}", "one of: vector, text, hybrid")
    if text is None:
        if mode in ("text", "hybrid"):
            raise make_error("invalid_argument", f"mode is '{mode}', but there is no text")
        return False, False
    if query is not None or more.get("like") is not None:
        if mode in ("vector", "text"):
            raise make_error(
                "invalid_argument",
                f"mode is '{mode}', but there is a vector and a text",
                "leave out the one that is not to be searched for",
            )
        return False, True
    if mode is None:
        mode = "vector" if lexical else "text"
    return mode != "text", mode != "vector"


def search_of(
    query: ArrayLike | None,
    text: str | None,
    k: int,
    more: SearchOptions,
    of: tuple[str, NamespaceConfig],
) -> Search:
    """A search for one vector, one text, both, or examples."""
    if query is None and text is None and more.get("like") is None:
        raise make_error("invalid_argument", "search takes a vector, a text, both, or like=ids")
    if text is not None and not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}")
    name, config = of
    options = _plain_options(k, more)
    # Who does not say who made the vectors is warned, as ever, unless words can be searched.
    lexical = config.embedder == _native.lexical_embedder_name or (
        not config.embedder and not config.text_fields
    )
    embeds, matches = _sides(query, text, more, lexical)
    if embeds and text is not None:
        query = embedding_of(text, name, config)
    if matches:
        options["texts"] = [text]
    return Search(query, options)


def batch_search_of(
    queries: ArrayLike | None, texts: Sequence[str] | None, k: int, more: SearchOptions
) -> Search:
    """Searches for every vector, every text, or pairs of both."""
    if queries is None and texts is None:
        raise make_error("invalid_argument", "search_batch takes vectors, texts, or both")
    options = _plain_options(k, more)
    if texts is not None:
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of str, not one str")
        options["texts"] = list(texts)
    return Search(queries, options)


def explanation_from(plain: _native.ExplanationTuple | None) -> Explanation | None:
    if plain is None:
        return None
    return Explanation(*plain[:-2], tuple(Stage(*stage) for stage in plain[-2]), plain[-1])


def hits_from(columns: _native.HitColumns) -> Hits:
    return Hits(*columns[1:6], explanation_from(columns[6]), *columns[7:])


def batch_hits_from(columns: _native.HitColumns) -> BatchHits:
    return BatchHits(*columns[:6], explanation_from(columns[6]), *columns[7:])


def facets_from(plain: tuple[list[tuple[Any, int]], int]) -> Facets:
    return Facets(dict(plain[0]), plain[1])


def scan_options(
    where: Where | None, order_by: str | None, descending: bool, offset: int
) -> dict[str, object]:
    options: dict[str, object] = {}
    if where is not None:
        options["where"] = _native.filter_text(where)
    if order_by is not None:
        options["order_by"] = order_by
    if descending:
        options["descending"] = True
    if offset:
        options["offset"] = count_argument("offset", offset, 0)
    return options


def tuned_from(plain: _native.TunedTuple) -> Tuned:
    return Tuned(*plain[:-1], tuple(Tried(*point) for point in plain[-1]))


def records_from(columns: _native.Columns, missing: Any = ()) -> Records:
    return Records(*columns, missing)


def single_record(answer: tuple[_native.Columns, Any], wanted: Id, name: str) -> Record:
    columns, missing = answer
    if len(missing):
        raise make_error("not_found", f"namespace '{name}' has no record with the id {wanted!r}")
    return records_from(columns)[0]


def config_from(plain: _native.ConfigDict) -> NamespaceConfig:
    fields: dict[str, Any] = {**plain}
    fields["schema"] = {
        path: FieldRule(kind, required, indexed)
        for path, kind, required, indexed in plain["schema"]
    }
    fields["text_fields"] = dict(plain["text_fields"])
    fields["stop_words"] = tuple(plain["stop_words"])
    return NamespaceConfig(**fields)


def _rule_of(path: str, rule: FieldRule | str) -> tuple[str, str, bool, bool]:
    if isinstance(rule, str):
        rule = FieldRule(rule)
    if not isinstance(rule, FieldRule):
        raise TypeError(
            f"the schema of '{path}' is a {type(rule).__name__}, not a FieldRule or str"
        )
    return path, rule.type, rule.required, rule.indexed


def namespace_info_from(plain: _native.NamespaceInfoDict) -> NamespaceInfo:
    fields: dict[str, Any] = {**plain, "config": config_from(plain["config"])}
    if (rebuild := plain["rebuild"]) is not None:
        fields["rebuild"] = Rebuild(
            config_from(rebuild["serving"]),
            rebuild["rows_done"],
            rebuild["rows_total"],
            rebuild["failure"],
        )
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


def namespace_settings(**settings: object) -> dict[str, object]:
    """What the caller states about a namespace; the rest is neither checked nor changed."""
    stated = {name: value for name, value in settings.items() if value is not None}
    if isinstance(schema := stated.get("schema"), Mapping):
        stated["schema"] = [_rule_of(path, rule) for path, rule in schema.items()]
    if (fields := stated.get("text_fields")) is not None:
        stated["text_fields"] = _weights_of(fields)  # type: ignore[arg-type]
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
