"""Queues of a namespace: lists of work that processes share. docs/queues.md has the promises."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hearth import _native
from hearth._calls import count_argument
from hearth.errors import Conflict, make_error
from hearth.key_values import Bytes, to_bytes

if TYPE_CHECKING:
    from types import TracebackType

    from hearth._aio_record_calls import Link

Operation: TypeAlias = dict[str, object]

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.1
PAGE = 1000


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An item as `peek` shows it. Times are seconds since 1970, as `time.time()`.

    state: "ready", "delayed", "leased" or "dead". since: when it came into its state. due: when a
    delayed item becomes ready, or a lease ends; otherwise None. consumer: who holds it, or held it
    last.
    """

    id: int
    payload: bytes
    state: str
    priority: int
    attempts: int
    max_attempts: int
    pushed: float
    since: float
    due: float | None
    consumer: str
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many items a queue has. oldest_ready: how long the oldest ready item waits, in seconds.

    Items that are due count as delayed or leased until the next lease takes them up.
    """

    name: str
    ready: int
    delayed: int
    leased: int
    dead: int
    oldest_ready: float


def queue_stats(found: list[_native.QueueCounts]) -> list[QueueStats]:
    return [QueueStats(*each[:5], each[5] / 1000) for each in found]


def _item(found: _native.QueueItemTuple) -> QueueItem:
    pushed, since, due = (number / 1000 for number in found[6:9])
    return QueueItem(*found[:6], pushed, since, due or None, found[10], found[11])


def _milliseconds(name: str, seconds: float) -> int:
    if not math.isfinite(seconds) or seconds < 0:
        raise make_error("invalid_argument", f"{name} is {seconds}; it must be 0 or more seconds")
    return math.ceil(seconds * 1000)


class Operations:
    """What the calls of a queue send, for both kinds of client."""

    def __init__(self, queue: str) -> None:
        if not isinstance(queue, str):
            raise TypeError(f"a queue is named by a str, not {type(queue).__name__}")
        if not queue:
            raise make_error("invalid_argument", "the name of the queue is empty")
        self.queue = queue

    def push(
        self, payloads: Iterable[Bytes], priority: int, delay: float, max_attempts: int
    ) -> list[Operation]:
        if isinstance(payloads, bytes | bytearray | memoryview | str):
            raise TypeError("payloads must be several payloads, not one")
        common = {
            "queue": self.queue,
            "change": "push",
            "priority": priority,
            "delay_ms": _milliseconds("delay", delay),
            "max_attempts": count_argument("max_attempts", max_attempts),
        }
        return [common | {"payload": to_bytes("payload", each)} for each in payloads]

    def lease(self, count: int, visibility: float, consumer: str | None) -> list[Operation]:
        return [
            {
                "queue": self.queue,
                "change": "lease",
                "count": count_argument("n", count),
                "visibility_ms": _milliseconds("visibility", visibility),
                "consumer": f"pid {os.getpid()}" if consumer is None else consumer,
            }
        ]

    def named(self, change: str, item: int, **more: object) -> list[Operation]:
        return [{"queue": self.queue, "change": change, "item": item} | more]

    def nack(self, item: int, token: int, delay: float, dead: bool) -> list[Operation]:
        delay_ms = _milliseconds("delay", delay)
        return self.named("nack", item, token=token, delay_ms=delay_ms, dead=dead)

    def extend(self, item: int, token: int, visibility: float) -> list[Operation]:
        visibility_ms = _milliseconds("visibility", visibility)
        return self.named("extend", item, token=token, visibility_ms=visibility_ms)


class _Pauses:
    """The pauses between two looks at an empty queue, until `wait` seconds have passed."""

    def __init__(self, wait: float) -> None:
        self._end = time.monotonic() + wait
        self._next = FIRST_PAUSE

    def next(self) -> float | None:
        left = self._end - time.monotonic()
        if left <= 0:
            return None
        pause = min(self._next, left)
        self._next = min(self._next * 2, LONGEST_PAUSE)
        return pause


class _Pages:
    """The pages of a list of items."""

    def __init__(self, queue: str, state: str, limit: int | None, payloads: bool) -> None:
        self._options: dict[str, object] = {"queue": queue, "state": state, "payloads": payloads}
        self._left = limit
        self._cursor = b""
        self.more = limit is None or limit > 0

    def options(self) -> dict[str, object]:
        wanted = PAGE if self._left is None else min(PAGE, self._left)
        return self._options | {"limit": wanted, "cursor": self._cursor}

    def take(self, page: _native.ItemPage) -> list[QueueItem]:
        items, self._cursor = page
        if self._left is not None:
            self._left -= len(items)
        self.more = bool(self._cursor) and (self._left is None or self._left > 0)
        return [_item(each) for each in items]


class _Leased:
    """What a leased item knows."""

    def __init__(self, found: _native.QueueItemTuple) -> None:
        self.id: int = found[0]
        self.payload: bytes = found[1]
        self.priority: int = found[3]
        #: Leases of the item so far, this one included.
        self.attempts: int = found[4]
        self.max_attempts: int = found[5]
        #: When the lease ends, in seconds since 1970.
        self.expires: float = found[8] / 1000
        #: What makes the lease this one: whoever knows it may ack.
        self.token: int = found[9]
        #: Acked or nacked.
        self.settled = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}, attempt {self.attempts} of {self.max_attempts}>"


class LeasedItem(_Leased):
    """An item that this process holds, until `expires`.

    As a context manager it is acked at the end of the block, or nacked if an exception leaves it.
    `Conflict`: the lease is over, and the item was given to another or is done.
    """

    def __init__(self, queue: Queue, found: _native.QueueItemTuple) -> None:
        super().__init__(found)
        self._queue = queue

    def ack(self) -> None:
        """The item is done, and gone."""
        self._queue.ack(self.id, self.token)
        self.settled = True

    def nack(self, *, delay: float = 0.0, dead: bool = False) -> str:
        """Gives the item back, to be ready after `delay` seconds; returns its state.

        It is "dead" if this was its last attempt, or with `dead`.
        """
        state = self._queue.nack(self.id, self.token, delay=delay, dead=dead)
        self.settled = True
        return state

    def extend(self, visibility: float = 30.0) -> None:
        """The lease ends `visibility` seconds from now."""
        self.expires = self._queue.extend(self.id, self.token, visibility)

    def __enter__(self) -> LeasedItem:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.settled:
            return
        if error is None:
            self.ack()
            return
        try:
            self.nack()
        except Conflict:
            return  # it went back by itself


class Queue:
    """A list of work that processes share: `ns.queue("tasks")`. Thread-safe.

    Pushed items are leased to one holder at a time, by priority. A holder acks what is done; what
    it nacks, or does not ack in time, is leased again, until it is dead. Payloads are bytes, up to
    16 MiB; a str stands for its UTF-8. What a call did is on disk when it returns.
    """

    def __init__(self, native: Callable[[], _native.Namespace], name: str) -> None:
        self._native = native
        self._operations = Operations(name)

    @property
    def name(self) -> str:
        return self._operations.queue

    def _write(
        self, operations: list[Operation], durability: str = "sync"
    ) -> list[_native.QueueReply]:
        return self._native().write_queue(operations, durability)[1]

    def push(
        self,
        payload: Bytes,
        *,
        priority: int = 0,
        delay: float = 0.0,
        max_attempts: int = 5,
        durability: str = "sync",
    ) -> int:
        """Adds an item and returns its id.

        priority: higher ones are leased first, equal ones in order. delay: seconds until it is
        ready. max_attempts: leases that may fail before it is dead.
        """
        pushes = self._operations.push([payload], priority, delay, max_attempts)
        return self._write(pushes, durability)[0][0]

    def push_many(
        self,
        payloads: Iterable[Bytes],
        *,
        priority: int = 0,
        delay: float = 0.0,
        max_attempts: int = 5,
        durability: str = "sync",
    ) -> list[int]:
        """Adds all of them or none, 65,536 at most, and returns their ids. See `push`."""
        pushes = self._operations.push(payloads, priority, delay, max_attempts)
        return [reply[0] for reply in self._write(pushes, durability)] if pushes else []

    def lease(
        self, *, visibility: float = 30.0, wait: float = 5.0, consumer: str | None = None
    ) -> LeasedItem | None:
        """The next item, to be held for `visibility` seconds; None if none came in `wait` seconds.

        consumer: a label for people who look at the queue; "pid" and its number if not given.
        """
        leased = self.lease_many(1, visibility=visibility, wait=wait, consumer=consumer)
        return leased[0] if leased else None

    def lease_many(
        self, n: int, *, visibility: float = 30.0, wait: float = 5.0, consumer: str | None = None
    ) -> list[LeasedItem]:
        """Up to `n` items (1000 at most) as soon as there is one. See `lease`."""
        lease = self._operations.lease(n, visibility, consumer)
        pauses = _Pauses(wait)
        while True:
            leased = self._write(lease)[0][4]
            if leased:
                return [LeasedItem(self, each) for each in leased]
            pause = pauses.next()
            if pause is None:
                return []
            time.sleep(pause)

    def ack(self, item: int, token: int) -> None:
        """See `LeasedItem.ack`; for those who pass a lease on."""
        self._write(self._operations.named("ack", item, token=token))

    def nack(self, item: int, token: int, *, delay: float = 0.0, dead: bool = False) -> str:
        """See `LeasedItem.nack`."""
        return self._write(self._operations.nack(item, token, delay, dead))[0][1]

    def extend(self, item: int, token: int, visibility: float = 30.0) -> float:
        """See `LeasedItem.extend`. Returns when the lease ends, in seconds since 1970."""
        return self._write(self._operations.extend(item, token, visibility))[0][3] / 1000

    def stats(self) -> QueueStats:
        return queue_stats(self._native().get_queues(self.name))[0]

    def peek(
        self, limit: int | None = 10, *, state: str = "ready", payloads: bool = True
    ) -> Iterator[QueueItem]:
        """Items in a state, without leasing them: ready ones in the order of leasing, delayed and
        leased ones by when they are due, dead ones by when they died. limit None: all.
        """
        pages = _Pages(self.name, state, limit, payloads)
        while pages.more:
            yield from pages.take(self._native().scan_items(pages.options()))

    def dead(self, limit: int | None = None, *, payloads: bool = True) -> Iterator[QueueItem]:
        """The dead items. See `peek`."""
        return self.peek(limit, state="dead", payloads=payloads)

    def requeue(self, item: int) -> None:
        """Makes a dead item ready, as if it had never been tried; `NotFound` if it is not dead."""
        self._write(self._operations.named("requeue", item))

    def remove(self, item: int) -> bool:
        """Removes an item whatever its state, and says whether it was there."""
        return self._write(self._operations.named("remove", item))[0][2]


class AsyncLeasedItem(_Leased):
    """`LeasedItem` with every call awaited, for `async with`."""

    def __init__(self, queue: AsyncQueue, found: _native.QueueItemTuple) -> None:
        super().__init__(found)
        self._queue = queue

    async def ack(self) -> None:
        """See `LeasedItem.ack`."""
        await self._queue.ack(self.id, self.token)
        self.settled = True

    async def nack(self, *, delay: float = 0.0, dead: bool = False) -> str:
        """See `LeasedItem.nack`."""
        state = await self._queue.nack(self.id, self.token, delay=delay, dead=dead)
        self.settled = True
        return state

    async def extend(self, visibility: float = 30.0) -> None:
        """See `LeasedItem.extend`."""
        self.expires = await self._queue.extend(self.id, self.token, visibility)

    async def __aenter__(self) -> AsyncLeasedItem:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.settled:
            return
        if error is None:
            await self.ack()
            return
        try:
            await self.nack()
        except Conflict:
            return


class AsyncQueue:
    """`Queue` with every call awaited; see there for arguments, results and errors."""

    def __init__(self, native: Callable[[], _native.Namespace], link: Link, name: str) -> None:
        self._native = native
        self._link = link
        self._operations = Operations(name)

    @property
    def name(self) -> str:
        return self._operations.queue

    async def _write(
        self, operations: list[Operation], durability: str = "sync"
    ) -> list[_native.QueueReply]:
        call: Any = self._native().write_queue
        written: tuple[int, list[_native.QueueReply]] = await self._link.call(
            call, operations, durability
        )
        return written[1]

    async def push(
        self,
        payload: Bytes,
        *,
        priority: int = 0,
        delay: float = 0.0,
        max_attempts: int = 5,
        durability: str = "sync",
    ) -> int:
        """See `Queue.push`."""
        pushes = self._operations.push([payload], priority, delay, max_attempts)
        return (await self._write(pushes, durability))[0][0]

    async def push_many(
        self,
        payloads: Iterable[Bytes],
        *,
        priority: int = 0,
        delay: float = 0.0,
        max_attempts: int = 5,
        durability: str = "sync",
    ) -> list[int]:
        """See `Queue.push_many`."""
        pushes = self._operations.push(payloads, priority, delay, max_attempts)
        return [reply[0] for reply in await self._write(pushes, durability)] if pushes else []

    async def lease(
        self, *, visibility: float = 30.0, wait: float = 5.0, consumer: str | None = None
    ) -> AsyncLeasedItem | None:
        """See `Queue.lease`."""
        leased = await self.lease_many(1, visibility=visibility, wait=wait, consumer=consumer)
        return leased[0] if leased else None

    async def lease_many(
        self, n: int, *, visibility: float = 30.0, wait: float = 5.0, consumer: str | None = None
    ) -> list[AsyncLeasedItem]:
        """See `Queue.lease_many`."""
        lease = self._operations.lease(n, visibility, consumer)
        pauses = _Pauses(wait)
        while True:
            leased = (await self._write(lease))[0][4]
            if leased:
                return [AsyncLeasedItem(self, each) for each in leased]
            pause = pauses.next()
            if pause is None:
                return []
            await asyncio.sleep(pause)

    async def ack(self, item: int, token: int) -> None:
        """See `Queue.ack`."""
        await self._write(self._operations.named("ack", item, token=token))

    async def nack(self, item: int, token: int, *, delay: float = 0.0, dead: bool = False) -> str:
        """See `Queue.nack`."""
        return (await self._write(self._operations.nack(item, token, delay, dead)))[0][1]

    async def extend(self, item: int, token: int, visibility: float = 30.0) -> float:
        """See `Queue.extend`."""
        return (await self._write(self._operations.extend(item, token, visibility)))[0][3] / 1000

    async def stats(self) -> QueueStats:
        return queue_stats(await self._link.call(self._native().get_queues, self.name))[0]

    async def peek(
        self, limit: int | None = 10, *, state: str = "ready", payloads: bool = True
    ) -> AsyncIterator[QueueItem]:
        """`async for item in q.peek()`. See `Queue.peek`."""
        pages = _Pages(self.name, state, limit, payloads)
        while pages.more:
            for item in pages.take(
                await self._link.call(self._native().scan_items, pages.options())
            ):
                yield item

    def dead(self, limit: int | None = None, *, payloads: bool = True) -> AsyncIterator[QueueItem]:
        """See `Queue.dead`."""
        return self.peek(limit, state="dead", payloads=payloads)

    async def requeue(self, item: int) -> None:
        """See `Queue.requeue`."""
        await self._write(self._operations.named("requeue", item))

    async def remove(self, item: int) -> bool:
        """See `Queue.remove`."""
        return (await self._write(self._operations.named("remove", item)))[0][2]
