"""`hearth tune`, `hearth suggest-index` and `hearth search --explain`."""

import json
import random
import time

from cli_shell import Shell


def test_tune_measures_and_remembers(shell: Shell) -> None:
    draw = random.Random(1)
    rows = [{"id": i, "vector": [draw.gauss(0, 1) for _ in range(16)]} for i in range(1500)]
    file = shell.write("rows.jsonl", "\n".join(map(json.dumps, rows)))
    shell.ok("import", "docs", file, "--m", 4, "--ef-construction", 16)
    while shell.json("namespace", "describe", "docs")["fresh"] > 0:
        time.sleep(0.01)
    found = shell.json("tune", "docs", "--recall", 0.9, "-k", 5, "--sample", 20, "--seed", 7)
    assert (found["namespace"], found["parameter"], found["queries"]) == ("docs", "ef_search", 20)
    assert found["finished"]
    chosen = next(point for point in found["tried"] if point["value"] == found["value"])
    assert chosen["recall"] >= 0.9
    assert set(chosen) == {"value", "recall", "mean_ms", "p95_ms"}
    index = shell.json("namespace", "describe", "docs")["config"]["index"]
    assert index["ef_search"] == found["value"]

    human = shell.ok("tune", "docs", "--recall", 0.9, "-k", 5, "--sample", 20, "--seed", 7)
    assert human.out.split()[:4] == ["ef_search", "recall", "mean", "ms"]
    assert f"ef_search is {found['value']} from now on" in human.err
    assert shell.hearth("tune", "docs", "--recall", 2).code == 5
    assert shell.hearth("tune", "nobody").code == 3


def test_suggest_index_needs_no_store(shell: Shell) -> None:
    advice = shell.json("suggest-index", "-n", 10**6, "--dimension", 64)
    assert advice["index"]["kind"] == "hnsw" and advice["fits"] and advice["reasons"]
    tight = shell.json("suggest-index", "-n", 10**6, "--dimension", 64, "--memory", "10kb")
    assert not tight["fits"]
    in_bytes = shell.json("suggest-index", "-n", 10**6, "--dimension", 64, "--memory", 10240)
    assert in_bytes == tight
    human = shell.ok("suggest-index", "-n", 100, "--dimension", 8).out
    assert "index       flat (exact)\n" in human and "because     " in human
    assert not shell.store.exists()
    assert shell.hearth("suggest-index", "-n", 5).code == 2
    assert shell.hearth("suggest-index", "-n", 0, "--dimension", 3).code == 5


def test_a_search_explains_itself(docs: Shell) -> None:
    plain = docs.json("search", "docs", "--vector", "[1, 1]", "--exact")
    assert "explanation" not in plain
    said = docs.json("search", "docs", "--vector", "[1, 1]", "--exact", "--explain", "--nprobe", 3)
    explanation = said["explanation"]
    assert explanation["nprobe"] == 3 and explanation["rounds"] == 1
    assert explanation["exact"]
    # The rows may be in the index, in its tail or only in storage yet.
    assert explanation["stages"][-1]["step"] == "records"
    assert sum(stage["rows"] for stage in explanation["stages"][:-1]) == 4
    human = docs.ok("search", "docs", "--vector", "[1, 1]", "--explain").out
    assert "1 round" in human and "records" in human
