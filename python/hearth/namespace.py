"""The blocking API of one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, Unpack, overload

from numpy.typing import ArrayLike, NDArray

from hearth import _calls, _native, _searches
from hearth._calls import (
    ALL_COLUMNS,
    HIT_COLUMNS,
    Ids,
    MetadataArgument,
    NamedArgument,
    Progress,
    Schema,
    Texts,
    Where,
    Write,
)
from hearth._searches import SearchOptions
from hearth.descriptions import NamespaceConfig, NamespaceInfo, VectorSettings
from hearth.key_values import KeyValues
from hearth.measures import Tuned
from hearth.results import BatchHits, Facets, Hits, Id, Record, Records, WriteResult


class Namespace:
    """One open namespace; see `Store.namespace`. Thread-safe.

    Every call may raise a `HearthError`; `hearth.errors` lists them. Calls wait with the GIL
    released, so threads search in parallel.
    """

    def __init__(self, native: _native.Namespace) -> None:
        self._native: _native.Namespace | None = native
        self._name = native.name
        self._config = _calls.config_from(native.config)

    @property
    def name(self) -> str:
        return self._name

    @property
    def config(self) -> NamespaceConfig:
        """As of opening or of the last `alter`; `info().config` is the current one."""
        return self._config

    def _open(self) -> _native.Namespace:
        if self._native is None:
            raise _calls.closed("store")
        return self._native

    @property
    def kv(self) -> KeyValues:
        """The key-value side: an ordered map from bytes to bytes."""
        return KeyValues(self._open)

    # ---- writing -------------------------------------------------------------------------------

    def _write(self, write: Write) -> WriteResult:
        native = self._open()
        while write.unfinished:
            try:
                write.add(native.write(write.job))
            except Exception as error:
                write.explain(error)
                raise
        return write.result()

    def add(
        self,
        ids: Ids | None = None,
        vectors: ArrayLike | None = None,
        metadata: MetadataArgument | None = None,
        texts: Texts | None = None,
        *,
        named_vectors: NamedArgument | None = None,
        durability: str = "sync",
        batch_rows: int | None = None,
        progress: Progress | None = None,
    ) -> WriteResult:
        """Inserts records; `AlreadyExists` if any of the ids is there. Arguments as in `upsert`."""
        return self._write(
            Write(
                "add",
                ids,
                vectors,
                metadata,
                texts,
                named_vectors=named_vectors,
                durability=durability,
                batch_rows=batch_rows,
                progress=progress,
            )
        )

    def upsert(
        self,
        ids: Ids | None = None,
        vectors: ArrayLike | None = None,
        metadata: MetadataArgument | None = None,
        texts: Texts | None = None,
        *,
        named_vectors: NamedArgument | None = None,
        versions: Iterable[int] | int | None = None,
        durability: str = "sync",
        batch_rows: int | None = None,
        progress: Progress | None = None,
    ) -> WriteResult:
        """Inserts records, or replaces the whole of those whose id is there.

        Args:
            ids: str and int (0 to 2^64-1) ids, or one of them. None: the namespace assigns
                numbers, which the result has as `ids`.
            vectors: (rows, dimension), of any real dtype; float32 in C order is read in place.
            metadata: one dict (or None) per row.
            texts: one str (or None) per row.
            named_vectors: a matrix like `vectors` by name, for named vectors of the namespace.
            durability: "sync" returns when the write is on disk; "interval" when it is queued, and
                it is on disk and visible within 50 ms.
            batch_rows: split the write into batches of at most so many rows.
            versions: compare and set, as in `update`.
            progress: called with (rows committed, rows in all) after each batch.

        One batch commits whole or not at all. A call is one batch unless it has more than 64 MiB of
        vectors, ids, metadata and texts, more than 1,000,000 rows, more than `batch_rows` rows, or
        more than 80 MiB on the wire, where every metadata value takes some 50 bytes. Larger calls
        are split in row order, and each batch commits whole. If one of them fails, those before it
        stay: `HearthError.rows_committed` says how many rows that are.
        """
        return self._write(
            Write(
                "upsert",
                ids,
                vectors,
                metadata,
                texts,
                named_vectors=named_vectors,
                durability=durability,
                batch_rows=batch_rows,
                progress=progress,
                versions=versions,
            )
        )

    def update(
        self,
        ids: Ids | None = None,
        vectors: ArrayLike | None = None,
        metadata: MetadataArgument | None = None,
        texts: Texts | None = None,
        *,
        named_vectors: NamedArgument | None = None,
        where: Where | None = None,
        versions: Iterable[int] | int | None = None,
        mode: str = "merge",
        durability: str = "sync",
        batch_rows: int | None = None,
        progress: Progress | None = None,
    ) -> WriteResult:
        """Changes the given columns of existing records; `NotFound` if any id is missing.

        mode "merge": the given metadata keys replace, None as a value removes the key, other keys
        stay. mode "replace": the given dict is the new metadata. A None among `texts` keeps the old
        text. Vectors that are not given, named or not, stay.

        where: instead of ids, every record that matches the filter; metadata is then one dict and
        texts one str, for all of them. It is evaluated where the write commits, so nothing comes in
        between.

        versions: compare and set: the version (`Record.version`) that each record must have, 0 if
        it must not be there; otherwise `Conflict`, and nothing is changed.

        The other arguments are those of `upsert`.
        """
        return self._write(
            Write(
                "update",
                ids,
                vectors,
                metadata,
                texts,
                named_vectors=named_vectors,
                mode=mode,
                durability=durability,
                batch_rows=batch_rows,
                progress=progress,
                versions=versions,
                where=where,
            )
        )

    def delete(
        self,
        ids: Ids | None = None,
        *,
        where: Where | None = None,
        versions: Iterable[int] | int | None = None,
        durability: str = "sync",
    ) -> int:
        """Removes records, by id or all that match a filter, and returns how many.

        Ids that are not there are no error. versions: as in `update`.
        """
        return self._write(
            Write("delete", ids, durability=durability, versions=versions, where=where)
        ).affected

    def flush(self, lsn: int = 0) -> int:
        """Waits until everything up to `lsn` is on disk (0: all that was acknowledged).

        Returns the LSN up to which everything is on disk.
        """
        return self._open().flush(lsn)

    # ---- changing ------------------------------------------------------------------------------

    def alter(
        self,
        *,
        index: str | None = None,
        distance: str | None = None,
        m: int | None = None,
        ef_construction: int | None = None,
        ef_search: int | None = None,
        seed: int | None = None,
        quantization: str | None = None,
        memory: str | None = None,
        nlist: int | None = None,
        nprobe: int | None = None,
        nbits: int | None = None,
        schema: Schema | None = None,
        text_fields: Mapping[str, float] | Iterable[str] | None = None,
        language: str | None = None,
        stop_words: Iterable[str] | None = None,
        named_vectors: Mapping[str, VectorSettings] | None = None,
    ) -> NamespaceConfig:
        """Changes the index, its parameters or the distance while the namespace is in use.

        Arguments are those of `Store.namespace`; what is not stated stays. Returns the new
        configuration when it is on disk. ef_search and nprobe count from then on. Everything else
        is built in the background: until it is ready, searches are answered by the index before,
        in its distance, and no write is missed; then all change over at the same moment.
        `info().rebuild` tells how far that is. Another `alter` meanwhile replaces this one.

        Any distance can become any other but "hamming" (`ConfigMismatch`): the vectors that are
        there may hold more than bits.

        Both indexes are in memory while one is built. If the daemon ends before, it is built when
        the namespace is opened again, and searches are exact, in the new distance, meanwhile.
        """
        settings = _calls.namespace_settings(
            index=index,
            distance=distance,
            m=m,
            ef_construction=ef_construction,
            ef_search=ef_search,
            seed=seed,
            quantization=quantization,
            memory=memory,
            nlist=nlist,
            nprobe=nprobe,
            nbits=nbits,
            schema=schema,
            text_fields=text_fields,
            language=language,
            stop_words=stop_words,
            named_vectors=named_vectors,
        )
        self._config = _calls.config_from(self._open().alter(settings))
        return self._config

    def tune(
        self,
        recall: float = 0.98,
        k: int = 10,
        *,
        sample: int = 200,
        seed: int = 1,
        time_limit: float = 20.0,
        vector_name: str = "",
    ) -> Tuned:
        """Finds the least `ef_search` (`nprobe` of an ivf index) that reaches a recall.

        Args:
            recall: share of the true k nearest that searches are to find; above 0 to 1.
            k: hits per search, up to 1000.
            sample: queries to measure with, 10 to 10,000: vectors that the seed draws, moved by a
                little. (A stored vector itself would be too easy.)
            seed: the same seed and the same vectors give the same queries.
            time_limit: seconds, 0.1 to 50; then what was found so far counts.
            vector_name: whose index; "" for that of the vector without a name.

        What it finds is the namespace's from now on; nothing is rebuilt. The daemon does the work,
        and `info().tuning` tells how far it is. `Busy` while the index is built, or tuned by
        somebody else.
        """
        return _calls.tuned_from(
            self._open().tune(
                recall,
                _calls.count_argument("k", k),
                _calls.count_argument("sample", sample),
                _calls.count_argument("seed", seed, 0),
                time_limit,
                vector_name,
            )
        )

    # ---- reading -------------------------------------------------------------------------------

    @overload
    def get(self, ids: Id, *, include: Iterable[str] = ...) -> Record: ...  # type: ignore[overload-overlap]
    @overload
    def get(self, ids: Sequence[Id] | NDArray[Any], *, include: Iterable[str] = ...) -> Records: ...

    def get(self, ids: Ids, *, include: Iterable[str] = ALL_COLUMNS) -> Record | Records:
        """One record (`NotFound` if it is not there), or the records of several ids.

        Those that exist come in the order asked; `Records.missing` names the others.
        """
        native = self._open()
        if isinstance(ids, str | int) or _calls.is_single(ids):
            return _calls.single_record(native.get([ids], include), ids, self._name)  # type: ignore[arg-type]
        return _calls.records_from(*native.get(_calls.id_column(ids), include))

    def scan(
        self,
        *,
        where: Where | None = None,
        order_by: str | None = None,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
        batch_size: int = 1000,
        include: Iterable[str] = ALL_COLUMNS,
    ) -> Iterator[Records]:
        """All records, or those that match a filter, in pages of at most `batch_size`.

        In storage order, records that exist throughout the scan appear exactly once, whatever is
        written meanwhile. order_by names a metadata field to order by instead: records without it
        come last, and what is written between two pages may shift those that follow. offset leaves
        records out first; limit ends the scan.
        """
        size = _calls.count_argument("batch_size", batch_size)
        columns = tuple(include) if not isinstance(include, str) else include
        options = _searches.scan_options(where, order_by, descending, offset)
        return self._scan(self._open(), size, limit, options, columns)

    def _scan(
        self,
        native: _native.Namespace,
        size: int,
        limit: int | None,
        options: dict[str, object],
        include: Iterable[str],
    ) -> Iterator[Records]:
        cursor = b""
        while limit is None or limit > 0:
            wanted = size if limit is None else min(size, limit)
            columns, cursor = native.scan(cursor, wanted, options, include)
            page = _calls.records_from(columns)
            if len(page):
                yield page
            if limit is not None:
                limit -= len(page)
            if not cursor:
                return
            native = self._open()

    def count(self, where: Where | None = None) -> int:
        """The number of records, or of those that match a filter."""
        return self._open().count(where)

    def facets(self, field: str, *, where: Where | None = None, limit: int = 100) -> Facets:
        """How often each value of a metadata field occurs, among the records that match.

        At most `limit` values, the most frequent first.
        """
        return _calls.facets_from(
            self._open().facets(field, where, _calls.count_argument("limit", limit))
        )

    def info(self) -> NamespaceInfo:
        return _calls.namespace_info_from(self._open().info())

    def search(
        self,
        query: ArrayLike | None = None,
        k: int = 10,
        *,
        text: str | None = None,
        include: Iterable[str] = HIT_COLUMNS,
        **more: Unpack[SearchOptions],
    ) -> Hits:
        """The k records that are nearest to a vector, fit a text best, or both (hybrid).

        Args:
            query: (dimension,), of any real dtype.
            k: hits; fewer come back only if fewer records match.
            text: words to look for in the text index; with `query`, both sides are fused. Alone, in
                a namespace whose embedder is "lexical", it is embedded and its vector searched for.
            include: columns to bring along, of "metadata", "texts" and "vectors".
            **more: see `SearchOptions`: where, mode, fusion, group_by, diversity, like, ef, ...
        """
        asked = _searches.search_of(query, text, k, more, (self._name, self._config))
        return _calls.hits_from(self._open().search(asked.vectors, asked.options, include, False))

    def search_batch(
        self,
        queries: ArrayLike | None = None,
        k: int = 10,
        *,
        texts: Sequence[str] | None = None,
        include: Iterable[str] = HIT_COLUMNS,
        **more: Unpack[SearchOptions],
    ) -> BatchHits:
        """`search` for every row of a (queries, dimension) matrix, every text, or pairs of both."""
        asked = _searches.batch_search_of(queries, texts, k, more)
        return _calls.batch_hits_from(
            self._open().search(asked.vectors, asked.options, include, True)
        )

    def __repr__(self) -> str:
        state = "" if self._native is not None else " closed"
        return (
            f"<hearth.Namespace '{self._name}' dimension={self._config.dimension} "
            f"distance={self._config.distance}{state}>"
        )

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)
