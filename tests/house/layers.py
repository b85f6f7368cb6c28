"""The rules of the house that a compiler does not check.

Run it (`python tests/house/layers.py`) to check this checkout, or call `check_tree` from a test.
The rules themselves are the tables at the top: changing the architecture means changing a table.

* Includes only point down (`MAY_INCLUDE`).
* Each dependency is included only in its home (`HOMES`); an unknown one has to be given a home.
* Public headers include only the standard library and each other, relatively, because they are
  installed under `<prefix>/include/hearth`.
* Source files have at most `MAX_LINES` lines and no postponed work (`POSTPONED`).
* Every header compiles alone (`check_headers`).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

# Folder -> the folders it may include, besides itself.
MAY_INCLUDE: dict[str, set[str]] = {
    "core": set(),
    "engine": {"core"},
    "storage": {"core"},
    "gpu": {"core"},
    "actors": {"core", "engine", "storage", "gpu"},
    "schema": set(),
    "ipc": {"core", "schema"},
    "tools": {"core", "engine", "storage", "gpu", "actors", "schema", "ipc"},
    "python": {"core", "engine", "ipc"},
    "examples": {"core", "actors", "ipc"},
}

# Dependency (a pattern for the text between < and >) -> the folders that may include it.
HOMES: dict[str, set[str]] = {
    r"lmdb\.h": {"storage"},
    r"Eigen/.*": {"engine"},
    r"unicode/.+|libstemmer\.h": {"engine"},
    r"caf/.+": {"actors"},
    r"(capnp|kj)/.+": {"schema", "ipc"},
    r"(fmt|spdlog)/.+": {"core"},
    r"toml\+\+/.+": {"core"},
    r"roaring/.+": {"core"},
    r"xxhash\.h|xxh3\.h": {"core"},
    r"CLI/.+": {"tools"},
    r"nlohmann/.+": {"core", "tools"},
    r"pybind11/.+|Python\.h|datetime\.h": {"python"},
    r"(imm|x86|arm_neon|cpuid)(intrin)?\.h|hwy/.+": {"engine"},
    r"cuda.*|nv.*\.h": {"gpu"},
    r"catch2/.+": {"tests"},
    r"sqlite3\.h|hiredis/.+": {"tests"},  # what benchmarks compare with
}

# Where consumers come in: #include <hearth/actors/runtime.hpp>. The public headers are these and
# every header that they include; Meson installs exactly those (test_install.py compares).
ENTRY_HEADERS = [
    "actors/runtime.hpp",
    "core/clock.hpp",
    "core/disk.hpp",
    "core/filter/filter_dict.hpp",
    "core/filter/filter_text.hpp",
    "core/key_path.hpp",
    "core/path_query.hpp",
    "core/toon.hpp",
    "ipc/client.hpp",
    "ipc/server.hpp",
    "ipc/socket_path.hpp",
]

STANDARD = re.compile(r"[a-z_0-9]+")
SYSTEM = re.compile(
    r"(arpa|linux|net|netinet|sys)/.+|cxxabi\.h"
    r"|(dirent|dlfcn|errno|fcntl|grp|limits|malloc|poll|pthread|pwd|sched|signal|spawn|stdint|stdio"
    r"|stdlib|string|syslog|termios|time|unistd)\.h"
)

MAX_LINES = 500
SOURCE_SUFFIXES = {".cpp", ".hpp", ".h", ".cu", ".py", ".capnp", ".build", ".sh", ""}
POSTPONED = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', re.MULTILINE)


class Violation(NamedTuple):
    """One broken rule; `line` is 0 where the whole file is meant."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Include(NamedTuple):
    line: int
    name: str
    quoted: bool


def includes(text: str) -> Iterator[Include]:
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Include(line, match.group(1) or match.group(2), match.group(1) is None)


def area_of(path: str) -> tuple[str, bool]:
    """The folder whose rules `path` follows, and whether it is a test of it."""
    parts = PurePosixPath(path).parts
    if parts[0] == "tests":
        return (parts[1] if len(parts) > 2 else "tests"), True
    return parts[0], False


