"""Templates of a running site stay as they were when it started."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from aiochat.templates import Templates


def test_a_newer_checkout_changes_no_page_of_a_running_site(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    page = tmp_path / "chat" / "page.html"
    for name in ("chat/page.html", "base.html"):
        (tmp_path / name).write_text("as it was")
    running = jinja2.Environment(loader=Templates(tmp_path), autoescape=True)
    assert running.get_template("chat/page.html").render() == "as it was"
    page.write_text("as it will be")
    (tmp_path / "base.html").unlink()
    (tmp_path / "new.html").write_text("new")
    assert running.get_template("chat/page.html").render() == "as it was"
    assert running.get_template("base.html").render() == "as it was"
    with pytest.raises(jinja2.TemplateNotFound):
        running.get_template("new.html")
    assert (
        jinja2.Environment(loader=Templates(tmp_path), autoescape=True).get_template("new.html").render()
        == "new"
    )


def test_a_fault_in_a_template_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{% if %}")
    with pytest.raises(jinja2.TemplateSyntaxError) as fault:
        jinja2.Environment(loader=Templates(tmp_path), autoescape=True).get_template("page.html")
    assert fault.value.filename == str(tmp_path / "page.html")
