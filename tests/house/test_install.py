"""An installed Hearth can be used: a consumer is built with pkg-config and one with CMake.

The consumer is the C++ example of the README, and a client that finds no daemon. The tree is
installed under a prefix that was not the configured one, so both ways have to be relocatable.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import layers

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HEARTH_BUILD_DIR", ROOT / "build"))

# Links everything of the client, without needing a daemon to answer.
CLIENT = """
#include <hearth/ipc/client.hpp>
#include <hearth/ipc/server.hpp>
#include <iostream>

int main(int, char** argv) {
  hearth::connect_options options;
  options.autostart = false;
  auto store = hearth::connect(argv[1], options);
  std::cout << (store ? "connected" : hearth::to_string(store.error().code)) << '\\n';
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(consumer CXX)
find_package(hearth 0.1 REQUIRED)
add_executable(embedded embedded.cpp)
target_link_libraries(embedded hearth::hearth)
add_executable(client client.cpp)
target_link_libraries(client hearth::hearth)
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    destination = tmp_path_factory.mktemp("install")
    run(
        "/usr/bin/meson",
        "install",
        "--no-rebuild",
        "--tags",
        "devel",
        "--destdir",
        destination,
        cwd=BUILD,
    )
    (config,) = destination.rglob("hearth.pc")
    # <prefix>/lib/<machine>/pkgconfig/hearth.pc
    while not (config / "include" / "hearth").is_dir():
        assert config != destination, "no include/hearth beside hearth.pc"
        config = config.parent
    return config


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    readme = (ROOT / "README.md").read_text()
    (example,) = re.findall(r"^```cpp\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    (tmp_path / "embedded.cpp").write_text(example)
    (tmp_path / "client.cpp").write_text(CLIENT)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    return tmp_path


def check_programs(folder: Path) -> None:
    found = run(folder / "embedded", cwd=folder)
    name, distance = found.split()
    assert name == "north"
    # 1 - cos of (0.1, 0.9) and (0, 1)
    assert float(distance) == pytest.approx(0.00612, abs=1e-4)
    answer = run(folder / "client", folder / "nobody", cwd=folder, XDG_RUNTIME_DIR=str(folder))
    assert answer == "unavailable\n"


def test_exactly_the_public_headers_are_installed(prefix: Path) -> None:
    include = prefix / "include" / "hearth"
    installed = {str(p.relative_to(include)) for p in include.rglob("*") if p.is_file()}
    assert installed == layers.public_headers(ROOT)


def test_one_static_library_is_installed(prefix: Path) -> None:
    assert [p.name for p in prefix.rglob("*.a")] == ["libhearth.a"]


def test_a_consumer_builds_and_runs_with_pkg_config(prefix: Path, sources: Path) -> None:
    (config,) = prefix.rglob("hearth.pc")
    flags = run(
        *("pkg-config", "--cflags", "--libs", "hearth"),
        cwd=sources,
        PKG_CONFIG_PATH=str(config.parent),
    )
    for name in ("embedded", "client"):
        run(
            *("g++", "-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Werror"),
            "-Wno-missing-field-initializers",
            *(f"{name}.cpp", "-o", name, *shlex.split(flags)),
            cwd=sources,
        )
    check_programs(sources)


def test_a_consumer_builds_and_runs_with_cmake(prefix: Path, sources: Path) -> None:
    build = sources / "out"
    run("cmake", "-G", "Ninja", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", cwd=sources)
    run("cmake", "--build", build, cwd=sources)
    check_programs(build)


def test_an_incompatible_version_is_refused_by_cmake(prefix: Path, sources: Path) -> None:
    (sources / "CMakeLists.txt").write_text(CMAKE.replace("hearth 0.1", "hearth 0.2"))
    configured = subprocess.run(
        ["cmake", "-G", "Ninja", "-B", "out", f"-DCMAKE_PREFIX_PATH={prefix}"],
        cwd=sources,
        capture_output=True,
        text=True,
    )
    assert configured.returncode != 0
    assert "0.2" in configured.stderr
