"""Small aligned tables for `repr`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MAX_ROWS = 10
MAX_WIDTH = 48


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    # One line, and nothing that a terminal would act on.
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"


def render(title: str, rows: int, columns: Mapping[str, Callable[[int], object]]) -> str:
    """`title` and the first rows of the table; each column is a function from row to value."""
    if rows == 0:
        return title
    shown = range(min(rows, MAX_ROWS))
    header = list(columns)
    values = [[value(row) for value in columns.values()] for row in shown]
    cells = [[_cell(value) for value in line] for line in values]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    numeric = [isinstance(value, int | float) for value in values[0]]
    lines = [title]
    for line in (header, *cells):
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        lines.append("  " + "  ".join(aligned).rstrip())
    if rows > len(shown):
        lines.append(f"  … {rows - len(shown)} more")
    return "\n".join(lines)
