"""Records and keys as a namespace and a transaction write and read them, awaited; and the link
between a native store and an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar, Unpack, cast, overload

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
from hearth._searches import Search, SearchOptions
from hearth.descriptions import NamespaceConfig
from hearth.errors import make_error
from hearth.key_values import AsyncKeyValues
from hearth.paths import Path
from hearth.queries import AsyncQuery
from hearth.results import BatchHits, Facets, Hits, Id, Record, Records, WriteResult

T = TypeVar("T")

#: What a call returns: to be awaited, or made a task of.
Call: TypeAlias = Coroutine[Any, Any, T]


class Link:
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


class AsyncRecordCalls:
    """What `AsyncNamespace` and `AsyncTransaction` have in common; not to be made by itself."""

    _name: str
    _config: NamespaceConfig
    _link: Link

    def _open(self) -> _native.RecordCalls:
        raise NotImplementedError

    @property
    def kv(self) -> AsyncKeyValues:
        """See `hearth.Namespace.kv`."""
        return AsyncKeyValues(self._open, self._link)

    def query(self, prefix: Path) -> AsyncQuery:
        """See `hearth.Namespace.query`."""
        return AsyncQuery(self._open, self._link, prefix)

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
        named_vectors: NamedArgument | None = None,
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
                named_vectors=named_vectors,
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
        named_vectors: NamedArgument | None = None,
        versions: Iterable[int] | int | None = None,
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
                named_vectors=named_vectors,
                durability=durability,
                batch_rows=batch_rows,
                progress=progress,
                versions=versions,
                copy=True,
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
    ) -> Call[WriteResult]:
        """See `hearth.Namespace.update`."""
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
                copy=True,
            )
        )

    def delete(
        self,
        ids: Ids | None = None,
        *,
        where: Where | None = None,
        versions: Iterable[int] | int | None = None,
        durability: str = "sync",
    ) -> Call[int]:
        """See `hearth.Namespace.delete`."""
        return self._delete(
            Write("delete", ids, durability=durability, versions=versions, where=where)
        )

    async def _delete(self, write: Write) -> int:
        return (await self._write(write)).affected

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
        self,
        *,
        where: Where | None = None,
        order_by: str | None = None,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
        batch_size: int = 1000,
        include: Iterable[str] = ALL_COLUMNS,
    ) -> AsyncIterator[Records]:
        """`async for page in ns.scan()`. See `hearth.Namespace.scan`."""
        size = _calls.count_argument("batch_size", batch_size)
        options = _searches.scan_options(where, order_by, descending, offset)
        return self._scan(self._open(), size, limit, options, _calls.included(include))

    async def _scan(
        self,
        native: _native.RecordCalls,
        size: int,
        limit: int | None,
        options: dict[str, object],
        include: Iterable[str],
    ) -> AsyncIterator[Records]:
        cursor = b""
        while limit is None or limit > 0:
            wanted = size if limit is None else min(size, limit)
            columns, cursor = await self._link.call(native.scan, cursor, wanted, options, include)
            page = _calls.records_from(columns)
            if len(page):
                yield page
            if limit is not None:
                limit -= len(page)
            if not cursor:
                return

    async def count(self, where: Where | None = None) -> int:
        """See `hearth.Namespace.count`."""
        return await self._link.call(self._open().count, where)

    async def facets(self, field: str, *, where: Where | None = None, limit: int = 100) -> Facets:
        """See `hearth.Namespace.facets`."""
        most = _calls.count_argument("limit", limit)
        return _calls.facets_from(await self._link.call(self._open().facets, field, where, most))

    def search(
        self,
        query: ArrayLike | None = None,
        k: int = 10,
        *,
        text: str | None = None,
        include: Iterable[str] = HIT_COLUMNS,
        **more: Unpack[SearchOptions],
    ) -> Call[Hits]:
        """See `hearth.Namespace.search`."""
        asked = _searches.search_of(query, text, k, more, (self._name, self._config))
        return self._search(asked.copied(), _calls.included(include))

    async def _search(self, asked: Search, include: Iterable[str]) -> Hits:
        start = self._open().search
        return _calls.hits_from(
            await self._link.call(start, asked.vectors, asked.options, include, False)
        )

    def search_batch(
        self,
        queries: ArrayLike | None = None,
        k: int = 10,
        *,
        texts: Sequence[str] | None = None,
        include: Iterable[str] = HIT_COLUMNS,
        **more: Unpack[SearchOptions],
    ) -> Call[BatchHits]:
        """See `hearth.Namespace.search_batch`."""
        asked = _searches.batch_search_of(queries, texts, k, more)
        return self._search_batch(asked.copied(), _calls.included(include))

    async def _search_batch(self, asked: Search, include: Iterable[str]) -> BatchHits:
        start = self._open().search
        return _calls.batch_hits_from(
            await self._link.call(start, asked.vectors, asked.options, include, True)
        )
