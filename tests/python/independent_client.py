"""A client of its own: pycapnp, the schema files, and nothing of Hearth.

Run by test_protocol.py, in a process of its own: `independent_client.py SCENARIO SOCKET NAMESPACE
VERSION`. (Apart from the point being made, pycapnp brings another version of Cap'n Proto, which
cannot share a process with the one that Hearth's native module is linked to.)
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import capnp
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

ROOT = Path(__file__).resolve().parents[2]
# The schema files import /capnp/c++.capnp, which pycapnp brings along.
IMPORTS = [str(Path(capnp.__path__[0]).parent)]
SCHEMA = capnp.load(str(ROOT / "schema" / "hearth.capnp"), imports=IMPORTS)
RECORD = capnp.load(str(ROOT / "schema" / "record.capnp"), imports=IMPORTS)


class RefusedError(Exception):
    def __init__(self, error: Any) -> None:
        super().__init__(f"{error.code}: {error.message} ({error.hint})")
        self.code = int(error.code)


def ok(reply: Any) -> Any:
    """The `ok` of a reply, or its error raised."""
    if reply.which() == "error":
        raise RefusedError(reply.error)
    return reply.ok


class Client:
    """A connection; what it holds must not outlive it."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.gate = transport.bootstrap().cast_as(SCHEMA.Gate)

    async def login(self, major: int | None = None) -> Any:
        wanted = SCHEMA.protocolMajor if major is None else major
        return ok(await self.gate.login(wanted, SCHEMA.protocolMinor, "independent/1.0"))


async def connect(socket: str) -> Client:
    stream = await capnp.AsyncIoStream.create_unix_connection(socket)
    return Client(capnp.TwoPartyClient(stream))


async def open_namespace(session: Any, name: str, dimension: int | None = None) -> Any:
    call = session.openNamespace_request()
    call.name = name
    call.mode = "openOrCreate"
    if dimension is not None:
        call.request.dimension.stated = dimension
        call.request.distance.stated = "l2"
    return ok(await call.send())


def fill_ids(column: Any, ids: list[int | str]) -> None:
    if all(isinstance(each, int) for each in ids):
        column.numbers = struct.pack(f"<{len(ids)}Q", *ids)
        return
    for slot, each in zip(column.init("mixed", len(ids)), ids, strict=True):
        if isinstance(each, int):
            slot.number = each
        else:
            slot.text = each


def read_ids(column: Any) -> list[int | str]:
    if column.which() == "numbers":
        return [number for (number,) in struct.iter_unpack("<Q", column.numbers)]
    return [each.number if each.which() == "number" else each.text for each in column.mixed]


def fill_matrix(matrix: Any, rows: Rows) -> None:
    matrix.rows, matrix.dimension = rows.shape
    matrix.values = rows.astype("<f4").tobytes()


def read_matrix(matrix: Any) -> Rows:
    return np.frombuffer(matrix.values, "<f4").reshape(matrix.rows, matrix.dimension)


def fill_value(slot: Any, value: Any) -> None:
    if value is None:
        slot.null = None
    elif isinstance(value, bool):
        slot.bool = value
    elif isinstance(value, int):
        slot.int64 = value
    elif isinstance(value, float):
        slot.float64 = value
    elif isinstance(value, str):
        slot.text = value
    elif isinstance(value, list):
        for inner, item in zip(slot.init("list", len(value)), value, strict=True):
            fill_value(inner, item)
    else:
        fill_entries(slot.init("map", len(value)), value)


def fill_entries(entries: Any, metadata: dict[str, Any]) -> None:
    for entry, (key, value) in zip(entries, metadata.items(), strict=True):
        entry.key = key
        fill_value(entry.value, value)


def read_value(slot: Any) -> Any:
    kind = slot.which()
    if kind == "null":
        return None
    if kind == "list":
        return [read_value(item) for item in slot.list]
    if kind == "map":
        return read_entries(slot.map)
    return getattr(slot, str(kind))


def read_entries(entries: Any) -> dict[str, Any]:
    return {entry.key: read_value(entry.value) for entry in entries}


async def write(
    namespace: Any,
    kind: str,
    ids: list[int | str],
    rows: Rows | None = None,
    metadata: list[dict[str, Any]] | None = None,
) -> Any:
    call = namespace.write_request()
    call.kind = kind
    if ids:
        fill_ids(call.ids, ids)
    if rows is not None:
        fill_matrix(call.vectors, rows)
    if metadata is not None:
        for slot, each in zip(call.init("metadata", len(metadata)), metadata, strict=True):
            fill_entries(slot.init("entries", len(each)), each)
    return ok(await call.send())


async def search(namespace: Any, queries: Rows, k: int) -> list[tuple[list[int | str], Rows]]:
    call = namespace.search_request()
    fill_matrix(call.vectors, queries)
    call.k = k
    call.exact = True
    found = ok(await call.send())
    offsets = [offset for (offset,) in struct.iter_unpack("<Q", found.offsets)]
    ids = read_ids(found.hits.ids)
    distances = np.frombuffer(found.distances, "<f4")
    return [(ids[start:end], distances[start:end]) for start, end in itertools.pairwise(offsets)]


async def code_of(call: Coroutine[Any, Any, Any]) -> int:
    """The code of the error that `call` must end with."""
    try:
        await call
    except RefusedError as refused:
        return refused.code
    raise AssertionError("the call was not refused")


def rows_of(count: int, seed: int) -> Rows:
    return np.random.default_rng(seed).standard_normal((count, 8), dtype=np.float32)


# ---- scenarios -----------------------------------------------------------------------------------


