"""Import and export end to end: every format, and what goes wrong with files."""

import json
import os
import signal
import subprocess

from cli_shell import BIN_DIR, TIMEOUT_S, Shell, alive, npy, wait_until


def test_npy_with_ids_and_metadata(shell: Shell) -> None:
    for descr in ("<f2", "<f4", "<f8"):
        name = f"n{descr[-1]}"
        matrix = shell.write(f"{name}.npy", npy([[1, 2, 3], [4, 5, 6]], descr))
        report = shell.json("import", name, matrix)
        assert (report["rows"], report["without_vector"], report["batches"]) == (2, 0, 1)
        assert shell.json("get", name, 0, 1)["records"][1]["vector"] == [4.0, 5.0, 6.0]
    ids = shell.write("ids.txt", "a\n7\n")
    metadata = shell.write("m.jsonl", '{"n": 1}\n{"n": 2}\n')
    shell.ok("import", "full", shell.root / "n4.npy", "--ids", ids, "--metadata", metadata)
    records = shell.json("get", "full", "a", "7")["records"]
    assert [record["metadata"] for record in records] == [{"n": 1}, {"n": 2}]
    short = shell.write("short.txt", "a\n")
    assert shell.hearth("import", "full", shell.root / "n4.npy", "--ids", short).code == 5


def test_csv_with_typed_columns_and_embedding(shell: Shell) -> None:
    rows = (
        'id,body,year,zip,note\n1,"red, ""fast"" bicycle",2024,01234,\n2,blue boat,2025,99999,x\n'
    )
    path = shell.write("towns.csv", rows)
    shell.ok("import", "towns", path, "--text-field", "body", "--embed", "--dimension", 128)
    record = shell.json("get", "towns", 1)["records"][0]
    assert record["text"] == 'red, "fast" bicycle'
    assert record["metadata"] == {"year": 2024, "zip": "01234"}
    assert len(record["vector"]) == 128
    assert shell.json("search", "towns", "--text", "boat", "-k", 1)["hits"][0]["id"] == 2


def test_standard_input_and_rows_without_ids(shell: Shell) -> None:
    rows = '{"vector": [1, 2], "year": 1}\n{"vector": [3, 4]}\n'
    report = shell.ok("import", "docs", "-", "--format", "jsonl", "--json", stdin=rows).json
    assert report["rows"] == 2
    exported = [json.loads(line) for line in shell.ok("export", "docs").out.splitlines()]
    assert sorted(row["vector"] for row in exported) == [[1.0, 2.0], [3.0, 4.0]]
    assert all(isinstance(row["id"], int) for row in exported)


def test_rows_without_vectors_are_kept_and_told(shell: Shell) -> None:
    path = shell.write("a.jsonl", '{"id": 1, "vector": [1, 2]}\n{"id": 2, "text": "no vector"}\n')
    report = shell.json("import", "docs", path)
    assert report["rows"] == 2 and report["without_vector"] == 1
    assert "1 rows have no vector" in report["warnings"][0]
    record = shell.json("get", "docs", 2)["records"][0]
    assert "vector" not in record and record["text"] == "no vector"
    no_dimension = shell.write("b.jsonl", '{"id": 2, "text": "no vector"}\n')
    refused = shell.hearth("import", "other", no_dimension, "--json")
    assert refused.code == 5 and "--embed" in refused.error["hint"]


def test_records_without_vectors_go_into_a_namespace_without_a_dimension(shell: Shell) -> None:
    shell.ok("namespace", "create", "notes")
    path = shell.write("a.jsonl", '{"id": "a", "text": "one", "year": 1}\n{"id": "b"}\n')
    report = shell.json("import", "notes", path)
    assert report["rows"] == 2 and "warnings" not in report
    record = shell.json("get", "notes", "a")["records"][0]
    assert record["text"] == "one" and record["metadata"] == {"year": 1}
    refused = shell.hearth("import", "notes", shell.write("b.jsonl", '{"vector": [1]}\n'), "--json")
    assert refused.code == 5 and "without a dimension" in refused.error["hint"]


def test_a_bad_line_is_named_and_the_import_goes_on_from_it(shell: Shell) -> None:
    lines = [json.dumps({"id": i, "vector": [i, 0]}) for i in range(10)]
    lines[6] = '{"id": 6, "vector": [6, 0, 0]}'
    path = shell.write("a.jsonl", "\n".join(lines) + "\n")
    failed = shell.hearth("import", "docs", path, "--batch", 4, "--json")
    assert (failed.code, failed.error["code"]) == (5, "dimension_mismatch")
    assert failed.error["message"].startswith(f"{path}: line 7: ")
    assert failed.error["hint"].endswith("go on with --skip 6")
    assert shell.json("count", "docs")["count"] == 6
    lines[6] = '{"id": 6, "vector": [6, 0]}'
    path.write_text("\n".join(lines) + "\n")
    assert shell.json("import", "docs", path, "--skip", 6)["rows"] == 4
    assert shell.json("count", "docs")["count"] == 10


