"""The key-value side of a namespace: an ordered map from bytes to bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hearth import _native
from hearth._calls import count_argument
from hearth.errors import Conflict
from hearth.paths import AsyncPaths, Paths

if TYPE_CHECKING:
    from hearth._aio_record_calls import Link

#: A key, or a value, as a call takes it: a str stands for its UTF-8.
Bytes: TypeAlias = bytes | bytearray | memoryview | str
#: Several keys and their values.
Items: TypeAlias = Mapping[str, Bytes] | Mapping[bytes, Bytes] | Iterable[tuple[Bytes, Bytes]]

PAGE = 1000


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key with its value. `version` is the LSN of the write that put it there."""

    key: bytes
    value: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Put:
    """A change of `KeyValues.write`. version: as in `KeyValues.put`."""

    key: Bytes
    value: Bytes
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """A change of `KeyValues.write`. version: as in `KeyValues.put`."""

    key: Bytes
    version: int | None = None


@dataclass(frozen=True, slots=True)
class DeletePrefix:
    """A change of `KeyValues.write`: every key that begins like this.

    It comes before the puts of its batch, so that a batch can replace what is below a prefix. It
    goes with no `Delete` of a key that begins like this.
    """

    prefix: Bytes


#: One of several changes that happen together.
Change: TypeAlias = Put | Delete | DeletePrefix


def to_bytes(name: str, given: object) -> bytes:
    """Keys and values are bytes; a str is its UTF-8. `TypeError` names the argument."""
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise TypeError(f"{name} must be bytes or str, not {type(given).__name__}")


def _change(
    kind: str, key: object, value: object = b"", amount: int = 0, version: int | None = None
) -> _native.KeyChange:
    return kind, to_bytes("key", key), to_bytes("value", value), amount, version


def _changes(changes: Iterable[Change]) -> list[_native.KeyChange]:
    made = []
    for each in changes:
        if isinstance(each, Put):
            made.append(_change("put", each.key, each.value, version=each.version))
        elif isinstance(each, Delete):
            made.append(_change("delete", each.key, version=each.version))
        elif isinstance(each, DeletePrefix):
            made.append(_change("delete_prefix", each.prefix))
        else:
            kinds = "Put, Delete or DeletePrefix"
            raise TypeError(f"a change must be {kinds}, not {type(each).__name__}")
    return made


def _swap(key: object, old: KeyValue | None, new: object) -> _native.KeyChange:
    version = 0 if old is None else old.version
    if new is None:
        return _change("delete", key, version=version)
    return _change("put", key, new, version=version)


def _pairs(items: Items) -> list[_native.KeyChange]:
    pairs = items.items() if isinstance(items, Mapping) else items
    return [_change("put", key, value) for key, value in pairs]


def _column(keys: Iterable[Bytes]) -> list[bytes]:
    if isinstance(keys, bytes | bytearray | memoryview | str):
        raise TypeError("keys must be several keys, not one")
    return [to_bytes("key", key) for key in keys]


def _entry(key: bytes, found: tuple[bytes, int] | None) -> KeyValue | None:
    return None if found is None else KeyValue(key, *found)


class _Scan:
    """The pages of one scan: what to ask for next, and whether there is more."""

    def __init__(
        self,
        bounds: tuple[Bytes | None, Bytes | None, Bytes | None],
        reverse: bool,
        limit: int | None,
        batch_size: int,
        values: bool,
    ) -> None:
        self._options: dict[str, object] = {"reverse": reverse, "values": values}
        for name, bound in zip(("start", "end", "prefix"), bounds, strict=True):
            if bound is not None:
                self._options[name] = to_bytes(name, bound)
        self._size = count_argument("batch_size", batch_size)
        self._left = limit
        self._cursor = b""
        self.more = limit is None or limit > 0

    def options(self) -> dict[str, object]:
        wanted = self._size if self._left is None else min(self._size, self._left)
        return self._options | {"limit": wanted, "cursor": self._cursor}

    def take(self, page: _native.KeyPage) -> list[Any]:
        entries, self._cursor = page
        if self._left is not None:
            self._left -= len(entries)
        self.more = bool(self._cursor) and (self._left is None or self._left > 0)
        return entries


