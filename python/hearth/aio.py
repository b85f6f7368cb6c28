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
from collections.abc import Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

from hearth import _calls, _native
from hearth._aio_namespace import AsyncNamespace
from hearth._aio_record_calls import Link
from hearth._calls import Schema
from hearth.descriptions import StoreInfo, VectorSettings

__all__ = ["AsyncNamespace", "AsyncStore", "Connecting", "connect"]


class AsyncStore:
    """`hearth.Store` with every call awaited. Belongs to the event loop it was connected on."""

    def __init__(self, native: _native.Store, path: str) -> None:
        self._native: _native.Store | None = native
        self._path = path
        self._link = Link()
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
        schema: Schema | None = None,
        text_fields: Mapping[str, float] | Iterable[str] | None = None,
        language: str | None = None,
        stop_words: Iterable[str] | None = None,
        named_vectors: Mapping[str, VectorSettings] | None = None,
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
            schema=schema,
            text_fields=text_fields,
            language=language,
            stop_words=stop_words,
            named_vectors=named_vectors,
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
