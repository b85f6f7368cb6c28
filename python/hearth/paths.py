"""Paths: lists of segments as keys. `users/alice/email` is a key, and so is every other path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hearth import _native
from hearth._calls import count_argument
from hearth.errors import make_error

if TYPE_CHECKING:
    from hearth._aio_record_calls import Link

#: A path as a call takes it: text ("users/alice/email", with "\\/" for a slash in a segment and
#: "\\\\" for a backslash), the key that the text is, or the segments themselves.
Path: TypeAlias = str | bytes | Sequence[str | bytes]
#: A segment as it comes back: bytes if it is not UTF-8.
Segment: TypeAlias = str | bytes

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Child:
    """A name directly below a path: a key (`has_value`), the way to others, or both.

    Attributes:
        name: the segment. Of a key that is no path (a lone backslash): the bytes as they are.
        key: the bytes of the whole path.
        version: of the key; 0 if it has no value, or if the transaction that lists it wrote it.
        has_value: it is a key.
        has_children: others are below it.
    """

    name: Segment
    key: bytes
    version: int
    has_value: bool
    has_children: bool


def _segment_bytes(segment: object) -> bytes:
    if isinstance(segment, str):
        return segment.encode()
    if isinstance(segment, bytes):
        return segment
    raise TypeError(f"a segment must be str or bytes, not {type(segment).__name__}")


def _segment(plain: bytes) -> Segment:
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return plain


def _split(path: Path) -> list[bytes]:
    """The segments of a path; none for the root: "" or ()."""
    if isinstance(path, str | bytes):
        text = path.encode() if isinstance(path, str) else path
        return _native.decode_path(text) if text else []
    if not isinstance(path, Sequence):
        raise TypeError(f"path must be a str or a list of segments, not {type(path).__name__}")
    return [_segment_bytes(each) for each in path]


def path_key(path: Path) -> bytes:
    """The key of a path.

    Segments are joined by "/"; a backslash and a slash in a segment get a backslash in front.
    `InvalidArgument` for the root, which has no key, and for a text whose backslashes escape
    something else.
    """
    segments = _split(path)
    if not segments:
        raise make_error(
            "invalid_argument",
            "the path is empty",
            "name a segment; the key without bytes is the path ['']",
        )
    return _native.encode_path(segments)


def path_segments(key: bytes) -> tuple[Segment, ...]:
    """The segments of a key: the way back from `path_key`."""
    return tuple(_segment(each) for each in _native.decode_path(key))


def path_prefix(path: Path) -> bytes:
    """What the keys below a path begin with."""
    segments = _split(path)
    return _native.encode_path([*segments, b""]) if segments else b""


def _child(base: int, key: bytes, version: int, flags: int) -> Child:
    raw = key[base:]
    try:
        name = _segment(_native.decode_path(raw)[0])
    except ValueError:
        name = raw
    return Child(name, key, version, bool(flags & 1), bool(flags & 2))


class Listing:
    """The pages of one listing: what to ask for next, and whether there is more."""

    def __init__(self, path: Path, reverse: bool, limit: int | None, batch_size: int) -> None:
        self._prefix = path_prefix(path)
        self._reverse = reverse
        self._size = count_argument("batch_size", batch_size)
        self._left = limit
        self._cursor = b""
        self.more = limit is None or limit > 0

    def options(self) -> dict[str, object]:
        wanted = self._size if self._left is None else min(self._size, self._left)
        return {
            "prefix": self._prefix,
            "reverse": self._reverse,
            "limit": wanted,
            "cursor": self._cursor,
        }

    def take(self, page: _native.NamePage) -> list[Child]:
        names, self._cursor = page
        if self._left is not None:
            self._left -= len(names)
        self.more = bool(self._cursor) and (self._left is None or self._left > 0)
        return [_child(len(self._prefix), *each) for each in names]


class Subtree:
    """What a walk over a subtree needs: its own key, its prefix, and rows in relative segments."""

    def __init__(self, path: Path) -> None:
        self._prefix = path_prefix(path)
        self.own = path_key(path) if _split(path) else None
        self.tree: dict[Any, Any] = {}

    @property
    def prefix(self) -> bytes:
        return self._prefix

    def row(self, key: bytes, value: bytes, raw: bool) -> tuple[tuple[Segment, ...], Any]:
        below = path_segments(key[len(self._prefix) :])
        return below, value if raw else _native.read_value(value)

    def add(self, row: tuple[tuple[Segment, ...], Any]) -> None:
        """Puts a row into the nested dict; what is above others has its value under None."""
        (*above, last), value = row
        level = self.tree
        for segment in above:
            inner = level.get(segment)
            if isinstance(inner, _Leaf):  # its key came before those below it
                inner = level[segment] = {None: inner}
            elif inner is None:
                inner = level[segment] = {}
            level = inner
        level[last] = _Leaf(value)

    def plain(self) -> dict[Any, Any]:
        """The nested dict; add nothing afterwards."""
        return {name: _plain(each) for name, each in self.tree.items()}

    def deletion(self) -> list[_native.KeyChange]:
        """One batch: the key of the path, and all that begin with it and a slash."""
        changes: list[_native.KeyChange] = [("delete_prefix", self._prefix, b"", 0, None)]
        if self.own is not None:
            changes.append(("delete", self.own, b"", 0, None))
        return changes


class _Leaf:
    """A value of the tree, which may be a dict itself."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _plain(each: Any) -> Any:
    if isinstance(each, _Leaf):
        return each.value
    return {name: _plain(below) for name, below in each.items()}


