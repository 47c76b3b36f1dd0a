"""Static files may be kept for ever, because their address changes when they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiochat.assets import Assets
from aiochat.settings import STATIC, TEMPLATES
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


def test_a_page_names_what_its_module_imports_and_what_that_imports(folder: Path) -> None:
    (folder / "js" / "parts").mkdir()
    (folder / "js" / "room.js").write_text(
        '// One.\n\nimport "./parts/list.js"\nimport {\n  a,\n  b,\n} from "./dom.js"\n'
    )
    (folder / "js" / "parts" / "list.js").write_text(
        'import { a } from "../dom.js"\nexport * from "./line.js"\n'
    )
    (folder / "js" / "parts" / "line.js").write_text('const from = "./none.js"\n')
    (folder / "js" / "dom.js").write_text('import * as room from "./room.js"\n')
    assets = Assets(folder)
    named = ["js/parts/list.js", "js/dom.js", "js/parts/line.js"]
    assert assets.modules("js/room.js") == [assets.url(name) for name in named]
    assert assets.modules("js/parts/line.js") == []


def test_a_module_that_is_not_there_is_a_fault(folder: Path) -> None:
    (folder / "js" / "room.js").write_text('import "./none.js"\n')
    with pytest.raises(KeyError):
        Assets(folder).modules("js/room.js")


def test_a_sheet_is_given_with_what_it_imports(folder: Path, tmp_path: Path) -> None:
    (folder / "all.css").write_text('/* In this order. */\n@import "page.css";\n@import "late.css";\n')
    (folder / "late.css").write_text('i { background: url("../a.svg") }\n')
    Assets(folder).publish(tmp_path / "published")
    published = {path.name: path.read_text() for path in (tmp_path / "published").rglob("*.*")}
    assert published == {
        "all.css": '/* In this order. */\nbody {}\ni { background: url("../a.svg") }\n',
        "late.css": 'i { background: url("../a.svg") }\n',
        "page.css": "body {}\n",
        "room.js": "export {}\n",
    }


async def test_every_module_is_named_by_some_page_and_every_sheet_is_in_the_one_all_pages_name(
    client: Client,
) -> None:
    assets = Assets(STATIC)
    entries = {
        found for page in TEMPLATES.rglob("*.html") for found in re.findall(r"js/\w+\.js", page.read_text())
    }
    named = {assets.url(entry) for entry in entries}.union(*map(assets.modules, entries))
    assert named == {assets.url(path.relative_to(STATIC).as_posix()) for path in STATIC.rglob("*.js")}
    page = await (await client.get("/login")).text()
    assert all(f'<link rel="modulepreload" href="{url}">' in page for url in assets.modules("js/page.js"))
    sheet = await (await client.get(assets.url("css/all.css"))).text()
    assert all(path.read_text() in sheet for path in STATIC.glob("css/*.css") if path.name != "all.css")


async def test_a_file_is_kept_under_its_hash_and_asked_for_again_under_another(client: Client) -> None:
    now = Assets(STATIC).url("js/page.js")
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
