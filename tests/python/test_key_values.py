"""The key-value side of a namespace: order, atomicity, counters, cursors, what survives."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearth
from stores import kill_daemon, run_python

EDGES = [b"\x00", b"\x01", b"a", b"\x7f", b"\xff"]


def random_key(rng: random.Random) -> bytes:
    """Lengths around multiples of what LMDB takes, and long beginnings in common."""
    length = rng.choice([0, 1, 2, 7, 479, 480, 481, 500, 511, 512, 960, 961, 2000])
    key = bytearray(rng.choice(EDGES) * length)
    for _change in range(rng.randrange(3)):
        if length:
            key[rng.choice([length - 1, rng.randrange(length)])] = rng.choice(EDGES)[0]
    return bytes(key)


def check(kv: hearth.KeyValues, model: dict[bytes, bytes], rng: random.Random) -> None:
    in_order = sorted(model.items())
    assert list(kv.scan(batch_size=rng.choice([1, 7, 1000]))) == in_order
    assert list(kv.scan(reverse=True, batch_size=13)) == in_order[::-1]
    assert list(kv.keys()) == [key for key, _value in in_order]
    for _question in range(20):
        start, end, prefix = random_key(rng), random_key(rng), random_key(rng)[: rng.randrange(500)]
        within = [
            each for each in in_order if start <= each[0] < end and each[0].startswith(prefix)
        ]
        assert list(kv.scan(start=start, end=end, prefix=prefix, batch_size=5)) == within
        assert list(kv.scan(start=start, end=end, prefix=prefix, reverse=True)) == within[::-1]
        beginning = [each for each in in_order if each[0].startswith(prefix)]
        assert list(kv.scan(prefix=prefix, limit=3)) == beginning[:3]
        key = random_key(rng)
        assert kv.get(key) == model.get(key)
        assert kv.exists(key) == (key in model)


def test_random_writes_and_kills_leave_what_a_dict_would_hold(store_path: Path) -> None:
    rng = random.Random(20261121)
    model: dict[bytes, bytes] = {}
    for _round in range(4):
        with hearth.connect(store_path) as db:
            kv = db.namespace("kv", dimension=2).kv
            for _step in range(60):
                key = random_key(rng)
                match rng.randrange(4):
                    case 0:
                        assert kv.delete(key) == (model.pop(key, None) is not None)
                    case 1:
                        many = {random_key(rng): bytes(rng.randrange(50)) for _each in range(20)}
                        kv.put_many(many)
                        model |= many
                    case _:
                        value = rng.randbytes(rng.choice([0, 3, 100, 5000]))
                        kv.put(key, value)
                        model[key] = value
            check(kv, model, rng)
        kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        check(db.namespace("kv").kv, model, rng)


def test_an_empty_value_is_not_a_missing_one(ns: hearth.Namespace) -> None:
    ns.kv.put("a", b"")
    assert ns.kv.get("a") == b""
    assert ns.kv.get("b") is None
    assert ns.kv.get("b", b"default") == b"default"
    assert ns.kv.get_many(["a", "b", "a"]) == {b"a": b""}
    assert ns.kv.exists("a")
    assert ns.kv.delete("a")
    assert not ns.kv.delete("a")
    assert ns.kv.delete_many(["a", "b"]) == 0


def test_the_longest_keys_and_values_come_back(ns: hearth.Namespace) -> None:
    key, value = b"k" * 65536, np.random.default_rng(1).bytes(64 << 20)
    ns.kv.put(key, value)
    assert ns.kv.get(key) == value
    assert list(ns.kv.keys(prefix=key)) == [key]
    with pytest.raises(hearth.LimitExceeded, match="key"):
        ns.kv.put(key + b"k", b"")
    with pytest.raises(hearth.LimitExceeded):
        ns.kv.put("k", value + b"v")
    assert list(ns.kv.keys()) == [key]


def test_versions_guard_against_writes_in_between(ns: hearth.Namespace) -> None:
    version = ns.kv.put("a", "1", version=0)
    with pytest.raises(hearth.Conflict, match="'a' is at version"):
        ns.kv.put("a", "2", version=0)
    entry = ns.kv.entry("a")
    assert entry == hearth.KeyValue(b"a", b"1", version)
    assert ns.kv.put("a", "2", version=version) > version
    with pytest.raises(hearth.Conflict):
        ns.kv.delete("a", version=version)
    assert ns.kv.compare_and_set("a", "2", "3")
    assert not ns.kv.compare_and_set("a", "2", "4")
    assert not ns.kv.compare_and_set("a", None, "4")
    assert ns.kv.compare_and_set("new", None, "4")
    assert ns.kv.compare_and_set("a", "3", None)
    assert dict(ns.kv.scan()) == {b"new": b"4"}


def test_a_batch_of_keys_is_written_whole_or_not_at_all(ns: hearth.Namespace) -> None:
    ns.kv.put("word", "seven")
    with pytest.raises(hearth.InvalidArgument, match="'word' is not a whole number"):
        ns.kv.increment("word")
    with pytest.raises(hearth.InvalidArgument, match="appears twice"):
        ns.kv.put_many([("a", "1"), ("a", "2")])
    assert dict(ns.kv.scan()) == {b"word": b"seven"}
    ns.kv.put("most", str(2**63 - 1))
    with pytest.raises(hearth.InvalidArgument, match="more than 64 bits"):
        ns.kv.increment("most")


def test_increments_of_many_processes_do_not_get_lost(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        db.namespace("kv", dimension=2)
        code = """
