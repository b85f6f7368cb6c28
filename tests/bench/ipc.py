"""What a call over the socket costs beside a raw Unix-socket round trip, pinned and unpinned."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import binary, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="per row of the table")
    parser.add_argument("--json", type=Path, default=Path("build/bench/ipc.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = Path(directory) / "ipc.json"
        command = [binary("ipc_bench"), "--json", str(figures), "--calls", str(options.calls)]
        if status := subprocess.run(command, check=False).returncode:
            sys.exit(status)
        write_json(options.json, "ipc", {"results": json.loads(figures.read_text())})


if __name__ == "__main__":
    main()
