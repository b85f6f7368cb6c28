"""Hearth's main job on real data: the descriptions of every package that this Debian knows.

Loads them into one store while two other processes search it, shows what a search finds and how
long things took, kills the daemon with -9 in mid-write, and checks that nothing acknowledged is
missing. Run it with `./dev demo`; `./dev demo --help` lists the options.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import hearth
from hearth import K

BATCH = 1000
QUESTIONS = (
    "lightweight web server",
    "play chess against the computer",
    "convert and resize images on the command line",
    "python library for linear algebra",
    "tools to recover deleted files",
)
FILTERED = (
    ("play chess against the computer", "games"),
    ("convert pdf files", "text"),
)
Floats = npt.NDArray[np.float32]
Connection = multiprocessing.connection.Connection


@dataclass(frozen=True)
class Package:
    name: str
    section: str
    text: str
    kilobytes: int


def read_packages(limit: int | None) -> list[Package]:
    """Every package in apt's metadata: its name, section, description and size."""
    try:
        listing = subprocess.run(
            ["apt-cache", "dumpavail"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as failure:
        sys.exit(
            f"demo: cannot read apt's metadata ({failure}); run 'apt-get update' and try again"
        )
    packages: dict[str, Package] = {}
    for stanza in listing.split("\n\n"):
        fields = {}
        for line in stanza.split("\n"):
            key, colon, content = line.partition(": ")
            if colon and not key.startswith(" "):
                fields[key] = content
        if "Package" in fields and "Description" in fields:
            name = fields["Package"]
            packages[name] = Package(
                name,
                fields.get("Section", ""),
                f"{name}: {fields['Description']}",
                int(fields.get("Installed-Size", "0")),
            )
    if len(packages) < 100:
        sys.exit("demo: apt knows hardly any package here; run 'apt-get update' and try again")
    return list(packages.values())[:limit]


class Embedder:
    """Turns texts into vectors: the built-in lexical embedder, or a sentence-transformers model."""

    def __init__(self, model: str | None) -> None:
        self.name = "lexical"
        self.dimension = 384
        self._model: Any = None
        if model is None:
            return
        try:
            from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

            self._model = SentenceTransformer(model)
        except Exception as failure:  # noqa: BLE001 - the library fails in many ways when offline
            print(f"  (model {model!r} is not usable here: {failure}; using the lexical embedder)")
            return
        self.name = model
        self.dimension = int(self._model.get_sentence_embedding_dimension())

    def __call__(self, texts: list[str]) -> Floats:
        if self._model is None:
            return hearth.embed_lexical(texts, self.dimension)
        return np.asarray(self._model.encode(texts, show_progress_bar=False), dtype=np.float32)


def default_model() -> str | None:
    with contextlib.suppress(ImportError):
        import sentence_transformers  # noqa: F401

        return "all-MiniLM-L6-v2"
    return None


class Progress:
    """A progress bar on a terminal, a line per tenth elsewhere."""

    def __init__(self, label: str, total: int, done: int = 0) -> None:
        self.label, self.total, self.done = label, total, done
        self._before = done
        self.start = time.perf_counter()
        self._tty = sys.stdout.isatty()
        self._tenth = 0

    def advance(self, rows: int) -> None:
        self.done += rows
        share = self.done / self.total
        rate = (self.done - self._before) / max(time.perf_counter() - self.start, 1e-9)
        if self._tty:
            width = 32
            bar = ("█" * round(share * width)).ljust(width, "·")
            end = "\n" if self.done >= self.total else ""
            print(
                f"\r  {self.label} {bar} {self.done:>6,}/{self.total:,}  {rate:>7,.0f}/s",
                end=end,
                flush=True,
            )
        elif int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            print(f"  {self.label} {share:4.0%}  {self.done:>6,}  {rate:>7,.0f}/s", flush=True)


def batches(items: list[Package], size: int) -> Iterator[list[Package]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def searcher(store: str, queries: Floats, link: Connection) -> None:
    """A process of its own: searches until told to stop, then sends its latencies in ms."""
    with hearth.connect(store) as db:
        ns = db.namespace("packages")
        latencies: list[float] = []
        shortest = 10
        while not link.poll():
            begin = time.perf_counter()
            hits = ns.search(queries[len(latencies) % len(queries)], k=10)
            latencies.append((time.perf_counter() - begin) * 1e3)
            shortest = min(shortest, len(hits)) if ns.count() >= 10 and len(hits) < 10 else shortest
    link.send((latencies, shortest))


def start_searchers(
    store: str, queries: Floats
) -> list[tuple[multiprocessing.Process, Connection]]:
    context = multiprocessing.get_context("spawn")
    started = []
    for _ in range(2):
        here, there = context.Pipe()
        process = context.Process(target=searcher, args=(store, queries, there), daemon=True)
        process.start()
        started.append((process, here))
    return started  # type: ignore[return-value]


def stop_searchers(
    searchers: list[tuple[multiprocessing.Process, Connection]],
) -> tuple[list[float], int]:
    latencies: list[float] = []
    shortest = 10
    for _, link in searchers:
        link.send("stop")
    for process, link in searchers:
        some, fewest = link.recv()
        latencies += some
        shortest = min(shortest, fewest)
        process.join()
    return latencies, shortest


def doomed_writer(store: str, rows: Floats, journal: str) -> None:
    """A process of its own: writes numbered records and journals each acknowledgement."""
    with (
        hearth.connect(store, autostart=False) as db,
        open(journal, "a", encoding="utf-8") as log,
        contextlib.suppress(hearth.HearthError),
    ):
        ns = db.namespace("packages")
        for number in range(1_000_000):
            first = number * 20
            ns.upsert(
                ids=[f"crash-{row}" for row in range(first, first + 20)],
                vectors=rows[:20],
                metadata=[{"number": row} for row in range(first, first + 20)],
            )
            log.write(f"{number}\n")
            log.flush()


def crash_and_check(store: str, rows: Floats, scratch: Path) -> dict[str, Any]:
    """Kills the daemon under a writer; answers what was acknowledged and what is there after."""
    journal = scratch / "acknowledged.txt"
    journal.touch()
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=doomed_writer, args=(store, rows, str(journal)), daemon=True)
    with hearth.connect(store) as db:
        before = db.namespace("packages").count()
        pid = db.info().pid
        writer.start()
        while journal.read_text(encoding="utf-8").count("\n") < 50:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
    writer.join()
    acknowledged = [int(line) for line in journal.read_text(encoding="utf-8").split()]
    begin = time.perf_counter()
    with hearth.connect(store) as db:
        ns = db.namespace("packages")
        ns.search(rows[0], k=10)
        reopened = time.perf_counter() - begin
        ids = [f"crash-{n * 20 + row}" for n in acknowledged for row in range(20)]
        found = ns.get(ids)
        truthful = sum(
            record_id == f"crash-{meta['number']}"
            for record_id, meta in zip(found.ids, found.metadata or (), strict=True)
        )
        extra = ns.count() - before - len(ids)
        # What was in flight is there whole or not at all: never part of a batch of 20.
        halves = extra % 20
    return {
        "acknowledged": len(ids),
        "found": truthful,
        "missing": len(found.missing),
        "unacknowledged_but_whole": extra,
        "half_batches": halves,
        "reopen_s": reopened,
    }


def show_results(ns: hearth.Namespace, embed: Embedder) -> None:
    for question in QUESTIONS:
        hits = ns.search(embed([question])[0], k=4, include=("metadata", "texts"))
        print(f"\n  “{question}”")
        for hit in hits:
            name, _, text = (hit.text or "").partition(": ")
            section = (hit.metadata or {}).get("section", "")
            print(f"    {hit.distance:.3f}  {name:<28.28} {text:<58.58} [{section}]")


def show_filtered(ns: hearth.Namespace, embed: Embedder) -> float:
    """Hybrid searches with a filter: by meaning and by words, among small packages of some kind."""
    took = []
    for question, section in FILTERED:
        small = (K("kilobytes") <= 2000) & K("section").contains(section)
        vector = embed([question])[0]
        begin = time.perf_counter()
        hits = ns.search(vector, text=question, k=4, where=small)
        took.append((time.perf_counter() - begin) * 1e3)
        print(f"\n  “{question}”, by vector and words, where {section} and at most 2 MB")
        for hit in hits:
            name, _, text = (hit.text or "").partition(": ")
            size = (hit.metadata or {}).get("kilobytes", 0)
            print(f"    {hit.score:.4f}  {name:<28.28} {text:<52.52} {size:>6,} kB")
    return float(np.median(took))


def wait_for_index(ns: hearth.Namespace) -> float:
    """Waits until the fresh tail is in the graph; answers the seconds it took."""
    begin = time.perf_counter()
    total = ns.count()
    bar = Progress("into the graph", total, int(ns.info().indexed))
    while True:
        indexed = int(ns.info().indexed)
        bar.advance(max(0, indexed - bar.done))
        if indexed >= total:
            return time.perf_counter() - begin
        time.sleep(0.2)


def measure(ns: hearth.Namespace, queries: Floats) -> dict[str, float]:
    """Median latencies of one client, and recall@10 of the index against the exact scan."""
    took: dict[str, list[float]] = {"hnsw": [], "exact": []}
    agreed = 0
    for query in queries:
        answers = {}
        for kind in took:
            begin = time.perf_counter()
            answers[kind] = ns.search(query, k=10, exact=kind == "exact", include=())
            took[kind].append((time.perf_counter() - begin) * 1e3)
        # Texts that say the same have equal distances: any of them is right.
        limit = answers["exact"].distances[-1] + 1e-6
        agreed += int(np.sum(answers["hnsw"].distances <= limit))
    return {
        "hnsw_ms": float(np.median(took["hnsw"])),
        "exact_ms": float(np.median(took["exact"])),
        "recall": agreed / (10 * len(queries)),
    }


def load(
    ns: hearth.Namespace, packages: list[Package], embed: Embedder
) -> tuple[float, float, Floats]:
    """Embeds and upserts everything; answers the seconds of each and the last vectors."""
    embedding = writing = 0.0
    bar = Progress("loading", len(packages))
    vectors: Floats = np.empty((0, embed.dimension), dtype=np.float32)
    for part in batches(packages, BATCH):
        texts = [package.text for package in part]
        begin = time.perf_counter()
        vectors = embed(texts)
        embedded = time.perf_counter()
        ns.upsert(
            ids=[package.name for package in part],
            vectors=vectors,
            metadata=[{"section": p.section, "kilobytes": p.kilobytes} for p in part],
            texts=texts,
        )
        embedding += embedded - begin
        writing += time.perf_counter() - embedded
        bar.advance(len(part))
    return embedding, writing, vectors


def print_table(title: str, rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, content in rows:
        print(f"  {name:<{width}}  {content}")


def run(store: Path, limit: int | None, model: str | None) -> dict[str, Any]:
    print("Hearth demo: every package description that apt knows, in one shared store\n")
    packages = read_packages(limit)
    embed = Embedder(model)
    print(
        f"  {len(packages):,} descriptions, embedder '{embed.name}', {embed.dimension} dimensions"
    )
    queries = embed(list(QUESTIONS) + [p.text for p in packages[:: max(1, len(packages) // 195)]])
    with hearth.connect(store) as db:
        ns = db.namespace(
            "packages",
            dimension=embed.dimension,
            distance="cosine",
            embedder=embed.name,
            text_fields=["text"],
            language="english",
            schema={
                "section": hearth.FieldRule("string", indexed=True),
                "kilobytes": hearth.FieldRule("int", indexed=True),
            },
        )
        print(f"  daemon {db.info().pid} serves {store}\n")
        searchers = start_searchers(str(store), queries)
        embedding, writing, vectors = load(ns, packages, embed)
        during, fewest = stop_searchers(searchers)
        indexing = wait_for_index(ns)
        show_results(ns, embed)
        filtered = show_filtered(ns, embed)
        speed = measure(ns, queries)
    print("\n  kill -9 of the daemon while a writer is at work ...")
    crash = crash_and_check(str(store), vectors, store)
    figures = {
        "packages": len(packages),
        "embed_s": embedding,
        "write_s": writing,
        "index_s": indexing,
        "searches_while_writing": len(during),
        "search_while_writing_p50_ms": float(np.median(during)),
        "search_while_writing_p95_ms": float(np.percentile(during, 95)),
        "fewest_hits": fewest,
        "hybrid_filtered_ms": filtered,
        **speed,
        **crash,
    }
    rate = len(packages) / writing
    print_table(
        "Timing",
        [
            ("embedding", f"{embedding:6.2f} s   {len(packages) / embedding:,.0f} texts/s"),
            ("durable upserts", f"{writing:6.2f} s   {rate:,.0f} records/s"),
            ("graph, in the background", f"{indexing:6.2f} s after the last write"),
            (
                "search during the load",
                f"{figures['search_while_writing_p50_ms']:6.2f} ms median, "
                f"{figures['search_while_writing_p95_ms']:.2f} ms p95 "
                f"({len(during):,} from 2 processes)",
            ),
            ("search, HNSW", f"{speed['hnsw_ms']:6.2f} ms median, recall@10 {speed['recall']:.3f}"),
            ("search, exact", f"{speed['exact_ms']:6.2f} ms median"),
            ("hybrid with a filter", f"{filtered:6.2f} ms median, first of its kind"),
        ],
    )
    print_table(
        "After kill -9",
        [
            ("acknowledged before the kill", f"{crash['acknowledged']:,} records"),
            ("found again, right content", f"{crash['found']:,} records"),
            ("missing", f"{crash['missing']:,}"),
            ("batches half written", f"{1 if crash['half_batches'] else 0}"),
            ("connect to first answer", f"{crash['reopen_s']:.2f} s"),
        ],
    )
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--store", type=Path, help="keep the store here (default: a scratch one)")
    parser.add_argument("--limit", type=int, help="load only the first N packages")
    parser.add_argument("--model", default=default_model(), help="a sentence-transformers model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args()
    scratch = options.store or Path(tempfile.mkdtemp(prefix="hearth-demo-"))
    try:
        figures = run(scratch, options.limit, options.model)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    finally:
        with contextlib.suppress(hearth.HearthError):
            hearth.shutdown_daemon(scratch)
        if options.store is None:
            shutil.rmtree(scratch, ignore_errors=True)
    whole = figures["missing"] == 0 and figures["found"] == figures["acknowledged"]
    kept = whole and figures["half_batches"] == 0
    print(f"\n{'Nothing acknowledged was lost.' if kept else 'ACKNOWLEDGED DATA IS MISSING.'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
