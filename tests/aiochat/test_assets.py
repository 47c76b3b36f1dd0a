"""Static files may be kept for ever, because their address changes when they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiochat.assets import Assets
from tests.conftest import Client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "room.js").write_text("export {}\n")
    (tmp_path / "page.css").write_text("body {}\n")
    return tmp_path


def test_the_address_changes_with_any_file(folder: Path) -> None:
    before = Assets(folder)
    assert before.url("js/room.js") == f"/static/{before.hash}/js/room.js"
    assert Assets(folder).hash == before.hash
    (folder / "page.css").write_text("body { margin: 0 }\n")
    assert Assets(folder).hash != before.hash


def test_a_file_that_is_not_there_is_a_fault_of_the_template(folder: Path) -> None:
    with pytest.raises(KeyError, match=r"no static file js/none\.js"):
        Assets(folder).url("js/none.js")


async def test_a_file_is_kept_under_its_hash_and_asked_for_again_under_another(client: Client) -> None:
    now = Assets(Path(__file__).parents[2] / "static").url("js/page.js")
    answer = await client.get(now)
    assert answer.status == 200
    assert answer.content_type == "text/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers
    old = await client.get("/static/0123456789abcdef/js/page.js")
    assert old.status == 200
    assert old.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["js/none.js", "../setup.cfg", "..%2fsetup.cfg", "js/", "%2e%2e/setup.cfg"])
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = await client.get(f"/static/0123456789abcdef/{path}")
    assert answer.status == 404