class KeyValues(Paths):
    """The keys of a namespace: `ns.kv`. Thread-safe.

    Keys are bytes (up to 64 KiB, in the order of bytes) and so are values (up to 64 MiB). A str
    stands for its UTF-8; what comes back is bytes. An empty value is not a missing one. Writes are
    on disk when they return.
    """

    def __init__(self, native: Callable[[], _native.RecordCalls]) -> None:
        self._native = native

    def _write(
        self, changes: list[_native.KeyChange], durability: str = "sync"
    ) -> _native.KeysWritten:
        return self._native().write_keys(changes, durability)

    def put(
        self, key: Bytes, value: Bytes, *, version: int | None = None, durability: str = "sync"
    ) -> int:
        """Inserts or replaces, and returns the version.

        version: compare and set: the version that the key must have, 0 if it must not be there;
        otherwise `Conflict`.
        """
        return self._write([_change("put", key, value, version=version)], durability)[0]

    def put_many(
        self,
        items: Items,
        *,
        durability: str = "sync",
    ) -> int:
        """Puts all of them or none, and returns their version."""
        changes = _pairs(items)
        return self._write(changes, durability)[0] if changes else 0

    def write(self, changes: Iterable[Change], *, durability: str = "sync") -> int:
        """Makes all of several changes or none, and returns the version of what it put.

        `Conflict` if one of them names a version that its key does not have. At most 1,000,000 keys
        begin with the prefixes of one batch (`LimitExceeded`).
        """
        made = _changes(changes)
        return self._write(made, durability)[0] if made else 0

    def delete_prefix(self, prefix: Bytes, *, durability: str = "sync") -> int:
        """Removes every key that begins like this at once, and says how many there were.

        At most 1,000,000 keys of 64 MiB together: `LimitExceeded`, and nothing is removed.
        """
        return self._write([_change("delete_prefix", prefix)], durability)[1]

    def get(self, key: Bytes, default: bytes | None = None) -> bytes | None:
        """The value, or `default` if the key is not there."""
        found = self.entry(key)
        return default if found is None else found.value

    def entry(self, key: Bytes) -> KeyValue | None:
        """The key with its value and version, or None."""
        asked = to_bytes("key", key)
        return _entry(asked, self._native().get_keys([asked], True)[0])

    def get_many(self, keys: Iterable[Bytes]) -> dict[bytes, bytes]:
        """The values of those that are there, in the order asked."""
        asked = _column(keys)
        found = self._native().get_keys(asked, True)
        return {key: each[0] for key, each in zip(asked, found, strict=True) if each is not None}

    def exists(self, key: Bytes) -> bool:
        return self._native().get_keys([to_bytes("key", key)], False)[0] is not None

    def delete(self, key: Bytes, *, version: int | None = None, durability: str = "sync") -> bool:
        """Removes a key and says whether it was there. version: as in `put`."""
        return self._write([_change("delete", key, version=version)], durability)[1] == 1

    def delete_many(self, keys: Iterable[Bytes], *, durability: str = "sync") -> int:
        """Removes all of them at once and says how many were there."""
        changes = [_change("delete", key) for key in _column(keys)]
        return self._write(changes, durability)[1] if changes else 0

    def increment(self, key: Bytes, amount: int = 1, *, durability: str = "sync") -> int:
        """Adds to the whole number that the value says in decimal (0 if it is not there).

        Returns the sum. Increments of different processes do not get lost.
        """
        return self._write([_change("add", key, amount=amount)], durability)[2][0]

    def compare_and_set(self, key: Bytes, expected: Bytes | None, value: Bytes | None) -> bool:
        """Puts `value` (None: deletes) if the value is `expected` (None: not there).

        Says whether it did.
        """
        wanted = None if expected is None else to_bytes("expected", expected)
        while True:
            old = self.entry(key)
            if (None if old is None else old.value) != wanted:
                return False
            try:
                self._write([_swap(key, old, value)])
            except Conflict:
                continue  # somebody wrote in between: look again
            return True

    def scan(
        self,
        *,
        start: Bytes | None = None,
        end: Bytes | None = None,
        prefix: Bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
        batch_size: int = PAGE,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in the order of the keys' bytes, from `start` to before `end`.

        They come in pages: keys that exist throughout the scan appear exactly once, whatever is
        written meanwhile. reverse: from the last to the first.
        """
        pages = _Scan((start, end, prefix), reverse, limit, batch_size, True)
        while pages.more:
            yield from pages.take(self._native().scan_keys(pages.options()))

    def keys(
        self,
        *,
        start: Bytes | None = None,
        end: Bytes | None = None,
        prefix: Bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
        batch_size: int = PAGE,
    ) -> Iterator[bytes]:
        """As `scan`, without the values."""
        pages = _Scan((start, end, prefix), reverse, limit, batch_size, False)
        while pages.more:
            yield from pages.take(self._native().scan_keys(pages.options()))


class AsyncKeyValues(AsyncPaths):
    """`KeyValues` with every call awaited; see there for arguments, results and errors."""

    def __init__(self, native: Callable[[], _native.RecordCalls], link: Link) -> None:
        self._native = native
        self._link = link

    async def _write(
        self, changes: list[_native.KeyChange], durability: str = "sync"
    ) -> _native.KeysWritten:
        return await self._link.call(self._native().write_keys, changes, durability)

    async def put(
        self, key: Bytes, value: Bytes, *, version: int | None = None, durability: str = "sync"
    ) -> int:
        """See `KeyValues.put`."""
        return (await self._write([_change("put", key, value, version=version)], durability))[0]

    async def put_many(
        self,
        items: Items,
        *,
        durability: str = "sync",
    ) -> int:
        """See `KeyValues.put_many`."""
        changes = _pairs(items)
        return (await self._write(changes, durability))[0] if changes else 0

    async def write(self, changes: Iterable[Change], *, durability: str = "sync") -> int:
        """See `KeyValues.write`."""
        made = _changes(changes)
        return (await self._write(made, durability))[0] if made else 0

    async def delete_prefix(self, prefix: Bytes, *, durability: str = "sync") -> int:
        """See `KeyValues.delete_prefix`."""
        return (await self._write([_change("delete_prefix", prefix)], durability))[1]

    async def get(self, key: Bytes, default: bytes | None = None) -> bytes | None:
        """See `KeyValues.get`."""
        found = await self.entry(key)
        return default if found is None else found.value

    async def entry(self, key: Bytes) -> KeyValue | None:
        """See `KeyValues.entry`."""
        asked = to_bytes("key", key)
        found = await self._link.call(self._native().get_keys, [asked], True)
        return _entry(asked, found[0])

    async def get_many(self, keys: Iterable[Bytes]) -> dict[bytes, bytes]:
        """See `KeyValues.get_many`."""
        asked = _column(keys)
        found = await self._link.call(self._native().get_keys, asked, True)
        return {key: each[0] for key, each in zip(asked, found, strict=True) if each is not None}

    async def exists(self, key: Bytes) -> bool:
        """See `KeyValues.exists`."""
        found = await self._link.call(self._native().get_keys, [to_bytes("key", key)], False)
        return found[0] is not None

    async def delete(
        self, key: Bytes, *, version: int | None = None, durability: str = "sync"
    ) -> bool:
        """See `KeyValues.delete`."""
        return (await self._write([_change("delete", key, version=version)], durability))[1] == 1

    async def delete_many(self, keys: Iterable[Bytes], *, durability: str = "sync") -> int:
        """See `KeyValues.delete_many`."""
        changes = [_change("delete", key) for key in _column(keys)]
        return (await self._write(changes, durability))[1] if changes else 0

    async def increment(self, key: Bytes, amount: int = 1, *, durability: str = "sync") -> int:
        """See `KeyValues.increment`."""
        return (await self._write([_change("add", key, amount=amount)], durability))[2][0]

    async def compare_and_set(
        self, key: Bytes, expected: Bytes | None, value: Bytes | None
    ) -> bool:
        """See `KeyValues.compare_and_set`."""
        wanted = None if expected is None else to_bytes("expected", expected)
        while True:
            old = await self.entry(key)
            if (None if old is None else old.value) != wanted:
                return False
            try:
                await self._write([_swap(key, old, value)])
            except Conflict:
                continue
            return True

    async def scan(
        self,
        *,
        start: Bytes | None = None,
        end: Bytes | None = None,
        prefix: Bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
        batch_size: int = PAGE,
    ) -> AsyncIterator[tuple[bytes, bytes]]:
        """`async for key, value in ns.kv.scan()`. See `KeyValues.scan`."""
        pages = _Scan((start, end, prefix), reverse, limit, batch_size, True)
        while pages.more:
            page = await self._link.call(self._native().scan_keys, pages.options())
            for item in pages.take(page):
                yield item

    async def keys(
        self,
        *,
        start: Bytes | None = None,
        end: Bytes | None = None,
        prefix: Bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
        batch_size: int = PAGE,
    ) -> AsyncIterator[bytes]:
        """As `scan`, without the values."""
        pages = _Scan((start, end, prefix), reverse, limit, batch_size, False)
        while pages.more:
            page = await self._link.call(self._native().scan_keys, pages.options())
            for key in pages.take(page):
                yield key
