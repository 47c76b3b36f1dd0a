"""Programs that some tests need, where they are, and what to say where they are not."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

NAMES = {"chromium": ("chromium", "chromium-browser", "google-chrome")}
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")

MUST_RUN = os.environ.get("CI") == "true" or os.environ.get("AIOCHAT_TEST_ALL") == "1"
"""Whether a test that does not run is a failure."""


def find(program: str) -> Path | None:
    """Where a program is; system folders that are not on everybody's path are searched too."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    for name in NAMES.get(program, (program,)):
        if found := shutil.which(name, path=path):
            return Path(found)
    return None


def missing(programs: tuple[str, ...]) -> str | None:
    """The sentence that says which of these is not here, None where all are."""
    gone = [program for program in programs if find(program) is None]
    if gone:
        return f"{', '.join(gone)} not found here"
    if "chromium" in programs and not driver_runs():
        return "what drives the browser does not run here (Debian: apt install libatomic1)"
    return None


@cache
def driver_runs() -> bool:
    """Whether playwright's own program runs: it needs a library that not every system has."""
    try:
        program, _ = compute_driver_executable()
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