def test_importing_twice_changes_nothing(docs: Shell) -> None:
    before = docs.json("get", "docs", 1, 7)["records"]
    docs.ok("import", "docs", docs.root / "docs.jsonl", "--durability", "interval")
    after = docs.json("get", "docs", 1, 7)["records"]
    assert docs.json("count", "docs")["count"] == 4
    assert [r["vector"] for r in before] == [r["vector"] for r in after]


def test_an_import_with_interval_fails_when_the_daemon_dies_under_it(shell: Shell) -> None:
    rows = [json.dumps({"id": i, "vector": [i, 0]}) + "\n" for i in range(6)]
    options = ["--format", "jsonl", "--batch", "1", "--durability", "interval", "--json"]
    importing = subprocess.Popen(
        [BIN_DIR / "hearth", "import", "docs", "-", *options],
        cwd=shell.root,
        env=shell.env | {"HEARTH_INTERVAL_MS": "60000"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    shell.started.append(importing)
    assert importing.stdin
    importing.stdin.writelines(rows[:3])
    importing.stdin.flush()
    wait_until(lambda: shell.hearth("namespace", "describe", "docs").code == 0)
    pid = shell.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    _, err = importing.communicate("".join(rows[3:]), timeout=TIMEOUT_S)
    assert importing.returncode == 4, err
    error = json.loads(err)["error"]
    assert error["code"] == "unavailable" and "--skip" not in error["hint"]


def test_an_import_that_contradicts_the_namespace_is_refused(docs: Shell) -> None:
    refused = docs.hearth(
        "import", "docs", docs.root / "docs.jsonl", "--distance", "cosine", "--json"
    )
    assert (refused.code, refused.error["code"]) == (5, "config_mismatch")


def test_a_damaged_matrix_is_refused_before_anything_is_written(shell: Shell) -> None:
    whole = npy([[1, 2], [3, 4]])
    for damaged in (whole[:-1], whole + b"x", b"", b"\x93NUMPY", whole.replace(b"<f4", b"<i4")):
        path = shell.write("bad.npy", damaged)
        assert shell.hearth("import", "docs", path).code in (1, 5)
    assert not shell.store.exists()


def test_export_reads_back_as_it_was(docs: Shell) -> None:
    out = docs.root / "out.jsonl"
    report = docs.json("export", "docs", "--output", out)
    assert report == {"namespace": "docs", "file": str(out), "rows": 4, "without_vector": 0}
    docs.ok("import", "copy", out, "--distance", "l2")
    by_id = {
        json.dumps(r["id"]): r for r in map(json.loads, docs.ok("export", "copy").out.splitlines())
    }
    for line in out.read_text().splitlines():
        record = json.loads(line)
        copy = by_id[json.dumps(record["id"])]
        assert {**record, "version": 0} == {**copy, "version": 0}
    assert not list(docs.root.glob("*.part"))


def test_export_of_vectors_as_npy_reads_back(docs: Shell) -> None:
    docs.ok("import", "docs", "-", "--format", "jsonl", stdin='{"id": "bare"}\n')
    matrix, ids = docs.root / "v.npy", docs.root / "v.txt"
    report = docs.json("export", "docs", "--output", matrix, "--ids", ids)
    assert report["rows"] == 4 and report["without_vector"] == 1
    docs.ok("import", "copy", matrix, "--ids", ids, "--distance", "l2")
    for name in ("1", "two", '"7"', "7"):
        left = docs.json("get", "docs", name)["records"][0]
        right = docs.json("get", "copy", name)["records"][0]
        assert left["vector"] == right["vector"]


def test_exports_that_cannot_be_written_fail_and_leave_nothing(docs: Shell) -> None:
    assert docs.hearth("export", "docs", "--format", "npy").code == 5
    assert docs.hearth("export", "docs", "--output", "/nonexistent/x.jsonl").code == 1
    assert docs.hearth("export", "none", "--output", docs.root / "x.jsonl").code == 3
    assert not list(docs.root.glob("x.jsonl*"))
    with subprocess.Popen(
        [BIN_DIR / "hearth", "export", "docs"],
        cwd=docs.root,
        env=docs.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as closed:
        assert closed.stdout is not None
        closed.stdout.close()
        assert closed.wait(TIMEOUT_S) in (0, 1), "a closed pipe is no crash"