import sys, hearth
with hearth.connect(sys.argv[1]) as db:
    kv = db.namespace("kv").kv
    for _each in range(125):
        kv.increment("visits", durability="interval")
"""
        threads = [
            threading.Thread(target=lambda: run_python(code, store_path).check_returncode())
            for _process in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kv = db.namespace("kv").kv
        assert kv.increment("visits", 0) == 1000
        assert kv.increment("visits", -1000) == 0
        assert kv.get("visits") == b"0"


def test_a_scan_goes_on_whatever_is_written_meanwhile(ns: hearth.Namespace) -> None:
    ns.kv.put_many({f"{row:05}": str(row) for row in range(2000)})
    seen = []
    for key, _value in ns.kv.scan(batch_size=100):
        seen.append(key)
        if len(seen) % 100 == 50:
            ns.kv.delete(key)
            ns.kv.put(key + b"+", "new")
            ns.kv.put(f"{len(seen) + 500:05}-", "later")
    stayed = [f"{row:05}".encode() for row in range(2000)]
    assert [key for key in seen if len(key) == 5] == stayed
    assert len(seen) == len(set(seen))


def test_keys_and_records_of_a_namespace_do_not_meet(ns: hearth.Namespace) -> None:
    ns.upsert(["a"], [[1, 0, 0, 0]])
    ns.kv.put("a", "key")
    ns.delete(["a"])
    assert ns.kv.get("a") == b"key"
    assert ns.count() == 0


def test_what_is_no_key_is_refused(ns: hearth.Namespace) -> None:
    with pytest.raises(TypeError, match="key must be bytes or str, not int"):
        ns.kv.put(7, "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="several keys"):
        ns.kv.get_many("abc")
    with pytest.raises(hearth.InvalidArgument, match="durability"):
        ns.kv.put("a", "b", durability="maybe")
    assert list(ns.kv.scan(limit=0)) == []


def test_asyncio_has_the_same_keys(store_path: Path) -> None:
    async def work() -> None:
        async with await hearth.aio.connect(store_path) as db:
            kv = (await db.namespace("kv", dimension=2)).kv
            await kv.put_many({f"k{row}": str(row) for row in range(10)})
            assert await kv.get("k3") == b"3"
            assert await kv.increment("k3", 4) == 7
            assert await kv.compare_and_set("k3", "7", "8")
            assert not await kv.compare_and_set("k3", "7", "8")
            assert await kv.get_many(["k3", "none"]) == {b"k3": b"8"}
            assert await kv.exists("k3")
            assert await kv.delete("k3")
            assert await kv.delete_many(["k3", "k4"]) == 1
            found = [key async for key, _value in kv.scan(prefix="k", batch_size=3)]
            assert found == [b"k0", b"k1", b"k2", b"k5", b"k6", b"k7", b"k8", b"k9"]
            assert [key async for key in kv.keys(reverse=True, limit=2)] == [b"k9", b"k8"]
            entry = await kv.entry("k9")
            assert entry is not None
            assert await kv.put("k9", "x", version=entry.version) > entry.version

    asyncio.run(work())


def test_the_command_line_puts_gets_adds_scans_and_deletes(store_path: Path) -> None:
    program = Path(os.environ["HEARTH_DAEMON"]).parent / "hearth"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(program), "--store", str(store_path), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def answer(*words: str) -> Any:
        return json.loads(run("--json", *words).stdout)

    run("namespace", "create", "docs", "--dimension", "2")
    assert answer("kv", "put", "docs", "users/1", "Ann")["key"] == "users/1"
    run("kv", "put", "docs", "users/2", "Bob")
    assert run("kv", "get", "docs", "users/1").stdout == "Ann\n"
    missing = run("kv", "get", "docs", "users/1", "users/3")
    assert (missing.returncode, missing.stdout) == (3, "Ann\n")
    assert run("kv", "add", "docs", "visits", "5").stdout == "5\n"
    assert run("kv", "scan", "docs", "--prefix", "users/").stdout == "users/1\tAnn\nusers/2\tBob\n"
    assert (
        run("kv", "scan", "docs", "--reverse", "--limit", "1", "--keys-only").stdout == "visits\n"
    )
    late = run("kv", "put", "docs", "users/1", "Eve", "--if-version", "0")
    assert late.returncode != 0
    assert "at version" in late.stderr
    assert answer("kv", "delete", "docs", "users/1", "none")["deleted"] == 1