async def handshake(socket: str, _: str, version: str) -> None:
    client = await connect(socket)
    login = await client.login()
    assert login.major == SCHEMA.protocolMajor
    assert login.minor >= SCHEMA.protocolMinor
    assert login.version == version
    assert login.limits.dimension == 65_536
    assert login.limits.batchBytes == 64 * 1024 * 1024
    info = ok(await login.session.info())
    assert info.version == version
    assert info.sessions >= 1
    assert await code_of(client.login()) == RECORD.errorConflict


async def other_version(socket: str, *_: str) -> None:
    client = await connect(socket)
    assert await code_of(client.login(SCHEMA.protocolMajor + 1)) == RECORD.errorProtocolMismatch


async def every_call(socket: str, name: str, _: str) -> None:
    """Leaves behind the records "id 0 ☃" (erased again), 1, 2, "id 3 ☃"... and two more."""
    rows = rows_of(60, seed=1)
    ids: list[int | str] = [row if row % 3 else f"id {row} ☃" for row in range(60)]
    metadata = [{"row": row, "list": [1.5, None, {"deep": True}], "t": "é"} for row in range(60)]
    client = await connect(socket)
    session = (await client.login()).session
    opened = await open_namespace(session, name, 8)
    namespace = opened.namespace
    assert (opened.config.dimension, str(opened.config.distance)) == (8, "l2")
    assert name in list(ok(await session.listNamespaces()))

    written = await write(namespace, "upsert", ids, rows, metadata)
    assert written.affected == 60
    assert written.durableLsn >= written.lsn

    queries = rows_of(4, seed=2)
    for query, (found, distances) in zip(queries, await search(namespace, queries, 5), strict=True):
        truth = np.linalg.norm(rows - query, axis=1)
        assert found == [ids[row] for row in np.argsort(truth)[:5]]
        np.testing.assert_allclose(distances, np.sort(truth)[:5], rtol=1e-5)

    call = namespace.get_request()
    fill_ids(call.ids, [ids[0], "nobody", 7])
    call.fields.vectors = call.fields.metadata = True
    got = ok(await call.send())
    assert read_ids(got.found.ids) == [ids[0], 7]
    assert read_ids(got.missing) == ["nobody"]
    np.testing.assert_array_equal(read_matrix(got.found.vectors), rows[[0, 7]])
    assert read_entries(got.found.metadata[1].entries) == metadata[7]

    seen: list[int | str] = []
    cursor = b""
    while True:
        call = namespace.scan_request()
        call.cursor = cursor
        call.limit = 25
        page = ok(await call.send())
        seen.extend(read_ids(page.rows.ids))
        cursor = bytes(page.next)
        if not cursor:
            break
    assert sorted(map(repr, seen)) == sorted(map(repr, ids))

    assert (await write(namespace, "erase", [ids[0], "nobody"])).affected == 1
    assert len(set(read_ids((await write(namespace, "add", [], rows[:2])).assigned))) == 2
    info = ok(await namespace.info())
    assert (info.name, info.count, info.vectors) == (name, 61, 61)
    assert ok(await namespace.flush(0)).durableLsn == info.lsn


async def errors(socket: str, name: str, _: str) -> None:
    cube = np.ones((1, 8), dtype=np.float32)
    client = await connect(socket)
    session = (await client.login()).session
    assert await code_of(open_namespace(session, "No!", 8)) == RECORD.errorInvalidArgument
    namespace = (await open_namespace(session, name, 8)).namespace
    assert await code_of(open_namespace(session, name, 9)) == RECORD.errorDimensionMismatch
    await write(namespace, "add", ["a"], cube)
    refused = {
        RECORD.errorAlreadyExists: write(namespace, "add", ["a"], cube),
        RECORD.errorNotFound: write(namespace, "update", ["b"], cube),
        RECORD.errorDimensionMismatch: write(namespace, "add", ["b"], cube[:, :7]),
        RECORD.errorLimitExceeded: write(namespace, "add", ["x" * 5000], cube),
        RECORD.errorInvalidArgument: write(namespace, "add", ["b"], cube * np.float32("nan")),
    }
    for code, call in refused.items():
        assert await code_of(call) == code
    unspecified = write(namespace, "unspecified", ["b"], cube)
    assert await code_of(unspecified) == RECORD.errorInvalidArgument
    assert await code_of(search(namespace, cube, 0)) == RECORD.errorInvalidArgument

    # A matrix that claims more than it brings.
    liar = namespace.write_request()
    liar.kind = "add"
    fill_ids(liar.ids, ["liar"])
    liar.vectors.rows, liar.vectors.dimension, liar.vectors.values = 1, 8, b"\0" * 4
    reply = await liar.send()
    assert reply.which() == "error"
    assert reply.error.code == RECORD.errorInvalidArgument

    assert ok(await namespace.info()).count == 1, "the connection stays, and nothing was written"


async def drop(socket: str, name: str, _: str) -> None:
    client = await connect(socket)
    session = (await client.login()).session
    namespace = (await open_namespace(session, name)).namespace
    ((found, distances),) = await search(namespace, np.eye(8, dtype=np.float32)[3:4], 1)
    assert found == ["row 3"]
    assert distances[0] == 0
    assert (await session.dropNamespace(name)).which() == "ok"
    gone = search(namespace, np.eye(8, dtype=np.float32)[:1], 1)
    assert await code_of(gone) == RECORD.errorNotFound


SCENARIOS = {each.__name__: each for each in (handshake, other_version, every_call, errors, drop)}


async def main() -> None:
    async with capnp.kj_loop():
        await SCENARIOS[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    asyncio.run(main())
    print("done")
