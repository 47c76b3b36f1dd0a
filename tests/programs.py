"""Programs that some tests need, where they are, and what to say where they are not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

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
    return f"{', '.join(gone)} not found here" if gone else None
