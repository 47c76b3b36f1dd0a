"""The provisioning script, run on a bare Debian, and the site that comes of it."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine, Running
from .proxy import free_port, until
from .visitor import PASSWORD, Visitor

pytestmark = [
    pytest.mark.provision,
    pytest.mark.needs("debootstrap", "unshare", "systemd-analyze"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a chroot"),
]

SCRIPT = "/srv/aiochat/provision/debian.sh"
SETUP = re.compile(r"aiochat is ready: http://\S+(/setup/\S+)")
SECRETS = "/etc/aiochat/aiochat.env"


@pytest.fixture(scope="module")
def ports() -> list[int]:
    """nginx's port and those of two processes."""
    return [free_port() for _ in range(3)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, ports: list[int]) -> Machine:
    """A machine on which the script has run once."""
    folder = tmp_path_factory.mktemp("machine")
    folder.chmod(0o755)
    made = Machine(folder / "root")
    edge, *processes = ports
    done = made.run(SCRIPT, HTTP_PORT=str(edge), PROCESS_PORTS=" ".join(map(str, processes)))
    assert done.returncode == 0, done.stdout
    return made


@pytest.fixture(scope="module")
def site(machine: Machine, ports: list[int]) -> Iterator[Running]:
    """The same machine with everything running, systemd's work done by provision/run.sh."""
    with machine.start("/srv/aiochat/provision/run.sh") as running:
        until(lambda: "aiochat: http://" in running.log() or not running.is_alive(), seconds=120)
        assert running.is_alive(), running.log()
        yield running


def ask(port: int, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "GET", path, headers={name.replace("_", "-"): each for name, each in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def test_a_second_run_changes_nothing_and_keeps_the_secrets(machine: Machine) -> None:
    before = machine.read(SECRETS)
    done = machine.run(SCRIPT)
    assert done.returncode == 0, done.stdout
    assert "aiochat: nothing to change" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("+")]
    assert machine.read(SECRETS) == before


def test_secrets_are_made_for_this_machine_and_the_service_alone_reads_them(machine: Machine) -> None:
    assert "@" not in machine.read(SECRETS).replace("@127.0.0.1", "")
    said = machine.run("stat", "-c", "%a %U:%G", SECRETS)
    assert said.stdout.strip() == "640 root:aiochat"


def test_systemd_finds_nothing_wrong_with_the_units(machine: Machine, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    for name, instance in (
        ("aiochat@.service", "aiochat@8081.service"),
        ("aiochat.target", "aiochat.target"),
    ):
        unit = machine.read(f"/etc/systemd/system/{name}")
        # The programs are the machine's; what is verified here is all the rest.
        (units / instance).write_text(unit.replace("/opt/aiochat/bin/python", "/bin/true"))
    said = subprocess.run(
        ["systemd-analyze", "verify", *sorted(units.iterdir())],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_the_site_answers_through_nginx(site: Running, ports: list[int]) -> None:
    status, _, page = ask(ports[0], "/register")
    assert status == 200
    assert "</html>" in page
    assert ask(ports[0], "/healthz")[0] == 200
    assert ask(ports[0], "/readyz")[0] == 200


def test_nginx_serves_the_files_the_page_names(site: Running, ports: list[int]) -> None:
    _, _, page = ask(ports[0], "/register")
    start = page.index("/static/")
    path = page[start : page.index('"', start)]
    status, headers, _ = ask(ports[0], path)
    assert status == 200
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"]


def test_a_socket_is_refused_to_the_anonymous_with_401(site: Running, ports: list[int]) -> None:
    status, _, _ = ask(
        ports[0],
        "/rooms/lobby/ws",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Origin=f"http://127.0.0.1:{ports[0]}",
    )
    assert status == 401


async def test_its_first_visitor_sets_it_up_and_talks(site: Running, ports: list[int]) -> None:
    link = SETUP.search(site.log())
    assert link
    async with Visitor(f"http://127.0.0.1:{ports[0]}") as alice:
        status, _ = await alice.fills(
            link[1], site="House", name="alice", password=PASSWORD, registration="invite"
        )
        assert status == 200
        seat = await alice.enters("lobby")
        number = await seat.says("hello, house")
        assert (await seat.hears("message", text="hello, house"))["seq"] == number


def test_the_sites_own_command_speaks_for_the_service(site: Running, machine: Machine) -> None:
    done = machine.run("aiochat", "settings")
    assert done.returncode == 0, done.stdout
    assert "AIOCHAT_TRUSTED_PROXIES" in done.stdout


def test_everything_stops_and_nothing_stays_mounted(site: Running, machine: Machine) -> None:
    site.stop()
    assert site.process.returncode == 0, site.log()
    assert str(machine.root) not in Path("/proc/self/mounts").read_text()
    inside = [link for link in Path("/proc").glob("[0-9]*/root") if at(link) == machine.root]
    assert not inside


def at(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None
