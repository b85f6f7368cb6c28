"""Eight writers and four readers, each a process, on one namespace."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

import hearth

DIMENSION = 16
WRITERS, READERS, BATCHES, BATCH = 8, 4, 30, 16


def vector_of(record_id: str) -> np.ndarray:
    return np.random.default_rng(list(record_id.encode())).standard_normal(
        DIMENSION, dtype=np.float32
    )


def write(store: str, number: int, link: Connection) -> None:
    """Writes batches; after each acknowledgement the batch must be found at once."""
    try:
        with hearth.connect(store) as db:
            ns = db.namespace("shared")
            for batch in range(BATCHES):
                ids = [f"{number}/{batch}/{row}" for row in range(BATCH)]
                rows = np.stack([vector_of(i) for i in ids])
                ns.add(ids=ids, vectors=rows, metadata=[{"writer": number} for _ in ids])
                found = ns.search(rows[0], k=1)
                assert list(found.ids) == [ids[0]], (ids[0], found)
                if batch % 5 == 4:
                    assert ns.delete(ids[:2]) == 2
                    assert ns.get(ids[:2]).missing == ids[:2]
        link.send("done")
    except BaseException as failure:
        link.send(repr(failure))
        raise


def read(store: str, number: int, link: Connection) -> None:
    """Searches until told to stop; every hit must be a real record at its real distance."""
    try:
        random = np.random.default_rng(number)
        searches = 0
        with hearth.connect(store) as db:
            ns = db.namespace("shared")
            while not link.poll():
                query = random.standard_normal(DIMENSION, dtype=np.float32)
                count = ns.count()
                hits = ns.search(query, k=10)
                # Deletes take two at a time, so k may be short by them only while nearly empty.
                assert len(hits) == 10 or count < 10 + 2 * WRITERS
                truth = [np.linalg.norm(vector_of(str(i)) - query) for i in hits.ids]
                assert np.allclose(truth, hits.distances, atol=1e-4)
                searches += 1
        link.send(("done", searches))
    except BaseException as failure:
        link.send(repr(failure))
        raise


def test_eight_writers_and_four_readers_share_a_namespace(store_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with hearth.connect(store_path) as db:
        ns = db.namespace("shared", dimension=DIMENSION, distance="l2")
        links: dict[str, list[Connection]] = {"write": [], "read": []}
        processes = []
        for role, function, count in (("write", write, WRITERS), ("read", read, READERS)):
            for number in range(count):
                here, there = context.Pipe()
                process = context.Process(
                    target=function, args=(str(store_path), number, there), daemon=True
                )
                process.start()
                links[role].append(here)
                processes.append(process)
        assert [link.recv() for link in links["write"]] == ["done"] * WRITERS
        for link in links["read"]:
            link.send("stop")
        answers = [link.recv() for link in links["read"]]
        assert all(answer[0] == "done" and answer[1] > 0 for answer in answers), answers
        for process in processes:
            process.join()
        expected = WRITERS * (BATCHES * BATCH - 2 * (BATCHES // 5))
        assert ns.count() == expected
        assert len({i for page in ns.scan() for i in page.ids}) == expected
