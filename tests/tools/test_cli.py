"""The command line end to end: the built programs, a real daemon, a store per test."""

import json
import os
import pty
import signal
import subprocess

import pytest

from cli_shell import BIN_DIR, TIMEOUT_S, Shell, npy, wait_until

# --- namespaces -----------------------------------------------------------------------------------


def test_namespaces_are_made_listed_described_and_dropped(shell: Shell) -> None:
    made = shell.json(
        "namespace", "create", "docs", "--dimension", 3, "--distance", "dot", "--m", 8
    )
    assert made["name"] == "docs"
    assert made["config"] == {
        "dimension": 3,
        "distance": "dot",
        "index": {
            "kind": "hnsw",
            "m": 8,
            "ef_construction": 200,
            "ef_search": 64,
            "seed": 42,
            "quantization": "auto",
            "memory": "fast",
            "nlist": 0,
            "nprobe": 0,
            "nbits": 4,
        },
        "shards": 1,
        "embedder": "",
        "schema": {},
        "text_fields": {},
        "language": "none",
        "stop_words": [],
    }
    shell.ok("namespace", "create", "b", "--dimension", 2)
    assert shell.json("namespace", "list") == {"namespaces": ["b", "docs"]}
    assert shell.ok("namespace", "list").out == "b\ndocs\n"
    info = shell.json("namespace", "describe", "docs")
    assert info["count"] == 0 and info["index_state"] == "ready" and not info["read_only"]
    assert "dimension   3\n" in shell.ok("namespace", "describe", "docs").out
    altered = shell.json(
        "namespace", "alter", "docs", "--distance", "l2", "--index", "flat", "--wait"
    )
    assert (altered["config"]["distance"], altered["config"]["index"]["kind"]) == ("l2", "flat")
    assert altered["config"]["index"]["m"] == 8 and "rebuild" not in altered
    assert shell.hearth("namespace", "alter", "docs", "--m", 1).code == 5
    assert shell.hearth("namespace", "alter", "nobody", "--m", 8).code == 3
    assert shell.hearth("namespace", "alter", "docs", "--dimension", 4).code == 2
    assert shell.json("namespace", "drop", "docs", "--yes") == {"dropped": "docs"}
    assert shell.json("namespace", "list") == {"namespaces": ["b"]}
    assert shell.hearth("namespace", "describe", "docs").code == 3


def test_an_empty_store_lists_nothing_that_a_script_would_read(shell: Shell) -> None:
    shell.ok("daemon", "start")
    listed = shell.ok("namespace", "list")
    assert listed.out == "" and listed.err.startswith("no namespaces yet")


def test_making_a_namespace_twice_is_refused_unless_it_may_exist(shell: Shell) -> None:
    shell.ok("namespace", "create", "docs", "--dimension", 3)
    again = shell.hearth("namespace", "create", "docs", "--dimension", 3, "--json")
    assert (again.code, again.error["code"]) == (5, "already_exists")
    shell.ok("namespace", "create", "docs", "--dimension", 3, "--if-missing")
    other = shell.hearth("namespace", "create", "docs", "--dimension", 4, "--if-missing", "--json")
    assert (other.code, other.error["code"]) == (5, "dimension_mismatch")


def test_a_namespace_is_not_dropped_without_consent(docs: Shell) -> None:
    refused = docs.hearth("namespace", "drop", "docs")
    assert refused.code == 5
    assert "--yes" in refused.err
    assert docs.json("count", "docs")["count"] == 4
    assert docs.hearth("namespace", "drop", "other", "--yes").code == 3


# --- records --------------------------------------------------------------------------------------


def test_get_tells_number_ids_from_string_ids(docs: Shell) -> None:
    answer = docs.json("get", "docs", "7", '"7"')
    assert answer["missing"] == []
    number, text = answer["records"]
    assert number["id"] == 7 and number["metadata"] == {"nested": {"none": None, "x": 1.5}}
    assert number["vector"] == [3.0, 3.0] and "text" not in number
    assert text["id"] == "7" and text["vector"] == [0.0, 2.0]
    assert docs.json("get", "docs", "7", "--string-ids")["records"][0]["id"] == "7"
    assert isinstance(number["version"], int)


