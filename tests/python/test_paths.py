"""Paths: their keys, trees, listings, what one delete takes along, and what survives."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hearth
from hearth import _native
from stores import kill_daemon

SEGMENTS = st.lists(
    st.text(max_size=4)
    | st.text(alphabet="a/\\", max_size=4)
    | st.sampled_from([b"\xff", b"\x80/"]),
    min_size=1,
    max_size=5,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(SEGMENTS)
def test_every_list_of_segments_has_a_key_of_its_own(segments: list[str | bytes]) -> None:
    key = hearth.path_key(segments)
    assert not key or hearth.path_key(key) == key  # "" as a path is the root
    assert hearth.path_segments(key) == tuple(segments)


def test_ordinary_keys_are_paths() -> None:
    assert hearth.path_key("users/alice/email") == b"users/alice/email"
    assert hearth.path_key(["a/b", "c\\"]) == rb"a\/b/c\\"
    assert hearth.path_key(r"a\/b") == hearth.path_key(["a/b"])
    assert hearth.path_key([""]) == b""
    nothing: list[str | tuple[str, ...] | list[str]] = ["", (), []]
    for path in nothing:
        with pytest.raises(hearth.InvalidArgument, match="the path is empty"):
            hearth.path_key(path)
    with pytest.raises(hearth.InvalidArgument, match="byte 1 escapes neither"):
        hearth.path_key("a\\b")
    with pytest.raises(TypeError):
        hearth.path_key([1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        hearth.path_key(7)  # type: ignore[arg-type]


def same(a: object, b: object) -> bool:
    """Equal and of the same types, all the way down."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and repr(a) == repr(b)


@given(JSON)
def test_values_come_back_from_the_bytes_they_are_stored_as(value: Any) -> None:
    assert same(_native.read_value(_native.stored_bytes(value)), value)


def test_values_have_types(ns: hearth.Namespace) -> None:
    kv = ns.kv
    for value in ("5", 5, 5.0, True, None, [1, {"a": None}], "", "null", 2**64 - 1):
        kv.put_path("a/b", value)
        assert same(kv.get_path("a/b"), value)
    kv.put_path("a/b", b"\xff\x00")
    assert kv.get_path("a/b") == b"\xff\x00"
    kv.put_path("a/b", b"[1]")  # bytes stay what they are, and may say something
    assert kv.get("a/b") == kv.get_path("a/b", raw=True) == b"[1]"
    assert kv.get_path("a/b") == [1]
    kv.put("a/b", "plain text")
    assert kv.get_path(["a", "b"]) == "plain text"
    kv.put("a/b", "123456789012345678901234567890")  # more than 64 bits: no number to lose
    assert kv.get_path("a/b") == "123456789012345678901234567890"
    assert kv.get_path("a/c", default=7) == 7
    for refused in (float("nan"), float("inf"), 2**64, [b"x"], "\ud800"):
        with pytest.raises(hearth.InvalidArgument):
            kv.put_path("a/b", refused)
    for wrong in ({1: 2}, {1, 2}, object()):
        with pytest.raises(TypeError):
            kv.put_path("a/b", wrong)


def test_paths_put_get_and_delete(ns: hearth.Namespace) -> None:
    kv = ns.kv
    version = kv.put_path(["users", "a/b", "email"], "x")
    assert kv.get(rb"users/a\/b/email") == b'"x"'
    assert kv.exists_path(r"users/a\/b/email")
    assert not kv.exists_path("users")
    with pytest.raises(hearth.Conflict):
        kv.put_path(["users", "a/b", "email"], "y", version=version - 1)
    assert kv.delete_path(["users", "a/b", "email"], version=version)
    assert not kv.delete_path(["users", "a/b", "email"])