def put_change(path: Path, value: object, version: int | None) -> _native.KeyChange:
    return "put", path_key(path), _native.stored_bytes(value), 0, version


class Paths:
    """The calls of `ns.kv` by path.

    A path is text, `"users/alice/email"`, or a list of segments, `["users", "alice", "email"]`.
    What `put_path` stores is bytes as they are and anything else as JSON; `get_path` reads JSON,
    else text, else bytes.
    """

    _native: Callable[[], _native.RecordCalls]

    def put_path(
        self, path: Path, value: Any, *, version: int | None = None, durability: str = "sync"
    ) -> int:
        """Puts None, bool, int, float, str, list, dict or bytes under a path; returns the version.

        Bytes are stored as they are, anything else as its JSON text, from which `get_path` makes
        the same value: "5" stays a str and 5.0 a float; tuples come back as lists. version: as in
        `put`. `InvalidArgument` for NaN, infinities, integers of more than 64 bits, and bytes or
        datetimes inside of lists and dicts, which JSON has no form for.
        """
        return self._native().write_keys([put_change(path, value, version)], durability)[0]

    def get_path(self, path: Path, default: Any = None, *, raw: bool = False) -> Any:
        """The value under a path, or `default` if there is none.

        It is what its bytes say as JSON, else as UTF-8 text, else bytes. raw: always the bytes.
        """
        found = self._native().get_keys([path_key(path)], True)[0]
        if found is None:
            return default
        return found[0] if raw else _native.read_value(found[0])

    def exists_path(self, path: Path) -> bool:
        """Whether the path itself has a value. For what is below it, see `children`."""
        return self._native().get_keys([path_key(path)], False)[0] is not None

    def delete_path(
        self, path: Path, *, version: int | None = None, durability: str = "sync"
    ) -> bool:
        """Removes the value of a path, not what is below it, and says whether there was one."""
        change: _native.KeyChange = ("delete", path_key(path), b"", 0, version)
        return self._native().write_keys([change], durability)[1] == 1

    def children(
        self,
        path: Path = "",
        *,
        reverse: bool = False,
        limit: int | None = None,
        batch_size: int = PAGE,
    ) -> Iterator[Child]:
        """The names directly below a path ("": the topmost), in the order of their bytes.

        However much is below a name, it is stepped over, not transferred. Names that exist
        throughout appear, and once, unless their own value is written or deleted meanwhile.
        """
        pages = Listing(path, reverse, limit, batch_size)
        while pages.more:
            yield from pages.take(self._native().list_names(pages.options()))

    def rows(
        self, path: Path = "", *, raw: bool = False, batch_size: int = PAGE
    ) -> Iterator[tuple[tuple[Segment, ...], Any]]:
        """Everything below a path: segments relative to it, and the value as `get_path` has it.

        The value of the path itself is not among them.
        """
        tree = Subtree(path)
        for key, value in self.scan(prefix=tree.prefix, batch_size=batch_size):
            yield tree.row(key, value, raw)

    def get_tree(self, path: Path = "", *, raw: bool = False) -> dict[Any, Any]:
        """Everything below a path as nested dicts.

        A segment that has both a value and others below it is a dict with the value under None.
        """
        tree = Subtree(path)
        for row in self.rows(path, raw=raw):
            tree.add(row)
        return tree.plain()

    def delete_tree(self, path: Path, *, durability: str = "sync") -> int:
        """Removes a path and everything below it at once, and says how many values there were.

        "" is everything there is. At most 1,000,000 keys of 64 MiB
        together: `LimitExceeded`, and nothing is removed.
        """
        return self._native().write_keys(Subtree(path).deletion(), durability)[1]

    def scan(self, *, prefix: bytes, batch_size: int) -> Iterator[tuple[bytes, bytes]]:
        raise NotImplementedError  # of KeyValues


