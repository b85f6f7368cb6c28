"""Checks that every header compiles alone.

A header that needs another one included before it breaks whoever includes it first. Each header is
given to the compiler as a whole translation unit, with the flags of the build, unless its source
includes it before anything else: then the build has done that. What passed is remembered in
`.dev/headers.json` under the digest of everything the header includes from this project, so a
second run costs little.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FLAGS = [
    "-std=c++23",
    "-fsyntax-only",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
]
INCLUDE = re.compile(r"^#\s*include\s+(\S+)", re.MULTILINE)


class HeaderChecker:
    """Compiles headers of `root`; `build` holds the generated ones, `cache` what passed before."""

    def __init__(self, root: Path, build: Path, cache: Path | None) -> None:
        self._root = root
        self._build = build
        self._cache = cache
        self._compiler = shlex.split(os.environ.get("CXX", "g++"))
        self._known: dict[str, dict[str, str]] = {}
        if cache is not None and cache.is_file():
            self._known = json.loads(cache.read_text())

    def check(self, headers: list[str], jobs: int = 2) -> dict[str, str]:
        """What the compiler says about each header that does not compile alone."""
        stale = [
            header
            for header in headers
            if not self._comes_first_in_its_source(header) and not self._passed_before(header)
        ]
        with ThreadPoolExecutor(jobs) as pool:
            outcomes = dict(zip(stale, pool.map(self._compile, stale), strict=True))
        if self._cache is not None:
            self._cache.parent.mkdir(exist_ok=True)
            self._cache.write_text(json.dumps(self._known, indent=1, sort_keys=True))
        return {header: message for header, message in outcomes.items() if message}

    def _comes_first_in_its_source(self, header: str) -> bool:
        source = (self._root / header).with_suffix(".cpp")
        if not source.is_file():
            return False
        first = INCLUDE.search(source.read_text(encoding="utf-8"))
        return first is not None and first[1] == f'"{header}"'

    def _digest(self, path: str) -> str:
        file = self._root / path
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "gone"

    def _passed_before(self, header: str) -> bool:
        before = self._known.get(header)
        return bool(before) and all(self._digest(p) == d for p, d in (before or {}).items())

    def _compile(self, header: str) -> str:
        with tempfile.TemporaryDirectory(prefix="hearth-header-") as directory:
            listing = Path(directory) / "needs.d"
            # An including file, because a header as the main file warns about #pragma once.
            unit = Path(directory) / "alone.cpp"
            unit.write_text(f'#include "{header}"\n')
            folders = [f"-I{self._root}", f"-I{self._build}"]
            if header.startswith("python/"):
                folders += python_folders()
            command = [*self._compiler, *FLAGS, *folders, "-MMD", "-MF", str(listing), str(unit)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                self._known.pop(header, None)
                return run.stderr[:4000]
            needs = listing.read_text().replace("\\\n", " ").split(":", 1)[1].split()
        inside = [os.path.relpath(n, self._root) for n in needs if n.startswith(str(self._root))]
        self._known[header] = {path: self._digest(path) for path in inside}
        return ""


def python_folders() -> list[str]:
    command = ["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('include'))"]
    return ["-I" + subprocess.run(command, capture_output=True, text=True).stdout.strip()]