def test_a_tree_is_read_listed_and_deleted(ns: hearth.Namespace) -> None:
    kv = ns.kv
    kv.put_path("users/alice", {"an": "object"})
    kv.put_path("users/alice/name", "Alice")
    kv.put_path("users/alice/address/city", "Berlin")
    kv.put_path("users/alice!", 1)
    kv.put_path(["users", "a/b", ""], 2)
    kv.put_path("users", 3)
    kv.put_path("usersx", 4)
    assert kv.get_tree("users") == {
        "alice": {None: {"an": "object"}, "name": "Alice", "address": {"city": "Berlin"}},
        "alice!": 1,
        "a/b": {"": 2},
    }
    assert kv.get_tree() == {"users": {None: 3} | kv.get_tree("users"), "usersx": 4}
    assert dict(kv.rows("users/alice")) == {("name",): "Alice", ("address", "city"): "Berlin"}
    assert list(kv.rows("users/alice!")) == []
    for size in (1, 2, 1000):
        found = list(kv.children("users", batch_size=size))
        assert [(each.name, each.has_value, each.has_children) for each in found] == [
            ("a/b", False, True),
            ("alice", True, True),
            ("alice!", True, False),
        ]
    assert [each.name for each in kv.children()] == ["users", "usersx"]
    assert {each.name for each in kv.children("users", reverse=True, limit=9)} == {
        "a/b",
        "alice",
        "alice!",
    }
    assert [each.name for each in kv.children("users", limit=2)] == ["a/b", "alice"]
    assert kv.delete_tree("users/alice") == 3
    assert kv.delete_tree("users/alice") == 0
    assert kv.get_tree() == {"users": {None: 3, "alice!": 1, "a/b": {"": 2}}, "usersx": 4}
    assert kv.delete_tree("") == 4
    assert list(kv.keys()) == []


def test_a_listing_steps_over_what_is_below(ns: hearth.Namespace) -> None:
    for start in range(0, 60_000, 20_000):
        ns.kv.put_many(
            [(f"big/{each % 3}/{each:06}", "v" * 50) for each in range(start, start + 20_000)]
        )
    # A page of 1,000 keys could not get past the first name.
    pages = []
    native = ns.kv._native()
    options = {"prefix": b"big/", "reverse": False, "limit": 1000, "cursor": b""}
    names, cursor = native.list_names(options)
    pages.append(names)
    assert cursor == b""
    assert [name for name, _version, _flags in pages[0]] == [b"big/0", b"big/1", b"big/2"]


def test_one_batch_replaces_a_subtree(ns: hearth.Namespace) -> None:
    kv = ns.kv
    kv.put_many({"a/1": "x", "a/2": "x", "b": "x"})
    version = kv.write([hearth.Put("a/3", "y"), hearth.DeletePrefix("a/"), hearth.Delete("b")])
    assert list(kv.scan()) == [(b"a/3", b"y")]
    with pytest.raises(hearth.Conflict):
        kv.write([hearth.DeletePrefix("a/"), hearth.Put("c", "z", version=version)])
    with pytest.raises(hearth.InvalidArgument, match="same batch erases"):
        kv.write([hearth.DeletePrefix("a/"), hearth.Delete("a/3")])
    assert list(kv.keys()) == [b"a/3"]
    assert kv.delete_prefix("a") == 1
    assert kv.write([]) == 0
    with pytest.raises(TypeError):
        kv.write(["a"])  # type: ignore[list-item]


def test_a_deleted_subtree_stays_deleted_after_kill_9(store_path: Path) -> None:
    with hearth.connect(store_path) as db:
        kv = db.namespace("kv", dimension=2).kv
        for each in range(0, 5_000, 1_000):
            kv.put_many({f"t/{i}/{'x' * (i % 700)}": "v" for i in range(each, each + 1_000)})
        kv.put_path("t", "own")
        kv.put_path("u", "stays")
        assert kv.delete_tree("t") == 5_001
    kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        assert db.namespace("kv").kv.get_tree() == {"u": "stays"}


def test_asyncio_has_the_same_paths(store_path: Path) -> None:
    async def main() -> None:
        async with hearth.aio.connect(store_path) as db:
            kv = (await db.namespace("kv", dimension=2)).kv
            version = await kv.put_path("a/b/c", [1])
            await kv.put_path("a/d", "x")
            assert await kv.get_path("a/b/c") == [1]
            assert await kv.get_path("a/b", default=0) == 0
            assert await kv.exists_path("a/d")
            assert [each.name async for each in kv.children("a")] == ["b", "d"]
            assert [row async for row in kv.rows("a")] == [(("b", "c"), [1]), (("d",), "x")]
            assert await kv.get_tree() == {"a": {"b": {"c": [1]}, "d": "x"}}
            assert await kv.delete_path("a/b/c", version=version)
            assert await kv.write([hearth.Put("b", "1")]) > version
            assert await kv.delete_tree("a") == 1
            assert await kv.delete_prefix("") == 1

    asyncio.run(main())
