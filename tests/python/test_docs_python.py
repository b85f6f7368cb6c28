"""The examples of docs/python.md run, in their order."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import hearth
from hearth import errors
from stores import ROOT

GUIDE = ROOT / "docs" / "python.md"


def examples(text: str) -> list[tuple[int, str]]:
    """Line number and source of every ```python block."""
    return [
        (text.count("\n", 0, match.start(1)) + 1, match.group(1))
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


def test_the_examples_run(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examples(GUIDE.read_text(encoding="utf-8"))
    assert len(found) > 10
    store_path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(store_path.parent)
    names: dict[str, object] = {"__name__": "__main__"}
    try:
        for line, source in found:
            # So that a traceback names the line of the guide.
            padded = "\n" * (line - 1) + source
            exec(compile(padded, os.fspath(GUIDE), "exec"), names)
    finally:
        db = names.get("db")
        if isinstance(db, hearth.Store):
            db.close()


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
