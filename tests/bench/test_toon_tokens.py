"""`./dev bench toon`: that it runs on a few rows, and that TOON is the shortest of its forms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent


def test_toon_costs_fewer_tokens_than_json(tmp_path: Path) -> None:
    report = tmp_path / "toon.json"
    command = [sys.executable, str(BENCH / "toon.py"), "--rows", "20", "--json", str(report)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures = json.loads(report.read_text(encoding="utf-8"))["figures"]
    assert set(figures) == {"users", "packages"}
    for table, forms in figures.items():
        for unit in ("bytes", "o200k", "cl100k"):
            counts = [forms[form][unit] for form in ("toon", "json, no spaces", "json")]
            assert counts == sorted(counts), (table, unit)
        assert (
            f"| {table} | toon | {forms['toon']['bytes']:,} | {forms['toon']['o200k']:,}" in printed
        )
