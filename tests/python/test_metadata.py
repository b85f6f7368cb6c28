"""Metadata: every type round trips, and what cannot is refused by its path."""

from __future__ import annotations

import datetime
import enum
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hearth


def stored(ns: hearth.Namespace, metadata: dict[str, Any]) -> dict[str, Any] | None:
    ns.upsert("m", metadata=metadata)
    return ns.get("m").metadata


def test_every_type_round_trips(ns: hearth.Namespace) -> None:
    metadata = {
        "null": None,
        "true": True,
        "false": False,
        "int": 42,
        "smallest": -(2**63),
        "largest": 2**63 - 1,
        "float": 1.5,
        "one": 1.0,
        "tiny": 5e-324,
        "infinite": -math.inf,
        "text": "ünïcødé \U0001f525 \x00 nul",
        "empty": "",
        "when": datetime.datetime(2024, 2, 29, 12, 30, 0, 250, tzinfo=datetime.UTC),
        "first": datetime.datetime.min.replace(tzinfo=datetime.UTC),
        "last": datetime.datetime.max.replace(tzinfo=datetime.UTC),
        "where": hearth.GeoPoint(-33.8568, 151.2153),
        "list": [1, "two", None, [3.5, []], {"deep": [True]}, hearth.GeoPoint(90, -180)],
        "dict": {"": "empty key", "a.b": {"c": 1}, "漢": []},
    }
    back = stored(ns, metadata)
    assert back == metadata
    assert back is not None
    assert {key: type(value) for key, value in back.items()} == {
        key: type(value) for key, value in metadata.items()
    }
    assert stored(ns, {}) == {}


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (np.int8(-3), -3),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (np.float32(0.5), 0.5),
        (np.float64(0.25), 0.25),
        (np.float16(2), 2.0),
        (np.bool_(True), True),
        (np.str_("text"), "text"),
        ((1, 2), [1, 2]),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (
            datetime.datetime(
                2024, 1, 1, 0, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1))
            ),
            datetime.datetime(2023, 12, 31, 23, 30, tzinfo=datetime.UTC),
        ),
        (hearth.GeoPoint(1, float(np.float32(2))), hearth.GeoPoint(1.0, 2.0)),
    ],
)
def test_relatives_become_plain_values(
    ns: hearth.Namespace, given_value: object, expected: object
) -> None:
    back = stored(ns, {"value": given_value, "inside": [given_value]})
    assert back == {"value": expected, "inside": [expected]}
    assert type(back["value"]) is type(expected)


