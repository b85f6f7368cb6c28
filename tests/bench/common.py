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
STATE = ROOT / ".dev"
PEERS = STATE / "peers"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def binary(name: str) -> str:
    """The path of a built program; ends the benchmark with advice if it is not there."""
    for folder in ("tests/bench", "tools"):
        candidate = BUILD / folder / name
        if candidate.exists():
            return str(candidate)
    sys.exit(f"{name} is not built in {BUILD}; run './dev build' first")


def install_peer(name: str) -> bool:
    """Puts a package of requirements.txt into .dev/peers; says so if that cannot be had."""
    if not (PEERS / "bin/python").exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", PEERS], check=True)
    pip = [str(PEERS / "bin/python"), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check", "--no-binary", "hnswlib"]
    pip += ["--constraint", str(REQUIREMENTS)]
    if subprocess.run([*pip, name]).returncode == 0:
        return True
    say(f"pip could not install {name}: going on without it")
    return False


def see_installed_peers() -> None:
    """Lets this process import what is in .dev/peers, which has the same Python."""
    for folder in PEERS.glob("lib/python3.*/site-packages"):
        sys.path.append(str(folder))


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
