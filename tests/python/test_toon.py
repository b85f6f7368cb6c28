"""TOON: every row comes back, errors say where, and the manual's examples are true."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hearth
from hearth import GeoPoint, toon
from stores import ROOT

MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.sampled_from(["null", "true", "∅", "-1", "1e5", "nan", " a ", "a,b", 'b"x"', "{", "a:b"])
    | st.binary()
    | MOMENTS
    | st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b c", "d:e", "", "∅"]), VALUES), max_size=6)
# Columns of one type, for which a header may say it.
COLUMNS = st.sampled_from(
    [st.text(), st.floats(), st.binary(), MOMENTS, st.integers(-5, 5), st.booleans()]
).flatmap(lambda kind: st.lists(st.fixed_dictionaries({}, optional={"x": st.none() | kind})))


def spelled(value: Any) -> Any:
    """Something that is equal for values of equal types and contents, NaN and -0.0 included."""
    if isinstance(value, dict):
        return {key: spelled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if isinstance(value, float) and math.isnan(value):
        return float, "nan"
    if isinstance(value, GeoPoint):
        return GeoPoint, spelled(value.lat), spelled(value.lon)
    return type(value), repr(value)


@given(ROWS, st.text())
def test_every_row_comes_back(rows: list[dict[str, Any]], name: str) -> None:
    text = toon.dumps(rows, name)
    assert spelled(toon.loads(text)) == spelled(rows)
    assert "\n" not in text


@given(COLUMNS)
def test_columns_of_one_type_come_back(rows: list[dict[str, Any]]) -> None:
    assert spelled(toon.loads(toon.dumps(rows))) == spelled(rows)


@given(ROWS, st.data())
def test_texts_that_are_damaged_are_rows_or_an_error(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    text = toon.dumps(rows)
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text('[]{}:;,"∅nt0 \\', max_size=3)) + text[at + 1 :]
    try:
        found = toon.loads(damaged)
    except hearth.InvalidArgument as error:
        assert "TOON" in str(error)
    else:
        assert spelled(toon.loads(toon.dumps(found))) == spelled(found)


def test_missing_is_not_none() -> None:
    text = toon.dumps([{"name": "Alice", "age": 30}, {"name": "Smith, Bob"}, {"age": None}])
    assert text == 'result[3]{name,age}:Alice,30;"Smith, Bob",∅;∅,null'
    assert toon.dumps([{}], "x", columns=["b", "a"]) == "x[1]{b,a}:∅,∅"


def test_what_python_has_more_of() -> None:
    east = datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=2)))
    rows = [{"a": (1, 2), "b": np.float32(0.5), "c": np.int64(7), "d": east, "e": bytearray(b"x")}]
    assert toon.loads(toon.dumps(rows)) == [{"a": [1, 2], "b": 0.5, "c": 7, "d": east, "e": b"x"}]
    with pytest.raises(hearth.InvalidArgument, match="outside -2"):
        toon.dumps([{"a": 2**64}])
    with pytest.raises(hearth.InvalidArgument, match="without a time zone"):
        toon.dumps([{"a": datetime(2024, 1, 1)}])  # noqa: DTZ001
    for wrong in ([{1: 2}], [{"a": {1: 2}}], [{"a": {1, 2}}], [{"a": object()}]):
        with pytest.raises(TypeError):
            toon.dumps(wrong)  # type: ignore[arg-type]
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(hearth.LimitExceeded):
        toon.dumps([{"a": endless}])


def test_the_examples_of_the_manual_are_read_and_written() -> None:
    page = (ROOT / "docs" / "toon.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```toon\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(examples) == 5
    for example in examples:
        for line in example.splitlines():
            name = line.partition("[")[0].strip('"')
            assert toon.dumps(toon.loads(line), name, columns=columns_of(line)) == line


def columns_of(line: str) -> list[str] | None:
    """The columns of an example without rows, which its rows do not say."""
    header = re.fullmatch(r"\w+\[0\]\{(.+)\}:", line)
    return header[1].split(",") if header else None
