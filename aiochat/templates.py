"""The templates of pages, read once: what is checked out below a running site is not seen before it starts again.

A page of the new version would name static files that the old one does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jinja2


class Templates(jinja2.BaseLoader):
    """The files below one folder, as they are when this is made."""

    def __init__(self, folder: Path) -> None:
        self._sources = {
            path.relative_to(folder).as_posix(): (path.read_text(encoding="utf-8"), str(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The source, where it stands, and that it stays so. Raises `jinja2.TemplateNotFound`."""
        if template not in self._sources:
            raise jinja2.TemplateNotFound(template)
        source, path = self._sources[template]
        return source, path, lambda: True
