"""How much shorter are rows as TOON than as JSON, in bytes and in pieces that tokenizers cut."""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

from common import commit, machine, write_json
from hearth import toon

# How the tokenizers of the GPT family cut a text before they look words up: words with the space in
# front, up to three digits, runs of other marks with the space in front, spaces. A piece is one
# token or more, so that a count of pieces is a lower bound on tokens; long words count for more.
PIECES = re.compile(
    r"'(?:[sdmt]|ll|ve|re)|[^\r\n\w]?[^\W\d_]+|\d{1,3}| ?(?:[^\s\w]|_)+[\r\n]*|\s+", re.IGNORECASE
)
NAMES = ["Alice", "Bob", "Smith, Carol", "Dora", "Zoë", "Erik", "Fatima"]
CITIES = ["Berlin", "Paris", "New York", None]


def users(count: int) -> list[dict[str, Any]]:
    """Users as an application stores them."""
    draw = random.Random(42)
    return [
        {
            "id": number,
            "name": draw.choice(NAMES),
            "email": f"user{number}@example.org",
            "age": draw.randrange(18, 80),
            "city": draw.choice(CITIES),
            "score": round(draw.random(), 3),
            "active": draw.random() < 0.8,
        }
        for number in range(count)
    ]


def packages(count: int) -> list[dict[str, Any]]:
    """Debian packages that are installed here: real names, numbers and sentences."""
    form = "${Package}\t${Version}\t${Section}\t${Installed-Size}\t${binary:Summary}\n"
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True
    )
    rows = []
    for line in sorted(answer.stdout.splitlines())[:count]:
        name, version, section, size, summary = line.split("\t")
        rows.append(
            {
                "package": name,
                "version": version,
                "section": section,
                "size": int(size or 0),
                "summary": summary,
            }
        )
    return rows


def measure(rows: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    text = toon.dumps(rows)
    assert toon.loads(text) == rows
    forms = {
        "json": json.dumps(rows, ensure_ascii=False),
        "json, no spaces": json.dumps(rows, ensure_ascii=False, separators=(",", ":")),
        "toon": text,
    }
    return {
        name: {"bytes": len(form.encode()), "pieces": len(PIECES.findall(form))}
        for name, form in forms.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200, help="rows of each table")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    tables = {"users": users(options.rows), "packages": packages(options.rows)}
    figures = {name: measure(rows) for name, rows in tables.items()}
    print(f"{machine()}, commit {commit()}, {options.rows} rows\n")
    print("| rows | form | bytes | pieces | pieces, of json |")
    print("|---|---|---:|---:|---:|")
    for table, forms in figures.items():
        for name, counted in forms.items():
            share = counted["pieces"] / forms["json"]["pieces"]
            print(
                f"| {table} | {name} | {counted['bytes']:,} | {counted['pieces']:,} | {share:.0%} |"
            )
    if options.json:
        write_json(options.json, "toon", {"figures": figures})


if __name__ == "__main__":
    main()
