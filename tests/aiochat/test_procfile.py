"""The lines of the Procfile do what a host that runs them expects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from aiochat.embedded import Servers
from tests.aiochat.conftest import ROOT, free_port, until


def test_its_processes_start_by_what_the_host_says(servers: Servers, clean: None, tmp_path: Path) -> None:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    told = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert set(told) == {"web", "release"}
    port = free_port()
    (tmp_path / "aiochat").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aiochat "$@"\n')
    (tmp_path / "aiochat").chmod(0o755)
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AIOCHAT_")}
    environ = mine | {
        "PORT": str(port),
        "DATABASE_URL": str(servers.database_url),
        "REDIS_URL": str(servers.redis_url),
        "AIOCHAT_SECRET_KEY": "s" * 32,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{tmp_path}:{mine['PATH']}",
    }
    subprocess.run(["sh", "-c", told["release"]], env=environ, cwd=tmp_path, check=True, timeout=60)
    web = subprocess.Popen(
        ["sh", "-c", f"{told['web'].replace(' aiochat ', ' exec aiochat ')}"], env=environ, cwd=tmp_path
    )
    try:

        def answers() -> bool:
            assert web.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(answers)
        web.send_signal(signal.SIGTERM)
        assert web.wait(30) == 0
    finally:
        web.kill()
        web.wait()
