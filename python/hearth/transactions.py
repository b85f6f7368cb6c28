"""Transactions: reads and writes that happen all together, at one moment, or not at all."""

from __future__ import annotations

import random
from types import TracebackType
from typing import NoReturn, Self

from hearth import _calls, _native
from hearth._aio_record_calls import AsyncRecordCalls, Link
from hearth._record_calls import RecordCalls
from hearth.descriptions import NamespaceConfig
from hearth.errors import Busy, Conflict, HearthError, make_error
from hearth.key_values import Bytes
from hearth.queues import AsyncLeasedItem, LeasedItem, Operations
from hearth.results import Committed

#: What another attempt may overcome.
RETRIED = (Conflict, Busy)

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.25


def pause_before(attempt: int, error: HearthError) -> float:
    """Seconds to wait before the next attempt: longer each time, and never the same for two."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt)
    return max(error.retry_after or 0.0, random.uniform(pause / 2, pause))


class _State:
    """How a transaction stands, blocking or not."""

    def __init__(self, native: _native.Transaction, snapshot: int, name: str) -> None:
        self._native: _native.Transaction | None = native
        self._name = name
        self._snapshot = snapshot
        self._committed: Committed | None = None

    @property
    def snapshot(self) -> int:
        """The LSN that it began at."""
        return self._snapshot

    @property
    def committed(self) -> Committed | None:
        """What its commit answered; None before."""
        return self._committed

    @property
    def is_open(self) -> bool:
        """False once it was committed or aborted."""
        return self._native is not None

    def _open(self) -> _native.Transaction:
        if self._native is None:
            how = "committed" if self._committed is not None else "aborted"
            raise make_error("invalid_argument", f"the transaction was {how}", "begin another one")
        return self._native

    def __repr__(self) -> str:
        state = "open" if self.is_open else "committed" if self._committed else "aborted"
        return f"<hearth.{type(self).__name__} of '{self._name}' at lsn {self._snapshot}, {state}>"

    def __reduce__(self) -> NoReturn:
        _calls.refuse_pickle(self)


class Transaction(_State, RecordCalls):
    """Reads and writes of one namespace that happen all together, or not at all.

    It has the calls of a namespace for records and keys (`kv`). Reads, searches too, see the
    namespace as it was when the transaction began, and what the transaction itself has written;
    nobody else sees that before the commit. Use it in a `with` block: the end of the block commits,
    an exception aborts.

    It is serializable: if anything that it has read was changed by somebody else meanwhile, its
    commit (or a call before) raises `Conflict`, and nothing has happened. Then the whole
    transaction is to be run again, which `Namespace.run` does. A search, scan or count depends on
    all records; a scan of keys on the keys in its range, also on those that are not there.

    Nobody waits for a transaction, and a process that dies in the middle of one leaves nothing
    behind. It may write up to 64 MiB. Records need ids. Versions of what it has written are 0.
    """

    def __init__(
        self,
        native: _native.Transaction,
        snapshot: int,
        name: str,
        config: NamespaceConfig,
    ) -> None:
        super().__init__(native, snapshot, name)
        self._config = config

    def push(
        self,
        queue: str,
        payload: Bytes,
        *,
        priority: int = 0,
        delay: float = 0.0,
        max_attempts: int = 5,
    ) -> None:
        """Pushes an item to a queue when the transaction commits; see `Queue.push`.

        `committed.items` has its id then.
        """
        operations = Operations(queue).push([payload], priority, delay, max_attempts)
        self._open().write_queue(operations, "sync")

    def ack(self, queue: str, item: LeasedItem) -> None:
        """The item is done when the transaction commits; `Conflict` if its lease is over by then.

        So what a worker writes and the end of its work happen together, or neither does.
        """
        operations = Operations(queue).named("ack", item.id, token=item.token)
        self._open().write_queue(operations, "sync")
        item.settled = True

    def savepoint(self) -> int:
        """Remembers what has been written so far; returns its number. At most 64."""
        return self._open().savepoint()

    def rollback_to(self, savepoint: int) -> None:
        """Forgets what has been written since the savepoint, which stays."""
        self._open().rollback_to(savepoint)

    def commit(self, *, durability: str = "sync") -> Committed:
        """Makes everything happen, under one LSN; on disk when it returns."""
        native = self._open()
        committed = Committed(*native.commit(durability))
        self._committed = committed
        self._native = None
        return committed

    def abort(self) -> None:
        """Forgets everything. Aborting what has ended is fine."""
        native, self._native = self._native, None
        if native is not None:
            native.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._native is None:
            return
        if error is None:
            try:
                self.commit()
            finally:
                self._native = None
            return
        try:
            self.abort()
        except HearthError:
            pass  # it has ended by itself; the exception of the block is the one to see


class AsyncTransaction(_State, AsyncRecordCalls):
    """`hearth.Transaction` with every call awaited; see there."""

    def __init__(
        self,
        native: _native.Transaction,
        snapshot: int,
        name: str,
        config: NamespaceConfig,
        link: Link,
    ) -> None:
        super().__init__(native, snapshot, name)
        self._config = config
        self._link = link

    async def push(
        self,
        queue: str,
        payload: Bytes,
        *,
        priority: int = 0,
        delay: float = 0.0,
        max_attempts: int = 5,
    ) -> None:
        """See `hearth.Transaction.push`."""
        operations = Operations(queue).push([payload], priority, delay, max_attempts)
        await self._link.call(self._open().write_queue, operations, "sync")

    async def ack(self, queue: str, item: AsyncLeasedItem) -> None:
        """See `hearth.Transaction.ack`."""
        operations = Operations(queue).named("ack", item.id, token=item.token)
        await self._link.call(self._open().write_queue, operations, "sync")
        item.settled = True

    async def savepoint(self) -> int:
        """See `hearth.Transaction.savepoint`."""
        return await self._link.call(self._open().savepoint)

    async def rollback_to(self, savepoint: int) -> None:
        """See `hearth.Transaction.rollback_to`."""
        await self._link.call(self._open().rollback_to, savepoint)

    async def commit(self, *, durability: str = "sync") -> Committed:
        """See `hearth.Transaction.commit`."""
        native = self._open()
        committed = Committed(*await self._link.call(native.commit, durability))
        self._committed = committed
        self._native = None
        return committed

    async def abort(self) -> None:
        """See `hearth.Transaction.abort`."""
        native, self._native = self._native, None
        if native is not None:
            await self._link.call(native.abort)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._native is None:
            return
        if error is None:
            try:
                await self.commit()
            finally:
                self._native = None
            return
        try:
            await self.abort()
        except HearthError:
            pass
