"""The asyncio API: the names of the blocking one, awaited.

    async with hearth.aio.connect("./store") as db:
        ns = await db.namespace("docs", dimension=384)
        hits = await ns.search(query)

Calls run in the client's own event-loop thread and wake the asyncio loop through a file descriptor:
no thread per call, and any number of calls may be in flight. Cancelling the awaiting task drops the
answer; a write that was sent happens all the same. Arguments are copied before a call returns its
awaitable, so arrays, lists and dicts may be changed at once; a bad argument is refused there, too.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, TypeAlias, TypeVar, cast, overload

from numpy.typing import ArrayLike, NDArray

from hearth import _calls, _native
from hearth._calls import ALL_COLUMNS, HIT_COLUMNS, Ids, MetadataArgument, Progress, Texts, Write
from hearth.errors import make_error
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

T = TypeVar("T")

#: What a call returns: to be awaited, or made a task of.
Call: TypeAlias = Coroutine[Any, Any, T]


class _Link:
    """The native store's answers, on one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: _native.CompletionQueue | None = _native.CompletionQueue()
        self._loop.add_reader(self._queue.fileno(), self._queue.drain)

    def call(self, start: Callable[..., T | None], *arguments: object) -> asyncio.Future[T]:
        """Starts a native call; its future is settled on this loop."""
        if self._queue is None:
            raise _calls.closed("store")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "this store was connected on another event loop; connect again on this one"
            )
        future: asyncio.Future[T] = self._loop.create_future()
        start(*arguments, self._queue, future)
        return future

    def close(self) -> None:
        if self._queue is None:
            return
        queue, self._queue = self._queue, None
        if self._loop.is_closed():
            return
        self._loop.remove_reader(queue.fileno())
        queue.drain()
        for future in queue.abandon():
            if not future.done():
                future.set_exception(
                    make_error("cancelled", "the store was closed during the call")
                )


class AsyncNamespace:
    """`hearth.Namespace` with every call awaited; see there for arguments, results and errors."""

    def __init__(self, native: _native.Namespace, link: _Link) -> None:
        self._native: _native.Namespace | None = native
        self._link = link
        self._name = native.name
        self._config = _calls.config_from(native.config)

    @property
    def name(self) -> str:
        return self._name

    @property
    def config(self) -> NamespaceConfig:
        """The configuration as of opening; `(await info()).config` is the current one."""
        return self._config

    def _open(self) -> _native.Namespace:
        if self._native is None:
            raise _calls.closed("store")
        return self._native

    # ---- writing -------------------------------------------------------------------------------

    async def _write(self, write: Write) -> WriteResult:
        native = self._open()
        while write.unfinished:
            try:
                write.add(await self._link.call(native.write, write.job))
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
    ) -> Call[WriteResult]:
        """See `hearth.Namespace.add`."""
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
                copy=True,
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
    ) -> Call[WriteResult]:
        """See `hearth.Namespace.upsert`."""
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
                copy=True,
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
    ) -> Call[WriteResult]:
        """See `hearth.Namespace.update`."""
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
                copy=True,
            )
        )

    def delete(self, ids: Ids, *, durability: str = "sync") -> Call[int]:
        """See `hearth.Namespace.delete`."""
        return self._delete(Write("delete", ids, durability=durability))

    async def _delete(self, write: Write) -> int:
        return (await self._write(write)).affected

    async def flush(self, lsn: int = 0) -> int:
        """See `hearth.Namespace.flush`."""
        return await self._link.call(self._open().flush, lsn)

    # ---- reading -------------------------------------------------------------------------------

    @overload
    def get(self, ids: Id, *, include: Iterable[str] = ...) -> Call[Record]: ...  # type: ignore[overload-overlap]
    @overload
    def get(
        self, ids: Sequence[Id] | NDArray[Any], *, include: Iterable[str] = ...
    ) -> Call[Records]: ...

    def get(
        self, ids: Ids, *, include: Iterable[str] = ALL_COLUMNS
    ) -> Call[Record] | Call[Records]:
        """See `hearth.Namespace.get`."""
        columns = _calls.included(include)
        if _calls.is_single(ids):
            return self._get_one(cast(Id, ids), columns)
        return self._get(_calls.copied(_calls.id_column(cast(Sequence[Id], ids))), columns)

    async def _get_one(self, wanted: Id, include: Iterable[str]) -> Record:
        answer = await self._link.call(self._open().get, [wanted], include)
        return _calls.single_record(answer, wanted, self._name)

    async def _get(self, column: object, include: Iterable[str]) -> Records:
        return _calls.records_from(*await self._link.call(self._open().get, column, include))

    def scan(
        self, *, batch_size: int = 1000, include: Iterable[str] = ALL_COLUMNS
    ) -> AsyncIterator[Records]:
        """`async for page in ns.scan()`. See `hearth.Namespace.scan`."""
        limit = _calls.count_argument("batch_size", batch_size)
        return self._scan(self._open(), limit, _calls.included(include))

    async def _scan(
        self, native: _native.Namespace, limit: int, include: Iterable[str]
    ) -> AsyncIterator[Records]:
        cursor = b""
        while True:
            columns, cursor = await self._link.call(native.scan, cursor, limit, include)
            page = _calls.records_from(columns)
            if len(page):
                yield page
            if not cursor:
                return

    async def count(self) -> int:
        """The number of records."""
        return (await self._link.call(self._open().info))["count"]

    async def info(self) -> NamespaceInfo:
        """See `hearth.Namespace.info`."""
        return _calls.namespace_info_from(await self._link.call(self._open().info))

    def search(
        self,
        query: ArrayLike | None = None,
        k: int = 10,
        *,
        text: str | None = None,
        ef: int | None = None,
        exact: bool = False,
        include: Iterable[str] = HIT_COLUMNS,
    ) -> Call[Hits]:
        """See `hearth.Namespace.search`."""
        vector = _calls.query_of(query, text, self._name, self._config)
        count = _calls.count_argument("k", k)
        candidates = 0 if ef is None else _calls.count_argument("ef", ef)
        columns = _calls.included(include)
        return self._search(_calls.query_copy(vector), count, candidates, exact, columns)

    async def _search(
        self, query: ArrayLike, k: int, ef: int, exact: bool, include: Iterable[str]
    ) -> Hits:
        start = self._open().search
        return _calls.hits_from(await self._link.call(start, query, k, ef, exact, include, False))

    def search_batch(
        self,
        queries: ArrayLike,
        k: int = 10,
        *,
        ef: int | None = None,
        exact: bool = False,
        include: Iterable[str] = HIT_COLUMNS,
    ) -> Call[BatchHits]:
        """See `hearth.Namespace.search_batch`."""
        count = _calls.count_argument("k", k)
        candidates = 0 if ef is None else _calls.count_argument("ef", ef)
        columns = _calls.included(include)
        return self._search_batch(_calls.query_copy(queries), count, candidates, exact, columns)

    async def _search_batch(
        self, queries: ArrayLike, k: int, ef: int, exact: bool, include: Iterable[str]
    ) -> BatchHits:
        start = self._open().search
        return _calls.batch_hits_from(
            await self._link.call(start, queries, k, ef, exact, include, True)
        )

    def __repr__(self) -> str:
        state = "" if self._native is not None else " closed"
        return (
            f"<hearth.AsyncNamespace '{self._name}' dimension={self._config.dimension} "
            f"distance={self._config.distance}{state}>"
        )

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)


