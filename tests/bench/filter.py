"""Searches with a filter: speed and recall, beside comparing all rows, hnswlib and faiss.

./dev bench filter
./dev bench filter --dataset fashion-mnist-784-euclidean.npz --peers hnswlib faiss

The filter is a range of a number that each record has; it matches half of the records to one in a
thousand. "none": the number is drawn by chance. "near" and "far": it is the rank of the record's
distance to one point, and the queries are the rows around that point, so what matches is nearest to
the queries, or farthest.

Everybody is asked one query at a time from Python, on one thread. Hearth is asked through its
daemon, so some 0.1 ms of each search is the way there and back. hnswlib calls a Python function for
every row it meets, which is how its package filters; faiss has a bitmap of the rows that match.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import ann
import ann_data
from common import ROOT, see_installed_peers, write_json

SHARES = (0.5, 0.1, 0.01, 0.001)
RELATIONS = ("none", "near", "far")
K = 10
RESULTS = ROOT / ".dev" / "bench"


def attributes(data: ann_data.Dataset) -> tuple[Any, Any, Any]:
    """A number by chance, the rank by distance to one row, and the queries around that row."""
    chance = np.random.default_rng(5).permutation(len(data.train)) / len(data.train)
    anchor = data.train[0].astype(np.float64)
    away = np.linalg.norm(data.train - anchor, axis=1)
    rank = np.empty(len(away))
    rank[np.argsort(away, kind="stable")] = np.arange(len(away)) / len(away)
    around = np.linalg.norm(data.test - anchor, axis=1)
    return chance, rank, data.test[np.argsort(around, kind="stable")]


def cases(data: ann_data.Dataset, queries: int) -> list[dict[str, Any]]:
    """What is asked: a field, a bound, the rows that match, the queries and the truth."""
    chance, rank, near = attributes(data)
    asked = []
    for relation, share in itertools.product(RELATIONS, SHARES):
        if relation == "none":
            field, matching, test = "chance", chance < share, data.test[:queries]
        elif relation == "near":
            field, matching, test = "rank", rank < share, near[:queries]
        else:
            field, matching, test = "rank", rank >= 1 - share, near[:queries]
        rows = np.flatnonzero(matching)
        if len(rows) < K:
            continue
        truth = []
        for query in test:
            away = ((data.train[rows] - query) ** 2).sum(axis=1)
            truth.append(rows[np.argpartition(away, K - 1)[:K]])
        bound = share if relation != "far" else 1 - share
        asked.append(
            {
                "relation": relation,
                "share": share,
                "field": field,
                "below": relation != "far",
                "bound": bound,
                "rows": rows,
                "queries": test,
                "truth": truth,
            }
        )
    return asked


def measured(case: dict[str, Any], search: Any) -> dict[str, float]:
    """QPS from the median time of a search, and recall; `search` answers row numbers."""
    times, hits, fewest = [], 0, K
    search(case["queries"][0])
    for query, truth in zip(case["queries"], case["truth"], strict=True):
        begin = time.perf_counter()
        found = search(query)
        times.append(time.perf_counter() - begin)
        hits += len(set(map(int, found)) & set(map(int, truth)))
        fewest = min(fewest, len(found))
    return {
        "qps": 1 / float(np.median(times)),
        "recall": hits / (K * len(times)),
        "fewest_hits": fewest,
    }


# ---------------------------------------------------------------- who is asked


def ask_hearth(data: ann_data.Dataset, asked: list[dict[str, Any]], ef: int) -> Any:
    import hearth

    chance, rank, _ = attributes(data)
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        with hearth.connect(Path(folder) / "store") as db:
            indexed = hearth.FieldRule("number", indexed=True)
            ns = db.namespace(
                "filter",
                dimension=data.train.shape[1],
                distance="l2",
                schema={"chance": indexed, "rank": indexed},
            )
            ns.add(
                range(len(data.train)),
                data.train,
                [{"chance": c, "rank": r} for c, r in zip(chance, rank, strict=True)],
            )
            while ns.info().index != "ready" or ns.info().fresh > 0:
                time.sleep(0.2)
            for case in asked:
                key = hearth.K(case["field"])
                where = key < case["bound"] if case["below"] else key >= case["bound"]
                first = time.perf_counter()
                ns.count(where)
                first = time.perf_counter() - first
                figures = measured(
                    case, lambda q, w=where: ns.search(q, K, where=w, ef=ef, include=()).ids
                )
                said = ns.search(case["queries"][0], K, where=where, explain=True, ef=ef)
                assert said.explanation is not None
                yield (
                    case,
                    figures
                    | {
                        "first_ms": 1e3 * first,
                        "exact": said.explanation.exact,
                        "filter": said.explanation.filter,
                    },
                )
        hearth.shutdown_daemon(Path(folder) / "store")


def ask_brute_force(data: ann_data.Dataset, asked: list[dict[str, Any]], ef: int) -> Any:
    del ef
    norms = (data.train**2).sum(axis=1)
    for case in asked:
        rows = case["rows"]
        part, part_norms = np.ascontiguousarray(data.train[rows]), norms[rows]

        def search(
            query: Any, rows: Any = rows, part: Any = part, lengths: Any = part_norms
        ) -> Any:
            away = lengths - 2 * (part @ query)
            return rows[np.argpartition(away, K - 1)[:K]]

        yield case, measured(case, search)


def ask_hnswlib(data: ann_data.Dataset, asked: list[dict[str, Any]], ef: int) -> Any:
    import hnswlib

    index = hnswlib.Index(space="l2", dim=data.train.shape[1])
    index.init_index(len(data.train), M=16, ef_construction=200)
    index.add_items(data.train, num_threads=os.cpu_count())
    index.set_ef(ef)
    index.set_num_threads(1)
    for case in asked:
        allowed = np.zeros(len(data.train), bool)
        allowed[case["rows"]] = True
        accepts = allowed.tolist().__getitem__

        def search(query: Any, accepts: Any = accepts) -> Any:
            try:
                return index.knn_query(query, K, filter=accepts)[0][0]
            except RuntimeError:  # fewer than k were met
                return []

        yield case, measured(case, search)


def ask_faiss(data: ann_data.Dataset, asked: list[dict[str, Any]], ef: int) -> Any:
    import faiss

    faiss.omp_set_num_threads(os.cpu_count())
    index = faiss.IndexHNSWFlat(data.train.shape[1], 16)
    index.hnsw.efConstruction = 200
    index.add(data.train)
    faiss.omp_set_num_threads(1)
    for case in asked:
        allowed = np.zeros(len(data.train), bool)
        allowed[case["rows"]] = True
        bitmap = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(bitmap)
        how = faiss.SearchParametersHNSW(sel=selector, efSearch=ef)

        def search(query: Any, how: Any = how) -> Any:
            found = index.search(query[None, :], K, params=how)[1][0]
            return found[found >= 0]

        yield case, measured(case, search)


SYSTEMS = {
    "hearth": ask_hearth,
    "brute force": ask_brute_force,
    "hnswlib": ask_hnswlib,
    "faiss": ask_faiss,
}


# ---------------------------------------------------------------- the run


def draw(path: Path, report: dict[str, Any]) -> None:
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib.figure import Figure

    colours = {
        "hearth": "#D55E00",
        "brute force": "#7F7F7F",
        "hnswlib": "#0072B2",
        "faiss": "#009E73",
    }
    titles = {
        "none": "by chance",
        "near": "matches lie near the query",
        "far": "matches lie far away",
    }
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey="row")
    for column, relation in enumerate(RELATIONS):
        for system, colour in colours.items():
            points = [
                p for p in report["points"] if p["system"] == system and p["relation"] == relation
            ]
            shares = [100 * p["share"] for p in points]
            for row, what in enumerate(("qps", "recall")):
                axes[row][column].plot(
                    shares,
                    [p[what] for p in points],
                    "o-",
                    color=colour,
                    label=system,
                    markersize=7 if system == "hearth" else 4,
                )
        axes[0][column].set_title(titles[relation])
        axes[0][column].set_yscale("log")
        axes[1][column].set_xscale("log")
        axes[1][column].set_xlabel("records that match, %")
        axes[1][column].set_ylim(0, 1.03)
        axes[1][column].axhline(0.95, color="#BBBBBB", linewidth=0.8, zorder=0)
    axes[0][0].set_ylabel("searches per second, one client")
    axes[1][0].set_ylabel(f"recall@{K}")
    axes[0][0].legend(frameon=False)
    figure.suptitle(
        f"Searches with a filter: {report['dataset']}, {report['rows']:,} rows", weight="bold"
    )
    figure.savefig(path, dpi=130)
    print(f"drawn to {path}", file=sys.stderr)


def run(options: argparse.Namespace) -> int:
    data = ann_data.load(options.dataset, distance="l2", rows=options.rows, queries=options.queries)
    asked = cases(data, options.queries)
    points = []
    print(f"{'system':<12} {'relation':<8} {'share':>6} {'QPS':>9} {'recall':>7}")
    for system in ["hearth", "brute force", *options.peers]:
        for case, figures in SYSTEMS[system](data, asked, options.ef):
            point = {
                "system": system,
                "relation": case["relation"],
                "share": case["share"],
                **figures,
            }
            points.append(point)
            print(
                f"{system:<12} {point['relation']:<8} {point['share']:>6.1%} {point['qps']:>9,.0f} "
                f"{point['recall']:>7.3f}",
                flush=True,
            )
    report = {
        "dataset": data.name,
        "rows": len(data.train),
        "dimension": int(data.train.shape[1]),
        "ef": options.ef,
        "points": points,
    }
    path = RESULTS / f"filter-{data.name}.json"
    write_json(path, "filter", report)
    draw(path.with_suffix(".png"), report)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="synthetic:clustered", help="as of ./dev bench ann")
    parser.add_argument("--rows", type=int, default=100_000, help="at most so many")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--ef", type=int, default=64, help="candidates of every graph")
    parser.add_argument(
        "--peers", nargs="*", default=["hnswlib", "faiss"], choices=["hnswlib", "faiss"]
    )
    options = parser.parse_args()
    if options.peers:
        ann.install_peers()
    see_installed_peers()
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