def test_get_shows_the_fields_asked_for(docs: Shell) -> None:
    only = docs.json("get", "docs", "1", "--fields", "text")["records"][0]
    assert set(only) == {"id", "version", "text"} and only["text"] == "first\nline"
    none = docs.json("get", "docs", "1", "--fields", "none")["records"][0]
    assert set(none) == {"id", "version"}
    human = docs.ok("get", "docs", "1").out
    assert "text      first line\n" in human and 'metadata  {"year":2024}\n' in human


def test_missing_records_are_exit_code_3_beside_what_was_found(docs: Shell) -> None:
    answer = docs.hearth("get", "docs", "1", "none", "--json")
    assert answer.code == 3
    assert [record["id"] for record in answer.json["records"]] == [1]
    assert answer.json["missing"] == ["none"]
    human = docs.hearth("get", "docs", "none")
    assert (human.code, human.out) == (3, "")
    assert human.err == "hearth: no record with id 'none'\n"


def test_delete_counts_what_was_there(docs: Shell) -> None:
    assert docs.json("delete", "docs", "1", "none", "1")["deleted"] == 1
    assert docs.json("count", "docs") == {"namespace": "docs", "count": 3}
    assert docs.ok("count", "docs").out == "3\n"
    again = docs.ok("delete", "docs", "1")
    assert (again.out, again.err) == ("", "deleted 0 of 1\n")
    assert docs.hearth("delete", "none", "1").code == 3


def test_update_changes_what_it_is_given_and_nothing_else(docs: Shell) -> None:
    before = docs.json("get", "docs", "1")["records"][0]
    written = docs.json("update", "docs", "1", "--metadata", '{"seen": true, "year": null}')
    assert written["updated"] == 1
    after = docs.json("get", "docs", "1")["records"][0]
    assert after == before | {"metadata": {"seen": True}, "version": written["lsn"]}
    docs.ok("update", "docs", "1", "--metadata", '{"b": 2}', "--replace", "--text", "new")
    changed = docs.json("get", "docs", "1")["records"][0]
    assert (changed["metadata"], changed["text"]) == ({"b": 2}, "new")
    dimension = len(changed["vector"])
    docs.ok("update", "docs", "1", "--vector", str([9] * dimension))
    assert docs.json("get", "docs", "1")["records"][0]["vector"] == [9.0] * dimension
    many = docs.json("update", "docs", "--where", "b == 2", "--metadata", '{"c": 3}')
    assert many["updated"] == 1
    assert docs.json("get", "docs", "1")["records"][0]["metadata"] == {"b": 2, "c": 3}


def test_update_can_insist_on_a_version_and_refuses_what_it_cannot_do(docs: Shell) -> None:
    version = docs.json("get", "docs", "1")["records"][0]["version"]
    docs.ok("update", "docs", "1", "--text", "mine", "--if-version", str(version))
    late = docs.hearth("update", "docs", "1", "--text", "late", "--if-version", str(version))
    assert late.code != 0
    assert "at version" in late.err
    assert docs.json("get", "docs", "1")["records"][0]["text"] == "mine"
    assert docs.hearth("update", "docs", "nobody", "--text", "x").code == 3
    assert docs.hearth("update", "docs", "1").code == 2
    assert docs.hearth("update", "docs", "--text", "x").code == 2
    assert docs.hearth("update", "docs", "1", "--metadata", "[1]").code == 5


def test_stats_shows_the_store_and_its_namespaces(docs: Shell) -> None:
    stats = docs.json("stats")
    assert stats["store"]["path"] == str(docs.store.resolve())
    assert stats["store"]["namespaces"] == 1
    (space,) = stats["namespaces"]
    assert (space["name"], space["count"], space["vectors"]) == ("docs", 4, 4)
    assert space["durable_lsn"] == space["lsn"] >= 1
    assert space["file_bytes"] > 0
    assert docs.json("stats", "docs")["namespaces"][0]["name"] == "docs"
    assert docs.hearth("stats", "none").code == 3
    human = docs.ok("stats").out
    assert "namespace  records" in human and "docs" in human


# --- search ---------------------------------------------------------------------------------------


