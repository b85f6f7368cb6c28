"""The examples of docs/filters.md: they parse, and the three forms make the same filter."""

from __future__ import annotations

import json
import re

import pytest

import hearth
from hearth import _native
from stores import ROOT

PAGE = (ROOT / "docs" / "filters.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_three_forms_of_the_first_example_are_one_filter() -> None:
    names: dict[str, object] = {}
    exec(blocks("python")[0], names)
    from_operators = _native.filter_text(names["filter"])
    from_text = _native.filter_text(blocks("text")[0])
    assert from_operators == from_text
    # Keys of a dict come in sorted order.
    from_dict = _native.filter_text(json.loads(blocks("json")[0]))
    assert sorted(from_dict.split(" AND ")) == sorted(from_text.split(" AND "))


def test_every_dict_is_a_filter() -> None:
    found = blocks("json")
    assert len(found) == 2
    for example in found:
        assert _native.filter_text(json.loads(example))


def test_every_condition_of_the_table_is_a_filter_in_both_forms() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| (`.*?`) \| (.*?) \| .* \|$", PAGE, re.MULTILINE)
    assert len(rows) == 8
    for _, texts, dicts in rows:
        for text in re.findall(r"`(.+?)`", texts):
            if " " in text:  # bare symbols stand for the rest of a condition
                assert _native.filter_text(text)
        for op in re.findall(r"`(\$\w+)`", dicts):
            with pytest.raises(hearth.HearthError) as refused:
                _native.filter_text({"a": {op: {}}})
            assert "no operator" not in str(refused.value)


def test_every_method_of_the_table_exists() -> None:
    for name in re.findall(r"`(?:K\(\"a\"\))?\.(\w+)\(", PAGE):
        assert hasattr(hearth.K, name) or hasattr(hearth.Filter, name), name


def test_the_error_of_the_page_is_the_error() -> None:
    with pytest.raises(
        hearth.InvalidArgument, match="line 1, column 9: expected a value, found AND"
    ):
        _native.filter_text("year == AND a == 1")
