"""TOON: rows as one line of text that names its columns once, for readers that pay by the token.

    result[2]{name,age}:Alice,30;"Smith, Bob",∅

docs/toon.md has the grammar. `loads(dumps(rows))` gives the rows back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hearth import _native


def dumps(
    rows: Iterable[Mapping[str, Any]], name: str = "result", *, columns: Sequence[str] | None = None
) -> str:
    """The text of rows.

    Args:
        rows: dicts of None, bool, int (64 bits, signed or not), float, str, bytes, datetime (with a
            time zone), GeoPoint, list and dict. A row need not have every column: what is missing
            stays missing, which is not None.
        name: what the table is called.
        columns: their order; columns that are not named follow as they appear.

    `InvalidArgument` for what has no text, `LimitExceeded` past 31 levels or 64 MiB.
    """
    plain = [row if isinstance(row, dict) else dict(row) for row in rows]
    return _native.toon_text(plain, name, None if columns is None else list(columns))


def loads(text: str) -> list[dict[str, Any]]:
    """The rows of a text. `InvalidArgument` says at which byte it is wrong.

    Tuples have become lists, and datetimes are in UTC.
    """
    return _native.toon_rows(text)[1]
