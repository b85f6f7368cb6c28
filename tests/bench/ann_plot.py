"""The picture of `./dev bench ann`: recall against speed, build time and memory.

Colours are those of Okabe and Ito, which colour-blind people can tell apart; markers and dashes
tell the systems of one family apart. Names stand beside the curves instead of in a legend.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

import ann_report

mpl.use("Agg")

FAMILIES = {"Hearth": "#D55E00", "hnswlib": "#0072B2", "faiss": "#009E73", "usearch": "#CC79A7"}
MORE = ("#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = "osD^vPX*"
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
INK, PALE_INK, FAINT = "#222222", "#555555", "#DDDDDD"
SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
}

TICKS = (0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1)
LOWEST = 0.5  # recall below this is of no use to anybody


class Style:
    """Colours by family, markers and dashes within one."""

    def __init__(self, systems: list[ann_report.System]) -> None:
        colours = dict(FAMILIES)
        others = itertools.cycle(MORE)
        members: dict[str, int] = {}
        self._styles: dict[str, dict[str, Any]] = {}
        self._names: dict[str, dict[str, Any]] = {}
        for system in systems:
            name = ann_report.title(system)
            family = name.replace("-", " ").split()[0]
            colours[family] = colours.get(family) or next(others)
            number = members[family] = members.get(family, -1) + 1
            ours = ann_report.is_ours(system)
            self._styles[name] = {
                "color": colours[family],
                "marker": MARKERS[number % len(MARKERS)],
                "linestyle": DASHES[number % len(DASHES)],
                "linewidth": 2.6 if ours else 1.5,
                "markersize": 6 if ours else 4.5,
                "zorder": 4 if ours else 3,
            }
            # In ink, because some of the colours are too light for letters.
            self._names[name] = {
                "color": colours[family] if ours else INK,
                "weight": "bold" if ours else "normal",
            }

    def line(self, name: str) -> dict[str, Any]:
        return self._styles[name]

    def name(self, name: str) -> dict[str, Any]:
        return self._names[name]

    def colour(self, name: str) -> str:
        return str(self._styles[name]["color"])


def spread(positions: list[float], distance: float, low: float, high: float) -> list[float]:
    """Moves positions as little as needed to be `distance` apart, between low and high."""
    order = np.argsort(positions)[::-1]
    distance = min(distance, (high - low) / max(1, len(positions) - 1))
    moved = np.array([positions[index] for index in order], float)
    # Neighbours that are too close share the way; some rounds settle it.
    for _ in range(500):
        moved = np.clip(moved, low, high)
        close = distance - (moved[:-1] - moved[1:])
        if (close <= 1e-6).all():
            break
        push = np.where(close > 0, close / 2, 0)
        moved[:-1] += push
        moved[1:] -= push
    result = [0.0] * len(positions)
    for place, index in zip(moved, order, strict=True):
        result[index] = float(place)
    return result


def recall_scale(axes: Axes, lowest: float) -> None:
    """Recall with more room the nearer it is to 1, where the differences matter."""
    floor = 1e-3

    def forward(recall: Any) -> Any:
        return -np.log10(np.clip(1 - np.asarray(recall, float), 0, None) + floor)

    def backward(value: Any) -> Any:
        return 1 - (10 ** -np.asarray(value, float) - floor)

    axes.set_xscale("function", functions=(forward, backward))
    axes.set_xlim(lowest, 1.0)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if tick >= lowest]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda recall, _: f"{recall:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def thousands(value: float, _: object = None) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def draw_curves(axes: Axes, report: dict[str, Any], style: Style) -> None:
    curves = {}
    for system in report["systems"]:
        best = ann_report.best_points(system["points"])
        curves[ann_report.title(system)] = [point for point in best if point["recall"] >= LOWEST]
    shown = {name: points for name, points in curves.items() if points}
    lowest = min((point["recall"] for points in shown.values() for point in points), default=LOWEST)
    recall_scale(axes, max(tick for tick in TICKS if tick <= min(lowest, 0.9)))
    axes.set_yscale("log")
    for name, points in shown.items():
        recalls, speeds = ([point[key] for point in points] for key in ("recall", "qps"))
        axes.plot(recalls, speeds, clip_on=False, **style.line(name))
    speeds = [point["qps"] for points in shown.values() for point in points]
    if speeds:
        axes.set_ylim(min(speeds) / 1.25, max(speeds) * 1.25)
    steps = [step * 10**power for power in range(8) for step in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator(steps))
    axes.yaxis.set_major_formatter(FuncFormatter(thousands))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_xlabel(f"recall@{report['k']}")
    axes.set_title("queries per second of one thread; up and to the right is better", loc="left")
    name_curves(axes, shown, style)


def name_curves(axes: Axes, curves: dict[str, list[ann_report.Point]], style: Style) -> None:
    """Names to the right of the axes, each with a thin line to the end of its curve."""
    low, high = (math.log10(limit) for limit in axes.get_ylim())

    def height(speed: float) -> float:
        return (math.log10(speed) - low) / (high - low)

    names = list(curves)
    ends = [curves[name][-1] for name in names]
    wanted = [height(end["qps"]) for end in ends]
    for name, end, place in zip(names, ends, spread(wanted, 0.047, 0.01, 0.99), strict=True):
        x, y = axes.transAxes.inverted().transform(
            axes.transData.transform((end["recall"], end["qps"]))
        )
        line = {"color": style.colour(name), "clip_on": False, "transform": axes.transAxes}
        dots = {"linewidth": 0.9, "linestyle": (0, (1, 2.5)), "alpha": 0.8, "zorder": 2}
        axes.plot([x, 1.015, 1.045], [y, place, place], **line, **dots)
        marker = {key: style.line(name)[key] for key in ("marker", "markersize")}
        axes.plot([1.045], [place], **line, **marker)
        axes.text(1.06, place, name, transform=axes.transAxes, va="center", **style.name(name))


def draw_bars(axes: Axes, title: str, bars: dict[str, tuple[float, str]], style: Style) -> None:
    """A bar for each system, the shortest on top, with its value in words behind it."""
    order = sorted(bars, key=lambda name: bars[name][0], reverse=True)
    longest = max((value for value, _ in bars.values()), default=1.0) or 1.0
    for place, name in enumerate(order):
        value, words = bars[name]
        axes.barh(place, value, color=style.colour(name), height=0.68)
        axes.text(value, place, f" {words}", va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(order)), order)
    for label in axes.get_yticklabels():
        label.set(**style.name(label.get_text()))
    axes.set_ylim(-0.6, max(len(order), 1) - 0.4)
    # The words behind the longest bar are about 2.2 inches long.
    inches = axes.get_position().width * axes.get_figure().get_figwidth()
    axes.set_xlim(0, longest * inches / max(inches - 2.2, 0.5))
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(title, loc="left")


def costs(report: dict[str, Any]) -> tuple[dict[str, tuple[float, str]], ...]:
    """Build seconds and bytes of the systems that say them, and both in words."""
    build, memory = {}, {}
    for system in report["systems"]:
        name = ann_report.title(system)
        if (seconds := system.get("build_s")) is not None:
            cpu = system.get("build_cpu_s")
            build[name] = (seconds, f"{seconds:.1f} s" + (f" ({cpu:.1f} s CPU)" if cpu else ""))
        if (held := system.get("rss_bytes")) is not None:
            words = f"{held / 2**20:,.0f} MiB ({held / report['rows']:,.0f} bytes/row)"
            memory[name] = (held, words)
    return build, memory


def write_heading(figure: Figure, report: dict[str, Any], left: float) -> None:
    title = f"{report['dataset']}: {report['rows']:,} × {report['dimension']}, {report['distance']}"
    how = f"{report['machine']}; commit {report['commit']}; {report['queries']:,} queries, "
    how += f"CPU time, median of {report['repeats']}"
    if any(system.get("elsewhere") for system in report["systems"]):
        how += "; † measured in a run of its own"
    height = figure.get_figheight()
    figure.text(left, 1 - 0.5 / height, title, fontsize=15, weight="bold")
    figure.text(left, 1 - 0.78 / height, how, color=PALE_INK)


def draw(report: dict[str, Any], path: Path) -> None:
    """Writes the picture of a report, which also names the `machine` and the `commit`."""
    style = Style(report["systems"])
    # In inches: names and bars need the same room however many there are.
    names = 0.09 * max((len(ann_report.title(each)) for each in report["systems"]), default=0)
    curves_height, bars_height = 6.2, 0.31 * max(len(report["systems"]), 4)
    above, between, below, width = 1.25, 1.15, 0.2, 12.5 + names
    height = above + curves_height + between + bars_height + below
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), dpi=110, facecolor="white")
        write_heading(figure, report, left=0.06)
        top = (below + bars_height + between) / height
        room = 1 - 0.06 - (names + 1.1) / width
        draw_curves(figure.add_axes((0.06, top, room, curves_height / height)), report, style)
        titles = (f"build, {report['threads']} threads", "memory by which the process grew")
        for column, bars, title in zip((0, 0.5), costs(report), titles, strict=True):
            left = column + (names + 0.25) / width
            place = (left, below / height, column + 0.49 - left, bars_height / height)
            draw_bars(figure.add_axes(place), title, bars, style)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
