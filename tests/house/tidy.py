"""Runs clang-tidy on the C++ sources named on standard input.

    tidy.py BUILD_DIRECTORY JOBS <files

Files that the build does not compile are left out, and so are findings in system headers. What
passed is remembered under the digest of the file, of every header of this project and of the
configuration, so an unchanged file costs nothing the second time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIDY = os.environ.get("CLANG_TIDY", "clang-tidy-19")
CACHE = ROOT / ".dev" / "tidy.json"
FINDING = re.compile(r"(\S+):\d+:\d+: (?:warning|error): ")


def compile_commands(build: Path) -> dict[str, dict[str, str]]:
    """The first command of each source file, by path from the root, without precompiled state."""
    commands: dict[str, dict[str, str]] = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = os.path.relpath(Path(entry["directory"]) / entry["file"], ROOT)
        command = entry["command"].removeprefix("ccache ").replace(" -Werror ", " ")
        commands.setdefault(file, {**entry, "command": command})
    return commands


def digest_of_headers() -> str:
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.hpp", "*.capnp"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in sorted(listed.stdout.split()):
        if (ROOT / name).is_file():
            digest.update(name.encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()


def tidy(file: str, database: str) -> tuple[list[str], float]:
    """The findings in this project, and the seconds it took to have them."""
    began = time.monotonic()
    command = [TIDY, "-p", database, "--quiet", file]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    findings: list[str] = []
    ours = False
    for line in run.stdout.splitlines():
        if match := FINDING.match(line):
            # clang cannot read a comparison in Cap'n Proto 0.9's headers that g++ accepts.
            ours = not match.group(1).startswith("/usr/")
        if ours:
            findings.append(line)
    if run.returncode and not run.stdout:
        findings.append(run.stderr or f"{TIDY} ended with {run.returncode}")
    return findings, time.monotonic() - began


def main() -> int:
    build, jobs = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    commands = compile_commands(build)
    files = [f for f in sys.stdin.read().split("\n") if f in commands]
    headers = digest_of_headers()
    known: dict[str, str] = json.loads(CACHE.read_text()) if CACHE.is_file() else {}

    def key(file: str) -> str:
        text = headers + commands[file]["command"]
        return hashlib.sha256(text.encode() + (ROOT / file).read_bytes()).hexdigest()

    stale = [f for f in files if known.get(f) != key(f)]
    failures = 0
    with tempfile.TemporaryDirectory(prefix="hearth-tidy-") as database:
        entries = [commands[f] for f in stale]
        (Path(database) / "compile_commands.json").write_text(json.dumps(entries))
        with ThreadPoolExecutor(jobs) as pool:
            outcomes = pool.map(lambda f: tidy(f, database), stale)
            for file, (findings, seconds) in zip(stale, outcomes, strict=True):
                print(f"{file}: {seconds:.1f} s", flush=True)
                if findings:
                    failures += 1
                    print("\n".join(findings), flush=True)
                else:
                    known[file] = key(file)
    CACHE.parent.mkdir(exist_ok=True)
    CACHE.write_text(json.dumps(known, indent=1, sort_keys=True))
    print(f"{len(stale)} files checked, {len(files) - len(stale)} known, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
