"""Servers of our own: they keep what they are told, end with us, and are never in the way of the next start."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from aiochat import binaries, children, embedded
from aiochat.binaries import EmbeddedError
from aiochat.children import Keeper
from aiochat.servers import database_answers, redis_answers
from tests.aiochat.conftest import Desk, children_of, runs, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what only root can and must do")


def ask(url: str | None, statement: str) -> object:
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        asked = connection.execute(statement.encode())
        return asked.fetchone() if asked.description else None


def test_what_is_kept_is_there_after_a_restart(open_folder: Path) -> None:
    data = open_folder / "with a space"
    with embedded.running(data) as servers:
        ask(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS number")
        with Redis.from_url(str(servers.redis_url)) as redis:
            redis.set("kept", "42")
            assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with embedded.running(data) as servers:
        assert ask(servers.database_url, "SELECT number FROM kept") == (42,)
        with Redis.from_url(str(servers.redis_url)) as redis:
            assert redis.get("kept") == b"42"


def test_they_listen_on_no_port_and_let_in_only_their_owner(open_folder: Path) -> None:
    with embedded.running(open_folder / "var") as servers:
        assert ask(servers.database_url, "SHOW listen_addresses") == ("",)
        with Redis.from_url(str(servers.redis_url)) as redis:
            assert redis.config_get("port") == {"port": "0"}
        assert (Path(servers.home) / "run").stat().st_mode & 0o077 == 0
        assert (Path(servers.home) / "postgres").stat().st_mode & 0o077 == 0


def test_a_second_starter_is_lent_the_first_ones_servers(open_folder: Path) -> None:
    data = open_folder / "var"
    with embedded.running(data) as first:
        with embedded.running(data) as second:
            assert second == first
        assert ask(first.database_url, "SELECT 1") == (1,)
    with pytest.raises(psycopg.OperationalError):
        ask(first.database_url, "SELECT 1")


def test_who_runs_less_lends_no_more(open_folder: Path) -> None:
    data = open_folder / "var"
    with embedded.running(data, database=False) as first:
        assert first.database_url is None
        with pytest.raises(EmbeddedError, match="with other settings"), embedded.running(data):
            pass


def test_a_path_too_long_for_a_socket_will_do(open_folder: Path) -> None:
    with embedded.running(open_folder / ("long" * 30)) as servers:
        assert ask(servers.database_url, "SELECT 1") == (1,)


def test_a_killed_owner_leaves_nothing_in_the_way(desk: Desk) -> None:
    first = desk.serve()
    own = children_of(first.pid)
    assert len(own) == 2
    first.told(signal.SIGKILL)
    second = desk.serve()
    until(lambda: not any(map(runs, own)))
    assert second.told(signal.SIGTERM) == 0


def test_a_server_that_dies_begins_again_with_all_it_kept(
    open_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded.running(open_folder / "var") as servers:
        ask(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS number")
        with Redis.from_url(str(servers.redis_url)) as redis:
            redis.set("kept", "42")
            redis.waitaof(1, 0, 5000)
        for pid_file in ("postgres/postmaster.pid", "valkey/valkey.pid"):
            dead = pid_in(Path(servers.home) / pid_file)
            os.kill(dead, signal.SIGKILL)
            until(lambda dead=dead: not runs(dead))
        until(lambda: database_answers(str(servers.database_url)) and redis_answers(str(servers.redis_url)))
        assert ask(servers.database_url, "SELECT number FROM kept") == (42,)
        with Redis.from_url(str(servers.redis_url)) as redis:
            assert redis.get("kept") == b"42"
        again = [pid_in(Path(servers.home) / "postgres/postmaster.pid")]
        again.append(pid_in(Path(servers.home) / "valkey/valkey.pid"))
    for name in ("PostgreSQL", "Valkey"):
        assert f"{name} ended with -9, and begins again in 0.2 s" in caplog.text
    assert not any(map(runs, again)), "what was begun again ends with us too"


def pid_in(file: Path) -> int:
    return int(file.read_text("ascii").split()[0])


def test_one_that_dies_again_and_again_is_given_longer_and_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lasting = children.Lasting("A moth", lambda: children.start(["true"]))
    lasting.watch()
    until(lambda: caplog.text.count("A moth ended with 0") >= 3)
    lasting.stop(signal.SIGTERM, 5, signal.SIGKILL)
    pauses = re.findall(r"begins again in (\S+) s", caplog.text)
    assert pauses[:3] == ["0.2", "0.4", "0.8"]
    heard = caplog.text.count("A moth")
    until(lambda: lasting.process.poll() is not None)
    assert caplog.text.count("A moth") == heard


def test_a_pid_that_now_belongs_to_somebody_else_is_not_believed(open_folder: Path) -> None:
    data = open_folder / "var"
    with embedded.running(data) as servers:
        home = Path(servers.home)
    stale = home / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{home / 'postgres'}\n1\n5432\n\n\n0 0\nready\n")
    (home / "valkey" / "valkey.pid").write_text(f"{os.getpid()}\n")
    with embedded.running(data) as servers:
        assert ask(servers.database_url, "SELECT 1") == (1,)


def test_a_server_left_behind_is_ended_before_another_begins(open_folder: Path) -> None:
    left = subprocess.Popen(["sleep", "600"], process_group=0)
    try:
        until(lambda: "sleep 600" in children.command_line(left.pid))
        pid_file = open_folder / "left.pid"
        pid_file.write_text(f"{left.pid}\n")
        children.retire(pid_file, "sleep 601", signal.SIGTERM)
        assert left.poll() is None
        pid_file.write_text(f"{left.pid}\n")
        children.retire(pid_file, "sleep 600", signal.SIGTERM, within=10)
        until(lambda: not runs(left.pid))
        assert not pid_file.exists()
    finally:
        left.kill()
        left.wait()


def test_who_does_not_end_in_time_ends_the_hard_way(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        script = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
        stubborn = children.start(["sh", "-c", script], output=output)
    until(log.read_text)
    assert children.stop(stubborn, signal.SIGTERM, 0.5, signal.SIGKILL) == -signal.SIGKILL


def test_data_of_an_older_postgres_ask_for_that_one(open_folder: Path) -> None:
    data = open_folder / "var"
    with embedded.running(data, redis=False) as servers:
        version = Path(servers.home) / "postgres" / "PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(EmbeddedError, match="PostgreSQL 9, which is not found"), embedded.running(data):
        pass


def test_a_server_that_cannot_start_says_why(open_folder: Path) -> None:
    data = open_folder / "var"
    with embedded.running(data, redis=False) as servers:
        configuration = Path(servers.home) / "postgres" / "postgresql.conf"
    configuration.write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match="contains errors"), embedded.running(data, redis=False):
        pass


def test_without_any_server_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_places", lambda wheel: iter(()))
    monkeypatch.setattr(binaries, "_package", lambda wheel: None)
    monkeypatch.setattr(binaries, "SYSTEM_REDIS", ())
    with pytest.raises(EmbeddedError, match=r"aiochat\[embedded\].*AIOCHAT_DATABASE_URL"):
        binaries.postgres(Keeper.present())
    with pytest.raises(EmbeddedError, match=r"aiochat\[embedded\].*AIOCHAT_REDIS_URL"):
        binaries.redis(Keeper.present())


def test_a_file_in_place_of_the_folder_is_one_sentence(open_folder: Path) -> None:
    (open_folder / "var").write_text("")
    with pytest.raises(EmbeddedError, match="AIOCHAT_DATA_DIR"), embedded.running(open_folder / "var"):
        pass


def test_a_folder_nobody_may_make_is_one_sentence() -> None:
    with pytest.raises(EmbeddedError, match="AIOCHAT_DATA_DIR"), embedded.running(Path("/proc/aiochat")):
        pass


@as_root
def test_a_full_disk_is_one_sentence(open_folder: Path) -> None:
    small = open_folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        with pytest.raises(EmbeddedError, match="is full: make room"), embedded.running(small / "var"):
            pass
    finally:
        subprocess.run(["umount", str(small)], check=True)


@as_root
def test_a_home_that_only_root_may_enter_stays_closed(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.setattr(binaries, "SHARED", open_folder / "shared")
    closed = open_folder / "root"
    closed.mkdir(mode=0o700)
    with embedded.running(closed / "var") as servers:
        assert Path(servers.home).parent == open_folder / "shared"
        assert ask(servers.database_url, "SELECT 1") == (1,)
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_programs_out_of_reach_are_copied_to_where_the_keeper_can_run_them(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_folder / "root"
    closed.mkdir(mode=0o700)
    for wheel in (binaries.POSTGRES, binaries.VALKEY):
        package = binaries._package(wheel)
        assert package is not None
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, closed / part.name, symlinks=True)
    monkeypatch.setattr(binaries, "SHARED", open_folder / "shared")
    monkeypatch.setattr(binaries, "_package", lambda wheel: closed / wheel.package)
    with embedded.running(open_folder / "var") as servers:
        assert ask(servers.database_url, "SELECT 1") == (1,)
        with Redis.from_url(str(servers.redis_url)) as redis:
            assert redis.ping()
    assert len(list((open_folder / "shared").iterdir())) == 2


def test_the_secret_is_made_once_and_for_its_owner_alone(open_folder: Path) -> None:
    secret = embedded.secret_key(open_folder / "var")
    assert len(secret) >= 32
    assert embedded.secret_key(open_folder / "var") == secret
    assert (open_folder / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
