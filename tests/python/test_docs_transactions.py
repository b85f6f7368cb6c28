"""The examples of docs/transactions.md run, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from stores import ROOT, run_guide


def test_the_examples_run(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(store_path.parent)
    assert run_guide(ROOT / "docs" / "transactions.md") > 3
