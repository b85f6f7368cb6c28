"""What filters in dict form mean, as plainly as docs/filters.md says it, on metadata as dicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Any

from hearth import GeoPoint

EARTH_RADIUS = 6_371_008.8


def split_path(path: str) -> list[str]:
    """The keys of a path; only paths that are well-formed."""
    keys, rest = [], path
    while True:
        key = ""
        if rest.startswith("`"):
            rest = rest[1:]
            while not rest.startswith("`") or rest.startswith("``"):
                key += rest[0]
                rest = rest[2:] if rest.startswith("``") else rest[1:]
            rest = rest[1:]
        else:
            key = rest.split(".", 1)[0]
            rest = rest[len(key) :]
        keys.append(key)
        if not rest:
            return keys
        rest = rest[1:]


def reached(value: Any, keys: list[str]) -> Iterator[Any]:
    """Every value that the keys lead to; lists on the way stand for their elements."""
    if not keys:
        yield value
        return
    for candidate in [value, *(value if isinstance(value, list) else [])]:
        if isinstance(candidate, dict) and keys[0] in candidate:
            yield from reached(candidate[keys[0]], keys[1:])


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Any) -> str:
    return "number" if is_number(value) else type(value).__name__


def exact(value: Any) -> Any:
    """Something that compares by mathematical value."""
    if isinstance(value, float) and math.isinf(value):
        return value
    return Fraction(value) if is_number(value) else value


def equal(a: Any, b: Any) -> bool:
    return kind(a) == kind(b) and not isinstance(a, list | dict) and bool(exact(a) == exact(b))


def ordered(a: Any, b: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if kind(a) != kind(b) or not (is_number(a) or isinstance(a, str | datetime)):
        return False
    if isinstance(a, str):
        return compare(a.encode(), b.encode())
    return compare(exact(a), exact(b))


def distance(a: GeoPoint, b: GeoPoint) -> float:
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (a.lat, a.lon, b.lat, b.lon))
    h = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(h, 1)))


def boxed(place: GeoPoint, low: GeoPoint, high: GeoPoint) -> bool:
    def between(lon: float) -> bool:
        if low.lon <= high.lon:
            return low.lon <= lon <= high.lon
        return lon >= low.lon or lon <= high.lon

    same_meridian = abs(place.lon) == 180 and between(-place.lon)
    return low.lat <= place.lat <= high.lat and (between(place.lon) or same_meridian)


def holds(op: str, item: Any, operand: Any) -> bool:
    """Whether one value that is not looked into satisfies a comparison."""
    match op:
        case "$eq":
            return equal(item, operand)
        case "$gt":
            return ordered(item, operand, lambda a, b: a > b)
        case "$gte":
            return ordered(item, operand, lambda a, b: a >= b)
        case "$lt":
            return ordered(item, operand, lambda a, b: a < b)
        case "$lte":
            return ordered(item, operand, lambda a, b: a <= b)
        case "$in":
            return any(equal(item, one) for one in operand)
        case "$prefix":
            return isinstance(item, str) and bool(item.startswith(operand))
        case "$geo_radius":
            return isinstance(item, GeoPoint) and (
                distance(operand["center"], item) <= operand["meters"]
            )
        case "$geo_box":
            return isinstance(item, GeoPoint) and boxed(
                item, operand["south_west"], operand["north_east"]
            )
    raise AssertionError(op)


def contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, list):
        return any(equal(item, wanted) for item in found)
    return isinstance(found, str) and isinstance(wanted, str) and found.find(wanted) >= 0


def compares(metadata: dict[str, Any], path: str, op: str, operand: Any) -> bool:
    found = list(reached(metadata, split_path(path)))
    match op:
        case "$ne":
            return not compares(metadata, path, "$eq", operand)
        case "$nin":
            return not compares(metadata, path, "$in", operand)
        case "$not":
            return not all(compares(metadata, path, *inner) for inner in operand.items())
        case "$exists":
            return bool(found) is bool(operand)
        case "$contains":
            return any(contains(value, operand) for value in found)
    return any(
        holds(op, item, operand)
        for value in found
        for item in (value if isinstance(value, list) else [value])
    )


def matches(tree: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Whether a record with this metadata matches a filter in dict form."""
    for key, content in tree.items():
        match key:
            case "$and":
                fine = all(matches(part, metadata) for part in content)
            case "$or":
                fine = any(matches(part, metadata) for part in content)
            case "$nor":
                fine = not any(matches(part, metadata) for part in content)
            case "$not":
                fine = not matches(content, metadata)
            case _ if isinstance(content, dict):
                fine = all(compares(metadata, key, *inner) for inner in content.items())
            case _:
                fine = compares(metadata, key, "$eq", content)
        if not fine:
            return False
    return True
