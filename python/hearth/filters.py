"""Filters on metadata: `K("year") >= 2020` and what `&`, `|` and `~` make of it.

A `Filter` is a dict in the form that docs/filters.md describes, under construction; a dict written
by hand, or the text form, says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from hearth._values import GeoPoint

#: What a field can be compared with.
Operand: TypeAlias = bool | int | float | str | datetime | GeoPoint | None
#: What has an order.
Ordered: TypeAlias = int | float | str | datetime


class Filter:
    """A condition on the metadata of a record; `to_dict()` is its dict form.

    Combine filters with `&`, `|` and `~`, in parentheses: Python's `and`, `or` and `not` cannot be
    given a meaning and raise `TypeError`, as do chained comparisons (`1 < K("a") < 3`).
    """

    __slots__ = ("_dict",)
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(self, dict_form: dict[str, Any]) -> None:
        self._dict = dict_form

    def to_dict(self) -> dict[str, Any]:
        """The dict form. It belongs to the filter: copy it before changing it."""
        return self._dict

    def _parts(self, op: str) -> list[dict[str, Any]]:
        """What this filter adds to a list of alternatives or conditions, without nesting them."""
        if len(self._dict) == 1 and op in self._dict:
            parts: list[dict[str, Any]] = self._dict[op]
            return parts
        return [self._dict]

    def __and__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter({"$and": [*self._parts("$and"), *other._parts("$and")]})

    def __or__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter({"$or": [*self._parts("$or"), *other._parts("$or")]})

    def __invert__(self) -> Filter:
        return Filter({"$not": self._dict})

    def __bool__(self) -> bool:
        raise TypeError("a filter is neither true nor false; combine filters with & | ~")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self._dict == other._dict

    def __repr__(self) -> str:
        return f"Filter({self._dict!r})"


class K:
    """A metadata field, named by its dotted path, to be compared with a value.

    `K("author.name") == "x"`; a key that holds a dot stands in backticks: ``K("`a.b`")``.
    """

    __slots__ = ("_path",)
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(self, path: str) -> None:
        if not isinstance(path, str):
            raise TypeError(f"the path is {type(path).__name__}; it must be a str")
        # A "$" in front is an operator of the dict form unless the key is quoted.
        self._path = _quote_first(path) if path.startswith("$") else path

    def _is(self, op: str, operand: object) -> Filter:
        return Filter({self._path: {op: operand}})

    def __eq__(self, operand: Operand) -> Filter:  # type: ignore[override]
        return self._is("$eq", operand)

    def __ne__(self, operand: Operand) -> Filter:  # type: ignore[override]
        return self._is("$ne", operand)

    def __gt__(self, operand: Ordered) -> Filter:
        return self._is("$gt", operand)

    def __ge__(self, operand: Ordered) -> Filter:
        return self._is("$gte", operand)

    def __lt__(self, operand: Ordered) -> Filter:
        return self._is("$lt", operand)

    def __le__(self, operand: Ordered) -> Filter:
        return self._is("$lte", operand)

    def in_(self, values: Iterable[Operand]) -> Filter:
        """The field equals one of the values; `K("a").in_([])` matches nothing."""
        return self._is("$in", _listed(values))

    def not_in(self, values: Iterable[Operand]) -> Filter:
        """Not `in_`: a record without the field matches too."""
        return self._is("$nin", _listed(values))

    def contains(self, item: Operand) -> Filter:
        """A list has the item as an element, or a string has it as a part."""
        return self._is("$contains", item)

    def prefix(self, text: str) -> Filter:
        """A string begins with `text`."""
        return self._is("$prefix", text)

    def exists(self, wanted: bool = True) -> Filter:
        """The field is there, with whatever value; or it is not there."""
        return self._is("$exists", wanted)

    def geo_radius(self, center: GeoPoint, meters: float) -> Filter:
        """A place at most so many meters from `center`, along a great circle."""
        return self._is("$geo_radius", {"center": center, "meters": meters})

    def geo_box(self, south_west: GeoPoint, north_east: GeoPoint) -> Filter:
        """A place between two corners; across the antimeridian if south_west.lon is the greater."""
        return self._is("$geo_box", {"south_west": south_west, "north_east": north_east})

    def __bool__(self) -> bool:
        raise TypeError(f"K({self._path!r}) is no condition; use .exists() or a comparison")

    def __repr__(self) -> str:
        return f"K({self._path!r})"


def _quote_first(path: str) -> str:
    key, dot, rest = path.partition(".")
    return f"`{key}`{dot}{rest}"


def _listed(values: Iterable[Operand]) -> list[Operand]:
    if isinstance(values, str | bytes):
        raise TypeError(f"values is {type(values).__name__}; it must be a list of values")
    return list(values)
