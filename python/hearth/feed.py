"""The change feed of a namespace: what its writes changed, in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from hearth import _calls, _native
from hearth._calls import Where
from hearth.errors import Busy, DaemonUnavailable, make_error
from hearth.key_values import Bytes, to_bytes
from hearth.results import Id, Record

if TYPE_CHECKING:
    from hearth._aio_record_calls import Link

#: How a feed waits: seconds that one call takes at most before it asks again.
POLL = 2.0
#: A feed goes on by itself where the daemon went away, if it is back after so many attempts.
ATTEMPTS = 20
PAUSE = 0.25

#: Records whose vector is at most a distance away: (vector, distance).
Near: TypeAlias = tuple[ArrayLike, float]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A record or a key that a write put or erased.

    Attributes:
        lsn: of the write.
        kind: "put" (inserted, replaced or updated) or "erase".
        id: of the record; None for a key.
        key: the key; None for a record.
        last: no more changes of this write follow. Where conditions leave out the rest of a write,
            that may show only in the LSN of the next change.
        version: LSN of the write that put there what is there now; 0 if nothing is. It is above
            `lsn` where the record or key was changed again.
        record: as it is now, with the columns that `include` asked for.
        value: of the key as it is now, if it was asked for.
        cursor: where a feed goes on that has dealt with this change.
    """

    lsn: int
    kind: Literal["put", "erase"]
    id: Id | None
    key: bytes | None
    last: bool
    version: int
    record: Record | None
    value: bytes | None
    cursor: str


@dataclass(frozen=True, slots=True)
class Consumer:
    """A reader of the feed whose position the namespace keeps. `lsn`: it dealt with all before."""

    name: str
    lsn: int
    cursor: str


def consumers_from(plain: list[tuple[str, str, int]]) -> list[Consumer]:
    return [Consumer(name, lsn, cursor) for name, cursor, lsn in plain]


def _subject(what: str | None, records_only: bool, keys_only: bool) -> str:
    if what is not None:
        return what
    if records_only and not keys_only:
        return "records"
    return "keys" if keys_only and not records_only else "everything"


class WatchOptions(TypedDict, total=False):
    """Which changes a feed delivers, and what comes with them. Unless given:

    Attributes:
        what: "records", "keys" or "everything"; as the conditions say.
        where: of records that are put, only those that match this filter by now; all.
        near: (vector, distance): likewise, only those that are near; all.
        vector_name: whose distance `near` means; the vector without a name.
        prefix: only keys that begin like this; all.
        include: columns of records to bring along, of "metadata", "texts", "vectors"; none.
        values: bring the values of keys along; False.
        batch_size: changes per call of the daemon; 1000.
    """

    what: str
    where: Where | None
    near: Near | None
    vector_name: str
    prefix: Bytes | None
    include: Iterable[str]
    values: bool
    batch_size: int


def watch_options(given: WatchOptions) -> dict[str, object]:
    """The options of a feed as the native module takes them."""
    if unknown := set(given) - set(WatchOptions.__annotations__):
        raise TypeError(f"watch() has no argument '{min(unknown)}'")
    where, near, prefix = given.get("where"), given.get("near"), given.get("prefix")
    include = given.get("include", ())
    of_records = where is not None or near is not None
    name = given.get("vector_name", "")
    return {
        "what": _subject(given.get("what"), of_records, prefix is not None),
        "where": where,
        "near": None if near is None else (np.array(near[0]), float(near[1]), name),
        "prefix": b"" if prefix is None else to_bytes("prefix", prefix),
        "include": include if isinstance(include, str) else tuple(include),
        "values": given.get("values", False),
        "limit": _calls.count_argument("batch_size", given.get("batch_size", 1000)),
    }


def start_cursor(from_lsn: int | None, cursor: str | None) -> str | None:
    if from_lsn is not None and cursor is not None:
        raise make_error("invalid_argument", "from_lsn and cursor are both given", "give one")
    return cursor if from_lsn is None else str(_calls.count_argument("from_lsn", from_lsn, 0))


class _Pages:
    """What a feed was told and has not handed out yet, and where it stands."""

    def __init__(self, options: dict[str, object], cursor: str | None, timeout: float | None):
        self._options = options
        self._with_records = bool(options["include"])
        self._with_values = bool(options["values"])
        self._timeout = timeout
        self._ready: deque[Change] = deque()
        self._next = cursor
        self._failures = 0
        self._all_seen = False
        self.cursor = cursor
        self.newest = 0
        self.quiet_since = time.monotonic()

    def options(self, wait: bool) -> dict[str, object]:
        """For the next call; `wait`: until there is something, or the time is over."""
        left = POLL if self._timeout is None else min(POLL, self._left())
        return self._options | {"wait_ms": int(left * 1000) if wait else 0}

    def next_cursor(self) -> str | None:
        return self._next

    def _left(self) -> float:
        assert self._timeout is not None
        return max(0.0, self.quiet_since + self._timeout - time.monotonic())

    def over(self) -> bool:
        """Whether nothing came for longer than the feed is to wait."""
        return self._timeout is not None and self._all_seen and self._left() == 0

    def start(self, cursor: str) -> None:
        self._next = self.cursor = cursor

    def take(self, page: _native.ChangePage) -> None:
        events, columns, self._next, self.newest = page
        records = _calls.records_from(columns) if self._with_records else None
        for lsn, number, erased, last, key, identity, version, row, value in events:
            there = version != 0 and not erased
            record = records[row] if records is not None and there and key is None else None
            self._ready.append(
                Change(
                    lsn,
                    "erase" if erased else "put",
                    identity,
                    key,
                    last,
                    version,
                    record,
                    value if self._with_values and there and key is not None else None,
                    str(lsn) if last else f"{lsn - 1}+{number + 1}",
                )
            )
        self._failures = 0
        self._all_seen = not events and int(self._next.partition("+")[0]) >= self.newest
        if not self._ready:
            self.cursor = self._next
        else:
            self.quiet_since = time.monotonic()

    def pop(self) -> Change | None:
        if not self._ready:
            return None
        change = self._ready.popleft()
        # Behind the last change of a page lies what conditions left out.
        self.cursor = change.cursor if self._ready else self._next
        self.quiet_since = time.monotonic()
        return change

    def pause(self, error: Exception) -> float:
        """How long to wait before the call is repeated; raises if it is not to be."""
        self._failures += 1
        if self._failures > ATTEMPTS:
            raise error
        if isinstance(error, Busy) and error.retry_after:
            return error.retry_after
        return PAUSE


