"""Threads, forks, other processes, and daemons that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hearth
from stores import kill_daemon, nearest, rows_of, run_python, stop_daemon, wait_until


def in_child(work: Callable[[], None]) -> str:
    """Runs `work` in a forked child and returns what went wrong there ("" if nothing did)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        report = ""
        try:
            work()
        except BaseException as failure:
            report = f"{type(failure).__name__}: {failure}"
        os.write(writing, report.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        report = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return report or ("" if status == 0 else f"the child ended with status {status}")


def test_threads_share_a_store(ns: hearth.Namespace) -> None:
    rows = rows_of(400, 4)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            mine = range(number * 50, number * 50 + 50)
            for row in mine:
                ns.upsert(row, rows[row])
                assert int(ns.search(rows[row], k=1).ids[0]) == row
            np.testing.assert_array_equal(ns.get(mine).vectors, rows[mine.start : mine.stop])
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert ns.count() == 400


def test_other_threads_run_during_a_call(store_path: Path) -> None:
    """The GIL is released: this call can end only because another Python thread runs meanwhile."""
    with hearth.connect(store_path, call_timeout=60) as db:
        ns = db.namespace("docs", dimension=2)
        pid = db.info().pid
        stop_daemon(pid)
        threading.Timer(0.1, os.kill, [pid, signal.SIGCONT]).start()
        assert ns.count() == 0


def test_closing_in_one_thread_while_others_work(shared_path: Path, name: str) -> None:
    db = hearth.connect(shared_path)
    ns = db.namespace(name, dimension=4)
    ns.upsert(range(100), rows_of(100, 4))
    started = threading.Barrier(5)
    surprises: list[BaseException] = []

    def work() -> None:
        started.wait()
        try:
            while True:
                ns.search([1, 2, 3, 4])
        except hearth.InvalidArgument as closed:
            assert "closed" in closed.message
        except BaseException as surprise:
            surprises.append(surprise)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    db.close()
    for thread in threads:
        thread.join()
    assert not surprises


def test_ctrl_c_ends_a_call_that_waits(store_path: Path) -> None:
    code = """
import os, signal, sys, threading, hearth
# A test run in the background inherits a SIGINT that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with hearth.connect(sys.argv[1]) as db:
    ns = db.namespace("docs", dimension=2)
    os.kill(db.info().pid, signal.SIGSTOP)  # now nobody answers
    threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    try:
        ns.count()
    except KeyboardInterrupt:
        print("interrupted")
"""
    with hearth.connect(store_path) as db:
        pid = db.info().pid
        try:
            done = run_python(code, store_path)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert done.stdout.strip() == "interrupted", done.stderr


def test_a_call_times_out_and_the_connection_stays(store_path: Path) -> None:
    with hearth.connect(store_path, call_timeout=0.3) as db:
        ns = db.namespace("docs", dimension=2)
        pid = db.info().pid
        stop_daemon(pid)
        try:
            with pytest.raises(hearth.Timeout) as late:
                ns.count()
            assert isinstance(late.value, TimeoutError)
            assert late.value.retryable
        finally:
            os.kill(pid, signal.SIGCONT)

        def answers() -> bool:
            try:
                return ns.count() == 0
            except hearth.Timeout:
                return False

        wait_until(answers, "the daemon to answer again")
        assert db.info().pid == pid


# ---- processes -----------------------------------------------------------------------------------

WRITE_AND_SEARCH = """
import sys, numpy as np, hearth
path, name, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
with hearth.connect(path) as db:
    ns = db.namespace(name, dimension=8, distance="l2")
    rows = np.random.default_rng(number).standard_normal((50, 8), dtype=np.float32)
    for row, vector in enumerate(rows):
        ns.upsert(f"{number}-{row}", vector, {"writer": number})
        assert list(ns.search(vector, k=1).ids) == [f"{number}-{row}"]
print("done")
"""


def test_two_processes_write_and_search_one_namespace(
    db: hearth.Store, shared_path: Path, name: str
) -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE_AND_SEARCH, str(shared_path), name, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2)
    ]
    for other in others:
        out, err = other.communicate(timeout=120)
        assert out.strip() == "done", err
    ns = db.namespace(name)
    assert ns.count() == 100
    writers = [record.metadata for page in ns.scan() for record in page]
    assert sorted(each["writer"] for each in writers if each) == [1] * 50 + [2] * 50


