"""Clients that misbehave leave the daemon serving the others."""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import hearth


@pytest.fixture
def served(store_path: Path) -> Iterator[hearth.Namespace]:
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=8, distance="l2")
        ns.upsert(ids=list(range(100)), vectors=np.eye(100, 8, dtype=np.float32))
        yield ns


def resident_mb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise AssertionError("the daemon is gone")


@contextmanager
def raw(store: Path) -> Iterator[socket.socket]:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(str(hearth.socket_path(store)))
    try:
        yield connection
    finally:
        connection.close()


def send(connection: socket.socket, content: bytes) -> None:
    try:
        connection.sendall(content)
    except OSError:
        pass  # hung up on us: as it should


def answers(store: Path, ns: hearth.Namespace) -> None:
    assert len(ns.search(np.ones(8, dtype=np.float32), k=5)) == 5
    with hearth.connect(store, autostart=False) as other:
        assert other.namespace("docs").count() == 100


def test_random_bytes_are_survived(store_path: Path, served: hearth.Namespace) -> None:
    noise = random.Random(1)
    for _ in range(300):
        with raw(store_path) as connection:
            send(connection, noise.randbytes(noise.randint(1, 3000)))
    answers(store_path, served)


@pytest.mark.parametrize(
    "header",
    [
        b"\xff" * 8,
        struct.pack("<I", 510) + b"\xff\xff\xff\x0f" * 511,
        struct.pack("<II", 0, 0x7FFFFFFF),
        struct.pack("<II", 0, 8 * 1024 * 1024 - 1),
    ],
    ids=["2^32 segments", "511 huge segments", "16 GiB message", "64 MiB message"],
)
def test_headers_that_promise_too_much_cost_no_memory(
    store_path: Path, served: hearth.Namespace, header: bytes
) -> None:
    with hearth.connect(store_path) as db:
        pid = db.info().pid
        before = resident_mb(pid)
        connections = []
        for _ in range(40):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(hearth.socket_path(store_path)))
            send(connection, header)
            connections.append(connection)
        answers(store_path, served)
        assert resident_mb(pid) - before < 200
        for connection in connections:
            connection.close()


def test_half_open_connections_leave_room_for_others(
    store_path: Path, served: hearth.Namespace
) -> None:
    idle = []
    for _ in range(300):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(hearth.socket_path(store_path)))
        connection.send(b"\0")
        idle.append(connection)
    answers(store_path, served)
    for connection in idle:
        connection.close()
    answers(store_path, served)


def test_an_oversized_batch_is_refused_with_its_limit(served: hearth.Namespace) -> None:
    with pytest.raises(hearth.LimitExceeded, match="text"):
        served.upsert(ids=["big"], texts=["x" * (17 * 1024 * 1024)])
    assert served.count() == 100


def test_killed_clients_leave_nothing_behind(store_path: Path, served: hearth.Namespace) -> None:
    with hearth.connect(store_path) as db:
        before = len(os.listdir(f"/proc/{db.info().pid}/fd"))
    for _ in range(20):
        child = os.fork()
        if child == 0:
            try:
                other = hearth.connect(store_path, autostart=False)
                ns = other.namespace("docs")
                for _ in range(3):
                    ns.search(np.ones(8, dtype=np.float32), k=5)
            finally:
                os.kill(os.getpid(), 9)
        os.waitpid(child, 0)
    answers(store_path, served)
    with hearth.connect(store_path) as db:
        files = Path(f"/proc/{db.info().pid}/fd")
        deadline = time.monotonic() + 20  # the daemon learns of the deaths one by one
        while len(os.listdir(files)) > before + 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
