"""Full text on package descriptions: speed of indexing and searching, size, and agreement.

./dev bench text
./dev bench text --texts FILE --peers tantivy

Texts are the descriptions of the packages that apt knows (or the lines of a file); queries are
words of one of them, drawn by chance. Each system works on one thread and stems English. Times of
searches are of the best of several rounds; tantivy and bm25s are called from Python, which is part
of theirs. The best ten are compared by ids: analyzers differ a little, and so may right answers.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ann
from common import ROOT, binary, see_installed_peers, write_json

K = 10
ROUNDS = 5
BATCH = 10_000


def descriptions() -> list[str]:
    listing = subprocess.run(
        ["apt-cache", "dumpavail"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for stanza in listing.split("\n\n"):
        name = re.search(r"^Package: (.*)$", stanza, re.MULTILINE)
        text = re.search(r"^Description: (.*)$", stanza, re.MULTILINE)
        if name and text:
            found[name[1]] = f"{name[1]}: {text[1]}"
    return list(found.values())


def draw_queries(texts: list[str], count: int) -> list[str]:
    """Two to four words of one text each."""
    rng = random.Random(11)
    queries: list[str] = []
    while len(queries) < count:
        words = re.findall(r"[a-zA-Z]{3,}", rng.choice(texts))
        if len(words) >= 4:
            queries.append(" ".join(rng.sample(words, rng.randrange(2, 5))).lower())
    return queries


def asked(queries: list[str], search: Callable[[str], list[int]]) -> dict[str, Any]:
    times, found = [], []
    for query in queries:
        best = float("inf")
        for _ in range(ROUNDS):
            begin = time.thread_time()
            hits = search(query)
            best = min(best, time.thread_time() - begin)
        times.append(1e6 * best)
        found.append(hits)
    return {
        "mean_us": statistics.fmean(times),
        "median_us": statistics.median(times),
        "p99_us": sorted(times)[len(times) * 99 // 100],
        "found": found,
    }


def run_hearth(texts: list[str], queries: list[str], folder: Path) -> dict[str, Any]:
    (folder / "texts").write_text("\n".join(texts) + "\n", encoding="utf-8")
    (folder / "queries").write_text("\n".join(queries) + "\n", encoding="utf-8")
    files = [str(folder / name) for name in ("texts", "queries")]
    command = [
        binary("text_bench"),
        *files,
        "english",
        str(BATCH),
        str(ROUNDS),
        str(folder / "hits"),
    ]
    said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    lines = (folder / "hits").read_text(encoding="utf-8").splitlines()
    return {
        "index_s": said["analysis_s"] + said["collecting_s"] + said["writing_s"],
        "bytes": said["posting_bytes"] + said["position_bytes"],
        "mean_us": said["mean_us"],
        "median_us": said["median_us"],
        "p99_us": said["p99_us"],
        "found": [[int(row) - 1 for row in line.split()] for line in lines],
    }


def run_tantivy(texts: list[str], queries: list[str], folder: Path) -> dict[str, Any]:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name="en_stem")
    where = folder / "tantivy"
    where.mkdir()
    begin = time.process_time()
    index = tantivy.Index(builder.build(), path=str(where))
    writer = index.writer(heap_size=200_000_000, num_threads=1)
    for text in texts:
        writer.add_document(tantivy.Document(text=text))
    writer.commit()
    writer.wait_merging_threads()
    spent = time.process_time() - begin
    index.reload()
    searcher = index.searcher()
    one_segment = searcher.num_segments == 1

    def search(query: str) -> list[int]:
        hits = searcher.search(index.parse_query(query, ["text"]), K, count=False).hits
        # With one segment, documents have the numbers of their order.
        return [address.doc for _, address in hits] if one_segment else []

    size = sum(file.stat().st_size for file in where.iterdir())
    return {"index_s": spent, "bytes": size, **asked(queries, search)}


def run_bm25s(texts: list[str], queries: list[str], folder: Path) -> dict[str, Any]:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")

    def words(what: list[str]) -> Any:
        return bm25s.tokenize(what, stopwords=None, stemmer=stemmer, show_progress=False)

    begin = time.process_time()
    index = bm25s.BM25(k1=1.2, b=0.75)
    index.index(words(texts), show_progress=False)
    spent = time.process_time() - begin
    index.save(folder / "bm25s")
    size = sum(file.stat().st_size for file in (folder / "bm25s").iterdir())

    def search(query: str) -> list[int]:
        found, _ = index.retrieve(words([query]), k=K, show_progress=False)
        return [int(row) for row in found[0]]

    return {"index_s": spent, "bytes": size, **asked(queries[:100], search)}


SYSTEMS = {"hearth": run_hearth, "tantivy": run_tantivy, "bm25s": run_bm25s}


def agreement(ours: list[list[int]], theirs: list[list[int]]) -> float:
    """The mean share of our best ten that is among theirs."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a and b]
    if not pairs:
        return float("nan")
    return statistics.fmean(len(set(a) & set(b)) / len(a) for a, b in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path, help="one per line (default: apt's descriptions)")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument(
        "--peers", nargs="*", default=["tantivy", "bm25s"], choices=["tantivy", "bm25s"]
    )
    options = parser.parse_args()
    if options.peers:
        ann.install_peers()
    see_installed_peers()
    texts = options.texts.read_text("utf-8").splitlines() if options.texts else descriptions()
    queries = draw_queries(texts, options.queries)
    print(f"{len(texts):,} texts, {len(queries):,} queries of 2 to 4 words\n")
    print(f"{'system':<8} {'index':>8} {'MB':>6} {'mean':>9} {'median':>9} {'p99':>9}  best 10")
    results: dict[str, dict[str, Any]] = {}
    folder = Path(tempfile.mkdtemp(prefix="hearth-bench-"))
    try:
        for system in ["hearth", *options.peers]:
            figures = SYSTEMS[system](texts, queries, folder)
            results[system] = figures
            figures["agreement"] = agreement(results["hearth"]["found"], figures["found"])
            print(
                f"{system:<8} {figures['index_s']:>6.2f} s {figures['bytes'] / 1e6:>6.1f} "
                f"{figures['mean_us']:>6.0f} µs {figures['median_us']:>6.0f} µs "
                f"{figures['p99_us']:>6.0f} µs  {figures['agreement']:.3f}",
                flush=True,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for figures in results.values():
        del figures["found"]
    report = {"texts": len(texts), "queries": len(queries), "systems": results}
    write_json(ROOT / ".dev" / "bench" / "text.json", "text", report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