def test_search_by_vector_answers_nearest_first(docs: Shell) -> None:
    answer = docs.json("search", "docs", "--vector", "[0.9, 0]", "-k", 3)
    assert answer["namespace"] == "docs" and answer["k"] == 3 and answer["took_ms"] > 0
    assert [hit["id"] for hit in answer["hits"]] == ["two", 1, "7"]
    assert answer["hits"][0]["distance"] == pytest.approx(0.1, rel=1e-6)
    assert answer["hits"][0]["metadata"] == {"tags": ["a", "b"]}
    assert answer["hits"][1]["text"] == "first\nline"
    assert "vector" not in answer["hits"][0]
    assert "warnings" not in answer
    full = docs.json(
        "search", "docs", "--vector", "[0, 0]", "-k", 1, "--fields", "vector", "--exact"
    )
    assert set(full["hits"][0]) == {"id", "version", "vector", "distance"}


def test_search_prints_a_table(docs: Shell) -> None:
    answer = docs.ok("search", "docs", "--vector", "[0, 0]")
    lines = answer.out.splitlines()
    assert lines[0].split() == ["#", "distance", "id", "record"]
    assert lines[1].split(maxsplit=3) == ["1", "0.0000", "1", 'first line  {"year":2024}']
    assert '"7"' in lines[3], "a string id that looks like a number is quoted"
    assert len(lines) == 5 and answer.err.startswith("4 records in ")
    assert docs.ok("search", "docs", "--vector", "[0, 0]", "--quiet").err == ""


def test_search_by_vector_file(docs: Shell) -> None:
    one = docs.write("one.npy", npy([[3, 3]]))
    many = docs.write("many.npy", npy([[0, 0], [3, 3]], "<f8"))
    assert docs.json("search", "docs", "--vector-file", one, "-k", 1)["hits"][0]["id"] == 7
    assert (
        docs.json("search", "docs", "--vector-file", many, "--row", 1, "-k", 1)["hits"][0]["id"]
        == 7
    )
    unclear = docs.hearth("search", "docs", "--vector-file", many, "--json")
    assert unclear.code == 5 and "--row" in unclear.error["hint"]
    assert docs.hearth("search", "docs", "--vector-file", many, "--row", 2).code == 5
    damaged = docs.write("bad.npy", npy([[0, 0]])[:-1])
    assert (
        docs.hearth("search", "docs", "--vector-file", damaged, "--json").error["code"]
        == "corruption"
    )


def test_search_by_text_needs_the_right_embedder(shell: Shell) -> None:
    texts = ["a red bicycle", "a blue boat", "bicycles, red ones"]
    rows = "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts))
    path = shell.write("t.jsonl", rows)
    shell.ok("import", "lexical", path, "--embed")
    assert shell.json("namespace", "describe", "lexical")["config"]["embedder"] == "lexical"
    found = shell.json("search", "lexical", "--text", "red bicycle", "-k", 3)
    assert "warnings" not in found
    assert found["hits"][0]["id"] == 0 and found["hits"][2]["id"] == 1

    shell.ok("namespace", "create", "unsaid", "--dimension", 64)
    unsaid = shell.ok("search", "unsaid", "--text", "x", "--json")
    assert unsaid.err == "" and "unsaid" in unsaid.json["warnings"][0]
    assert shell.ok("search", "unsaid", "--text", "x").err.startswith("warning: ")

    shell.ok("namespace", "create", "model", "--dimension", 64, "--embedder", "all-MiniLM-L6-v2")
    other = shell.hearth("search", "model", "--text", "x", "--mode", "vector", "--json")
    assert (other.code, other.error["code"]) == (5, "unsupported")
    assert "all-MiniLM-L6-v2" in other.error["message"] and other.error["hint"]
    # By default its words are searched, and there is no index of them.
    words = shell.hearth("search", "model", "--text", "x", "--json")
    assert words.code == 5 and "text_fields" in words.error["message"] + words.error["hint"]
    assert shell.hearth("import", "model", path, "--embed").code == 5


def test_searches_that_cannot_be_are_refused(docs: Shell) -> None:
    for vector, code in (
        ("[1]", "dimension_mismatch"),
        ("[1, 2", "invalid_argument"),
        ("[1, 1e99]", "invalid_argument"),
    ):
        answer = docs.hearth("search", "docs", "--vector", vector, "--json")
        assert (answer.code, answer.out, answer.error["code"]) == (5, "", code)
    assert docs.hearth("search", "none", "--vector", "[1]").code == 3
    assert docs.hearth("search", "docs").code == 2
    assert docs.hearth("search", "docs", "--vector", "[1]", "--vector-file", "a.npy").code == 2


