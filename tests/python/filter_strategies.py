"""Random metadata and filters that often have something to do with each other."""

from __future__ import annotations

import datetime
import math
from typing import Any

from hypothesis import strategies as st

from hearth import GeoPoint

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

keys = st.sampled_from(["a", "b", "c", "a.b", "", "café", "in", "$x"])
numbers = st.sampled_from(
    [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, 1.0, 1.5, 2.0**53, 2.0**63, math.inf, -math.inf]
)
texts = st.sampled_from(["", "a", "ab", "b", "ä", "\U0001f525", "\ufffd", 'q"\\\n'])
moments = st.sampled_from([EPOCH, EPOCH + datetime.timedelta(microseconds=1)])
places = st.sampled_from(
    [
        GeoPoint(0, 0),
        GeoPoint(0, 180),
        GeoPoint(0, -180),
        GeoPoint(48.137, 11.575),
        GeoPoint(-17, 178),
    ]
)
ordered = numbers | texts | moments
scalars = st.none() | st.booleans() | ordered | places
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
records = st.dictionaries(keys, values, max_size=5)


def quoted(key: str) -> str:
    return key if key.isalpha() else f"`{key}`"


paths = st.lists(keys.map(quoted), min_size=1, max_size=3).map(".".join)


@st.composite
def boxes(draw: st.DrawFn) -> dict[str, GeoPoint]:
    low, high = draw(places), draw(places)
    if low.lat > high.lat:
        low, high = high, low
    return {"south_west": low, "north_east": high}


operators: st.SearchStrategy[dict[str, Any]] = st.one_of(
    *(st.fixed_dictionaries({op: scalars}) for op in ("$eq", "$ne", "$contains")),
    *(st.fixed_dictionaries({op: ordered}) for op in ("$gt", "$gte", "$lt", "$lte")),
    *(st.fixed_dictionaries({op: st.lists(scalars, max_size=4)}) for op in ("$in", "$nin")),
    st.fixed_dictionaries({"$prefix": texts}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries(
        {
            "$geo_radius": st.fixed_dictionaries(
                {"center": places, "meters": st.sampled_from([0, 1e6, 1.5e7])}
            )
        }
    ),
    st.fixed_dictionaries({"$geo_box": boxes()}),
)
comparisons = st.dictionaries(
    paths, operators | operators.map(lambda inner: {"$not": inner}) | scalars, max_size=2
)
filters: st.SearchStrategy[dict[str, Any]] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        *(
            st.fixed_dictionaries({op: st.lists(inner, min_size=1, max_size=3)})
            for op in ("$and", "$or", "$nor")
        ),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=5,
)
