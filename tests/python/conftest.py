from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("HEARTH_BUILD_DIR", "build")

# ./dev test says where the checkout's package and daemon are. Without it, the build directory.
if "HEARTH_DAEMON" not in os.environ and (BUILD / "tools" / "hearthd").exists():
    os.environ["HEARTH_DAEMON"] = str(BUILD / "tools" / "hearthd")
    sys.path.insert(0, str(BUILD / "python"))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BUILD / "python"), inherited]))

import hearth  # noqa: E402

from stores import MakeNamespace  # noqa: E402  # isort: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds rather than milliseconds")


@contextlib.contextmanager
def _store_directory() -> Iterator[Path]:
    """A place for a store, with the daemon stopped at the end."""
    # Short: the path of a socket has at most 107 bytes.
    path = Path(tempfile.mkdtemp(prefix="hearth-py-", dir="/tmp"))
    try:
        yield path / "store"
    finally:
        with contextlib.suppress(hearth.NotFound):
            hearth.shutdown_daemon(path / "store")
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _sockets_of_their_own() -> Iterator[None]:
    """Sockets go to a directory of this test run, as they would below /run/user/<uid>."""
    runtime = tempfile.mkdtemp(prefix="hearth-run-", dir="/tmp")
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = runtime
    yield
    if before is None:
        del os.environ["XDG_RUNTIME_DIR"]
    else:
        os.environ["XDG_RUNTIME_DIR"] = before
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_path(_sockets_of_their_own: None) -> Iterator[Path]:
    """One store for all tests that leave its daemon alone; each uses namespaces of its own."""
    with _store_directory() as path:
        yield path


@pytest.fixture
def db(shared_path: Path) -> Iterator[hearth.Store]:
    with hearth.connect(shared_path) as store:
        yield store


@pytest.fixture
def store_path() -> Iterator[Path]:
    """A store that belongs to one test, which may kill the daemon."""
    with _store_directory() as path:
        yield path


_names = itertools.count(1)


@pytest.fixture
def name(db: hearth.Store) -> Iterator[str]:
    """The name of a namespace that no other test uses; dropped at the end."""
    mine = f"ns-{next(_names)}"
    yield mine
    with contextlib.suppress(hearth.NotFound):
        db.drop(mine)


@pytest.fixture
def make_namespace(db: hearth.Store) -> Iterator[MakeNamespace]:
    made: list[hearth.Namespace] = []

    def make(**settings: object) -> hearth.Namespace:
        settings.setdefault("dimension", 4)
        settings.setdefault("distance", "l2")
        made.append(db.namespace(f"ns-{next(_names)}", **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for namespace in made:
        with contextlib.suppress(hearth.NotFound):
            db.drop(namespace.name)


@pytest.fixture
def ns(make_namespace: MakeNamespace) -> hearth.Namespace:
    """An empty namespace of 4 dimensions with Euclidean distance."""
    return make_namespace()
