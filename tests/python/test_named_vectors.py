"""Several vectors per record, each with its own dimension, distance and index."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

import hearth
from hearth import K
from stores import clustered, distances, kill_daemon

NAMED: dict[str, hearth.VectorSettings] = {
    "image": {"dimension": 24, "distance": "l2"},
    "title": {"dimension": 6, "distance": "dot", "index": "flat"},
    "bits": {"dimension": 32, "distance": "hamming"},
}
DIMENSIONS = {"": 12, **{name: settings["dimension"] for name, settings in NAMED.items()}}
DISTANCES = {"": "cosine", **{name: settings["distance"] for name, settings in NAMED.items()}}

Vector: TypeAlias = NDArray[np.float32]
#: The vectors of each record, by name.
Model: TypeAlias = dict[int, dict[str, Vector]]


def vectors_of(name: str, rows: int, seed: int) -> Vector:
    if name == "bits":
        return np.random.default_rng(seed).integers(0, 2, (rows, 32)).astype(np.float32)
    return clustered(rows, DIMENSIONS[name], seed=seed)


def open_docs(db: hearth.Store, name: str = "docs", **settings: Any) -> hearth.Namespace:
    return db.namespace(name, dimension=DIMENSIONS[""], named_vectors=NAMED, **settings)


def write_some(ns: hearth.Namespace, model: Model, rng: random.Random) -> None:
    """One random write, and the same in the model."""
    kind = rng.choice(["upsert", "upsert", "update", "delete"])
    known = list(model)
    count = rng.choice([1, 3, 40])
    ids = rng.sample(range(600), count) if kind == "upsert" or not known else known[:count]
    if kind == "delete":
        ids = rng.sample(ids, min(len(ids), 3))
        ns.delete(ids)
        for each in ids:
            model.pop(each, None)
        return
    if not known:
        kind = "upsert"
    names = [name for name in DIMENSIONS if rng.random() < 0.5] or ["image"]
    given = {name: vectors_of(name, len(ids), rng.randrange(2**32)) for name in names}
    own = given.pop("", None)
    getattr(ns, kind)(ids, own, named_vectors=given)
    for row, each in enumerate(ids):
        record = model.setdefault(each, {})
        if kind == "upsert":
            record.clear()
        if own is not None:
            record[""] = own[row]
        for name, column in given.items():
            record[name] = column[row]


def check(ns: hearth.Namespace, model: Model) -> None:
    """What is stored, and what exact searches of each vector find, is what the model says."""
    stored: Model = {}
    for page in ns.scan(batch_size=150):
        for record in page:
            assert record.named_vectors is not None
            own = {} if record.vector is None else {"": record.vector}
            stored[int(record.id)] = own | record.named_vectors
    assert stored.keys() == model.keys()
    for each, vectors in model.items():
        assert stored[each].keys() == vectors.keys()
        for name, vector in vectors.items():
            np.testing.assert_array_equal(stored[each][name], vector)
    info = ns.info()
    for name in DIMENSIONS:
        have = [each for each in model if name in model[each]]
        count = info.vectors if name == "" else info.named_vectors[name].vectors
        assert count == len(have)
        query = vectors_of(name, 1, 77)[0]
        hits = ns.search(query, k=15, vector_name=name, exact=True)
        assert len(hits) == min(15, len(have))
        if have:
            rows = np.stack([model[each][name] for each in have])
            expected = np.sort(distances(DISTANCES[name], rows, query))[:15]
            np.testing.assert_allclose(hits.distances, expected, rtol=1e-4, atol=1e-4)


def test_random_writes_and_kills_leave_every_vector_where_it_belongs(store_path: Path) -> None:
    rng = random.Random(20261121)
    model: Model = {}
    for _round in range(5):
        with hearth.connect(store_path) as db:
            ns = open_docs(db, shards=2)
            for _step in range(30):
                write_some(ns, model, rng)
            check(ns, model)
        kill_daemon(store_path)
    with hearth.connect(store_path) as db:
        check(db.namespace("docs"), model)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = Path(str(tmp_path_factory.mktemp("named"))) / "s"
    rows = 3000
    with hearth.connect(path) as db:
        ns = open_docs(db, text_fields=["text"])
        columns = {name: vectors_of(name, rows, seed) for seed, name in enumerate(DIMENSIONS)}
        ns.upsert(
            range(rows),
            columns[""],
            [
                {"year": 2000 + row % 25, "kind": "even" if row % 2 == 0 else "odd"}
                for row in range(rows)
            ],
            [f"record {row} {'lamp' if row % 7 == 0 else 'chair'}" for row in range(rows)],
            named_vectors={name: columns[name] for name in NAMED},
        )
        yield ns, columns
    hearth.shutdown_daemon(path)


@pytest.mark.parametrize("name", list(DIMENSIONS))
def test_every_vector_is_found_by_its_own_index(filled: Any, name: str) -> None:
    ns, columns = filled
    queries = vectors_of(name, 40, 5)
    kind = DISTANCES[name]
    truth = np.array([np.sort(distances(kind, columns[name], query))[9] for query in queries])
    hits = ns.search_batch(queries, k=10, vector_name=name, ef=200)
    found = hits.distances.reshape(40, 10)
    assert (found <= truth[:, None] + 1e-4).mean() >= 0.95


@pytest.mark.parametrize("name", list(DIMENSIONS))
def test_filters_apply_to_every_vector(filled: Any, name: str) -> None:
    ns, columns = filled
    query = vectors_of(name, 1, 6)[0]
    hits = ns.search(query, k=12, vector_name=name, where=K("year") == 2003, exact=True)
    matching = [row for row in range(3000) if row % 25 == 3]
    expected = np.sort(distances(DISTANCES[name], columns[name][matching], query))[:12]
    assert set(hits.ids.tolist()) <= set(matching)
    np.testing.assert_allclose(hits.distances, expected, rtol=1e-4, atol=1e-4)


def test_texts_groups_examples_and_diversity_go_with_a_named_vector(filled: Any) -> None:
    ns, columns = filled
    image = columns["image"]
    hybrid = ns.search(image[7], k=5, text="lamp", vector_name="image")
    assert hybrid.ids[0] == 7
    assert not np.isnan(hybrid[0].distance)
    assert hybrid[0].text_score is not None
    grouped = ns.search(image[7], k=2, vector_name="image", group_by="kind")
    assert sorted(grouped.groups or []) == ["even", "odd"]
    alike = ns.search(like=[7], k=5, vector_name="image", exact=True)
    order = np.argsort(np.linalg.norm(image - image[7], axis=1))
    assert alike.ids.tolist() == [row for row in order.tolist() if row != 7][:5]
    spread = ns.search(image[7], k=4, vector_name="image", diversity=0.5)
    assert spread.ids[0] == 7
    within = ns.search(image[7], k=10, vector_name="image", max_distance=0.0)
    assert within.ids.tolist() == [7]
    shown = ns.search(image[7], k=1, vector_name="image", include=["vectors"])
    assert shown[0].named_vectors is not None
    np.testing.assert_array_equal(shown[0].named_vectors["title"], columns["title"][7])


def test_a_named_vector_is_altered_and_tuned_alone(db: hearth.Store, name: str) -> None:
    ns = open_docs(db, name)
    ns.upsert(
        range(1500),
        vectors_of("", 1500, 1),
        named_vectors={"image": vectors_of("image", 1500, 2)},
    )
    query = vectors_of("image", 1, 3)[0]
    before = ns.search(query, k=10, vector_name="image", exact=True)
    config = ns.alter(named_vectors={"image": {"distance": "manhattan", "m": 12}})
    assert config.named_vectors["image"].distance == "manhattan"
    assert config.named_vectors["image"].m == 12
    assert config.distance == "cosine"
    assert config.m == 16
    while ns.info().named_vectors["image"].index != "ready":
        pass
    info = ns.info()
    assert info.rebuild is None
    assert info.named_vectors["image"].rebuild is None
    after = ns.search(query, k=10, vector_name="image", exact=True)
    assert not np.allclose(before.distances, after.distances)
    tuned = ns.tune(0.9, vector_name="image", sample=30)
    if tuned.value is not None:
        assert ns.info().config.named_vectors["image"].ef_search == tuned.value
    assert ns.info().config.ef_search == 64


def test_what_does_not_fit_is_refused_by_its_name(db: hearth.Store, name: str) -> None:
    ns = open_docs(db, name)
    with pytest.raises(hearth.InvalidArgument, match=r"no vector named 'imag'.*'image', 'title'"):
        ns.search(np.zeros(24), vector_name="imag")
    with pytest.raises(hearth.InvalidArgument, match="no vector named 'imag'"):
        ns.upsert([1], named_vectors={"imag": np.zeros((1, 24))})
    with pytest.raises(hearth.DimensionMismatch, match=r"named_vectors\['image'\].*3.*24"):
        ns.upsert([1], named_vectors={"image": np.zeros((1, 3))})
    with pytest.raises(hearth.DimensionMismatch, match=r"12.*24"):
        ns.search(np.zeros(12), vector_name="image")
    with pytest.raises(hearth.InvalidArgument, match=r"named_vectors\['image'\] has 2 rows"):
        ns.upsert([1], named_vectors={"image": np.zeros((2, 24))})
    with pytest.raises(hearth.InvalidArgument, match="every value is 0 or 1"):
        ns.upsert([1], named_vectors={"bits": np.full((1, 32), 2.0)})
    with pytest.raises(hearth.Unsupported, match="nothing here makes a 'title' of a text"):
        ns.search(text="words", vector_name="title", mode="vector")
    with pytest.raises(hearth.InvalidArgument, match="has no vector named 'image'"):
        ns.upsert([1], np.ones((1, 12)))
        ns.search(like=[1], vector_name="image")
    with pytest.raises(hearth.ConfigMismatch, match="no vector named 'sound'"):
        ns.alter(named_vectors={"sound": {"dimension": 2}})
    with pytest.raises(hearth.DimensionMismatch, match=r"named_vectors\['image'\]: dimension"):
        db.namespace(name, named_vectors={"image": {"dimension": 25}})
    with pytest.raises(hearth.InvalidArgument, match=r"named_vectors\['a'\]: dimension is missing"):
        db.namespace(name + "-other", dimension=2, named_vectors={"a": {}})
    with pytest.raises(hearth.InvalidArgument, match="'A B' cannot name a vector"):
        db.namespace(name + "-other", dimension=2, named_vectors={"A B": {"dimension": 2}})
    with pytest.raises(TypeError, match="has no setting 'shards'"):
        db.namespace(name + "-other", dimension=2, named_vectors={"a": {"shards": 2}})  # type: ignore[typeddict-unknown-key]
    assert ns.count() == 1


def test_writes_that_are_split_carry_their_named_vectors(db: hearth.Store, name: str) -> None:
    ns = open_docs(db, name)
    image = vectors_of("image", 1000, 1)
    written = ns.upsert(range(1000), named_vectors={"image": image}, batch_rows=300)
    assert written.batches == 4
    stored = ns.get(range(1000), include=["vectors"])
    assert stored.named_vectors is not None
    np.testing.assert_array_equal(stored.named_vectors["image"].vectors, image)
    assert not stored.named_vectors["title"].has_vector.any()
    assert stored.has_vector is not None
    assert not stored.has_vector.any()


def test_asyncio_writes_and_searches_named_vectors(store_path: Path) -> None:
    async def work() -> None:
        async with await hearth.aio.connect(store_path) as db:
            ns = await db.namespace("docs", dimension=12, named_vectors=NAMED)
            image = vectors_of("image", 50, 1)
            await ns.upsert(range(50), named_vectors={"image": image})
            hits = await ns.search(image[4], k=3, vector_name="image")
            assert hits.ids[0] == 4
            await ns.update([4], named_vectors={"image": image[:1]})
            record = await ns.get(4)
            assert record.named_vectors is not None
            np.testing.assert_array_equal(record.named_vectors["image"], image[0])
            config = await ns.alter(named_vectors={"image": {"index": "flat"}})
            assert config.named_vectors["image"].index == "flat"

    asyncio.run(work())


def test_the_command_line_makes_fills_searches_and_exports_named_vectors(
    store_path: Path, tmp_path: Path
) -> None:
    program = Path(os.environ["HEARTH_DAEMON"]).parent / "hearth"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(program), "--store", str(store_path), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def answer(*words: str) -> Any:
        return json.loads(run("--json", *words).stdout)

    made = answer(
        "namespace", "create", "shop", "--dimension", "2", "--named-vector", "image:3:l2:flat"
    )
    assert made["config"]["named_vectors"]["image"]["dimension"] == 3
    lines = [
        {"id": 1, "vector": [1, 0], "named_vectors": {"image": [0, 0, 1]}},
        {"id": 2, "vector": [0, 1], "named_vectors": {"image": [5, 5, 5]}},
        {"id": 3, "vector": [1, 1]},
    ]
    source = tmp_path / "shop.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    answer("import", "shop", str(source))
    found = answer("search", "shop", "--vector", "[5, 5, 4]", "--vector-name", "image", "-k", "2")
    assert [hit["id"] for hit in found["hits"]] == [2, 1]
    exported = {
        record["id"]: record.get("named_vectors")
        for record in map(json.loads, run("export", "shop").stdout.splitlines())
    }
    assert exported == {line["id"]: line.get("named_vectors") for line in lines}
    answer("namespace", "alter", "shop", "--vector-name", "image", "--index", "hnsw", "--wait")
    described = answer("namespace", "describe", "shop")
    assert described["config"]["named_vectors"]["image"]["index"]["kind"] == "hnsw"
    assert described["named_vectors"]["image"]["vectors"] == 2
    assert "vector      image" in run("namespace", "describe", "shop").stdout
    assert "image     [0.0,0.0,1.0]" in run("get", "shop", "1").stdout
    bad = run("namespace", "create", "x", "--dimension", "2", "--named-vector", "image")
    assert bad.returncode != 0
    assert "image:512" in bad.stderr
    source.write_text(json.dumps({"id": 4, "named_vectors": {"image": [1]}}))
    bad = run("import", "shop", str(source))
    assert "named_vectors.image has 1 values" in bad.stderr
