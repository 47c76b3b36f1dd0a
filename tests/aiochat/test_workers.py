"""What a process that serves makes of where it is started."""

from __future__ import annotations

import subprocess
import sys

SAYS = """
import resource
from aiochat.workers import open_more_files
open_more_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_shell_that_allows_few_open_files_is_no_limit() -> None:
    shell = f"ulimit -Sn 256 && ulimit -Hn 600 && exec {sys.executable} -c '{SAYS}'"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["600", "600"]
