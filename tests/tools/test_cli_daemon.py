"""hearthd end to end: starting, stopping, dying, and who may serve a store."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli_shell import BIN_DIR, TIMEOUT_S, Shell, alive, wait_until


def test_the_daemon_is_started_looked_at_and_stopped(shell: Shell) -> None:
    before = shell.hearth("daemon", "status", "--json")
    assert (before.code, before.json["running"]) == (3, False)
    started = shell.json("daemon", "start")
    assert started["running"] and started["started"]
    pid = started["daemon"]["pid"]
    assert alive(pid)
    assert Path(started["socket"]).is_socket()
    assert shell.ok("daemon", "socket").out.strip() == started["socket"]
    again = shell.json("daemon", "start")
    assert (again["started"], again["daemon"]["pid"]) == (False, pid)
    assert shell.ok("daemon", "status").out.startswith(f"running   pid {pid}, ")
    assert shell.json("daemon", "stop") == {"stopped": True}
    wait_until(lambda: not alive(pid))
    assert shell.json("daemon", "stop") == {"stopped": False}
    assert shell.ok("daemon", "stop").err == "not running\n"
    assert not Path(started["socket"]).exists()
    log = shell.ok("daemon", "logs").out
    assert "H100 daemon_serving" in log and "H102 daemon_stopped" in log
    assert shell.ok("daemon", "logs", "-n", 1).out.count("\n") == 1
    assert shell.json("daemon", "logs", "-n", 2)["file"] == str(shell.store / "hearthd.log")


def test_a_log_is_followed_across_rotations(shell: Shell) -> None:
    log = shell.write("d.log", "one\n")
    follower = shell.start("hearth", "daemon", "logs", "-f", HEARTH_LOG_FILE=str(log))
    assert follower.stdout

    def read() -> str:
        assert follower.stdout
        return follower.stdout.readline()

    assert read() == "one\n"
    log.rename(shell.root / "d.log.1")
    shell.write("d.log", "two, in a file that is longer\n")
    assert read() == "two, in a file that is longer\n"
    log.write_text("cut\n")
    assert read() == "cut\n"
    with log.open("a") as stream:
        stream.write("more\n")
    assert read() == "more\n"


def test_a_started_daemon_has_left_the_terminal(shell: Shell) -> None:
    pid = shell.json("daemon", "start")["daemon"]["pid"]
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
    assert Path(f"/proc/{pid}/fd/2").readlink() == shell.store.resolve() / "hearthd.log"
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    session, tty = int(fields[3]), int(fields[4])
    assert tty == 0 and session not in (pid, os.getsid(0))
    assert (shell.store.stat().st_mode & 0o777) == 0o700


def test_without_autostart_nobody_is_started(docs: Shell) -> None:
    docs.ok("daemon", "stop")
    refused = docs.hearth("--no-autostart", "count", "docs", "--json")
    assert (refused.code, refused.error["code"]) == (4, "unavailable")
    assert docs.hearth("count", "docs", HEARTH_AUTOSTART="false").code == 4
    assert docs.daemon_pid() is None
    assert docs.json("count", "docs")["count"] == 4, "and with it, somebody is"


def test_one_store_has_one_daemon(shell: Shell) -> None:
    first = shell.serve()
    for mode in ("--foreground", "--daemon"):
        second = shell.hearthd("--store", shell.store, mode)
        out, err = second.communicate(timeout=TIMEOUT_S)
        assert second.returncode == 3, (out, err)
        lines = [line for line in err.splitlines() if line.startswith("hearthd: ")]
        assert len(lines) == 1 and str(first.pid) in lines[0]
    assert first.poll() is None
    assert shell.daemon_pid() == first.pid


def test_many_clients_at_once_start_one_daemon(shell: Shell) -> None:
    shell.store.mkdir()
    clients = [
        subprocess.Popen(
            [BIN_DIR / "hearth", "daemon", "start", "--json"],
            cwd=shell.root,
            env=shell.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    pids = set()
    for client in clients:
        out, err = client.communicate(timeout=TIMEOUT_S)
        assert client.returncode == 0, err
        pids.add(json.loads(out)["daemon"]["pid"])
    assert len(pids) == 1


def test_after_kill_9_the_stale_socket_is_replaced_and_nothing_is_lost(docs: Shell) -> None:
    status = docs.json("daemon", "status")
    os.kill(status["daemon"]["pid"], signal.SIGKILL)
    wait_until(lambda: not alive(status["daemon"]["pid"]))
    assert Path(status["socket"]).exists()
    assert docs.hearth("daemon", "status").code == 3
    assert docs.json("count", "docs")["count"] == 4
    assert docs.json("daemon", "status")["daemon"]["pid"] != status["daemon"]["pid"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_the_daemon_cleanly(shell: Shell, number: signal.Signals) -> None:
    daemon = shell.serve("--log-level", "info")
    shell.ok("namespace", "create", "docs", "--dimension", 2)
    daemon.send_signal(signal.SIGHUP)
    daemon.send_signal(number)
    _, err = daemon.communicate(timeout=TIMEOUT_S)
    assert daemon.returncode == 0
    assert f"H101 daemon_stopping {number.name}" in err and "H102 daemon_stopped" in err


def test_a_client_can_stop_a_daemon_in_the_foreground(shell: Shell) -> None:
    daemon = shell.serve()
    shell.ok("daemon", "stop")
    assert daemon.wait(TIMEOUT_S) == 0


def test_a_daemon_without_clients_ends_by_itself(shell: Shell) -> None:
    pid = shell.json("daemon", "start", HEARTH_IDLE_EXIT_MS="300")["daemon"]["pid"]
    wait_until(lambda: not alive(pid))
    assert "no client for 300 ms" in shell.ok("daemon", "logs").out
    assert shell.hearth("daemon", "status").code == 3


def test_a_daemon_that_cannot_start_says_why(shell: Shell) -> None:
    shell.write("file", "not a directory")
    for mode in ("--foreground", "--daemon"):
        daemon = shell.hearthd("--store", shell.root / "file", mode)
        _, err = daemon.communicate(timeout=TIMEOUT_S)
        assert daemon.returncode == 4, err
        assert "hearthd: " in err
    assert shell.hearth("--store", shell.root / "file", "daemon", "start").code != 0
    usage = shell.hearthd("--store", shell.store, "--fresh-rows", "-1")
    assert usage.communicate(timeout=TIMEOUT_S)[1].startswith("hearthd: ")
    assert usage.returncode == 2


def test_a_missing_daemon_program_is_named(shell: Shell) -> None:
    failed = shell.hearth("daemon", "start", "--json", HEARTH_DAEMON="/nonexistent/hearthd")
    assert (failed.code, failed.error["code"]) == (4, "unavailable")
    assert "/nonexistent/hearthd" in failed.error["message"]


def test_the_daemon_takes_a_socket_from_systemd(shell: Shell) -> None:
    path = Path(shell.ok("daemon", "socket").out.strip())
    notify = shell.root / "notify"
    with (
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        manager.bind(str(notify))
        # What systemd does: file 3 is the socket, LISTEN_PID the process that will be hearthd.
        program = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); "
            "os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[2], sys.argv[2:])"
        )
        daemon = subprocess.Popen(
            [
                sys.executable,
                "-c",
                program,
                str(listener.fileno()),
                BIN_DIR / "hearthd",
                "--store",
                shell.store,
            ],
            env=shell.env | {"LISTEN_FDS": "1", "NOTIFY_SOCKET": str(notify)},
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        shell.started.append(daemon)
        manager.settimeout(TIMEOUT_S)
        assert manager.recv(256).decode().startswith("READY=1\n")
        assert shell.daemon_pid() == daemon.pid
        daemon.terminate()
        assert manager.recv(256) == b"STOPPING=1"
        assert daemon.wait(TIMEOUT_S) == 0


def test_another_socket_path_is_used_by_client_and_daemon(shell: Shell) -> None:
    where = shell.root / "run" / "other.sock"
    started = shell.json("daemon", "start", "--socket", where)
    assert started["socket"] == str(where) and where.is_socket()
    assert shell.json("namespace", "list", HEARTH_SOCKET=str(where)) == {"namespaces": []}
    assert shell.json("daemon", "stop", "--socket", where) == {"stopped": True}
    wait_until(lambda: not alive(started["daemon"]["pid"]))