def _needs_consumer() -> Exception:
    return make_error(
        "invalid_argument",
        "the feed has no consumer whose position could be kept",
        "give watch() a consumer, or keep the cursor yourself",
    )


class Feed:
    """`ns.watch()`: an iterator of changes that waits for the next one. For one thread at a time.

    At least once, in the order of LSNs. Where the daemon goes away and comes back, it goes on where
    it was. `close()` may be called from any thread, and ends the iteration within two seconds.
    """

    def __init__(
        self,
        native: Callable[[], _native.Namespace],
        *,
        consumer: str | None,
        options: dict[str, object],
        cursor: str | None,
        timeout: float | None,
    ) -> None:
        self._native = native
        self._consumer = consumer
        self._pages = _Pages(options, cursor, timeout)
        self._closed = False
        if consumer is not None:
            self._pages.start(native().update_consumer(consumer, "open", cursor))
        elif cursor is None:  # now is when the feed is made
            self._pages.start(native().changes(None, options | {"limit": 1})[2])

    @property
    def cursor(self) -> str | None:
        """Where another feed goes on, once what this one handed out is dealt with."""
        return self._pages.cursor

    @property
    def newest_lsn(self) -> int:
        """LSN of the namespace when the feed last asked."""
        return self._pages.newest

    def ack(self, change: Change | None = None) -> str:
        """Keeps the consumer's position: behind `change`, or behind all that was handed out.

        On disk when it returns. A position that lies behind its own changes nothing.
        """
        if self._consumer is None:
            raise _needs_consumer()
        cursor = self.cursor if change is None else change.cursor
        return self._native().update_consumer(self._consumer, "acknowledge", cursor)

    def poll(self) -> list[Change]:
        """All that there is now, up to `batch_size`, without waiting."""
        changes = []
        self._fetch(wait=False)
        while (change := self._pages.pop()) is not None:
            changes.append(change)
        return changes

    def _fetch(self, wait: bool) -> None:
        pages = self._pages
        try:
            pages.take(self._native().changes(pages.next_cursor(), pages.options(wait)))
        except (Busy, DaemonUnavailable) as error:
            time.sleep(pages.pause(error))

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        while not self._closed:
            change = self._pages.pop()
            if change is not None:
                return change
            if self._pages.over():
                break
            self._fetch(wait=True)
        raise StopIteration

    def close(self) -> None:
        self._closed = True

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncFeed:
    """`Feed` for asyncio: `async for change in ns.watch()`.

    A feed without a cursor begins with its first call, or with `async with`.
    """

    def __init__(
        self,
        native: Callable[[], _native.Namespace],
        link: Link,
        *,
        consumer: str | None,
        options: dict[str, object],
        cursor: str | None,
        timeout: float | None,
    ) -> None:
        self._native = native
        self._link = link
        self._consumer = consumer
        self._first = cursor
        self._options = options
        self._pages = _Pages(options, cursor, timeout)
        self._started = False
        self._closed = False

    async def _start(self) -> None:
        if self._started:
            return
        native = self._native()
        if self._consumer is not None:
            self._pages.start(
                await self._link.call(native.update_consumer, self._consumer, "open", self._first)
            )
        elif self._first is None:
            page = await self._link.call(native.changes, None, self._options | {"limit": 1})
            self._pages.start(page[2])
        self._pages.quiet_since = time.monotonic()
        self._started = True

    @property
    def cursor(self) -> str | None:
        """See `Feed.cursor`."""
        return self._pages.cursor

    @property
    def newest_lsn(self) -> int:
        """See `Feed.newest_lsn`."""
        return self._pages.newest

    async def ack(self, change: Change | None = None) -> str:
        """See `Feed.ack`."""
        if self._consumer is None:
            raise _needs_consumer()
        await self._start()
        cursor = self.cursor if change is None else change.cursor
        call = self._native().update_consumer
        return await self._link.call(call, self._consumer, "acknowledge", cursor)

    async def poll(self) -> list[Change]:
        """See `Feed.poll`."""
        await self._start()
        changes = []
        await self._fetch(wait=False)
        while (change := self._pages.pop()) is not None:
            changes.append(change)
        return changes

    async def _fetch(self, wait: bool) -> None:
        pages = self._pages
        try:
            call = self._native().changes
            pages.take(await self._link.call(call, pages.next_cursor(), pages.options(wait)))
        except (Busy, DaemonUnavailable) as error:
            await asyncio.sleep(pages.pause(error))

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        await self._start()
        while not self._closed:
            change = self._pages.pop()
            if change is not None:
                return change
            if self._pages.over():
                break
            await self._fetch(wait=True)
        raise StopAsyncIteration

    def close(self) -> None:
        self._closed = True

    async def __aenter__(self) -> AsyncFeed:
        await self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
