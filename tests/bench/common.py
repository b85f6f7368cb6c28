"""What the benchmarks share: where the binaries are, and how results are written."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build"))


def binary(name: str) -> str:
    """The path of a built program; ends the benchmark with advice if it is not there."""
    for folder in ("tests/bench", "tools"):
        candidate = BUILD / folder / name
        if candidate.exists():
            return str(candidate)
    sys.exit(f"{name} is not built in {BUILD}; run './dev build' first")


def machine() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.processor()


def commit() -> str:
    answer = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True
    )
    return answer.stdout.strip() or "unknown"


def write_json(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Writes one result with the machine, the commit and the command that made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "bench": name,
        "machine": machine(),
        "commit": commit(),
        "command": " ".join([f"./dev bench {name}", *sys.argv[1:]]),
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **figures,
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}", file=sys.stderr)