class AsyncPaths:
    """`Paths` with every call awaited; see there for arguments, results and errors."""

    _native: Callable[[], _native.RecordCalls]
    _link: Link

    async def put_path(
        self, path: Path, value: Any, *, version: int | None = None, durability: str = "sync"
    ) -> int:
        """See `Paths.put_path`."""
        changes = [put_change(path, value, version)]
        return (await self._link.call(self._native().write_keys, changes, durability))[0]

    async def get_path(self, path: Path, default: Any = None, *, raw: bool = False) -> Any:
        """See `Paths.get_path`."""
        found = (await self._link.call(self._native().get_keys, [path_key(path)], True))[0]
        if found is None:
            return default
        return found[0] if raw else _native.read_value(found[0])

    async def exists_path(self, path: Path) -> bool:
        """See `Paths.exists_path`."""
        found = await self._link.call(self._native().get_keys, [path_key(path)], False)
        return found[0] is not None

    async def delete_path(
        self, path: Path, *, version: int | None = None, durability: str = "sync"
    ) -> bool:
        """See `Paths.delete_path`."""
        changes: list[_native.KeyChange] = [("delete", path_key(path), b"", 0, version)]
        return (await self._link.call(self._native().write_keys, changes, durability))[1] == 1

    async def children(
        self,
        path: Path = "",
        *,
        reverse: bool = False,
        limit: int | None = None,
        batch_size: int = PAGE,
    ) -> AsyncIterator[Child]:
        """See `Paths.children`."""
        pages = Listing(path, reverse, limit, batch_size)
        while pages.more:
            page = await self._link.call(self._native().list_names, pages.options())
            for child in pages.take(page):
                yield child

    async def rows(
        self, path: Path = "", *, raw: bool = False, batch_size: int = PAGE
    ) -> AsyncIterator[tuple[tuple[Segment, ...], Any]]:
        """See `Paths.rows`."""
        tree = Subtree(path)
        async for key, value in self.scan(prefix=tree.prefix, batch_size=batch_size):
            yield tree.row(key, value, raw)

    async def get_tree(self, path: Path = "", *, raw: bool = False) -> dict[Any, Any]:
        """See `Paths.get_tree`."""
        tree = Subtree(path)
        async for row in self.rows(path, raw=raw):
            tree.add(row)
        return tree.plain()

    async def delete_tree(self, path: Path, *, durability: str = "sync") -> int:
        """See `Paths.delete_tree`."""
        changes = Subtree(path).deletion()
        return (await self._link.call(self._native().write_keys, changes, durability))[1]

    def scan(self, *, prefix: bytes, batch_size: int) -> AsyncIterator[tuple[bytes, bytes]]:
        raise NotImplementedError  # of AsyncKeyValues
