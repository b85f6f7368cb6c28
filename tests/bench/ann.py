"""Recall, speed, build time and memory of the indexes, beside other libraries, on the same data.

    ./dev bench ann --dataset fashion-mnist-784-euclidean.hdf5 --peers hnswlib,faiss,usearch
    ./dev bench ann --dataset synthetic:embedding --index hnsw hnsw:memory=lean --peers none

Each system gets a process of its own, so that its memory can be seen. All answers are judged by the
same exact neighbours, which are computed once and kept in .dev/. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import ann_data
import ann_report
from ann_peers import NOT_INSTALLED, SYSTEMS
from common import (
    PEERS,
    REQUIREMENTS,
    ROOT,
    STATE,
    binary,
    commit,
    install_peer,
    machine,
    say,
    see_installed_peers,
    write_json,
)

EFFORTS = [10, 14, 20, 28, 40, 56, 80, 112, 160, 240, 400, 800]
PROBES = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]
# Candidates of codes, as multiples of k.
RANKED = {"ivf_flat": [1], "ivf_pq": [2, 3, 5, 10]}
# What an index calls the effort of a search.
EFFORT_NAMES = {"hnsw": ["ef"], "ivf_flat": ["ef", "nprobe"], "ivf_pq": ["ef", "nprobe"]}


# ---------------------------------------------------------------- peers


def chosen_peers(names: str) -> list[str]:
    """`faiss` is all of faiss, `faiss-flat` one index of it."""
    if names == "none":
        return []
    chosen = []
    for name in names.split(","):
        matching = [peer for peer in SYSTEMS if peer == name or peer.startswith(f"{name}-")]
        if not matching:
            sys.exit(f"--peers: no peer {name!r}; there are {', '.join(SYSTEMS)}")
        chosen += [peer for peer in matching if peer not in chosen]
    return chosen


def install_peers() -> None:
    """Puts what requirements.txt names into .dev/peers. What cannot be had is left out."""
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    stamp = PEERS / "hearth.stamp"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    say(f"preparing {PEERS.relative_to(ROOT)} (peers from PyPI; some minutes)")
    names = re.findall(r"^([\w-]+)==", wanted.split("# Needed by")[0], re.MULTILINE)
    complete = [install_peer(name) for name in names]  # all of them, whatever is missing
    if all(complete):
        stamp.write_text(wanted, encoding="utf-8")


# ---------------------------------------------------------------- one system


class Bench:
    """The data in a place where the measuring programs find it, and how they are called."""

    def __init__(self, options: argparse.Namespace, data: ann_data.Dataset, folder: Path) -> None:
        self._options = options
        self._queries = len(data.test)
        self._found = folder / "found.i32"
        data.train.tofile(folder / "train.f32")
        data.test.tofile(folder / "test.f32")
        truth = ann_data.cached_neighbors(data, options.k, STATE / "ann")
        self._k = truth.shape[1]
        self._judge = ann_data.Judge(data, truth)
        self._common = ["--data", str(folder), "--found", str(self._found)]
        self._common += ["--dimension", str(data.train.shape[1]), "--distance", data.distance]
        self._common += ["--k", str(self._k), "--repeats", str(options.repeats)]
        self._common += ["--threads", str(options.threads)]

    def hearth(self, spec: str) -> list[dict[str, Any]]:
        """Measures one index of ours; after replacing rows it is another system."""
        kind, parameters = parse_spec(spec)
        efforts = [str(ef) for ef in self._options.ef if kind == "hnsw"]
        efforts += [f"{f * self._k}:{n}" for n in PROBES for f in RANKED.get(kind, [])]
        given: dict[str, Any] = {"m": 0}  # the index chooses
        if kind == "hnsw":
            given = {"m": self._options.m, "ef-construction": self._options.ef_construction}
        given |= {each.replace("_", "-"): value for each, value in parameters.items()}
        command = [binary("ann_bench"), *self._common, "--index", kind]
        command += ["--effort", ",".join(efforts or [str(self._k)])]
        command += ["--replace-rounds", str(self._options.replace_rounds)]
        command += ["--replace-percent", str(self._options.replace_percent)]
        for option, value in given.items():
            command += [f"--{option}", str(value)]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if run.returncode:
            sys.exit(f"ann_bench failed with {spec}")
        # A word like "lean" needs no explanation, a number does.
        words = [
            f"{key}={value}" if value.isdigit() else value for key, value in parameters.items()
        ]
        label = f"Hearth {kind}" + (f" ({', '.join(words)})" if words else "")
        systems = self._judged(label, json.loads(run.stdout), {"index": kind, **given})
        for system in systems:
            for point in system["points"]:
                names = EFFORT_NAMES.get(kind, [])
                point["effort"] = dict(zip(names, point["effort"], strict=False))
            if system["state"] == "replaced":
                rounds, percent = self._options.replace_rounds, self._options.replace_percent
                system["system"] += f", {percent} % replaced" + (
                    f" {rounds}×" if rounds > 1 else ""
                )
        return systems

    def peer(self, name: str) -> list[dict[str, Any]]:
        """Measures one peer; an empty list if that is not possible here."""
        here = Path(__file__).with_name("ann_peers.py")
        command = [str(PEERS / "bin/python"), str(here), name, *self._common]
        command += ["--m", str(self._options.m)]
        command += ["--ef-construction", str(self._options.ef_construction)]
        command += ["--effort", ",".join(map(str, self._options.ef))]
        # Waiting threads must not count as working ones.
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        if run.returncode:
            why = "is not installed" if run.returncode == NOT_INSTALLED else "failed (see above)"
            say(f"  {name} {why}: skipped")
            return []
        answer = json.loads(run.stdout)
        return self._judged(name, answer, answer["parameters"])

    def _judged(
        self, label: str, answer: dict[str, Any], parameters: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The systems of a measuring program, with the recall of what they found."""
        found = np.fromfile(self._found, np.int32).reshape(-1, self._queries, self._k)
        sweeps = iter(found)
        systems = []
        for measured in answer["measured"]:
            for point in measured["points"]:
                point["recall"] = round(self._judge.recall(next(sweeps)), 5)
            head = {"system": label, "version": answer["version"], "parameters": parameters}
            systems.append({**head, **measured})
        return systems