def test_an_empty_namespace_has_no_hits(shell: Shell) -> None:
    shell.ok("namespace", "create", "docs", "--dimension", 2)
    assert shell.json("search", "docs", "--vector", "[0, 1]")["hits"] == []
    none = shell.ok("search", "docs", "--vector", "[0, 1]")
    assert (none.out, none.err) == ("", "no records with a vector\n")


# --- on a terminal --------------------------------------------------------------------------------


def on_terminal(shell: Shell, *arguments: object, typed: str = "") -> tuple[int, str]:
    """Runs hearth on a terminal of its own; answers the exit code and what the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [BIN_DIR / "hearth", *map(str, arguments)],
        cwd=shell.root,
        env=shell.env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    with open(ours, "rb", buffering=0) as terminal:
        try:
            while chunk := terminal.read(4096):
                shown += chunk
        except OSError:  # EIO: the other side is closed
            pass
    return process.wait(TIMEOUT_S), shown.decode()


def test_an_import_shows_its_progress_on_a_terminal_only(docs: Shell) -> None:
    code, shown = on_terminal(docs, "import", "docs", "docs.jsonl", "--batch", 1)
    assert code == 0
    assert "rows/s" in shown and "%" in shown
    assert (
        shown.rstrip().splitlines()[-1].split("\x1b[K")[-1].startswith("imported 4 rows into docs")
    )
    _, quiet = on_terminal(docs, "import", "docs", "docs.jsonl", "--quiet")
    assert quiet == ""
    assert docs.ok("import", "docs", "docs.jsonl").err.startswith("imported 4 rows into docs")


def test_dropping_asks_on_a_terminal(docs: Shell) -> None:
    code, shown = on_terminal(docs, "namespace", "drop", "docs", typed="n\n")
    assert code == 5 and "[y/N]" in shown
    assert docs.json("count", "docs")["count"] == 4
    code, shown = on_terminal(docs, "namespace", "drop", "docs", typed="y\n")
    assert code == 0 and "dropped docs" in shown


def test_json_is_indented_on_a_terminal(docs: Shell) -> None:
    _, shown = on_terminal(docs, "count", "docs", "--json")
    assert shown.splitlines()[0] == "{" and json.loads(shown)["count"] == 4


# --- configuration, output, help ------------------------------------------------------------------


def test_settings_tell_where_they_come_from(shell: Shell) -> None:
    (shell.root / "config" / "hearth").mkdir(parents=True)
    file = shell.write("config/hearth/config.toml", 'log_level = "warning"\nidle_exit_ms = 1000\n')
    shown = shell.json("config", "show", "--origin", "--store", "/a", HEARTH_IDLE_EXIT_MS="2000")
    settings = shown["settings"]
    assert settings["store"] == {"value": "/a", "origin": "flag --store"}
    assert settings["idle_exit_ms"] == {"value": 2000, "origin": "env HEARTH_IDLE_EXIT_MS"}
    assert settings["log_level"] == {"value": "warning", "origin": f"{file}:1"}
    assert settings["interval_ms"] == {"value": 50, "origin": "default"}
    assert shown["files"] == [str(file)]
    assert shell.json("config", "show")["settings"]["autostart"] is True
    assert f"{file}:1" in shell.ok("config", "show", "--origin").out
    assert f"{file}:1" not in shell.ok("config", "show").out
    shell.write("config/hearth/config.toml", "idle_exit = 5\n")
    broken = shell.hearth("namespace", "list", "--json")
    assert broken.code == 2 and "idle_exit_ms" in broken.err


def test_the_store_is_a_flag_or_a_variable_or_in_the_working_directory(shell: Shell) -> None:
    shell.ok("namespace", "create", "here", "--dimension", 2)
    assert (shell.root / "store").is_dir()
    assert shell.json("namespace", "list", HEARTH_STORE=str(shell.store)) == {
        "namespaces": ["here"]
    }
    elsewhere = shell.hearth(
        "namespace", "list", "--store", shell.root / "x", HEARTH_STORE=str(shell.store)
    )
    assert elsewhere.code == 3 and not (shell.root / "x").exists()


def test_errors_are_told_in_the_form_asked_for(docs: Shell) -> None:
    human = docs.hearth("count", "none")
    assert human.code == 3 and human.out == ""
    assert human.err.startswith("hearth: ")
    as_json = docs.hearth("--json", "count", "none")
    assert as_json.out == "" and set(as_json.error) == {"code", "message", "hint"}
    assert as_json.error["code"] == "not_found"


def test_version_and_help(shell: Shell) -> None:
    version = shell.json("version")["version"]
    assert shell.ok("version").out == f"hearth {version}\n"
    assert shell.ok("--version").out == f"hearth {version}\n"
    assert "Examples:" in shell.ok("--help").out
    assert "hearth search docs" in shell.ok("search", "--help").out
    assert not shell.store.exists()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(shell: Shell, name: str) -> None:
    script = shell.write("completion", shell.ok("completions", name).out)
    if subprocess.run(
        ["/bin/sh", "-c", f"command -v {name}"], capture_output=True, check=False
    ).returncode:
        pytest.skip(f"{name} is not installed")
    subprocess.run([name, "-n", script], check=True)


def test_bash_completes_commands_flags_and_choices(shell: Shell) -> None:
    script = shell.write("completion", shell.ok("completions", "bash").out)

    def complete(*words: str) -> list[str]:
        typed = " ".join(f"'{word}'" for word in words)
        program = (
            f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; "
            "_hearth; echo ${COMPREPLY[@]}"
        )
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert complete("hearth", "sea") == ["search"]
    commands = ["list", "create", "describe", "alter", "drop"]
    assert complete("hearth", "namespace", "")[:5] == commands
    assert complete("hearth", "search", "docs", "--vec") == [
        "--vector-name",
        "--vector",
        "--vector-file",
    ]
    distances = complete("hearth", "import", "docs", "x", "--distance", "")
    assert sorted(distances) == ["cosine", "dot", "hamming", "l2", "manhattan"]
    assert "--store" in complete("hearth", "count", "docs", "--")
    assert complete("hearth", "facets", "docs", "year", "--wh") == ["--where"]
    assert complete("hearth", "search", "docs", "--gr") == ["--group-by", "--group-limit"]
    modes = complete("hearth", "search", "docs", "--text", "a", "--mode", "")
    assert sorted(modes) == ["hybrid", "text", "vector"]


def test_bench_measures_and_leaves_nothing_behind(docs: Shell) -> None:
    report = docs.json(
        "bench", "--rows", 400, "--queries", 20, "--dimension", 16, "--batch", 100, "--ef", "8,400"
    )
    assert report["rows"] == 400 and report["dimension"] == 16
    single, batch = report["ingest"]
    assert (single["batch_rows"], batch["batch_rows"]) == (1, 100)
    assert single["per_second"] > 0
    low, high, exact = report["search"]
    assert (low["ef"], high["ef"], exact["ef"]) == (8, 400, None)
    assert exact["exact"] and exact["recall"] == 1.0
    assert 0 < low["recall"] <= high["recall"] + 0.05 and high["recall"] > 0.99
    for run in (low, high, exact, single, batch):
        assert 0 < run["p50_ms"] <= run["p95_ms"] <= run["p99_ms"]
    own = docs.json("bench", "docs", "--queries", 2)
    assert own["rows"] == 2 and own["distance"] == "l2"
    assert docs.hearth("bench", "docs", "--queries", 10).code == 5
    assert "recall@10" in docs.ok("bench", "--rows", 50, "--queries", 2, "--dimension", 8).out
    assert docs.json("namespace", "list") == {"namespaces": ["docs"]}


def test_an_interrupted_bench_drops_its_namespace_and_ends_by_the_signal(docs: Shell) -> None:
    bench = docs.start("hearth", "bench", "--rows", 50_000, "--dimension", 64, "--batch", 10)
    wait_until(lambda: len(docs.json("namespace", "list")["namespaces"]) == 2)
    bench.send_signal(signal.SIGTERM)
    bench.communicate(timeout=TIMEOUT_S)
    assert bench.returncode == -signal.SIGTERM
    assert docs.json("namespace", "list") == {"namespaces": ["docs"]}
