"""A process that does with transactions what it is told: one command, one answer.

Commands are tuples: a name and its arguments. Answers are ("ok", value) or ("error", code).
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

import hearth

Vector = np.ndarray[Any, np.dtype[np.float32]]


def vector_of(number: int) -> Vector:
    return np.array([number, 1.0], dtype=np.float32)


class Hands:
    """What the process holds: a namespace, and maybe a transaction of it."""

    def __init__(self, store: str) -> None:
        self._db = hearth.connect(store)
        self._ns: Any = None
        self._begun: Any = None

    def _on(self) -> Any:
        return self._begun if self._begun is not None else self._ns

    def open(self, name: str) -> None:
        self._begun = None
        self._ns = self._db.namespace(name)

    def begin(self) -> int:
        self._begun = self._ns.transaction()
        return int(self._begun.snapshot)

    def get(self, key: bytes) -> bytes | None:
        return self._on().kv.get(key)  # type: ignore[no-any-return]

    def scan(self, start: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
        return list(self._on().kv.scan(start=start, end=end, batch_size=2))

    def put(self, key: bytes, value: bytes) -> None:
        self._on().kv.put(key, value)

    def delete(self, key: bytes) -> bool:
        return bool(self._on().kv.delete(key))

    def add(self, key: bytes, amount: int) -> int:
        return int(self._on().kv.increment(key, amount))

    def upsert(self, record: int, value: int) -> None:
        self._on().upsert(record, vector_of(value), {"value": value})

    def erase(self, record: int) -> int:
        return int(self._on().delete(record))

    def record(self, record: int) -> int | None:
        try:
            return int(self._on().get(record).metadata["value"])
        except hearth.NotFound:
            return None

    def count(self, least: int) -> int:
        return int(self._on().count(hearth.K("value") >= least))

    def nearest(self, value: int) -> list[int]:
        return [int(i) for i in self._on().search(vector_of(value), k=100).ids]

    def savepoint(self) -> int:
        return int(self._begun.savepoint())

    def rollback_to(self, number: int) -> None:
        self._begun.rollback_to(number)

    def commit(self) -> int:
        begun, self._begun = self._begun, None
        return int(begun.commit().lsn)

    def abort(self) -> None:
        begun, self._begun = self._begun, None
        begun.abort()


def _serve(store: str, link: Connection) -> None:
    hands = Hands(store)
    while True:
        name, *arguments = link.recv()
        try:
            link.send(("ok", getattr(hands, name)(*arguments)))
        except hearth.HearthError as error:
            if error.code == "conflict":
                hands._begun = None
            link.send(("error", error.code))


class Worker:
    """The other end: starts the process, and another one after it was killed."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._process: BaseProcess | None = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._link, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._store, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, name: str, *arguments: object) -> tuple[str, Any]:
        if self._process is None:
            self._start()
        self._link.send((name, *arguments))
        answer: tuple[str, Any] = self._link.recv()
        return answer

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
