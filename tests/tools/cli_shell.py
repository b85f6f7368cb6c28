"""Running the built programs on a store of their own."""

import json
import os
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def _bin_dir() -> Path:
    """Where the programs are: $HEARTH_BIN_DIR, beside $HEARTH_DAEMON, or in the build directory."""
    if chosen := os.environ.get("HEARTH_BIN_DIR"):
        return Path(chosen).resolve()
    if daemon := os.environ.get("HEARTH_DAEMON"):
        return Path(daemon).resolve().parent
    return REPOSITORY / os.environ.get("HEARTH_BUILD_DIR", "build") / "tools"


BIN_DIR = _bin_dir()
TIMEOUT_S = 60


@dataclass
class Answer:
    """What one run of `hearth` said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        error: dict[str, str] = json.loads(self.err)["error"]
        return error


@dataclass
class Shell:
    """Runs the programs on one store, in an environment of their own."""

    root: Path
    env: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.root / "store"

    def hearth(self, *arguments: object, stdin: str | None = None, **env: str) -> Answer:
        done = subprocess.run(
            [BIN_DIR / "hearth", *map(str, arguments)],
            cwd=self.root,
            env=self.env | env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: object, stdin: str | None = None, **env: str) -> Answer:
        answer = self.hearth(*arguments, stdin=stdin, **env)
        assert answer.code == 0, answer
        return answer

    def json(self, *arguments: object, **env: str) -> Any:
        answer = self.ok(*arguments, "--json", **env)
        assert answer.err == "", answer
        return answer.json

    def hearthd(self, *arguments: object, **env: str) -> subprocess.Popen[str]:
        return self.start("hearthd", *arguments, **env)

    def start(self, program: str, *arguments: object, **env: str) -> subprocess.Popen[str]:
        """Starts hearth or hearthd; the test's end ends it."""
        process = subprocess.Popen(
            [BIN_DIR / program, *map(str, arguments)],
            cwd=self.root,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def serve(self, *arguments: object, **env: str) -> subprocess.Popen[str]:
        """Starts hearthd in the foreground and waits until it serves."""
        process = self.hearthd("--store", self.store, "--foreground", *arguments, **env)
        wait_until(lambda: self.daemon_pid() == process.pid or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    def daemon_pid(self) -> int | None:
        answer = self.hearth("daemon", "status", "--json")
        return answer.json["daemon"]["pid"] if answer.code == 0 else None

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
        return path


def wait_until(condition: Any, timeout_s: float = 20) -> None:
    """Polls until `condition()` holds; fails the test if it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def make_shell(root: Path) -> Shell:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTH_", "XDG_", "LISTEN_"))}
    runtime = root / "run"
    runtime.mkdir(mode=0o700)
    env |= {
        "HOME": str(root),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(root / "config"),
        "HEARTH_DAEMON": str(BIN_DIR / "hearthd"),
        "LC_ALL": "C.UTF-8",
    }
    return Shell(root, env)


def npy(rows: list[list[float]], descr: str = "<f4") -> bytes:
    """The bytes of a .npy file, without NumPy."""
    header = (
        f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    )
    header += " " * (-(len(header) + 11) % 64) + "\n"
    code = {"<f2": "e", "<f4": "f", "<f8": "d"}[descr]
    values = [value for row in rows for value in row]
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(header))
        + header.encode()
        + struct.pack(f"<{len(values)}{code}", *values)
    )
