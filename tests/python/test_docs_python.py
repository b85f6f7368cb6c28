"""The examples of docs/python.md run, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hearth
from hearth import errors
from stores import ROOT, run_guide

GUIDE = ROOT / "docs" / "python.md"


def test_the_examples_run(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(store_path.parent)
    assert run_guide(GUIDE) > 10


def test_the_guide_names_every_error() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for kind in errors.CLASSES.values():
        assert f"`{kind.__name__}`" in text, kind.__name__


def test_the_guide_and_the_package_agree_on_parents() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \| (?:`(\w+)` )?\|", text, re.MULTILINE)
    parents = {name: parent for *names, parent in rows for name in names if name}
    for kind in errors.CLASSES.values():
        builtin = [base for base in kind.__bases__ if base is not hearth.HearthError]
        assert parents[kind.__name__] == (builtin[0].__name__ if builtin else "")