class AsyncStore:
    """`hearth.Store` with every call awaited. Belongs to the event loop it was connected on."""

    def __init__(self, native: _native.Store, path: str) -> None:
        self._native: _native.Store | None = native
        self._path = path
        self._link = _Link()
        self._namespaces: weakref.WeakSet[AsyncNamespace] = weakref.WeakSet()

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

    async def namespace(
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
    ) -> AsyncNamespace:
        """See `hearth.Store.namespace`."""
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
        native = await self._link.call(self._open().open_namespace, name, mode, settings)
        namespace = AsyncNamespace(native, self._link)
        self._namespaces.add(namespace)
        return namespace

    async def namespaces(self) -> list[str]:
        """See `hearth.Store.namespaces`."""
        return await self._link.call(self._open().list_namespaces)

    async def drop(self, name: str) -> None:
        """See `hearth.Store.drop`."""
        await self._link.call(self._open().drop_namespace, name)

    async def info(self) -> StoreInfo:
        """See `hearth.Store.info`."""
        return _calls.store_info_from(await self._link.call(self._open().info))

    async def close(self) -> None:
        """Drops the connection; calls in flight raise `Cancelled`. Closing twice is fine."""
        self._link.close()
        for namespace in list(self._namespaces):
            namespace._native = None
        self._native = None

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<hearth.AsyncStore {self._path!r}{' closed' if self.closed else ''}>"

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)


class Connecting:
    """An AsyncStore on its way: `await` it, or use it with `async with`."""

    def __init__(self, options: _calls.ConnectOptions) -> None:
        self._options = options
        self._store: AsyncStore | None = None

    async def _connect(self) -> AsyncStore:
        # Starting a daemon takes a while; one of the loop's own worker threads waits for it.
        loop = asyncio.get_running_loop()
        native = await loop.run_in_executor(None, self._options.connect)
        return AsyncStore(native, self._options.path)

    def __await__(self) -> Generator[Any, None, AsyncStore]:
        return self._connect().__await__()

    async def __aenter__(self) -> AsyncStore:
        self._store = await self._connect()
        return self._store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._store is not None:
            await self._store.close()


def connect(
    path: str | os.PathLike[str],
    *,
    autostart: bool = True,
    daemon: str | os.PathLike[str] | None = None,
    socket: str | os.PathLike[str] | None = None,
    start_timeout: float = 30.0,
    call_timeout: float = 120.0,
    reconnect: bool = True,
) -> Connecting:
    """`await` it for an AsyncStore, or use it in `async with`. Arguments as in `hearth.connect`."""
    return Connecting(
        _calls.connect_options(
            path,
            autostart=autostart,
            daemon=daemon,
            socket=socket,
            start_timeout=start_timeout,
            call_timeout=call_timeout,
            reconnect=reconnect,
        )
    )
