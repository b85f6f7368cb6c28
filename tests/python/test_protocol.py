"""A client that knows nothing but schema/*.capnp talks to the daemon; see independent_client.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hearth

CLIENT = Path(__file__).with_name("independent_client.py")


def play(scenario: str, store: Path, namespace: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            CLIENT,
            scenario,
            hearth.socket_path(store),
            namespace,
            hearth.__version__,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_the_client_is_independent() -> None:
    assert "hearth" not in {
        line.split()[1].partition(".")[0]
        for line in CLIENT.read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "from "))
    }


@pytest.mark.parametrize("scenario", ["handshake", "other_version", "errors"])
def test_a_scenario_of_an_independent_client(
    db: hearth.Store, shared_path: Path, name: str, scenario: str
) -> None:
    play(scenario, shared_path, name)
    assert db.info().sessions >= 1, "the daemon goes on"


def test_what_an_independent_client_writes_is_ours_too(
    db: hearth.Store, shared_path: Path, name: str
) -> None:
    play("every_call", shared_path, name)
    ns = db.namespace(name, mode="open")
    assert ns.count() == 61
    record = ns.get(7)
    assert record.metadata == {"row": 7, "list": [1.5, None, {"deep": True}], "t": "é"}
    assert record.vector is not None
    assert list(ns.search(record.vector, k=1).ids) == [7]
    assert list(ns.get(["id 0 ☃", "id 3 ☃"]).missing) == ["id 0 ☃"]


def test_what_we_write_is_an_independent_clients_too(
    db: hearth.Store, shared_path: Path, name: str
) -> None:
    ns = db.namespace(name, dimension=8, distance="l2")
    ns.upsert([f"row {row}" for row in range(8)], np.eye(8, dtype=np.float32))
    play("drop", shared_path, name)
    with pytest.raises(hearth.NotFound):
        ns.count()
