"""The blocking API: `connect`, `Store` and `Namespace`."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, overload

from numpy.typing import ArrayLike, NDArray

from hearth import _calls, _native
from hearth._calls import ALL_COLUMNS, HIT_COLUMNS, Ids, MetadataArgument, Progress, Texts, Write
from hearth.results import (
    BatchHits,
    Hits,
    Id,
    NamespaceConfig,
    NamespaceInfo,
    Record,
    Records,
    StoreInfo,
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
        """The configuration as of opening; `info().config` is the current one."""
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
        exact: bool = False,
        include: Iterable[str] = HIT_COLUMNS,
    ) -> Hits:
        """The k records nearest to a vector, or to the lexical embedding of `text`.

        Args:
            query: (dimension,), of any real dtype.
            k: hits; fewer come back only if fewer records have a vector.
            text: instead of `query`, if the namespace's embedder is "lexical".
            ef: candidates the index looks at; more finds more and takes longer. None: the
                namespace's `ef_search`. Never less than k.
            exact: compare with every vector instead of using the index.
            include: columns to bring along, of "metadata", "texts" and "vectors".
        """
        vector = _calls.query_of(query, text, self._name, self._config)
        count = _calls.count_argument("k", k)
        candidates = 0 if ef is None else _calls.count_argument("ef", ef)
        return _calls.hits_from(
            self._open().search(vector, count, candidates, exact, include, False)
        )

    def search_batch(
        self,
        queries: ArrayLike,
        k: int = 10,
        *,
        ef: int | None = None,
        exact: bool = False,
        include: Iterable[str] = HIT_COLUMNS,
    ) -> BatchHits:
        """`search` for every row of a (queries, dimension) matrix, in one call."""
        count = _calls.count_argument("k", k)
        candidates = 0 if ef is None else _calls.count_argument("ef", ef)
        return _calls.batch_hits_from(
            self._open().search(queries, count, candidates, exact, include, True)
        )

    def __repr__(self) -> str:
        state = "" if self._native is not None else " closed"
        return (
            f"<hearth.Namespace '{self._name}' dimension={self._config.dimension} "
            f"distance={self._config.distance}{state}>"
        )

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)


class Store:
    """A connection to a store; see `connect`. Thread-safe. Use it with `with`, or `close()` it."""

    def __init__(self, native: _native.Store, path: str) -> None:
        self._native: _native.Store | None = native
        self._path = path
        self._namespaces: weakref.WeakSet[Namespace] = weakref.WeakSet()
        _open_stores.add(self)

    def _open(self) -> _native.Store:
        if self._native is None:
            raise _calls.closed("store")
        return self._native

    @property
    def path(self) -> str:
        return self._path

    @property
    def closed(self) -> bool:
        return self._native is None

    def namespace(
        self,
        name: str,
        *,
        dimension: int | None = None,
        distance: str | None = None,
        index: str | None = None,
        m: int | None = None,
        ef_construction: int | None = None,
        ef_search: int | None = None,
        seed: int | None = None,
        quantization: str | None = None,
        memory: str | None = None,
        nlist: int | None = None,
        nprobe: int | None = None,
        nbits: int | None = None,
        shards: int | None = None,
        embedder: str | None = None,
        mode: str = "open_or_create",
    ) -> Namespace:
        """Opens or creates a namespace.

        Only what is stated is checked against an existing namespace, and nothing stated is ignored:
        another dimension is a `DimensionMismatch`; another distance, number of shards or embedder a
        `ConfigMismatch`; other index parameters (from `index` to `nbits`) are taken over and, but
        for ef_search and nprobe, rebuild the index in the background.

        Args:
            name: 1 to 64 of a-z, 0-9, `_` and `-`.
            dimension: values per vector, up to 65,536. Needed to create.
            distance: "cosine" (default), "l2" (Euclidean) or "dot".
            index: "hnsw" (default) or "flat" (exact).
            m, ef_construction, ef_search: of hnsw: links per node (16), candidates while building
                (200) and while searching (64). For ivf_pq, m is the number of coded parts of a
                vector (0: chosen by dimension).
            seed: of everything in the index that is drawn by chance (42).
            quantization: the codes on which hnsw walks: "auto" (default), "none", "sq8", "pca",
                "rabitq" or "binary".
            memory: what hnsw keeps in memory: "fast" (default: vectors and codes), "balanced"
                (8-bit vectors and codes) or "lean" (codes).
            nlist, nprobe: of ivf_flat and ivf_pq: lists, and how many of them a search visits
                (0: chosen by the number of rows).
            nbits: of ivf_pq: bits per coded part, 4 (default) or 8.
            shards: parts of the index (1).
            embedder: who makes the vectors; "lexical" lets `search(text=...)` work.
            mode: "open" (`NotFound` if it is not there), "create" (`AlreadyExists` if it is) or
                "open_or_create".
        """
        settings = _calls.namespace_settings(
            dimension=dimension,
            distance=distance,
            index=index,
            m=m,
            ef_construction=ef_construction,
            ef_search=ef_search,
            seed=seed,
            quantization=quantization,
            memory=memory,
            nlist=nlist,
            nprobe=nprobe,
            nbits=nbits,
            shards=shards,
            embedder=embedder,
        )
        namespace = Namespace(self._open().open_namespace(name, mode, settings))
        self._namespaces.add(namespace)
        return namespace

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in order."""
        return self._open().list_namespaces()

    def drop(self, name: str) -> None:
        """Removes a namespace and its files. Open handles to it answer `NotFound` from now on."""
        self._open().drop_namespace(name)

    def info(self) -> StoreInfo:
        return _calls.store_info_from(self._open().info())

    def close(self) -> None:
        """Drops the connection. The daemon goes on; what was acknowledged is safe either way.

        Namespaces of this store cannot be used afterwards. Closing twice is fine.
        """
        for namespace in list(self._namespaces):
            namespace._native = None
        self._native = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<hearth.Store {self._path!r}{' closed' if self.closed else ''}>"

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)


def connect(
    path: str | os.PathLike[str],
    *,
    autostart: bool = True,
    daemon: str | os.PathLike[str] | None = None,
    socket: str | os.PathLike[str] | None = None,
    start_timeout: float = 30.0,
    call_timeout: float = 120.0,
    reconnect: bool = True,
) -> Store:
    """Connects to the store in a directory, starting its daemon if nobody serves it yet.

    Args:
        path: the store's directory; made if it does not exist.
        autostart: False raises `DaemonUnavailable` instead of starting a daemon.
        daemon: the `hearthd` to start. None: $HEARTH_DAEMON, the one installed with this package,
            or the one on PATH.
        socket: where the daemon listens, if not at the store's default socket.
        start_timeout: seconds to wait for the daemon to start.
        call_timeout: seconds until a call fails with `Timeout`.
        reconnect: after a lost connection, connect again (and start the daemon again) with the next
            call. Calls in flight when it broke raise `DaemonUnavailable` in any case.

    A child process after `fork()` cannot use its parent's stores; it connects anew.
    """
    options = _calls.connect_options(
        path,
        autostart=autostart,
        daemon=daemon,
        socket=socket,
        start_timeout=start_timeout,
        call_timeout=call_timeout,
        reconnect=reconnect,
    )
    return Store(options.connect(), options.path)


_open_stores: weakref.WeakSet[Store] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # In order, while there still is an interpreter to do it.
    for store in list(_open_stores):
        store.close()
