"""The asyncio API of one namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NoReturn, TypeVar, Unpack

from hearth import _calls, _native
from hearth._aio_record_calls import AsyncRecordCalls, Link
from hearth._calls import Schema
from hearth.administration import (
    CheckProgress,
    CheckReport,
    Compaction,
    Stats,
    add_step,
    stats_from,
)
from hearth.descriptions import NamespaceConfig, NamespaceInfo, VectorSettings
from hearth.errors import make_error
from hearth.feed import (
    AsyncFeed,
    Consumer,
    WatchOptions,
    consumers_from,
    start_cursor,
    watch_options,
)
from hearth.measures import Tuned
from hearth.queues import AsyncQueue, QueueStats, queue_stats
from hearth.transactions import RETRIED, AsyncTransaction, pause_before

T = TypeVar("T")


class AsyncNamespace(AsyncRecordCalls):
    """`hearth.Namespace` with every call awaited; see there for arguments, results and errors."""

    def __init__(self, native: _native.Namespace, link: Link) -> None:
        self._native: _native.Namespace | None = native
        self._link = link
        self._name = native.name
        self._config = _calls.config_from(native.config)

    @property
    def name(self) -> str:
        return self._name

    @property
    def config(self) -> NamespaceConfig:
        """As of opening or of the last `alter`; `(await info()).config` is the current one."""
        return self._config

    def _open(self) -> _native.Namespace:
        if self._native is None:
            raise _calls.closed("store")
        return self._native

    # ---- transactions --------------------------------------------------------------------------

    async def transaction(
        self, *, read_only: bool = False, timeout: float = 30.0
    ) -> AsyncTransaction:
        """`async with await ns.transaction() as t:`. See `hearth.Namespace.transaction`."""
        begun = await self._link.call(self._open().begin, read_only, timeout)
        return AsyncTransaction(*begun, self._name, self._config, self._link)

    async def run(
        self,
        work: Callable[[AsyncTransaction], Awaitable[T]],
        *,
        attempts: int = 20,
        timeout: float = 30.0,
    ) -> T:
        """See `hearth.Namespace.run`; `work` is awaited."""
        for attempt in range(attempts):
            try:
                async with await self.transaction(timeout=timeout) as transaction:
                    return await work(transaction)
            except RETRIED as error:
                if attempt + 1 == attempts:
                    raise
                await asyncio.sleep(pause_before(attempt, error))
        raise make_error("invalid_argument", f"attempts is {attempts}; at least 1")

    def queue(self, name: str) -> AsyncQueue:
        """See `hearth.Namespace.queue`."""
        return AsyncQueue(self._open, self._link, name)

    async def queues(self) -> list[QueueStats]:
        """See `hearth.Namespace.queues`."""
        return queue_stats(await self._link.call(self._open().get_queues, ""))

    # ---- the change feed -------------------------------------------------------------------------

    def watch(
        self,
        from_lsn: int | None = None,
        *,
        cursor: str | None = None,
        consumer: str | None = None,
        timeout: float | None = None,
        **which: Unpack[WatchOptions],
    ) -> AsyncFeed:
        """`async for change in ns.watch()`. See `hearth.Namespace.watch`."""
        return AsyncFeed(
            self._open,
            self._link,
            consumer=consumer,
            options=watch_options(which),
            cursor=start_cursor(from_lsn, cursor),
            timeout=timeout,
        )

    async def consumers(self) -> list[Consumer]:
        """See `hearth.Namespace.consumers`."""
        return consumers_from(await self._link.call(self._open().list_consumers))

    async def delete_consumer(self, name: str) -> None:
        """See `hearth.Namespace.delete_consumer`."""
        await self._link.call(self._open().update_consumer, name, "delete", None)

    # ---- writing -------------------------------------------------------------------------------

    async def flush(self, lsn: int = 0) -> int:
        """See `hearth.Namespace.flush`."""
        return await self._link.call(self._open().flush, lsn)

    # ---- changing ------------------------------------------------------------------------------

    async def alter(
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
        """See `hearth.Namespace.alter`."""
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
        self._config = _calls.config_from(await self._link.call(self._open().alter, settings))
        return self._config

    async def tune(
        self,
        recall: float = 0.98,
        k: int = 10,
        *,
        sample: int = 200,
        seed: int = 1,
        time_limit: float = 20.0,
        vector_name: str = "",
    ) -> Tuned:
        """See `hearth.Namespace.tune`."""
        return _calls.tuned_from(
            await self._link.call(
                self._open().tune,
                recall,
                _calls.count_argument("k", k),
                _calls.count_argument("sample", sample),
                _calls.count_argument("seed", seed, 0),
                time_limit,
                vector_name,
            )
        )

    # ---- administration ------------------------------------------------------------------------

    async def stats(self) -> Stats:
        """See `hearth.Namespace.stats`."""
        return stats_from(await self._link.call(self._open().stats))

    async def checkpoint(self) -> int:
        """See `hearth.Namespace.checkpoint`."""
        return await self._link.call(self._open().checkpoint)

    async def compact(self) -> Compaction:
        """See `hearth.Namespace.compact`."""
        return Compaction(*await self._link.call(self._open().compact))

    async def check(self, progress: CheckProgress | None = None) -> CheckReport:
        """See `hearth.Namespace.check`."""
        report = CheckReport()
        cursor = b""
        while True:
            step = await self._link.call(self._open().check, cursor)
            cursor = add_step(report, step, progress)
            if not cursor:
                return report

    # ---- reading -------------------------------------------------------------------------------

    async def info(self) -> NamespaceInfo:
        """See `hearth.Namespace.info`."""
        return _calls.namespace_info_from(await self._link.call(self._open().info))

    def __repr__(self) -> str:
        state = "" if self._native is not None else " closed"
        return (
            f"<hearth.AsyncNamespace '{self._name}' dimension={self._config.dimension} "
            f"distance={self._config.distance}{state}>"
        )

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)
