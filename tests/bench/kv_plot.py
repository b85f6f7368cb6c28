"""The picture of `./dev bench kv`: puts and gets by clients, scans and multi-gets as bars."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import kv_report
from ann_plot import FAINT, INK, PALE_INK, SETTINGS, spread

# Of Okabe and Ito, which colour-blind people can tell apart.
COLOURS = {
    kv_report.EMBEDDED: "#D55E00",
    kv_report.DAEMON: "#E69F00",
    "LMDB": "#0072B2",
    "SQLite": "#009E73",
    "Redis": "#CC79A7",
}
MARKERS = dict(zip(COLOURS, "osD^v", strict=True))
OTHER = "#7F7F7F"


def amount(value: float, _: object = None) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def is_ours(system: str) -> bool:
    return system.startswith("Hearth")


def draw_lines(axes: Axes, cells: list[kv_report.Cell], operation: str, title: str) -> None:
    """One line per system over the number of clients, its name behind its end."""
    counts = kv_report.client_counts(cells, operation)
    lines: dict[str, list[tuple[int, float]]] = {}
    for system in kv_report.systems(cells):
        known = [
            (count, rate)
            for count in counts
            if (rate := kv_report.rate(cells, system, operation, count))
        ]
        if len(known) == len(counts):
            lines[system] = known
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for system, points in lines.items():
        style = {"color": COLOURS.get(system, OTHER), "marker": MARKERS.get(system, ".")}
        axes.plot(*zip(*points, strict=True), linewidth=2.6 if is_ours(system) else 1.5, **style)
    rates = [rate for points in lines.values() for _, rate in points]
    low, high = min(rates) / 1.5, max(rates) * 1.5
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    steps = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator(steps))
    axes.yaxis.set_major_formatter(FuncFormatter(amount))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_xlabel("clients")
    axes.set_title(title, loc="left")
    name_lines(axes, lines)


def name_lines(axes: Axes, lines: dict[str, list[tuple[int, float]]]) -> None:
    to_axes = axes.transAxes.inverted()
    ends = [to_axes.transform(axes.transData.transform(line[-1])) for line in lines.values()]
    places = spread([float(end[1]) for end in ends], 0.065, 0.02, 0.98)
    for system, end, place in zip(lines, ends, places, strict=True):
        colour = COLOURS.get(system, OTHER)
        dots = {"linewidth": 0.9, "linestyle": (0, (1, 2.5)), "color": colour}
        axes.plot([end[0], 1.04], [end[1], place], transform=axes.transAxes, clip_on=False, **dots)
        weight = "bold" if is_ours(system) else "normal"
        axes.text(1.05, place, system, transform=axes.transAxes, va="center", weight=weight)


def draw_bars(axes: Axes, cells: list[kv_report.Cell], operation: str, title: str) -> None:
    """The fastest on top, on a line of its own, with its figure behind the bar."""
    count = min(kv_report.client_counts(cells, operation))
    found = {
        system: rate
        for system in kv_report.systems(cells)
        if (rate := kv_report.rate(cells, system, operation, count))
    }
    order = sorted(found, key=lambda system: found[system])
    for place, system in enumerate(order):
        axes.barh(place, found[system], color=COLOURS.get(system, OTHER), height=0.68)
        axes.text(found[system], place, f" {amount(found[system])}", va="center", fontsize=9)
    axes.set_yticks(range(len(order)), order)
    for label in axes.get_yticklabels():
        label.set_weight("bold" if is_ours(label.get_text()) else "normal")
    axes.set_xlim(0, max(found.values()) * 1.15)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(title, loc="left")


def draw(report: kv_report.Report, path: Path) -> None:
    cells = report["cells"]
    mpl.use("Agg")
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(14, 9), dpi=110, facecolor="white")
        title = f"{report['rows']:,} keys of 16 bytes, values of {report['value_bytes']} bytes"
        how = f"{report['machine']}; commit {report['commit']}; medians of {report['rounds']} "
        how += f"rounds of {report['seconds']:g} s; load before: {report['load_before']:.1f}"
        figure.text(0.05, 0.955, title, fontsize=15, weight="bold", color=INK)
        figure.text(0.05, 0.93, how, color=PALE_INK)
        left = figure.add_axes((0.05, 0.46, 0.31, 0.41))
        draw_lines(left, cells, "put", "durable puts per second")
        right = figure.add_axes((0.55, 0.46, 0.31, 0.41))
        draw_lines(right, cells, "get", "gets per second")
        left = figure.add_axes((0.19, 0.04, 0.3, 0.31))
        draw_bars(left, cells, "scan", "rows per second of one scan")
        right = figure.add_axes((0.69, 0.04, 0.3, 0.31))
        draw_bars(right, cells, "multi-get", "keys per second, 100 per call")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
