"""Stores and namespaces: opening, checking, listing, dropping, closing."""

from __future__ import annotations

import os
import pickle
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

import hearth
from hearth._daemon import find_daemon
from stores import wait_until


def test_the_first_example_of_the_manual_works(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=384, distance="cosine")
        ns.upsert(
            ids=["a", "b"],
            vectors=np.random.rand(2, 384).astype("f4"),
            metadata=[{"year": 2024}, {"year": 2025}],
            texts=["first", "second"],
        )
        hits = ns.search(np.random.rand(384).astype("f4"), k=10)
        assert sorted(hits.ids) == ["a", "b"]
        assert isinstance(hits.distances, np.ndarray)
        assert hits.distances.dtype == np.float32
        assert {hit.id: (hit.metadata, hit.text) for hit in hits} == {
            "a": ({"year": 2024}, "first"),
            "b": ({"year": 2025}, "second"),
        }


def test_a_namespace_is_created_with_all_that_was_stated(db: hearth.Store, name: str) -> None:
    ns = db.namespace(
        name,
        dimension=7,
        distance="dot",
        index="flat",
        m=8,
        ef_construction=33,
        ef_search=21,
        seed=5,
        quantization="sq8",
        memory="lean",
        nlist=300,
        nprobe=12,
        nbits=8,
        shards=2,
        embedder="my-model",
    )
    expected = hearth.NamespaceConfig(
        dimension=7,
        distance="dot",
        index="flat",
        m=8,
        ef_construction=33,
        ef_search=21,
        seed=5,
        quantization="sq8",
        memory="lean",
        nlist=300,
        nprobe=12,
        nbits=8,
        shards=2,
        embedder="my-model",
    )
    assert ns.name == name
    assert ns.config == expected
    assert ns.info().config == expected
    assert db.namespace(name).config == expected


def test_the_defaults_are_those_of_the_manual(db: hearth.Store, name: str) -> None:
    config = db.namespace(name, dimension=3).config
    assert (config.distance, config.index, config.embedder) == ("cosine", "hnsw", "")
    assert (config.m, config.ef_construction, config.ef_search) == (16, 200, 64)
    assert (config.quantization, config.memory, config.seed) == ("auto", "fast", 42)
    assert (config.nlist, config.nprobe, config.nbits) == (0, 0, 4)
    assert config.shards == 1


