"""The layer check passes on this checkout, and catches each kind of violation in a made-up one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import headers
import layers

ROOT = Path(__file__).resolve().parents[2]

# A small tree that breaks nothing; each case below adds one file that does.
CLEAN = {
    "core/error.hpp": "#pragma once\n#include <expected>\n",
    "core/database.hpp": '#pragma once\n#include "error.hpp"\n',
    "core/format.hpp": "#pragma once\n#include <fmt/format.h>\n",
    "engine/index/flat_index.hpp": '#pragma once\n#include "core/error.hpp"\n',
    "engine/index/kernels.cpp": '#include <immintrin.h>\n#include "engine/index/flat_index.hpp"\n',
    "storage/store.hpp": '#pragma once\n#include <sys/types.h>\n#include "core/error.hpp"\n',
    "storage/store.cpp": '#include <lmdb.h>\n#include "storage/store.hpp"\n',
    "actors/runtime.hpp": '#pragma once\n#include "../core/database.hpp"\n',
    "actors/shard_actor.hpp": "#pragma once\n#include <caf/all.hpp>\n"
    '#include "engine/index/flat_index.hpp"\n#include "storage/store.hpp"\n',
    "schema/hearth.capnp": "@0xb312981b2552a250;\n",
    "ipc/client.hpp": '#pragma once\n#include "../core/database.hpp"\n',
    "ipc/session.cpp": '#include <kj/async.h>\n#include "schema/hearth.capnp.h"\n',
    "tools/hearthd.cpp": '#include <CLI/CLI.hpp>\n#include "actors/runtime.hpp"\n',
    "python/module.cpp": '#include <pybind11/pybind11.h>\n#include "ipc/client.hpp"\n',
    "examples/embedded.cpp": '#include "actors/runtime.hpp"\n',
    "tests/storage/store_test.cpp": "#include <catch2/catch.hpp>\n#include <lmdb.h>\n"
    '#include "storage/store.hpp"\n',
    "tests/bench/ipc.cpp": '#include <lmdb.h>\n#include "storage/store.hpp"\n',
}


def write_tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_this_checkout_keeps_the_rules() -> None:
    violations = layers.check_tree(ROOT)
    assert not violations, "\n" + "\n".join(map(str, violations))


def test_a_clean_tree_has_no_violations(tmp_path: Path) -> None:
    write_tree(tmp_path, CLEAN)
    assert layers.check_tree(tmp_path) == []


VIOLATIONS = {
    "core includes engine": (
        "core/bad.cpp",
        '#include "engine/index/flat_index.hpp"',
        "core must not include engine",
    ),
    "engine includes storage": (
        "engine/bad.cpp",
        '#include "storage/store.hpp"',
        "engine must not include storage",
    ),
    "storage includes engine": (
        "storage/bad.cpp",
        '#include "engine/index/flat_index.hpp"',
        "storage must not include engine",
    ),
    "actors include ipc": (
        "actors/bad.cpp",
        '#include "ipc/client.hpp"',
        "actors must not include ipc",
    ),
    "ipc includes actors": (
        "ipc/bad.cpp",
        '#include "actors/runtime.hpp"',
        "ipc must not include actors",
    ),
    "a detour through .. is seen": (
        "engine/index/bad.cpp",
        '#include "../../storage/store.hpp"',
        "engine must not include storage",
    ),
    "a folder test follows its folder": (
        "tests/engine/bad_test.cpp",
        '#include "storage/store.hpp"',
        "engine must not include storage",
    ),
    "product code includes a test": (
        "core/bad.cpp",
        '#include "tests/bench/ipc.cpp"',
        "must not include tests",
    ),
    "a folder nobody declared": (
        "extra/bad.cpp",
        '#include "core/error.hpp"',
        "extra has no entry",
    ),
    "LMDB outside storage": ("actors/bad.cpp", "#include <lmdb.h>", "belongs in storage only"),
    "CAF outside actors": ("ipc/bad.cpp", "#include <caf/all.hpp>", "belongs in actors only"),
    "KJ outside ipc": ("tools/bad.cpp", "#include <kj/async.h>", "belongs in ipc or schema only"),
    "fmt outside core": ("engine/bad.cpp", "#include <fmt/format.h>", "belongs in core only"),
    "xxhash outside core": ("storage/bad.cpp", "#include <xxhash.h>", "belongs in core only"),
    "JSON outside tools": (
        "ipc/bad.cpp",
        "#include <nlohmann/json.hpp>",
        "belongs in core or tools only",
    ),
    "ICU outside engine": ("core/bad.cpp", "#include <unicode/ubrk.h>", "belongs in engine only"),
    "SIMD outside engine": ("core/bad.cpp", "#include <immintrin.h>", "belongs in engine only"),
    "LMDB in a test of another folder": (
        "tests/actors/bad_test.cpp",
        "#include <lmdb.h>",
        "belongs in storage only",
    ),
    "Catch2 in product code": ("core/bad.cpp", "#include <catch2/catch.hpp>", "in tests only"),
    "a dependency without a home": (
        "core/bad.cpp",
        "#include <boost/asio.hpp>",
        "unknown dependency",
    ),
    "a third-party header in quotes": ("core/bad.cpp", '#include "lmdb.h"', "no file of this"),
    "a public header includes POSIX": (
        "core/database.hpp",
        "#include <sys/types.h>",
        "public header must not include <sys/types.h>",
    ),
    "a public header includes from the root": (
        "ipc/client.hpp",
        '#include "core/error.hpp"',
        "includes others relatively",
    ),
    "a public header shows a dependency": (
        "core/error.hpp",
        "#include <fmt/format.h>",
        "public header must not include <fmt/format.h>",
    ),
    "an example uses an internal header": (
        "examples/bad.cpp",
        '#include "actors/shard_actor.hpp"',
        "public headers only",
    ),
    "postponed work": ("core/bad.cpp", "// TODO: later", "do it now or not at all"),
    "a file that is too long": ("core/bad.cpp", "// line\n" * 501, "501 lines"),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_a_violation_is_caught(case: str, tmp_path: Path) -> None:
    path, text, message = VIOLATIONS[case]
    write_tree(tmp_path, CLEAN | {path: text})
    violations = layers.check_tree(tmp_path)
    assert {v.path for v in violations} == {path}
    assert any(message in v.message for v in violations), violations


def test_every_header_compiles_alone() -> None:
    build = Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build"))
    names = [n for n in layers.source_files(ROOT) if n.endswith(".hpp")]
    assert names
    checker = headers.HeaderChecker(ROOT, build, ROOT / ".dev" / "headers.json")
    failures = checker.check(names)
    assert not failures, "\n\n".join(f"{name}\n{text}" for name, text in failures.items())


def test_a_header_that_needs_another_is_caught(tmp_path: Path) -> None:
    files = {
        "core/whole.hpp": "#pragma once\n#include <string>\nstd::string name();\n",
        "core/needy.hpp": "#pragma once\nstd::string name();\n",
    }
    write_tree(tmp_path, files)
    cache = tmp_path / "cache" / "headers.json"
    checker = headers.HeaderChecker(tmp_path, tmp_path, cache)
    assert set(checker.check(list(files))) == {"core/needy.hpp"}
    # What passed is remembered, but only for as long as it stays what it was.
    again = headers.HeaderChecker(tmp_path, tmp_path, cache)
    write_tree(tmp_path, {"core/whole.hpp": "#pragma once\nstd::string name();\n"})
    assert set(again.check(list(files))) == {"core/needy.hpp", "core/whole.hpp"}
    # The build compiles a header that comes first in its source.
    write_tree(tmp_path, {"core/needy.cpp": '// Why.\n#include "core/needy.hpp"\n'})
    write_tree(tmp_path, {"core/whole.cpp": '#include <string>\n#include "core/whole.hpp"\n'})
    assert set(again.check(list(files))) == {"core/whole.hpp"}
