"""How long one waits for the first page."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

from bench import product
from bench.phase import Goal, Outcome, Stage
from bench.servers import ROOT, SERVER_CORE, free_port, on_core

TIMES = 5
LONGEST = 60.0


def starting(stage: Stage) -> Outcome:
    """`aiochat serve` beside servers that run already, and `make run` with all it brings, the second time."""
    serve = []
    for _ in range(TIMES):
        port = free_port()
        command = [sys.executable, "-m", "aiochat", "serve"]
        serve.append(
            _until_page(command, {**os.environ, **product.environ(stage.backend, port)}, port, "/readyz")
        )
        stage.say(f"aiochat serve: ready after {serve[-1]:.2f} s")
    run, command, notes = [], _make_run(), []
    if command[0] != "make":
        notes.append(
            "The environment of `make run` is not up to date: what it starts was started without make."
        )
    with product.data_folder() as folder:
        for turn in range(4):
            port = free_port()
            bare = {name: value for name, value in os.environ.items() if not name.startswith("AIOCHAT_")}
            env = {
                **bare,
                "AIOCHAT_DATA_DIR": str(folder),
                "AIOCHAT_PORT": str(port),
                "AIOCHAT_HOST": "127.0.0.1",
            }
            took = _until_page(command, env, port, "/login")
            stage.say(f"make run, {'cold' if turn == 0 else 'warm'}: a page after {took:.2f} s")
            if turn:
                run.append(took)
    goals = [
        Goal("aiochat serve: ready after", statistics.median(serve), most=1, unit="s"),
        Goal("make run, warm: a page after", statistics.median(run), most=3, unit="s"),
    ]
    return Outcome(goals, [], {"serve": serve, "make run": run}, notes)


def _make_run() -> list[str]:
    if (
        shutil.which("make")
        and subprocess.run(
            ["make", "-q", ".venv/.run"], cwd=ROOT, check=False, capture_output=True
        ).returncode
        == 0
    ):
        return ["make", "run"]
    return [sys.executable, "-m", "aiochat", "serve"]


def _until_page(command: list[str], env: dict[str, str], port: int, path: str) -> float:
    begun = time.monotonic()
    with subprocess.Popen(
        on_core(SERVER_CORE, command),
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            while time.monotonic() < begun + LONGEST:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                    line.request("GET", path)
                    if line.getresponse().status == 200:
                        return time.monotonic() - begun
                if process.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
                time.sleep(0.005)
            raise TimeoutError(f"{' '.join(command)} shows no page")
        finally:
            # make and what it started are a group of their own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
