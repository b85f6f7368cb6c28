"""Records and keys as a namespace and a transaction write and read them, blocking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Unpack, overload

from numpy.typing import ArrayLike, NDArray

from hearth import _calls, _native, _searches
from hearth._calls import (
    ALL_COLUMNS,
    HIT_COLUMNS,
    Ids,
    MetadataArgument,
    NamedArgument,
    Progress,
    Texts,
    Where,
    Write,
)
from hearth._searches import SearchOptions
from hearth.descriptions import NamespaceConfig
from hearth.key_values import KeyValues
from hearth.paths import Path
from hearth.queries import Query
from hearth.results import BatchHits, Facets, Hits, Id, Record, Records, WriteResult


class RecordCalls:
    """What `Namespace` and `Transaction` have in common; not to be made by itself."""

    _name: str
    _config: NamespaceConfig

    def _open(self) -> _native.RecordCalls:
        raise NotImplementedError

    @property
    def kv(self) -> KeyValues:
        """The key-value side: an ordered map from bytes to bytes."""
        return KeyValues(self._open)

    def query(self, prefix: Path) -> Query:
        """Rows made of the paths that begin with `prefix` ("users/"), to filter and to order.

        A list of segments stands for everything below that path. See `Query`.
        """
        return Query(self._open, prefix)

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
        native: _native.RecordCalls,
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
