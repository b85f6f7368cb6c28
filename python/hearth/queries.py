"""Queries over paths: rows are the keys that share their first two segments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearth import _native, toon
from hearth._calls import Where
from hearth.paths import Path, path_prefix

if TYPE_CHECKING:
    from hearth._aio_record_calls import Link

#: A row: the value of each column that it has.
Row: TypeAlias = dict[str, Any]

#: Types that a column of an array can have, and what they become.
ARRAY_TYPES: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float64, str: np.str_}


def _whole(name: str, number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, not {number!r}")
    return number


class _Builder:
    """What a query asks for. Every step answers a new query, so one can be the start of several."""

    def __init__(self, native: Callable[[], _native.RecordCalls], prefix: Path) -> None:
        self._native = native
        if isinstance(prefix, str):
            self._options: dict[str, object] = {"prefix": prefix.encode(), "descending": False}
        elif isinstance(prefix, bytes):
            self._options = {"prefix": prefix, "descending": False}
        else:
            self._options = {"prefix": path_prefix(prefix), "descending": False}

    def _with(self, **options: object) -> Self:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._options = self._options | options
        return copy

    def select(self, columns: Sequence[str]) -> Self:
        """Only these columns, in this order. A row without any of them is an empty one."""
        if isinstance(columns, str):
            raise TypeError("columns must be several names, not one str")
        return self._with(select=list(columns))

    def where(self, condition: Where) -> Self:
        """Only rows that match, as filters on metadata do; with an earlier `where`: that too.

        `K("address/city") == "Berlin"`; in the text form such a column stands in backticks.
        """
        before: Any = self._options.get("where", [])
        return self._with(where=[*before, condition])

    def order_by(self, column: str, descending: bool = False) -> Self:
        """By a column instead of by path. Rows without it come last, either way."""
        return self._with(order_by=column, descending=descending)

    def limit(self, rows: int) -> Self:
        """At most so many rows. Without `order_by`, reading stops there."""
        return self._with(limit=_whole("limit", rows))

    def offset(self, rows: int) -> Self:
        """Leaves out the first rows."""
        return self._with(offset=_whole("offset", rows))

    def with_path(self, column: str = "path") -> Self:
        """The path of each row ("users/alice") as a first column of this name."""
        return self._with(path_column=column)

    def _start(self) -> _native.PathQuery:
        return _native.PathQuery(self._options)

    def _columns(self, rows: list[Row]) -> list[str]:
        """The columns of the answer: those selected, or else all in the order of appearance."""
        selected: Any = self._options.get("select")
        path: Any = self._options.get("path_column")
        first = [path] if path else []
        if selected is not None:
            return list(dict.fromkeys([*first, *selected]))
        return list(dict.fromkeys([*first, *(column for row in rows for column in row)]))

    def _toon(self, rows: list[Row], name: str) -> str:
        return toon.dumps(rows, name, columns=self._columns(rows))

    def _numpy(self, rows: list[Row]) -> dict[str, NDArray[Any]]:
        return {column: _array(rows, column) for column in self._columns(rows)}

    def _pandas(self, rows: list[Row]) -> Any:
        return _imported("pandas", "to_pandas").DataFrame(rows, columns=self._columns(rows))

    def _arrow(self, rows: list[Row]) -> Any:
        arrow = _imported("pyarrow", "to_arrow")
        columns = self._columns(rows)
        arrays = [_arrow_array(arrow, rows, column) for column in columns]
        return arrow.table(arrays, names=columns)


def _array(rows: list[Row], column: str) -> NDArray[Any]:
    """A column: of one type if every row has a value of that type, else of objects."""
    values: list[Any] = [row.get(column) for row in rows]
    kinds = {type(each) for each in values}
    if len(kinds) == 1 and (kind := next(iter(kinds))) in ARRAY_TYPES:
        if kind is not int or all(-(2**63) <= each < 2**63 for each in values):
            return np.array(values, dtype=ARRAY_TYPES[kind])
        if all(each >= 0 for each in values):
            return np.array(values, dtype=np.uint64)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _arrow_array(arrow: Any, rows: list[Row], column: str) -> Any:
    """A column, with nulls where values are missing. `ValueError` if no Arrow type holds it."""
    values: list[Any] = [row.get(column) for row in rows]
    kinds = {type(each) for each in values if each is not None}
    large = kinds == {int} and any(each >= 2**63 for each in values if each is not None)
    try:
        # Of several types Arrow would take two: of bytes and str it would make bytes.
        if len(kinds) < 2 or kinds == {int, float}:
            return arrow.array(values, type=arrow.uint64() if large else None)
        reason = f"has values of several types ({', '.join(sorted(k.__name__ for k in kinds))})"
    except (arrow.ArrowException, OverflowError) as error:
        reason = f"has no type of Arrow: {error}"
    raise ValueError(f'column "{column}" {reason}; leave it out by select(), or use to_pandas()')


def _imported(package: str, call: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{call}() needs {package}, which is not installed: pip install {package}"
        ) from error


class Query(_Builder):
    """A query over the paths that begin with a prefix: `ns.query("users/")`.

    Keys that share their first two segments are one row, and what is left of each path names a
    column: `users/alice/address/city` is the column "address/city" of the row "users/alice". If the
    row's own path holds a dict, its members are columns too. Nothing is read before rows are asked
    for; then they come in pages, and every call reads anew.
    """

    def __iter__(self) -> Iterator[Row]:
        query = self._start()
        while not query.done:
            yield from self._native().next_rows(query, False)

    def to_list(self) -> list[Row]:
        """All rows as dicts. What a row does not have is not in its dict."""
        return list(self)

    def first(self) -> Row | None:
        """The first row, or None."""
        return next(iter(self.limit(min(1, self._limit()))), None)

    def count(self) -> int:
        """How many rows there are, offset and limit included."""
        query = self._start()
        total = 0
        while not query.done:
            total += self._native().next_rows(query, True)
        return total

    def to_toon(self, name: str = "result") -> str:
        """All rows as TOON; see `hearth.toon`."""
        return self._toon(self.to_list(), name)

    def to_numpy(self) -> dict[str, NDArray[Any]]:
        """An array for each column: bool, int64, uint64, float64 or str, or else of objects.

        Objects where values differ in type or are missing (None).
        """
        return self._numpy(self.to_list())

    def to_pandas(self) -> Any:
        """A pandas.DataFrame. `ImportError` says so if pandas is not installed."""
        return self._pandas(self.to_list())

    def to_arrow(self) -> Any:
        """A pyarrow.Table. `ImportError` says so if pyarrow is not installed.

        `ValueError` for a column whose values have several types, which Arrow does not know.
        """
        return self._arrow(self.to_list())

    def _limit(self) -> int:
        limit: Any = self._options.get("limit")
        return 1 if limit is None else limit


class AsyncQuery(_Builder):
    """`Query` with every call awaited; see there for arguments, results and errors."""

    def __init__(self, native: Callable[[], _native.RecordCalls], link: Link, prefix: Path) -> None:
        super().__init__(native, prefix)
        self._link = link

    async def __aiter__(self) -> AsyncIterator[Row]:
        query = self._start()
        while not query.done:
            for row in await self._link.call(self._native().next_rows, query, False):
                yield row

    async def to_list(self) -> list[Row]:
        """See `Query.to_list`."""
        return [row async for row in self]

    async def first(self) -> Row | None:
        """See `Query.first`."""
        limit: Any = self._options.get("limit")
        async for row in self.limit(1 if limit is None else min(1, limit)):
            return row
        return None

    async def count(self) -> int:
        """See `Query.count`."""
        query = self._start()
        total = 0
        while not query.done:
            total += await self._link.call(self._native().next_rows, query, True)
        return total

    async def to_toon(self, name: str = "result") -> str:
        """See `Query.to_toon`."""
        return self._toon(await self.to_list(), name)

    async def to_numpy(self) -> dict[str, NDArray[Any]]:
        """See `Query.to_numpy`."""
        return self._numpy(await self.to_list())

    async def to_pandas(self) -> Any:
        """See `Query.to_pandas`."""
        return self._pandas(await self.to_list())

    async def to_arrow(self) -> Any:
        """See `Query.to_arrow`."""
        return self._arrow(await self.to_list())
