"""Metadata values that Python has no type for."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A place: latitude (-90 to 90) and longitude (-180 to 180) in degrees, WGS 84.

    `ValueError` outside of those ranges, for NaN too.
    """

    lat: float
    lon: float

    def __post_init__(self) -> None:
        for name, limit in (("lat", 90), ("lon", 180)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, Real):
                raise TypeError(f"GeoPoint.{name} is {type(number).__name__}; it must be a number")
            number = float(number)
            if not -limit <= number <= limit:
                raise ValueError(f"GeoPoint.{name} is {number}; the range is -{limit} to {limit}")
            object.__setattr__(self, name, number)
