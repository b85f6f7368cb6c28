"""The tables of `./dev bench kv`, and its figures beside the aims."""

from __future__ import annotations

from typing import TypeAlias, TypedDict

Rates: TypeAlias = dict[tuple[str, str, int], list[float]]

EMBEDDED, DAEMON = "Hearth, embedded", "Hearth, daemon"
UNITS = {
    "put": "puts",
    "get": "gets",
    "multi-get": "keys, 100 per call",
    "transaction": "transactions: two reads, two puts",
    "scan": "rows",
}


class Cell(TypedDict):
    system: str
    operation: str
    clients: int
    per_second: float  # the median
    rounds: list[float]


class Aim(TypedDict):
    aim: str
    figure: str
    met: bool


class Report(TypedDict, total=False):
    machine: str
    commit: str
    rows: int
    value_bytes: int
    rounds: int
    seconds: float
    load_before: float
    cells: list[Cell]
    aims: list[Aim]


def rate(cells: list[Cell], system: str, operation: str, clients: int) -> float | None:
    for cell in cells:
        if (cell["system"], cell["operation"], cell["clients"]) == (system, operation, clients):
            return cell["per_second"]
    return None


def client_counts(cells: list[Cell], operation: str) -> list[int]:
    return sorted({cell["clients"] for cell in cells if cell["operation"] == operation})


def systems(cells: list[Cell]) -> list[str]:
    return list(dict.fromkeys(cell["system"] for cell in cells))


def _at_least(aim: str, figure: float | None, wanted: float, shown: str) -> list[Aim]:
    if figure is None:
        return []
    return [{"aim": aim, "figure": shown.format(figure), "met": figure >= wanted}]


def aims(cells: list[Cell]) -> list[Aim]:
    """What was asked for, of the systems that were there."""
    judged: list[Aim] = []
    least = min(client_counts(cells, "get"), default=1)
    ours, plain = (rate(cells, name, "get", least) for name in (EMBEDDED, "LMDB"))
    share = ours / plain if ours is not None and plain else None
    judged += _at_least("embedded get at least 50 % of plain LMDB", share, 0.5, "{:.0%}")
    for clients in client_counts(cells, "put"):
        peers = [rate(cells, name, "put", clients) for name in ("SQLite", "Redis")]
        best = max((each for each in peers if each is not None), default=None)
        if clients == 1 or best is None:
            continue
        for name in (EMBEDDED, DAEMON):
            if (own := rate(cells, name, "put", clients)) is not None:
                aim = f"{name}: durable puts of {clients} clients ahead of SQLite and Redis"
                judged += _at_least(aim, own / best, 1.0, "{:.1f} times the better one")
    for name, wanted in ((EMBEDDED, 5e6), (DAEMON, 1e6)):
        scanned = rate(cells, name, "scan", min(client_counts(cells, "scan"), default=1))
        aim = f"{name}: scans of at least {wanted / 1e6:g} M rows/s"
        judged += _at_least(aim, scanned, wanted, "{:,.0f} rows/s")
    return judged


def _figure(cells: list[Cell], system: str, operation: str, clients: int) -> str:
    found = rate(cells, system, operation, clients)
    return "" if found is None else f"{found:,.0f}"


def table(cells: list[Cell], operation: str) -> str:
    counts = client_counts(cells, operation)
    heads = [f"{count} client{'s' if count > 1 else ''}" for count in counts]
    lines = [f"| {UNITS[operation]} per second | {' | '.join(heads)} |"]
    lines += ["|---|" + "---:|" * len(counts)]
    for system in systems(cells):
        figures = [_figure(cells, system, operation, count) for count in counts]
        if any(figures):
            lines.append(f"| {system} | {' | '.join(figures)} |")
    return "\n".join(lines)


def text(report: Report) -> str:
    cells = report["cells"]
    heading = f"{report['rows']:,} keys of 16 bytes, values of {report['value_bytes']}; medians of "
    heading += f"{report['rounds']} rounds of {report['seconds']:g} s; {report['machine']}; commit "
    heading += f"{report['commit']}; load before: {report['load_before']:.1f}"
    parts = [heading, *(table(cells, operation) for operation in UNITS)]
    judged = ["| aim | measured | met |", "|---|---|---|"]
    judged += [
        f"| {each['aim']} | {each['figure']} | {'yes' if each['met'] else 'no'} |"
        for each in report["aims"]
    ]
    return "\n\n".join([*parts, "\n".join(judged)])