@pytest.mark.parametrize(
    ("stated", "error", "named"),
    [
        ({"dimension": 8}, hearth.DimensionMismatch, "8"),
        ({"distance": "l2"}, hearth.ConfigMismatch, "l2"),
        ({"shards": 3}, hearth.ConfigMismatch, "3"),
        ({"embedder": "other"}, hearth.ConfigMismatch, "other"),
        ({"dimension": 0}, hearth.HearthError, "0"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    db: hearth.Store,
    name: str,
    stated: dict[str, object],
    error: type[hearth.HearthError],
    named: str,
) -> None:
    db.namespace(name, dimension=4, distance="cosine", embedder="mine")
    with pytest.raises(error, match=named):
        db.namespace(name, **stated)  # type: ignore[arg-type]
    assert db.namespace(name).config.dimension == 4


def test_other_index_parameters_are_taken_over_and_lose_nothing(
    db: hearth.Store, name: str
) -> None:
    rows = np.eye(4, dtype=np.float32)
    db.namespace(name, dimension=4, distance="l2").add(vectors=rows)
    ns = db.namespace(name, m=4, ef_search=10)
    assert (ns.config.m, ns.config.ef_search) == (4, 10)
    assert ns.count() == 4
    assert ns.search(rows[2], k=1).distances[0] == 0


def test_modes_of_opening(db: hearth.Store, name: str) -> None:
    with pytest.raises(hearth.NotFound) as missing:
        db.namespace(name, mode="open")
    assert isinstance(missing.value, KeyError)
    assert name in str(missing.value)
    db.namespace(name, dimension=2, mode="create")
    with pytest.raises(hearth.AlreadyExists, match=name):
        db.namespace(name, dimension=2, mode="create")
    assert db.namespace(name, mode="open").config.dimension == 2
    with pytest.raises(hearth.InvalidArgument, match="mode is 'reopen'"):
        db.namespace(name, mode="reopen")


@pytest.mark.parametrize("bad", ["", "Docs", "a b", "x" * 65, "naïve", "../up", "a/b"])
def test_a_bad_name_is_refused(db: hearth.Store, bad: str) -> None:
    with pytest.raises((hearth.InvalidArgument, hearth.LimitExceeded), match="name"):
        db.namespace(bad, dimension=2)


@pytest.mark.parametrize(
    "settings",
    [
        {"m": 4},  # of the index of a vector, which needs a dimension
        {"dimension": 65_537},
        {"dimension": 2**40},
        {"dimension": -1},
        {"dimension": 4, "distance": "chebyshev"},
        {"dimension": 4, "index": "tree"},
        {"dimension": 4, "m": 1},
        {"dimension": 4, "ef_construction": 0},
        {"dimension": 4, "quantization": "pq"},
        {"dimension": 4, "memory": "tiny"},
        {"dimension": 4, "nlist": 65537},
        {"dimension": 4, "nbits": 5},
        {"dimension": 4, "shards": 65},
    ],
)
def test_bad_settings_are_refused_and_create_nothing(
    db: hearth.Store, name: str, settings: dict[str, object]
) -> None:
    with pytest.raises(hearth.HearthError) as refused:
        db.namespace(name, **settings)  # type: ignore[arg-type]
    assert isinstance(refused.value, hearth.InvalidArgument | hearth.LimitExceeded)
    assert name not in db.namespaces()


def test_settings_of_a_wrong_type_are_refused(db: hearth.Store, name: str) -> None:
    with pytest.raises(TypeError, match="dimension"):
        db.namespace(name, dimension="384")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dimension"):
        db.namespace(name, dimension=3.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="distance"):
        db.namespace(name, dimension=3, distance=2)  # type: ignore[arg-type]
    assert db.namespace(name, dimension=np.int64(3)).config.dimension == 3  # type: ignore[arg-type]


def test_namespaces_are_listed_in_order_and_dropped(db: hearth.Store, name: str) -> None:
    names = [f"{name}-{letter}" for letter in "cab"]
    handles = [db.namespace(each, dimension=2) for each in names]
    listed = [each for each in db.namespaces() if each.startswith(f"{name}-")]
    assert listed == sorted(names)
    db.drop(names[0])
    assert names[0] not in db.namespaces()
    with pytest.raises(hearth.NotFound):
        handles[0].count()
    with pytest.raises(hearth.NotFound):
        db.drop(names[0])
    assert handles[1].count() == 0


def test_a_dropped_namespace_can_be_made_again_with_another_dimension(
    db: hearth.Store, name: str
) -> None:
    db.namespace(name, dimension=2).add(vectors=np.ones((1, 2)))
    db.drop(name)
    again = db.namespace(name, dimension=5)
    assert again.count() == 0
    again.add(vectors=np.ones((1, 5)))
    assert again.count() == 1


def test_info_of_a_store(db: hearth.Store, shared_path: Path, name: str) -> None:
    db.namespace(name, dimension=2)
    info = db.info()
    assert Path(info.path).resolve() == shared_path.resolve()
    assert info.pid > 0
    assert info.pid != os.getpid()
    assert info.uptime >= 0
    assert info.namespaces == len(db.namespaces())
    assert info.sessions >= 1
    assert info.version == hearth.__version__
    assert info.to_dict()["pid"] == info.pid


def test_info_of_a_namespace(ns: hearth.Namespace) -> None:
    result = ns.add(vectors=np.eye(4, dtype=np.float32), texts=["a", "b", "c", "d"])
    ns.add(ids=["no vector"], texts=["only a text"])
    wait_until(lambda: ns.info().index == "ready", "the index")
    info = ns.info()
    assert (info.name, info.count, info.vectors) == (ns.name, 5, 4)
    assert info.lsn == result.lsn + 1
    assert info.durable_lsn == info.lsn
    assert info.indexed + info.fresh == 4
    assert info.index in {"ready", "building"}
    assert not info.read_only
    assert info.to_dict()["config"]["dimension"] == 4


def test_a_closed_store_says_so(shared_path: Path, name: str) -> None:
    db = hearth.connect(shared_path)
    ns = db.namespace(name, dimension=2)
    assert "closed" not in repr(db)
    db.close()
    db.close()
    assert db.closed
    assert "closed" in repr(db)
    assert "closed" in repr(ns)
    for call in (db.namespaces, db.info, ns.count, ns.info, lambda: ns.search([1.0, 2.0])):
        with pytest.raises(hearth.InvalidArgument, match="closed"):
            call()
    with pytest.raises(hearth.InvalidArgument, match="closed"), db:
        pass


def test_two_stores_in_one_process_are_apart(db: hearth.Store, store_path: Path, name: str) -> None:
    with hearth.connect(store_path) as other:
        assert other.namespaces() == []
        other.namespace(name, dimension=3).add(vectors=np.ones((2, 3)))
        assert name not in db.namespaces()
        assert other.info().pid != db.info().pid


def test_a_store_without_a_daemon_is_unavailable_without_autostart(tmp_path: Path) -> None:
    with pytest.raises(hearth.DaemonUnavailable) as refused:
        hearth.connect(tmp_path / "nobody", autostart=False)
    assert isinstance(refused.value, ConnectionError)
    assert refused.value.code == "unavailable"
    assert refused.value.hint
    assert refused.value.retryable


def test_a_daemon_that_cannot_start_is_reported(tmp_path: Path) -> None:
    with pytest.raises(hearth.HearthError) as refused:
        hearth.connect(tmp_path / "store", daemon="/bin/false", start_timeout=5)
    assert refused.value.code in {"unavailable", "timeout"}
    with pytest.raises(hearth.DaemonUnavailable):
        hearth.connect(tmp_path / "store", daemon=tmp_path / "no such file", start_timeout=5)


def test_a_daemon_is_started_on_the_socket_named_however_short_a_call_may_be(
    store_path: Path,
) -> None:
    socket = store_path.parent / "other.sock"
    hearth.connect(store_path, socket=socket, call_timeout=0.01).close()
    with hearth.connect(store_path, socket=socket, autostart=False) as db:
        pid = db.info().pid
    assert socket.is_socket()
    os.kill(pid, signal.SIGTERM)


def test_a_store_path_may_be_relative_and_unicode(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store_path.parent)
    with hearth.connect("størë") as db:
        db.namespace("docs", dimension=2)
        monkeypatch.chdir("/")
        assert db.namespaces() == ["docs"]
        assert Path(db.info().path).samefile(store_path.parent / "størë")
    hearth.shutdown_daemon(store_path.parent / "størë")


def test_shutdown_of_a_daemon_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(hearth.NotFound):
        hearth.shutdown_daemon(tmp_path / "nobody")


def test_live_objects_refuse_to_be_pickled(db: hearth.Store, ns: hearth.Namespace) -> None:
    for thing in (db, ns):
        with pytest.raises(TypeError, match=r"hearth\.connect"):
            pickle.dumps(thing)


def test_the_daemon_is_found_in_the_environment_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEARTH_DAEMON", "/somewhere/hearthd")
    assert find_daemon() == "/somewhere/hearthd"
    monkeypatch.delenv("HEARTH_DAEMON")
    on_path = tmp_path / "hearthd"
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    monkeypatch.setattr("hearth._daemon._installed", lambda: iter([tmp_path / "empty"]))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_daemon() == str(on_path)
    installed = tmp_path / "bin" / "hearthd"
    installed.parent.mkdir()
    installed.write_text("#!/bin/sh\n")
    monkeypatch.setattr("hearth._daemon._installed", lambda: iter([installed.parent]))
    assert find_daemon() == str(on_path), "a file that cannot be executed is no daemon"
    installed.chmod(0o755)
    assert find_daemon() == str(installed)
    monkeypatch.setattr("hearth._daemon._installed", lambda: iter([]))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert find_daemon() == ""


def test_hundreds_of_namespaces_are_open_at_once_under_a_low_limit_of_files(
    store_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        db = hearth.connect(store_path)  # the daemon that it starts inherits the limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with db:
        spaces = [db.namespace(f"n{i}", dimension=2, distance="l2") for i in range(300)]
        for i, ns in enumerate(spaces):
            ns.upsert(ids=[i], vectors=[[i, 1]])
        assert [int(ns.search([0, 1], k=1).ids[0]) for ns in spaces] == list(range(300))
