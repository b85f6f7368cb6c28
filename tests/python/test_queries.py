"""Queries over paths, against the same in plain Python."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import numpy as np
import pytest

import hearth
from hearth import K, toon

CITIES = ["Berlin", "Paris", None]


def user(number: int) -> dict[str, Any]:
    row: dict[str, Any] = {"name": f"User {number:03}", "age": number % 40}
    if number % 3 != 2:
        row["address/city"] = CITIES[number % 3]
    if number % 5 == 0:
        row["tags"] = ["a", number]
    return row


USERS = {f"users/{number:03}": user(number) for number in range(300)}


@pytest.fixture
def filled(ns: hearth.Namespace) -> hearth.Namespace:
    for path, row in USERS.items():
        for column, value in row.items():
            ns.kv.put_path(f"{path}/{column}", value, durability="interval")
    ns.kv.put("userx/1/name", "another prefix")
    ns.flush()
    return ns


def test_rows_are_paths_grouped_by_two_segments(filled: hearth.Namespace) -> None:
    query = filled.query("users/")
    assert query.to_list() == list(USERS.values())
    assert list(query) == list(USERS.values())
    assert query.count() == 300
    assert query.first() == USERS["users/000"]
    assert filled.query(["users"]).count() == 300
    assert filled.query("users/29").count() == 10
    assert filled.query("none/").to_list() == []
    assert filled.query("none/").first() is None
    assert filled.query("").count() == 301


def test_select_where_order_offset_and_limit(filled: hearth.Namespace) -> None:
    query = filled.query("users/")
    rows = list(USERS.values())
    assert query.select(["age", "nothing"]).to_list() == [{"age": row["age"]} for row in rows]
    old = [row for row in rows if row["age"] >= 38]
    assert query.where(K("age") >= 38).to_list() == old
    assert query.where({"age": {"$gte": 38}}).to_list() == old
    assert query.where("age >= 38").select(["name"]).to_list() == [
        {"name": row["name"]} for row in old
    ]
    berlin = [row for row in rows if row.get("address/city") == "Berlin"]
    assert query.where('`address/city` == "Berlin"').to_list() == berlin
    assert query.where(K("address/city") == "Berlin").where(K("age") < 3).to_list() == [
        row for row in berlin if row["age"] < 3
    ]
    assert query.where(K("address/city").exists(False)).count() == 100
    assert query.where(K("tags").contains("a")).count() == 60
    assert query.offset(290).limit(5).to_list() == rows[290:295]
    assert query.limit(0).to_list() == []
    for descending in (False, True):
        by_age = sorted(rows, key=lambda row: row["age"], reverse=descending)
        ordered = query.order_by("age", descending)
        assert ordered.to_list() == by_age
        assert ordered.offset(7).limit(20).to_list() == by_age[7:27]
        assert ordered.select(["name"]).first() == {"name": by_age[0]["name"]}
    last = query.order_by("tags").to_list()[60:]
    assert all("tags" not in row for row in last)
    assert query.with_path().select(["age"]).first() == {"path": "users/000", "age": 0}
    assert query.with_path("id").where('id == "users/007"').count() == 1
    # A query can be the start of several.
    assert query.count() == 300


def test_arguments_that_mean_nothing_are_refused(filled: hearth.Namespace) -> None:
    query = filled.query("users/")
    with pytest.raises(TypeError):
        query.select("name")
    for wrong in (-1, True, 1.5):
        with pytest.raises(ValueError, match="whole number"):
            query.limit(wrong)  # type: ignore[arg-type]
    with pytest.raises(hearth.InvalidArgument, match="filter, line 1"):
        query.where("age >").to_list()


def test_whole_documents_are_rows_too(ns: hearth.Namespace) -> None:
    kv = ns.kv
    kv.put_path("docs/1", {"title": "One", "year": 2001})
    kv.put_path("docs/1!", {"title": "Between"})
    kv.put_path("docs/1/year", 2002)  # more exact than what the document says
    kv.put_path("docs/2", "only text")
    kv.put_path("docs", "no row below the prefix")
    rows = ns.query("docs/").with_path().to_list()
    assert rows == [
        {"path": "docs/1!", "title": "Between"},
        {"path": "docs/1", "title": "One", "year": 2002},
        {"path": "docs/2", "": "only text"},
    ]
    assert ns.query("docs/").where("year > 2001").select(["title"]).to_list() == [{"title": "One"}]


def test_limit_stops_early(ns: hearth.Namespace) -> None:
    for start in range(0, 30_000, 10_000):
        ns.kv.put_many({f"r/{each:06}/v": b"1" for each in range(start, start + 10_000)})
    query = ns.query("r/").limit(3)._start()
    assert len(ns.kv._native().next_rows(query, False)) == 3
    assert query.done
    counted = ns.query("r/").offset(29_999)
    assert counted.count() == 1


def put_typed(ns: hearth.Namespace) -> None:
    """Three rows with a column of each type, one of several, and one with gaps."""
    kv = ns.kv
    for number in range(3):
        kv.put_path(f"n/{number}/int", number)
        kv.put_path(f"n/{number}/real", number / 2)
        kv.put_path(f"n/{number}/flag", number == 1)
        kv.put_path(f"n/{number}/text", "x" * number)
        kv.put_path(f"n/{number}/large", 2**64 - 1 - number)
        kv.put_path(f"n/{number}/mixed", [1] if number else "a")
    kv.put_path("n/2/some", 1)


def test_arrays_have_the_types_of_their_columns(ns: hearth.Namespace) -> None:
    put_typed(ns)
    arrays = ns.query("n/").to_numpy()
    kinds = {name: array.dtype.kind for name, array in arrays.items()}
    assert kinds == {
        "flag": "b", "int": "i", "large": "u", "mixed": "O", "real": "f", "some": "O", "text": "U",
    }  # fmt: skip
    assert arrays["int"].tolist() == [0, 1, 2]
    assert arrays["large"].dtype == np.uint64
    assert arrays["some"].tolist() == [None, None, 1]
    assert arrays["mixed"].tolist() == ["a", [1], [1]]
    assert ns.query("n/").select(["int", "none"]).to_numpy()["none"].tolist() == [None] * 3
    assert ns.query("m/").to_numpy() == {}


def test_frames_have_the_rows(ns: hearth.Namespace) -> None:
    put_typed(ns)
    frame = ns.query("n/").order_by("int").with_path("at").to_pandas()
    assert frame.columns[0] == "at"
    assert frame["at"].tolist() == ["n/0", "n/1", "n/2"]
    assert frame["int"].dtype == np.int64
    assert frame["real"].tolist() == [0.0, 0.5, 1.0]
    assert frame["large"].tolist() == [2**64 - 1, 2**64 - 2, 2**64 - 3]
    assert frame["mixed"].tolist() == ["a", [1], [1]]
    assert frame["some"].isna().tolist() == [True, True, False]
    assert ns.query("m/").select(["a"]).to_pandas().shape == (0, 1)


def test_tables_have_the_rows_and_types(ns: hearth.Namespace) -> None:
    put_typed(ns)
    wanted = ["int", "real", "flag", "text", "large", "some"]
    table = ns.query("n/").select(wanted).to_arrow()
    assert table.schema.names == wanted
    types = [str(each) for each in table.schema.types]
    assert types == ["int64", "double", "bool", "string", "uint64", "int64"]
    assert table.to_pylist()[0] == {
        "int": 0, "real": 0.0, "flag": False, "text": "", "large": 2**64 - 1, "some": None,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r'column "mixed" has values of several types \(list, str'):
        ns.query("n/").to_arrow()
    ns.kv.put_path("n/3/large", -1)
    with pytest.raises(ValueError, match='column "large" has no type of Arrow'):
        ns.query("n/").select(["large"]).to_arrow()


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_a_missing_package_is_named(
    filled: hearth.Namespace, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = filled.query("users/")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        (query.to_pandas if package == "pandas" else query.to_arrow)()


def test_toon_says_the_rows(filled: hearth.Namespace) -> None:
    query = filled.query("users/").select(["name", "address/city"])
    assert query.limit(3).to_toon("users") == (
        "users[3]{name,address/city}:User 000,Berlin;User 001,Paris;User 002,∅"
    )
    assert toon.loads(filled.query("users/").to_toon()) == list(USERS.values())
    assert filled.query("none/").select(["a"]).to_toon() == "result[0]{a}:"


def test_asyncio_has_the_same_queries(filled: hearth.Namespace, db: hearth.Store) -> None:
    async def main() -> None:
        async with hearth.aio.connect(db.info().path) as other:
            query = (await other.namespace(filled.name)).query("users/")
            rows = list(USERS.values())
            assert await query.to_list() == rows
            assert [row async for row in query.limit(2)] == rows[:2]
            assert await query.count() == 300
            assert await query.first() == rows[0]
            assert await query.limit(0).first() is None
            assert (await query.to_numpy())["age"].tolist() == [row["age"] for row in rows]
            assert toon.loads(await query.to_toon()) == rows

    asyncio.run(main())
