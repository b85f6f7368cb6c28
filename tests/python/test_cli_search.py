"""What `hearth search`, `count`, `facets` and others answer is what the Python API answers."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearth
from hearth import K
from stores import MakeNamespace, rows_of

#: Runs `hearth` on the shared store and answers what it printed.
Run = Callable[..., "subprocess.CompletedProcess[str]"]

WORDS = ["solar", "panel", "wind", "turbine", "water", "wheel", "locks", "keys", "doors"]
ROWS = 300
FILTER = 'year >= 2010 AND color IN ("red", "blue")'


def vector_text(vector: Any) -> str:
    return json.dumps([float(number) for number in vector])


@pytest.fixture
def run(shared_path: Path) -> Run:
    program = Path(os.environ["HEARTH_DAEMON"]).parent / "hearth"

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "--store", shared_path, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.fixture
def answer(run: Run) -> Callable[..., Any]:
    """The JSON that a command prints, which has to succeed."""

    def call(*arguments: object) -> Any:
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture
def things(make_namespace: MakeNamespace) -> Iterator[hearth.Namespace]:
    """Vectors, texts with few words, a year, a color, a nested size and tags."""
    ns = make_namespace(
        dimension=8,
        text_fields={"text": 1.0, "title": 2.0},
        language="english",
        schema={"year": hearth.FieldRule("int", indexed=True)},
    )
    random = np.random.default_rng(7)

    def words(count: int) -> str:
        return " ".join(random.choice(WORDS, count))

    metadata: list[dict[str, Any]] = []
    for i in range(ROWS):
        fields: dict[str, Any] = {
            "year": int(random.integers(2000, 2020)),
            "color": str(random.choice(["red", "blue", "green"])),
            "title": words(2),
        }
        if i % 3 == 0:
            fields["size"] = {"height": i}
        if i % 4 == 0:
            fields["tags"] = ["a", "b"] if i % 8 == 0 else ["b"]
        metadata.append(fields)
    ns.add(
        ids=np.arange(ROWS, dtype=np.uint64),
        vectors=rows_of(ROWS, 8),
        metadata=metadata,
        texts=[words(int(random.integers(1, 12))) for _ in range(ROWS)],
    )
    yield ns


def plain(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def assert_same(document: Any, hits: hearth.Hits) -> None:
    found = document["hits"]
    assert [hit["id"] for hit in found] == [hit.id for hit in hits]
    assert [hit["distance"] for hit in found] == [
        None if math.isnan(d) else pytest.approx(float(d), rel=1e-6) for d in hits.distances
    ]
    if hits.scores is None or hits.text_scores is None:
        assert not any("score" in hit or "text_score" in hit for hit in found)
    else:
        assert [hit["score"] for hit in found] == pytest.approx(list(hits.scores))
        assert [hit["text_score"] for hit in found] == [plain(s) for s in hits.text_scores]
    if hits.groups is None:
        assert not any("group" in hit for hit in found)
    else:
        assert [hit["group"] for hit in found] == hits.groups


VECTOR = rows_of(1, 8, seed=5)[0]
BY_VECTOR = ("--vector", vector_text(VECTOR))

SEARCHES: list[tuple[tuple[object, ...], dict[str, Any]]] = [
    ((*BY_VECTOR,), {"query": VECTOR}),
    ((*BY_VECTOR, "--where", FILTER), {"query": VECTOR, "where": FILTER}),
    ((*BY_VECTOR, "--offset", 7, "-k", 4), {"query": VECTOR, "offset": 7, "k": 4}),
    (
        (*BY_VECTOR, "--max-distance", 2.5, "-k", 300),
        {"query": VECTOR, "max_distance": 2.5, "k": 300},
    ),
    ((*BY_VECTOR, "--group-by", "year"), {"query": VECTOR, "group_by": "year"}),
    (
        (*BY_VECTOR, "--group-by", "size.height", "--group-limit", 2, "-k", 5),
        {"query": VECTOR, "group_by": "size.height", "group_limit": 2, "k": 5},
    ),
    ((*BY_VECTOR, "--diversity", 0.4), {"query": VECTOR, "diversity": 0.4}),
    (
        (*BY_VECTOR, "--diversity", 1, "--diversity-candidates", 80),
        {"query": VECTOR, "diversity": 1, "diversity_candidates": 80},
    ),
    (("--like", 3, "--like", 5, "--unlike", 8), {"like": [3, 5], "unlike": [8]}),
    (("--text", "solar panels"), {"text": "solar panels"}),
    (
        ("--text", "solar panels", "--where", FILTER, "--min-score", 1.5),
        {"text": "solar panels", "where": FILTER, "min_score": 1.5},
    ),
    (
        ("--text", "lock", "--text-field", "title"),
        {"text": "lock", "text_fields": ["title"]},
    ),
    (
        ("--text", "lock", "--text-field", "title:0.5", "--text-field", "text:3"),
        {"text": "lock", "text_fields": {"title": 0.5, "text": 3}},
    ),
    (
        ("--text", '"solar panel" -wind title:turb*', "--operators"),
        {"text": '"solar panel" -wind title:turb*', "text_operators": True},
    ),
    ((*BY_VECTOR, "--text", "water wheel"), {"query": VECTOR, "text": "water wheel"}),
    (
        (*BY_VECTOR, "--text", "water", "--fusion", "weighted", "--weights", "0.2,0.8"),
        {"query": VECTOR, "text": "water", "fusion": "weighted", "weights": (0.2, 0.8)},
    ),
    (
        (*BY_VECTOR, "--text", "water", "--fusion", "borda", "--candidates", 20),
        {"query": VECTOR, "text": "water", "fusion": "borda", "candidates": 20},
    ),
    (
        (*BY_VECTOR, "--text", "water", "--rank-constant", 5, "--candidates", 15, "-k", 12),
        {"query": VECTOR, "text": "water", "rank_constant": 5, "candidates": 15, "k": 12},
    ),
    (("--like", 3, "--text", "keys"), {"like": 3, "text": "keys"}),
]


@pytest.mark.parametrize(
    ("options", "arguments"), SEARCHES, ids=[" ".join(sorted(a)) for _, a in SEARCHES]
)
def test_every_option_does_what_its_argument_does(
    things: hearth.Namespace,
    answer: Callable[..., Any],
    options: tuple[object, ...],
    arguments: dict[str, Any],
) -> None:
    hits = things.search(**arguments)
    assert len(hits) > 0
    assert_same(answer("search", things.name, *options), hits)


@pytest.mark.parametrize("embedder", ["lexical", "some-model", ""])
@pytest.mark.parametrize("with_words", [False, True])
@pytest.mark.parametrize("mode", [None, "vector", "text", "hybrid"])
@pytest.mark.filterwarnings("ignore:namespace:UserWarning")
def test_what_a_text_searches_is_what_it_searches_in_python(
    make_namespace: MakeNamespace, run: Run, embedder: str, with_words: bool, mode: str | None
) -> None:
    texts = ["solar panels", "a wind turbine", "water wheels", "panels of doors"]
    ns = make_namespace(
        dimension=64,
        embedder=embedder,
        distance="cosine",
        text_fields=["text"] if with_words else None,
    )
    ns.add(ids=[1, 2, 3, 4], vectors=hearth.embed_lexical(texts, 64), texts=texts)
    options = ["--mode", mode] if mode else []
    done = run("search", ns.name, "--text", "panels", *options, "--json")
    try:
        hits = ns.search(text="panels", mode=mode)
    except hearth.HearthError as refused:
        assert done.returncode == 5 and done.stdout == ""
        assert json.loads(done.stderr)["error"]["code"] == refused.code
        return
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert_same(document, hits)
    by_embedding = any(hit["distance"] is not None for hit in document["hits"])
    assert ("warnings" in document) == (by_embedding and not embedder)


def test_counts_and_facets(things: hearth.Namespace, answer: Callable[..., Any]) -> None:
    for where in (FILTER, "EXISTS size.height", "NOT EXISTS year", "TRUE"):
        counted = answer("count", things.name, "--where", where)
        assert counted == {"namespace": things.name, "count": things.count(where=where)}
    assert answer("count", things.name)["count"] == ROWS
    for field in ("year", "color", "tags", "size.height", "nothing"):
        truth = things.facets(field, where=FILTER, limit=5)
        document = answer("facets", things.name, field, "--where", FILTER, "--limit", 5)
        assert document["records"] == truth.records == things.count(where=FILTER)
        shown = {each["value"]: each["count"] for each in document["facets"]}
        assert list(shown.items()) == list(truth.counts.items())


def test_exports_choose_and_order(things: hearth.Namespace, run: Run) -> None:
    def exported(*options: object) -> list[dict[str, Any]]:
        done = run("export", things.name, "--fields", "metadata", *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    records = exported()
    matching = [
        record["id"]
        for record in records
        if record["metadata"]["year"] >= 2010 and record["metadata"]["color"] in ("red", "blue")
    ]
    assert [record["id"] for record in exported("--where", FILTER)] == matching
    assert [
        record["id"] for record in exported("--where", FILTER, "--offset", 5, "--limit", 3)
    ] == matching[5:8]
    ordered = exported("--order-by", "size.height")
    heights = [record["metadata"].get("size", {}).get("height") for record in ordered]
    assert heights == [*range(0, ROWS, 3), *[None] * (ROWS - ROWS // 3)]
    top = exported("--order-by", "size.height", "--descending", "--limit", 2, "--offset", 1)
    assert [record["id"] for record in top] == [294, 291]
    assert exported("--limit", 0) == []


def test_deletes_what_matches(things: hearth.Namespace, run: Run) -> None:
    wanted = things.count(where=FILTER)
    done = run("delete", things.name, "--where", FILTER)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"deleted {wanted}\n")
    assert things.count() == ROWS - wanted and things.count(where=FILTER) == 0
    assert things.count(where=~(K("year") >= 2010)) > 0
    refused = run("delete", things.name, "--where", "")
    assert refused.returncode == 5 and things.count() == ROWS - wanted


def test_namespaces_made_by_the_shell_are_those_of_python(
    db: hearth.Store, name: str, run: Run, answer: Callable[..., Any]
) -> None:
    options = ["--field", "year:int:required:indexed", "--field", "`a:b`.c:string"]
    texts = ["--text-field", "text", "--text-field", "title:2", "--language", "german"]
    made = answer(
        "namespace", "create", name, "--dimension", 2, *options, *texts, "--stop-words", "der, die"
    )
    config = db.namespace(name).info().config
    assert config.schema == {
        "year": hearth.FieldRule("int", required=True, indexed=True),
        "`a:b`.c": hearth.FieldRule("string"),
    }
    assert config.text_fields == {"text": 1.0, "title": 2.0}
    assert (config.language, config.stop_words) == ("german", ("der", "die"))
    assert made["config"]["schema"]["year"] == {"type": "int", "required": True, "indexed": True}
    assert made["config"]["text_fields"] == {"text": 1.0, "title": 2.0}
    assert made["config"]["stop_words"] == ["der", "die"]
    answer("namespace", "alter", name, "--no-fields", "--stop-words", "")
    config = db.namespace(name).info().config
    assert (config.schema, config.stop_words) == ({}, ())
    assert config.text_fields == {"text": 1.0, "title": 2.0}
    shown = run("namespace", "describe", name).stdout
    assert "schema      (none)\n" in shown
    assert "text index  text, title:2; language german\n" in shown
    answer("namespace", "alter", name, "--no-text-fields", "--field", "n:number")
    assert "schema      n:number\ntext index  (none)\n" in run("namespace", "describe", name).stdout
    refused = run("namespace", "alter", name, "--text-field", "text", "--language", "klingon")
    assert refused.returncode == 5 and "klingon" in refused.stderr


def test_a_table_has_the_columns_that_there_are(things: hearth.Namespace, run: Run) -> None:
    def headings(*options: object) -> list[str]:
        done = run("search", things.name, *options, "--fields", "none")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0].split()

    assert headings(*BY_VECTOR) == ["#", "distance", "id", "record"]
    assert headings("--text", "solar") == ["#", "score", "id", "record"]
    both = ["#", "score", "distance", "text", "score", "id", "record"]
    assert headings(*BY_VECTOR, "--text", "solar") == both
    assert headings(*BY_VECTOR, "--group-by", "year") == ["#", "distance", "group", "id", "record"]
    paged = run("search", things.name, *BY_VECTOR, "--offset", 20, "-k", 1).stdout.splitlines()
    assert paged[1].split()[0] == "21"
    only_vector = run("search", things.name, *BY_VECTOR, "--text", "nothing-has-this", "-k", 1)
    assert only_vector.returncode == 0
    none = run("search", things.name, "--text", "nothing-has-this")
    assert (none.stdout, none.stderr) == ("", "no records match\n")


def test_the_explanation_names_the_filter_and_the_text(
    things: hearth.Namespace, run: Run, answer: Callable[..., Any]
) -> None:
    said = run("search", things.name, *BY_VECTOR, "--where", "year == 2010", "--explain").stdout
    assert "\nfilter: " in said
    assert any(line.startswith("filter ") for line in said.splitlines())
    document = answer("search", things.name, *BY_VECTOR, "--where", "year == 2010", "--explain")
    assert document["explanation"]["filter"] != ""
    words = answer("search", things.name, "--text", "solar", "--explain")["explanation"]
    assert (words["index"], words["distance"]) == (None, None)
    assert "text" in [stage["step"] for stage in words["stages"]]
    both = answer("search", things.name, *BY_VECTOR, "--text", "solar", "--explain")["explanation"]
    assert both["index"] == "hnsw"
    assert {"text", "records"} <= {stage["step"] for stage in both["stages"]}
    shown = run("search", things.name, "--text", "solar", "--explain").stdout
    assert "\nwords only, " in shown and "hnsw" not in shown


def test_mistakes_name_the_option(things: hearth.Namespace, run: Run) -> None:
    for options, code, words in (
        (("--text", "a", "--where", "year >"), 5, "line 1, column 7"),
        (("--text", "a", "--weights", "1;2"), 5, "--weights"),
        (("--text", "a", "--text-field", "title:x"), 5, 'text field "title"'),
        (("--text", "a", "--text-field", "summary"), 5, "summary"),
        (("--text", "a", "--mode", "text", *BY_VECTOR), 5, "--mode"),
        ((*BY_VECTOR, "--mode", "hybrid"), 5, "there is no text"),
        ((*BY_VECTOR, "--min-score", 1), 5, "min_score"),
        ((*BY_VECTOR, "--group-by", "a..b"), 5, "a..b"),
        (("--like", 999_999), 3, "999999"),
        (("--text", '"open', "--operators"), 5, "column"),
    ):
        done = run("search", things.name, *options)
        assert (done.returncode, done.stdout) == (code, ""), (options, done)
        assert words in done.stderr, (options, done.stderr)


def test_an_option_for_words_is_told_where_only_the_embedding_is_searched(
    make_namespace: MakeNamespace, answer: Callable[..., Any]
) -> None:
    ns = make_namespace(dimension=64, embedder="lexical", text_fields=["text"])
    ns.add(ids=[1], vectors=hearth.embed_lexical(["solar panel"], 64), texts=["solar panel"])
    told = answer("search", ns.name, "--text", "solar", "--operators")
    assert "--operators" in told["warnings"][0]
    assert "warnings" not in answer(
        "search", ns.name, "--text", "solar", "--operators", "--mode", "hybrid"
    )