@pytest.mark.parametrize(
    ("metadata", "error", "path"),
    [
        ({"a": {1, 2}}, TypeError, r"metadata\[0\]\['a'\] is set"),
        ({"a": [0, {"b": b"x"}]}, TypeError, r"metadata\[0\]\['a'\]\[1\]\['b'\] is bytes"),
        ({"a": datetime.date(2024, 1, 1)}, TypeError, r"\['a'\] is datetime.date"),
        ({"a": np.datetime64("2024-01-01")}, TypeError, r"\['a'\] is"),
        ({"a": np.datetime64("2024-01-01T00:00", "ns")}, TypeError, r"\['a'\] is"),
        ({"a": np.timedelta64(3, "ns")}, TypeError, r"\['a'\] is"),
        (
            {"a": [datetime.datetime(2024, 1, 1)]},  # noqa: DTZ001
            hearth.InvalidArgument,
            r"\['a'\]\[0\] is a datetime without a time zone",
        ),
        (
            {
                "a": datetime.datetime.min.replace(
                    tzinfo=datetime.timezone(datetime.timedelta(hours=1))
                )
            },
            hearth.InvalidArgument,
            r"metadata\[0\].a is a timestamp outside 0001-01-01T00:00:00Z",
        ),
        ({"a": np.longdouble(1)}, TypeError, r"\['a'\] is"),
        ({"a": np.array([1, 2])}, TypeError, r"\['a'\] is numpy.ndarray"),
        ({"a": 1 + 2j}, TypeError, r"\['a'\] is complex"),
        ({"a": {1: "x"}}, TypeError, r"keys of metadata\[0\]\['a'\] must be str, not int"),
        ({2: "x"}, TypeError, r"keys of metadata\[0\] must be str"),
        ({"a": 2**63}, hearth.InvalidArgument, r"\['a'\] is an integer outside"),
        ({"a": -(2**63) - 1}, hearth.InvalidArgument, r"\['a'\] is an integer outside"),
        ({"a": np.uint64(2**63)}, hearth.InvalidArgument, r"\['a'\] is an integer outside"),
        ({"a": [math.nan]}, hearth.InvalidArgument, r"\['a'\]\[0\] is NaN"),
        ({"a": np.float32("nan")}, hearth.InvalidArgument, r"\['a'\] is NaN"),
        ({"a": "\ud800"}, hearth.InvalidArgument, r"\['a'\].*surrogate"),
        ({"\ud800": 1}, hearth.InvalidArgument, r"key of metadata\[0\].*surrogate"),
        ({"a": "x" * (1024 * 1024)}, hearth.LimitExceeded, r"metadata\[0\]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_stored_is_named_by_its_path(
    ns: hearth.Namespace, metadata: dict[str, Any], error: type[Exception], path: str
) -> None:
    with pytest.raises(error, match=path):
        ns.upsert(["m"], metadata=[metadata])
    assert ns.count() == 0


def test_a_place_outside_of_the_earth_cannot_be_made() -> None:
    for lat, lon, name in ((90.5, 0, "lat"), (0, -181, "lon"), (math.nan, 0, "lat")):
        with pytest.raises(ValueError, match=f"GeoPoint.{name} is"):
            hearth.GeoPoint(lat, lon)
    for wrong in ("1", None, True):
        with pytest.raises(TypeError, match=r"GeoPoint.lat is"):
            hearth.GeoPoint(wrong, 0)  # type: ignore[arg-type]


def nested(levels: int) -> dict[str, Any]:
    inside: dict[str, Any] = {"bottom": 1}
    for _ in range(levels - 1):
        inside = {"down": inside}
    return inside


def test_nesting_is_bounded(ns: hearth.Namespace) -> None:
    assert stored(ns, nested(32)) == nested(32)
    with pytest.raises(hearth.LimitExceeded, match="deeper than 32"):
        stored(ns, nested(33))
    with pytest.raises(hearth.LimitExceeded, match="deeper than 32"):
        stored(ns, nested(500))
    endless: dict[str, Any] = {}
    endless["self"] = endless
    with pytest.raises(hearth.LimitExceeded):
        stored(ns, endless)
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(hearth.LimitExceeded):
        stored(ns, {"loop": loop})


def test_rows_are_counted_in_errors(ns: hearth.Namespace) -> None:
    rows: list[dict[str, Any]] = [{"fine": row} for row in range(100)]
    rows[63] = {"bad": object()}
    with pytest.raises(TypeError, match=r"metadata\[63\]\['bad'\] is object"):
        ns.upsert(range(100), metadata=rows)
    assert ns.count() == 0


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.builds(hearth.GeoPoint, st.floats(-90, 90), st.floats(-180, 180))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(rows=st.lists(st.dictionaries(keys, values, max_size=5), min_size=1, max_size=5))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_metadata_round_trips(ns: hearth.Namespace, rows: list[dict[str, Any]]) -> None:
    ns.upsert(range(len(rows)), metadata=rows)
    assert ns.get(range(len(rows))).metadata == rows


def test_metadata_survives_a_restart(store_path: Path) -> None:
    metadata = {"list": [1, 2.5, None, {"deep": "ü"}], "flag": False}
    with hearth.connect(store_path) as db:
        db.namespace("docs", dimension=2).upsert("m", metadata=metadata)
    hearth.shutdown_daemon(store_path)
    with hearth.connect(store_path) as db:
        assert db.namespace("docs").get("m").metadata == metadata


def test_an_export_names_the_infinite_number_that_json_cannot_hold(
    shared_path: Path, ns: hearth.Namespace
) -> None:
    ns.upsert(["ok", "far"], metadata=[{"reach": 1.0}, {"reach": [math.inf]}])
    program = Path(os.environ["HEARTH_DAEMON"]).with_name("hearth")
    command: list[str | Path] = [program, "--store", shared_path, "export", ns.name]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 5
    assert "record far: metadata.reach[0] is infinite" in refused.stderr
    subprocess.run([*command, "--fields", "text"], capture_output=True, check=True)
