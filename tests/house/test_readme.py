"""What the README shows works: its Python example runs, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_python_example_of_the_readme_runs(tmp_path: Path) -> None:
    (example,) = code_blocks(ROOT / "README.md", "python")
    run = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    stop = ["import hearth; hearth.shutdown_daemon('./store')"]
    subprocess.run([sys.executable, "-c", *stop], cwd=tmp_path, capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr
    searched, filtered, worded, fused, read = run.stdout.splitlines()
    # The nearest of all is the vector itself, and the update kept what it did not name.
    assert re.match(r"\['b', '[ac]'\] \[", searched), searched
    assert filtered in ("['b', 'c']", "['c', 'b']")
    assert worded == "['c', 'b']"
    assert fused == "['b']"
    assert read.startswith("2 ")
    assert "'seen': True" in read and "'year': 2024" in read


def test_the_shell_example_of_the_readme_runs(tmp_path: Path) -> None:
    examples = code_blocks(ROOT / "README.md", "sh")
    (example,) = [text for text in examples if "hearth search" in text]
    run = subprocess.run(
        ["bash", "-euc", example], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    (found,) = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert [hit["text"] for hit in found["hits"]] == ["a red bicycle"]
    assert "a blue boat" in run.stdout
    assert "stopped" in run.stderr


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [t for t in targets if "://" not in t and "NNNN" not in t]
    missing = [t for t in local if not (page.parent / t).exists()]
    assert not missing
