"""A store of its own for each test, and the built programs to run on it."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_shell import Shell, alive, make_shell, wait_until


@pytest.fixture
def shell() -> Iterator[Shell]:
    # Not pytest's tmp_path: socket paths have to be short.
    root = Path(tempfile.mkdtemp(prefix="hearth-cli-"))
    shell = make_shell(root)
    try:
        yield shell
    finally:
        pid = shell.daemon_pid()
        if pid is not None and pid not in [process.pid for process in shell.started]:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not alive(pid))
        for process in shell.started:
            process.kill()
            process.communicate()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def docs(shell: Shell) -> Shell:
    """A store with a namespace `docs`: 2-d, l2, four records."""
    rows = [
        {"id": 1, "vector": [0, 0], "text": "first\nline", "metadata": {"year": 2024}},
        {"id": "two", "vector": [1, 0], "text": "second", "metadata": {"tags": ["a", "b"]}},
        {"id": "7", "vector": [0, 2]},
        {"id": 7, "vector": [3, 3], "metadata": {"nested": {"x": 1.5, "none": None}}},
    ]
    path = shell.write("docs.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    shell.ok("import", "docs", path, "--distance", "l2", "--index", "flat")
    return shell
