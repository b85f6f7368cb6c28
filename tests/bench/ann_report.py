"""What the curves of `./dev bench ann` say: their best points, speed at a recall, and a table.

A system is a JSON object; curves from elsewhere (`--curve FILE`) have the same form:

    {"system": "name for people",          # needed
     "points": [{"recall": 0.95, "qps": 40000.0, "qps_threads": 78000.0}, ...],
     "build_s": 3.9, "build_cpu_s": 7.5,   # seconds by the wall clock, and of all threads
     "rss_bytes": 258000000,               # by which the process grew
     "version": "...", "note": "how it was measured"}

A point needs `recall` (0 to 1) and `qps` (queries per second of one thread). A file holds one
system, a list of them, or an object with a list `systems`, as this bench itself writes.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

System = dict[str, Any]
Point = dict[str, Any]

RECALLS = (0.90, 0.95, 0.99)


def best_points(points: list[Point], speed: str = "qps") -> list[Point]:
    """Those that no other beats in both recall and speed, by rising recall and falling speed."""
    best: list[Point] = []
    for point in sorted(points, key=lambda each: (-each["recall"], -each[speed])):
        if not best or point[speed] > best[-1][speed]:
            best.append(point)
    return best[::-1]


def speed_at(points: list[Point], recall: float, speed: str = "qps") -> float | None:
    """Queries per second at a recall: on the line between the best points around it, with speed on
    a log axis. A curve that begins above it gives its fastest point; None if it ends below."""
    best = best_points([point for point in points if point.get(speed)], speed)
    if not best or best[-1]["recall"] < recall:
        return None
    above = next(index for index, point in enumerate(best) if point["recall"] >= recall)
    high = best[above]
    if above == 0 or high["recall"] == recall:
        return float(high[speed])
    low = best[above - 1]
    share = (recall - low["recall"]) / (high["recall"] - low["recall"])
    return math.exp((1 - share) * math.log(low[speed]) + share * math.log(high[speed]))


def read_curves(path: Path) -> list[System]:
    """The systems of a file, checked."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"--curve {path}: {error}")
    if isinstance(content, dict):
        content = content.get("systems", [content])
    for system in content:
        if not system.get("system") or not system.get("points"):
            sys.exit(f"--curve {path}: a system needs 'system' and 'points'")
        for point in system["points"]:
            if not 0 <= point.get("recall", -1) <= 1 or point.get("qps", 0) <= 0:
                sys.exit(f"--curve {path}: a point needs 'recall' (0 to 1) and 'qps' (over 0)")
    return [{**system, "elsewhere": True} for system in content]


def title(system: System) -> str:
    """Its name, with a mark if its figures are not of this run."""
    return str(system["system"]) + (" †" if system.get("elsewhere") else "")


def is_ours(system: System) -> bool:
    """Whether it is an index of this checkout, measured in this run."""
    return str(system["system"]).startswith("Hearth") and not system.get("elsewhere")


def summarize(systems: list[System]) -> list[dict[str, Any]]:
    """For each system its speed at RECALLS, and how many times that our fastest one reaches."""
    rows = []
    for system in systems:
        row: dict[str, Any] = {"system": system["system"]}
        for recall in RECALLS:
            speed = speed_at(system["points"], recall)
            ours = [speed_at(each["points"], recall) for each in systems if is_ours(each)]
            fastest = max((each for each in ours if each), default=None)
            ratio = fastest / speed if fastest and speed and not is_ours(system) else None
            row[f"qps@{recall:.2f}"] = speed
            row[f"hearth_times@{recall:.2f}"] = ratio
        row["qps_threads@0.95"] = speed_at(system["points"], 0.95, "qps_threads")
        rows.append(row)
    return rows


def table(report: dict[str, Any]) -> str:
    """The summary for a terminal, which is also Markdown."""
    threads, rows = report["threads"], report["rows"]
    head = ["system", f"build {threads}T s", "CPU s", "MiB", "bytes/row"]
    for recall in RECALLS:
        head += [f"QPS @{recall:.2f}", "Hearth ×"]
    head.append(f"QPS @0.95, {threads}T")

    def cell(value: float | None, form: str = ",.0f") -> str:
        return "–" if value is None else format(value, form)

    lines = [head]
    for system, row in zip(report["systems"], summarize(report["systems"]), strict=True):
        bytes_held = system.get("rss_bytes")
        line = [title(system), cell(system.get("build_s"), ".1f")]
        line.append(cell(system.get("build_cpu_s"), ".1f"))
        line.append(cell(bytes_held and bytes_held / 2**20))
        line.append(cell(bytes_held and bytes_held / rows))
        for recall in RECALLS:
            line.append(cell(row[f"qps@{recall:.2f}"]))
            ratio = row[f"hearth_times@{recall:.2f}"]
            line.append("" if is_ours(system) else cell(ratio, ".2f"))
        line.append(cell(row["qps_threads@0.95"]))
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines.insert(1, rule)
    texts = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        texts.append("| " + " | ".join(cells) + " |")
    return "\n".join(texts)
