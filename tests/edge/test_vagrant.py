"""The Vagrantfile, read by the Ruby that Vagrant runs on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.needs("ruby")


@pytest.fixture(scope="module")
def asked() -> list[tuple[str, list[Any]]]:
    """What the Vagrantfile asks of Vagrant, as (name, arguments), options last."""
    reader = Path(__file__).with_name("vagrant.rb")
    said = subprocess.run(
        ["ruby", reader, ROOT / "Vagrantfile"], check=True, capture_output=True, text=True, timeout=30
    )
    read = json.loads(said.stdout)
    assert read["version"] == "2"
    return [(name, arguments) for name, arguments in read["asked"]]


def test_ruby_can_read_the_vagrantfile() -> None:
    said = subprocess.run(
        ["ruby", "-wc", ROOT / "Vagrantfile"], check=True, capture_output=True, text=True, timeout=30
    )
    assert said.stdout.strip() == "Syntax OK"
    assert not said.stderr


def test_the_machine_is_the_debian_the_script_is_for(asked: list[tuple[str, list[Any]]]) -> None:
    assert ("box", ["debian/bookworm64"]) in asked


def test_the_site_is_found_on_port_8080_of_this_machine_alone(asked: list[tuple[str, list[Any]]]) -> None:
    [(_, [kind, options])] = [each for each in asked if each[0] == "network"]
    assert kind == "forwarded_port"
    assert (options["host_ip"], options["host"], options["guest"]) == ("127.0.0.1", 8080, 80)


def test_the_provisioning_script_gets_the_folder_the_code_is_copied_to(
    asked: list[tuple[str, list[Any]]],
) -> None:
    [(_, [kind, options])] = [each for each in asked if each[0] == "provision"]
    assert kind == "shell"
    assert (ROOT / options["path"]).stat().st_mode & 0o111, "the script is not executable"
    copied = {arguments[1]: arguments[0] for name, arguments in asked if name == "synced_folder"}
    assert [copied[place] for place in options["args"]] == ["."]


def test_what_is_private_to_a_checkout_is_not_copied(asked: list[tuple[str, list[Any]]]) -> None:
    [options] = [
        arguments[-1] for name, arguments in asked if name == "synced_folder" and "/srv/aiochat" in arguments
    ]
    assert {".env", "var/", ".git/", ".venv/"} <= set(options["rsync__exclude"])
