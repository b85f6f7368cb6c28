"""How much shorter are rows as TOON than as JSON, in bytes and in tokens of language models."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from pathlib import Path
from typing import Any

from rs_bpe.bpe import openai

from common import commit, machine, write_json
from hearth import toon

# Vocabularies of language models: what a text costs where it is paid for by the token.
VOCABULARIES = {"o200k": openai.o200k_base, "cl100k": openai.cl100k_base}
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
        name: {"bytes": len(form.encode())}
        | {vocabulary: make().count(form) for vocabulary, make in VOCABULARIES.items()}
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
    titles = ["rows", "form", "bytes", *(f"tokens, {each}" for each in VOCABULARIES), "of json"]
    print(f"| {' | '.join(titles)} |\n|---|---|{'---:|' * (len(titles) - 2)}")
    for table, forms in figures.items():
        for name, counted in forms.items():
            numbers = " | ".join(f"{number:,}" for number in counted.values())
            shares = [counted[each] / forms["json"][each] for each in VOCABULARIES]
            print(f"| {table} | {name} | {numbers} | {max(shares):.0%} |")
    if options.json:
        write_json(options.json, "toon", {"figures": figures})


if __name__ == "__main__":
    main()
