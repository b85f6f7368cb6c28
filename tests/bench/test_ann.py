"""`./dev bench ann`: what it reads, how it judges, and that it runs on a small set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ann_data
import ann_report

BENCH = Path(__file__).parent
ROOT = BENCH.parents[1]
BUILD = ROOT / os.environ.get("HEARTH_BUILD_DIR", "build")


@pytest.fixture
def rows() -> ann_data.Floats:
    return np.random.default_rng(1).integers(0, 255, (50, 7)).astype(np.float32)


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".fvecs", "<f4"), (".ivecs", "<i4"), (".bvecs", "u1")]
)
def test_vecs_files_are_read(tmp_path: Path, rows: ann_data.Floats, suffix: str, kind: str) -> None:
    file = tmp_path / f"rows{suffix}"
    head = np.array([7], "<i4").tobytes()
    file.write_bytes(b"".join(head + row.astype(kind).tobytes() for row in rows))
    assert np.array_equal(ann_data.read(file)[0], rows)


def test_a_vecs_file_that_is_cut_off_or_mixed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.fvecs"
    row = np.array([2], "<i4").tobytes() + np.array([1, 2], "<f4").tobytes()
    other = np.array([3], "<i4").tobytes() + np.array([1, 2], "<f4").tobytes()
    for content in (b"", row + row[:-1], row + other):
        file.write_bytes(content)
        with pytest.raises(SystemExit, match=r"rows\.fvecs"):
            ann_data.read(file)


def test_npy_holds_rows_and_npz_queries_too(tmp_path: Path, rows: ann_data.Floats) -> None:
    np.save(tmp_path / "rows.npy", rows.astype(np.float16))
    read, queries, _ = ann_data.read(tmp_path / "rows.npy")
    assert read.dtype == np.float32 and np.array_equal(read, rows) and queries is None
    np.savez(tmp_path / "both.npz", train=rows.astype(np.uint8), test=rows[:3])
    read, queries, _ = ann_data.read(tmp_path / "both.npz")
    assert queries is not None
    assert np.array_equal(read, rows) and np.array_equal(queries, rows[:3])


def test_hdf5_of_ann_benchmarks_says_its_distance(tmp_path: Path, rows: ann_data.Floats) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py comes with the peers of ./dev bench ann")
    with h5py.File(tmp_path / "set.hdf5", "w") as file:
        file["train"], file["test"] = rows, rows[:3]
        file.attrs["distance"] = "angular"
    data = ann_data.load(str(tmp_path / "set.hdf5"))
    assert data.distance == "cosine"
    assert np.array_equal(data.train, rows) and np.array_equal(data.test, rows[:3])


def test_a_file_without_queries_gives_some_of_its_rows(
    tmp_path: Path, rows: ann_data.Floats
) -> None:
    np.save(tmp_path / "my-angular.npy", rows)
    data = ann_data.load(str(tmp_path / "my-angular.npy"), queries=10)
    assert data.distance == "cosine"
    assert len(data.train) == 40 and len(data.test) == 10
    together = np.vstack([data.train, data.test])
    assert sorted(map(tuple, together)) == sorted(map(tuple, rows))


def test_queries_can_be_in_a_file_of_their_own(tmp_path: Path, rows: ann_data.Floats) -> None:
    np.save(tmp_path / "base.npy", rows)
    np.save(tmp_path / "query.npy", rows[:5] + 1)
    data = ann_data.load(str(tmp_path / "base.npy"), query_file=tmp_path / "query.npy", rows=20)
    assert np.array_equal(data.train, rows[:20]) and np.array_equal(data.test, rows[:5] + 1)


# ---------------------------------------------------------------- made-up sets


@pytest.mark.parametrize("kind", ann_data.GENERATORS)
def test_made_up_sets_are_the_same_each_time(kind: str) -> None:
    first, again = (ann_data.generate(kind, 30_000, 8, 100) for _ in range(2))
    assert first.train.shape == (30_000, 8) and first.test.shape == (100, 8)
    assert np.array_equal(first.train, again.train) and np.array_equal(first.test, again.test)
    assert len(np.unique(first.train, axis=0)) == 30_000


# ---------------------------------------------------------------- judging


@pytest.mark.parametrize("distance", ann_data.DISTANCES)
def test_exact_neighbors_are_those_of_one_big_sort(
    monkeypatch: pytest.MonkeyPatch, distance: str
) -> None:
    random = np.random.default_rng(5)
    train, test = (random.standard_normal((count, 6)).astype(np.float32) for count in (700, 9))
    data = ann_data.Dataset("made", distance, train, test)
    a, b = test[:, None].astype(np.float64), train[None].astype(np.float64)
    if distance == "l2":
        far = np.linalg.norm(a - b, axis=2)
    else:
        far = -(a * b).sum(axis=2)
        if distance == "cosine":
            far /= np.linalg.norm(a, axis=2) * np.linalg.norm(b, axis=2)
    monkeypatch.setattr(ann_data, "BLOCK", 64 * len(test))  # several blocks
    assert np.array_equal(ann_data.exact_neighbors(data, 10), np.argsort(far, axis=1)[:, :10])


def test_exact_answers_are_kept_and_another_distance_has_its_own(tmp_path: Path) -> None:
    data = ann_data.generate("clustered", 500, 8, 20)
    first = ann_data.cached_neighbors(data, 10, tmp_path)
    (file,) = tmp_path.iterdir()
    np.save(file, first[::-1])
    assert np.array_equal(ann_data.cached_neighbors(data, 10, tmp_path), first[::-1])
    ann_data.cached_neighbors(data._replace(distance="dot"), 10, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_recall_counts_equal_vectors_alike_and_a_row_once() -> None:
    train = np.array([[0, 0], [1, 0], [1, 0], [0, 1], [5, 5]], np.float32)
    data = ann_data.Dataset("made", "l2", train, np.zeros((1, 2), np.float32))
    judge = ann_data.Judge(data, ann_data.exact_neighbors(data, 2))

    def recall(*rows: int) -> float:
        return judge.recall(np.array([rows], np.int32))

    assert recall(0, 1) == recall(2, 0) == recall(0, 3) == 1.0
    assert recall(0, 4) == recall(0, 0) == recall(0, -1) == recall(0, 99) == 0.5
    assert recall(-1, -1) == 0.0


# ---------------------------------------------------------------- reporting


def point(recall: float, qps: float) -> ann_report.Point:
    return {"recall": recall, "qps": qps}


def test_a_beaten_point_is_not_on_the_curve() -> None:
    points = [point(0.9, 100), point(0.95, 120), point(0.97, 50), point(0.99, 50)]
    assert ann_report.best_points(points) == [point(0.95, 120), point(0.99, 50)]


def test_speed_at_a_recall_lies_on_the_line_between_two_points() -> None:
    points = [point(0.98, 100), point(0.94, 400), point(0.5, 1000)]
    assert ann_report.speed_at(points, 0.96) == pytest.approx(200)  # halfway on a log axis
    assert ann_report.speed_at(points, 0.98) == 100
    assert ann_report.speed_at(points, 0.4) == 1000
    assert ann_report.speed_at(points, 0.99) is None
    assert ann_report.speed_at(points, 0.9, "qps_threads") is None


def test_a_ratio_compares_with_our_fastest_index() -> None:
    systems = [
        {"system": "Hearth hnsw", "points": [point(0.99, 300)]},
        {"system": "Hearth flat", "points": [point(1.0, 10)]},
        {"system": "other", "points": [point(0.96, 100)]},
    ]
    *_, other = ann_report.summarize(systems)
    assert other["hearth_times@0.95"] == 3
    assert other["qps@0.99"] is None and other["hearth_times@0.99"] is None


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"system": "a", "points": []}', '{"system": "a", "points": [{"recall": 2}]}'],
)
def test_a_curve_that_is_not_one_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "curve.json"
    file.write_text(content)
    with pytest.raises(SystemExit, match=r"curve\.json"):
        ann_report.read_curves(file)


def test_a_picture_has_room_for_names_that_end_at_the_same_height(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib comes with the peers of ./dev bench ann")
    import ann_plot

    wanted = [0.5, 0.5, 0.51, 0.99, 0.02]
    places = ann_plot.spread(wanted, 0.1, 0.0, 1.0)
    assert np.diff(sorted(places)).min() > 0.1 - 1e-3
    assert min(places) >= 0 and max(places) <= 1
    assert np.argmax(places) == 3 and np.argmin(places) == 4

    systems = [{"system": name, "points": [point(0.9, 10)]} for name in ("Hearth hnsw", "other")]
    costly = {"system": "bad", "points": [point(0.1, 10)], "build_s": 1, "rss_bytes": 2**20}
    report = {"dataset": "made", "rows": 100, "dimension": 8, "distance": "l2", "queries": 10}
    report |= {"k": 10, "threads": 2, "repeats": 3, "machine": "this", "commit": "abc"}
    ann_plot.draw({**report, "systems": [*systems, costly]}, tmp_path / "new/picture.png")
    assert (tmp_path / "new/picture.png").read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------- the whole


def bench(tmp_path: Path, *arguments: str) -> dict[str, object]:
    command = [sys.executable, str(BENCH / "ann.py"), "--peers", "none", "--threads", "2"]
    command += [
        "--rows",
        "2000",
        "--queries",
        "50",
        "--repeats",
        "1",
        "--out",
        str(tmp_path / "small"),
    ]
    environment = {**os.environ, "HEARTH_BUILD_DIR": str(BUILD)}
    run = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "Hearth flat" in run.stdout
    report: dict[str, object] = json.loads((tmp_path / "small.json").read_text())
    return report


def test_a_run_reports_each_system_and_flat_finds_everything(tmp_path: Path) -> None:
    curve = {"system": "elsewhere", "points": [point(0.95, 1000.0)]}
    (tmp_path / "curve.json").write_text(json.dumps(curve))
    arguments = ["--index", "flat", "hnsw:m=8", "--ef", "10", "80", "--replace-rounds", "1"]
    arguments += ["--curve", str(tmp_path / "curve.json"), "--distance", "cosine"]
    report = bench(tmp_path, *arguments)
    assert report["rows"] == 2000 and report["dimension"] == 64 and report["queries"] == 50
    assert report["distance"] == "cosine" and report["k"] == 10 and report["threads"] == 2
    systems = report["systems"]
    assert isinstance(systems, list)
    names = ["Hearth flat", "Hearth flat, 50 % replaced"]
    names += ["Hearth hnsw (m=8)", "Hearth hnsw (m=8), 50 % replaced", "elsewhere"]
    assert [system["system"] for system in systems] == names
    for system in systems[:2]:
        assert [each["recall"] for each in system["points"]] == [1.0]
    for system in systems[2:4]:
        assert [each["effort"] for each in system["points"]] == [{"ef": 10}, {"ef": 80}]
        assert system["points"][-1]["recall"] > 0.95
        assert system["parameters"]["m"] == "8"
    for system in systems[:-1]:
        assert system["memory_bytes"] > 2000 * 64 and system["rss_bytes"] > 0
        assert system["build_cpu_s"] > 0
        assert all(each["qps"] > 0 and each["qps_threads"] > 0 for each in system["points"])
    assert systems[-1] == {**curve, "elsewhere": True}
    summary = report["summary"]
    assert isinstance(summary, list)
    assert [row["system"] for row in summary] == names
    assert summary[-1]["hearth_times@0.95"] is not None
