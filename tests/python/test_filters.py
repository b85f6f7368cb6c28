"""Filters: K builds the dict form, and what dicts and texts mean agrees with the oracle."""

from __future__ import annotations

import datetime
import math
import os
from typing import Any

import pytest
from hypothesis import given, settings

import filter_oracle
import hearth
from filter_strategies import EPOCH, filters, records
from hearth import GeoPoint, K, _native

FUZZ = bool(os.environ.get("HEARTH_FUZZ"))


def test_k_builds_the_dict_form() -> None:
    assert (K("year") >= 2020).to_dict() == {"year": {"$gte": 2020}}
    both = (K("year") >= 2020) & K("tag").in_({"a"}) & (K("x.y") != None)  # noqa: E711
    assert both.to_dict() == {
        "$and": [{"year": {"$gte": 2020}}, {"tag": {"$in": ["a"]}}, {"x.y": {"$ne": None}}]
    }
    either = ~both | (K("a") == 1) | (K("b") < EPOCH)
    assert either.to_dict() == {
        "$or": [{"$not": both.to_dict()}, {"a": {"$eq": 1}}, {"b": {"$lt": EPOCH}}]
    }
    assert K("a").not_in([1]).to_dict() == {"a": {"$nin": [1]}}
    assert K("$a.b").exists(wanted=False).to_dict() == {"`$a`.b": {"$exists": False}}
    assert (K("a") > 1).to_dict() == {"a": {"$gt": 1}}
    assert (K("a") <= "x").to_dict() == {"a": {"$lte": "x"}}
    assert K("a").contains("x") == hearth.Filter({"a": {"$contains": "x"}})
    assert repr(K("a").prefix("x")) == "Filter({'a': {'$prefix': 'x'}})"


def test_every_operator_is_understood() -> None:
    munich = GeoPoint(48.137, 11.575)
    tree = (
        (K("a") == 1)
        & (K("b") != 2.5)
        & (K("when") > EPOCH)
        & K("c").in_([None, True, "x"])
        & K("d").not_in([])
        & (K("e").contains("x") | ~K("f").prefix("y"))
        & K("g.`h i`").exists()
        & K("at").geo_radius(munich, 1000)
        & K("at").geo_box(GeoPoint(-20, 170), GeoPoint(-10, -170))
    )
    assert _native.filter_text(tree) == (
        'a == 1 AND b != 2.5 AND when > timestamp("1970-01-01T00:00:00Z") AND '
        'c IN (null, true, "x") AND d NOT IN () AND (e CONTAINS "x" OR NOT f PREFIX "y") AND '
        "EXISTS g.`h i` AND geo_radius(at, point(48.137, 11.575), 1000.0) AND "
        "geo_box(at, point(-20, 170), point(-10, -170))"
    )


def test_pythons_own_logic_is_refused() -> None:
    a, b = K("a") == 1, K("b") == 2
    for mistake in (lambda: a and b, lambda: not a, lambda: 1 < K("a") < 3):
        with pytest.raises(TypeError, match=r"combine filters with & \| ~"):
            mistake()
    with pytest.raises(TypeError, match="no condition"):
        bool(K("a"))
    with pytest.raises(TypeError, match="must be a list"):
        K("a").in_("abc")
    with pytest.raises(TypeError, match="unsupported operand"):
        a & {"b": 1}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("filter_", "error", "message"),
    [
        ({"a": {"$gt": True}}, hearth.InvalidArgument, r"filter.a.\$gt: a bool has no order"),
        (
            {"$and": [{}, {"a": {"$foo": 1}}]},
            hearth.InvalidArgument,
            r"filter.\$and\[1\].a.\$foo: no operator \$foo",
        ),
        ("a ==", hearth.InvalidArgument, "filter, line 1, column 5: expected a value"),
        (K("a..b") == 1, hearth.InvalidArgument, "has an empty key"),
        (K("a").in_([math.nan]), hearth.InvalidArgument, r"filter\['a'\]\['\$in'\]\[0\] is NaN"),
        (K("a") == 2**63, hearth.InvalidArgument, r"filter\['a'\]\['\$eq'\] is an integer outside"),
        (
            K("a") > datetime.datetime(2024, 1, 1),  # noqa: DTZ001
            hearth.InvalidArgument,
            "without a time zone",
        ),
        ({"a": b"x"}, TypeError, r"filter\['a'\] is bytes"),
        (7, TypeError, "the filter is int; it must be a Filter, a dict or a str"),
        (K("a"), TypeError, "the filter is K"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_are_named(filter_: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _native.filter_matches(filter_, {})


def test_filters_may_nest_deeper_than_metadata() -> None:
    tree = K("a") == 1
    for level in range(30):
        tree = (tree | (K("b") == level)) if level % 2 else (tree & (K("c") == level))
    assert _native.filter_matches(tree, {"a": 1}) == filter_oracle.matches(tree.to_dict(), {"a": 1})
    for _ in range(100):
        tree = ~tree
    with pytest.raises(hearth.LimitExceeded, match="deeper than"):
        _native.filter_matches(tree, {})


@given(tree=filters, record=records)
@settings(max_examples=20_000 if FUZZ else 2_000, deadline=None)
def test_filters_agree_with_the_oracle(tree: dict[str, Any], record: dict[str, Any]) -> None:
    expected = filter_oracle.matches(tree, record)
    assert _native.filter_matches(tree, record) == expected
    assert _native.filter_matches(_native.filter_text(tree), record) == expected
    assert _native.filter_matches(~hearth.Filter(tree), record) != expected
