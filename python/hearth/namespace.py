"""The blocking API of one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn, overload

from numpy.typing import ArrayLike, NDArray

from hearth import _calls, _native
from hearth._calls import ALL_COLUMNS, HIT_COLUMNS, Ids, MetadataArgument, Progress, Texts, Write
from hearth.measures import Tuned
from hearth.results import (
    BatchHits,
    Hits,
    Id,
    NamespaceConfig,
    NamespaceInfo,
    Record,
    Records,
    WriteResult,
)


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
            durability: "sync" returns when the write is on disk; "interval" when it is queued, and
                it is on disk and visible within 50 ms.
            batch_rows: split the write into batches of at most so many rows.
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
                durability=durability,
                batch_rows=batch_rows,
                progress=progress,
            )
        )

    def update(
        self,
        ids: Ids,
        vectors: ArrayLike | None = None,
        metadata: MetadataArgument | None = None,
        texts: Texts | None = None,
        *,
        mode: str = "merge",
        durability: str = "sync",
        batch_rows: int | None = None,
        progress: Progress | None = None,
    ) -> WriteResult:
        """Changes the given columns of existing records; `NotFound` if any id is missing.

        mode "merge": the given metadata keys replace, None as a value removes the key, other keys
        stay. mode "replace": the given dict is the new metadata. A None among `texts` keeps the old
        text. The other arguments are those of `upsert`.
        """
        return self._write(
            Write(
                "update",
                ids,
                vectors,
                metadata,
                texts,
                mode=mode,
                durability=durability,
                batch_rows=batch_rows,
                progress=progress,
            )
        )

    def delete(self, ids: Ids, *, durability: str = "sync") -> int:
        """Removes records and returns how many. Ids that are not there are no error."""
        return self._write(Write("delete", ids, durability=durability)).affected

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
    ) -> NamespaceConfig:
        """Changes the index, its parameters or the distance while the namespace is in use.

        Arguments are those of `Store.namespace`; what is not stated stays. Returns the new
        configuration when it is on disk. ef_search and nprobe count from then on. Everything else
        is built in the background: until it is ready, searches are answered by the index before,
        in its distance, and no write is missed; then all change over at the same moment.
        `info().rebuild` tells how far that is. Another `alter` meanwhile replaces this one.

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
    ) -> Tuned:
        """Finds the least `ef_search` (`nprobe` of an ivf index) that reaches a recall.

        Args:
            recall: share of the true k nearest that searches are to find; above 0 to 1.
            k: hits per search, up to 1000.
            sample: queries to measure with, 10 to 10,000: vectors that the seed draws, moved by a
                little. (A stored vector itself would be too easy.)
            seed: the same seed and the same vectors give the same queries.
            time_limit: seconds, 0.1 to 50; then what was found so far counts.

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
        self, *, batch_size: int = 1000, include: Iterable[str] = ALL_COLUMNS
    ) -> Iterator[Records]:
        """All records in storage order, in pages of at most `batch_size`.

        Records that exist throughout the scan appear exactly once, whatever is written meanwhile.
        """
        limit = _calls.count_argument("batch_size", batch_size)
        columns = tuple(include) if not isinstance(include, str) else include
        return self._scan(self._open(), limit, columns)

    def _scan(
        self, native: _native.Namespace, limit: int, include: Iterable[str]
    ) -> Iterator[Records]:
        cursor = b""
        while True:
            columns, cursor = native.scan(cursor, limit, include)
            page = _calls.records_from(columns)
            if len(page):
                yield page
            if not cursor:
                return
            native = self._open()

    def count(self) -> int:
        """The number of records."""
        return self._open().info()["count"]

    def info(self) -> NamespaceInfo:
        return _calls.namespace_info_from(self._open().info())

    def search(
        self,
        query: ArrayLike | None = None,
        k: int = 10,
        *,
        text: str | None = None,
        ef: int | None = None,
        nprobe: int | None = None,
        exact: bool = False,
        explain: bool = False,
        include: Iterable[str] = HIT_COLUMNS,
    ) -> Hits:
        """The k records nearest to a vector, or to the lexical embedding of `text`.

        Args:
            query: (dimension,), of any real dtype.
            k: hits; fewer come back only if fewer records have a vector.
            text: instead of `query`, if the namespace's embedder is "lexical".
            ef: candidates the index looks at; more finds more and takes longer. None: the
                namespace's `ef_search`. Never less than k.
            nprobe: lists that an ivf index searches. None: the namespace's `nprobe`.
            exact: compare with every vector instead of using the index.
            explain: say in `Hits.explanation` how the search was answered.
            include: columns to bring along, of "metadata", "texts" and "vectors".
        """
        vector = _calls.query_of(query, text, self._name, self._config)
        count = _calls.count_argument("k", k)
        effort = _calls.search_effort(ef, nprobe)
        return _calls.hits_from(
            self._open().search(vector, count, *effort, exact, explain, include, False)
        )

    def search_batch(
        self,
        queries: ArrayLike,
        k: int = 10,
        *,
        ef: int | None = None,
        nprobe: int | None = None,
        exact: bool = False,
        explain: bool = False,
        include: Iterable[str] = HIT_COLUMNS,
    ) -> BatchHits:
        """`search` for every row of a (queries, dimension) matrix, in one call."""
        count = _calls.count_argument("k", k)
        effort = _calls.search_effort(ef, nprobe)
        return _calls.batch_hits_from(
            self._open().search(queries, count, *effort, exact, explain, include, True)
        )

    def __repr__(self) -> str:
        state = "" if self._native is not None else " closed"
        return (
            f"<hearth.Namespace '{self._name}' dimension={self._config.dimension} "
            f"distance={self._config.distance}{state}>"
        )

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)