def resolve(root: Path, path: str, name: str) -> str | None:
    """The path from the root that `#include "name"` in `path` means, or None for a missing file.

    Headers that are generated (from x.capnp or x.hpp.in) exist only in build directories and count
    as present.
    """
    here = PurePosixPath(path).parent
    for candidate in (name, str(here / name)):
        flat: list[str] = []
        for part in PurePosixPath(candidate).parts:
            if part == ".." and flat:
                flat.pop()
            else:
                flat.append(part)
        found = "/".join(flat)
        source = found.removesuffix(".h") if found.endswith(".capnp.h") else found
        if (root / source).is_file() or (root / f"{source}.in").is_file():
            return found
    return None


def public_headers(root: Path) -> set[str]:
    """ENTRY_HEADERS and everything of this project that they include, directly or not."""
    found: set[str] = set()
    pending = [name for name in ENTRY_HEADERS if (root / name).is_file()]
    while pending:
        path = pending.pop()
        found.add(path)
        for include in includes((root / path).read_text(encoding="utf-8")):
            target = resolve(root, path, include.name) if include.quoted else None
            if target is not None and target not in found:
                pending.append(target)
    return found


def check_quoted(root: Path, path: str, include: Include, public: set[str]) -> str | None:
    area, is_test = area_of(path)
    target = resolve(root, path, include.name)
    if target is None:
        return f'"{include.name}" is no file of this project (third-party headers go in <>)'
    below = PurePosixPath(target).parts[0]
    # Benchmarks and helpers shared by all tests may measure and use anything.
    if below in (area, "tests") or (is_test and area not in MAY_INCLUDE):
        return "product code must not include tests" if below == "tests" and not is_test else None
    allowed = MAY_INCLUDE.get(area)
    if allowed is None:
        return f"folder {area} has no entry in MAY_INCLUDE"
    if below not in allowed:
        return f"{area} must not include {below} (allowed: {', '.join(sorted(allowed)) or 'none'})"
    if area == "examples" and target not in public:
        return f"examples show public headers only, and {target} is none"
    return None


def check_angled(path: str, include: Include) -> str | None:
    area, is_test = area_of(path)
    for pattern, homes in HOMES.items():
        if re.fullmatch(pattern, include.name):
            if area in homes or (is_test and (homes == {"tests"} or area not in MAY_INCLUDE)):
                return None
            return f"<{include.name}> belongs in {' or '.join(sorted(homes))} only"
    if STANDARD.fullmatch(include.name) or SYSTEM.fullmatch(include.name):
        return None
    return f"<{include.name}> is an unknown dependency: give it a home in HOMES (layers.py)"


def check_public(root: Path, path: str, include: Include) -> str | None:
    if not include.quoted:
        if STANDARD.fullmatch(include.name):
            return None
        return f"a public header must not include <{include.name}>"
    if not ((root / path).parent / include.name).is_file():
        return f'a public header includes others relatively, not as "{include.name}"'
    return None


def check_file(root: Path, path: str, public: set[str]) -> list[Violation]:
    found: list[Violation] = []
    suffix = PurePosixPath(path).suffix
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    lines = text.count("\n")
    if suffix in SOURCE_SUFFIXES and lines > MAX_LINES and path != "LICENSE":
        found.append(Violation(path, 0, f"{lines} lines; split it, {MAX_LINES} is the limit"))
    if not path.startswith("tests/house/"):
        for number, line in enumerate(text.splitlines(), 1):
            if match := POSTPONED.search(line):
                found.append(Violation(path, number, f"{match.group()}: do it now or not at all"))
    if suffix not in {".cpp", ".hpp", ".h", ".cu"}:
        return found
    for include in includes(text):
        checks = [check_quoted(root, path, include, public) if include.quoted else None]
        checks.append(None if include.quoted else check_angled(path, include))
        if path in public:
            checks.append(check_public(root, path, include))
        for message in dict.fromkeys(filter(None, checks)):
            found.append(Violation(path, include.line, message))
    return found


def source_files(root: Path) -> list[str]:
    """Files under version control or about to be; everything where there is no repository."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        names = sorted(set(filter(None, listed.stdout.split("\0"))))
    else:
        names = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    binary = {".png", ".svg", ".npy", ".npz", ".ico", ".gz"}
    return [n for n in names if PurePosixPath(n).suffix not in binary and (root / n).is_file()]


def check_tree(root: Path, paths: Iterable[str] | None = None) -> list[Violation]:
    found: list[Violation] = []
    public = public_headers(root)
    for path in source_files(root) if paths is None else paths:
        found.extend(check_file(root, path, public))
    return found


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    violations = check_tree(root)
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
