"""Finding the daemon's executable."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

EXECUTABLE = "hearthd"


def _installed() -> Iterator[Path]:
    """Where `pip install hearth` may have put the executable, nearest first."""
    yield Path(sysconfig.get_path("scripts"))
    # A user installation, and a Python that is called through a link into its environment.
    yield Path(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    yield Path(sys.executable).parent


def find_daemon() -> str:
    """The `hearthd` to start: $HEARTH_DAEMON, the one installed with this package, or PATH's.

    An empty string if there is none: the client then says where it looked.
    """
    if chosen := os.environ.get("HEARTH_DAEMON"):
        return chosen
    for directory in _installed():
        candidate = directory / EXECUTABLE
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return shutil.which(EXECUTABLE) or ""