def parse_spec(spec: str) -> tuple[str, dict[str, str]]:
    """hnsw:quantization=pca,m=24 -> ("hnsw", {"quantization": "pca", "m": "24"})"""
    kind, _, rest = spec.partition(":")
    parameters = {}
    for setting in filter(None, rest.split(",")):
        name, equals, value = setting.partition("=")
        if not equals:
            sys.exit(f"--index {spec}: NAME=VALUE is expected, not {setting!r}")
        parameters[name] = value
    return kind, parameters


# ---------------------------------------------------------------- the whole


def parse_arguments() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(
        prog="./dev bench ann",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made = ", ".join(ann_data.GENERATORS)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset",
        default="synthetic",
        help=".hdf5, .npz, .npy, .fvecs, .ivecs or .bvecs; or synthetic[:NAME], where NAME is one "
        f"of {made} (default: synthetic:clustered)",
    )
    data.add_argument("--query-file", type=Path, help="queries, where the data set has none")
    data.add_argument("--distance", choices=ann_data.DISTANCES, help="default: what the file says")
    data.add_argument("--rows", type=int, help="synthetic: how many; a file: only the first ones")
    data.add_argument("--dimension", type=int, help="synthetic only")
    data.add_argument("--queries", type=int, help="at most so many")
    data.add_argument("--name", help="of the data set in titles and files")
    systems = parser.add_argument_group("systems")
    systems.add_argument(
        "--index", nargs="+", default=["hnsw"], help="ours: KIND or KIND:NAME=VALUE,... (hnsw)"
    )
    systems.add_argument(
        "--peers", default="hnswlib,faiss,usearch", help="of PyPI, or single ones; or none"
    )
    systems.add_argument(
        "--curve", type=Path, nargs="+", default=[], help="JSON of systems measured elsewhere"
    )
    systems.add_argument("--m", type=int, default=16, help="links of a graph's node (16)")
    systems.add_argument("--ef-construction", type=int, default=200)
    systems.add_argument("--ef", type=int, nargs="+", default=EFFORTS, help="efforts of a graph")
    how = parser.add_argument_group("measuring")
    how.add_argument("--k", type=int, default=10)
    how.add_argument("--repeats", type=int, default=3, help="medians over these (3)")
    how.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    how.add_argument("--replace-rounds", type=int, default=0, help="erase and insert again, then")
    how.add_argument("--replace-percent", type=int, default=50, help="search again (50)")
    how.add_argument("--out", type=Path, help="OUT.json and OUT.png (build/bench/ann-NAME)")
    return parser.parse_args()


def measure(options: argparse.Namespace, data: ann_data.Dataset) -> list[dict[str, Any]]:
    systems = []
    STATE.mkdir(exist_ok=True)
    # Not in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=STATE, prefix="ann-") as folder:
        bench = Bench(options, data, Path(folder))
        for spec in options.index:
            say(f"  Hearth {spec}")
            systems += bench.hearth(spec)
        for name in chosen_peers(options.peers):
            say(f"  {name}")
            systems += bench.peer(name)
    return systems


def main() -> None:
    # As an exception, so that the measuring program ends too and the copies of the data go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = parse_arguments()
    curves = [system for path in options.curve for system in ann_report.read_curves(path)]
    for names in (options.index, [system["system"] for system in curves]):
        if len(set(names)) < len(names):
            sys.exit(f"each system needs a name of its own, not {', '.join(sorted(names))}")
    if chosen_peers(options.peers):
        install_peers()
    see_installed_peers()
    data = ann_data.load(
        options.dataset,
        distance=options.distance,
        query_file=options.query_file,
        rows=options.rows,
        dimension=options.dimension,
        queries=options.queries,
    )
    name = options.name or data.name
    rows, dimension = data.train.shape
    say(f"{name}: {rows:,} × {dimension}, {data.distance}, {len(data.test):,} queries")
    report: dict[str, Any] = {
        "dataset": name,
        "rows": rows,
        "dimension": dimension,
        "distance": data.distance,
        "queries": len(data.test),
        "k": options.k,
        "threads": options.threads,
        "repeats": options.repeats,
        "systems": [*measure(options, data), *curves],
    }
    report["summary"] = ann_report.summarize(report["systems"])
    print(f"\n{name}: {rows:,} × {dimension}, {data.distance}; {machine()}; commit {commit()}")
    print(
        f"QPS of one thread by CPU time at recall@{options.k}; Hearth × is how many times that the "
        "fastest index of Hearth reaches.\n"
    )
    print(ann_report.table(report))
    if curves:
        print("\n† measured in a run of its own")
    out = options.out or Path(f"build/bench/ann-{name}")
    write_json(out.with_name(out.name + ".json"), "ann", report)
    try:
        import ann_plot
    except ImportError:
        say("no picture: matplotlib comes with the peers; run once without --peers none")
        return
    picture = out.with_name(out.name + ".png")
    ann_plot.draw({**report, "machine": machine(), "commit": commit()}, picture)
    say(f"and {picture}")


if __name__ == "__main__":
    main()