def test_processes_that_start_together_get_one_daemon(store_path: Path) -> None:
    code = "import sys, hearth\nwith hearth.connect(sys.argv[1]) as db: print(db.info().pid)"
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(store_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    pids = set()
    for other in others:
        out, err = other.communicate(timeout=120)
        assert other.returncode == 0, err
        pids.add(out.strip())
    assert len(pids) == 1


def test_an_exit_without_close_is_clean(shared_path: Path, name: str) -> None:
    code = """
import sys, hearth
db = hearth.connect(sys.argv[1])
ns = db.namespace(sys.argv[2], dimension=2)
ns.upsert("a", [1, 2])
print("end of main")
"""
    done = run_python(code, shared_path, name)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "end of main", "")


# ---- fork ----------------------------------------------------------------------------------------


def test_a_forked_child_is_told_to_connect_anew(
    db: hearth.Store, ns: hearth.Namespace, shared_path: Path
) -> None:
    ns.upsert(range(10), rows_of(10, 4))

    def use_the_parents() -> None:
        for call in (ns.count, db.namespaces, lambda: ns.search([1, 2, 3, 4])):
            with pytest.raises(hearth.DaemonUnavailable) as refused:
                call()
            assert "connect" in str(refused.value)

    def connect_anew() -> None:
        with hearth.connect(shared_path) as mine:
            assert mine.namespace(ns.name).count() == 10

    def close_the_parents() -> None:
        db.close()

    assert in_child(use_the_parents) == ""
    assert in_child(connect_anew) == ""
    assert in_child(close_the_parents) == ""
    assert ns.count() == 10, "what a child does leaves the parent alone"


def test_a_child_of_a_busy_parent_can_connect(ns: hearth.Namespace, shared_path: Path) -> None:
    ns.upsert(range(100), rows_of(100, 4))
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            ns.search([1, 2, 3, 4])

    def connect_anew() -> None:
        with hearth.connect(shared_path) as mine:
            assert mine.namespace(ns.name).count() == 100

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        reports = [in_child(connect_anew) for _ in range(5)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert reports == [""] * 5


# ---- daemons that die ----------------------------------------------------------------------------


def test_calls_go_on_after_the_daemon_was_killed(store_path: Path) -> None:
    rows = rows_of(100, 16)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs", dimension=16, distance="l2")
        ns.upsert(range(100), rows, [{"row": row} for row in range(100)])
        first = db.info().pid
        kill_daemon(store_path)

        def answers() -> bool:
            try:
                return ns.count() == 100
            except hearth.DaemonUnavailable as lost:
                assert lost.retryable
                return False

        wait_until(answers, "the next daemon")
        assert db.info().pid != first
        for query in rows_of(5, 16, seed=2):
            hits = ns.search(query, k=10, exact=True)
            assert list(hits.ids) == nearest("l2", rows, query, 10)
        ns.upsert("new", rows[0])
        assert ns.count() == 101


def test_without_reconnect_a_lost_daemon_stays_lost(store_path: Path) -> None:
    with hearth.connect(store_path, reconnect=False) as db:
        ns = db.namespace("docs", dimension=2)
        kill_daemon(store_path)
        for _ in range(3):
            with pytest.raises(hearth.DaemonUnavailable):
                ns.count()


def test_a_clean_shutdown_keeps_everything(store_path: Path) -> None:
    rows = rows_of(500, 8)
    with hearth.connect(store_path) as db:
        db.namespace("docs", dimension=8, distance="l2").upsert(range(500), rows)
    hearth.shutdown_daemon(store_path)
    with pytest.raises(hearth.DaemonUnavailable):
        hearth.connect(store_path, autostart=False)
    with hearth.connect(store_path) as db:
        ns = db.namespace("docs")
        assert ns.count() == 500
        assert list(ns.search(rows[123], k=1).ids) == [123]


def test_a_program_ends_while_its_daemon_threads_are_in_calls(store_path: Path) -> None:
    program = """
import sys, threading, time, hearth
ns = hearth.connect(sys.argv[1]).namespace("docs", dimension=2)
def work():
    while True:
        ns.count()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
"""
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", program, store_path], capture_output=True, timeout=60
        )
        assert ended.returncode == 0, ended.stderr
