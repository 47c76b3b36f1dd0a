"""Static files under an address that changes with their content, so that browsers may keep them for ever.

Modules and style sheets are small and many. A page names all its modules at once, for each level of imports would
cost a way there and back; a sheet is given together with those it imports.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath

from aiohttp import web

from helpers.web import NotFound

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
IMPORTED_MODULE = re.compile(r"""^(?:import|export)\b[^"';]*"(\.[^"]+)"$""", re.MULTILINE)
# From the same folder, so that addresses in it stay right.
IMPORTED_SHEET = re.compile(rb"""^@import "([\w-]+\.css)";\n""", re.MULTILINE)

# What stands in the system's tables differs from machine to machine.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class Assets:
    """The files below one folder, read once. All share one hash, so that what they say of each other stays relative.

    Raises `FileNotFoundError` where a sheet imports what is not there.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        self._bodies = {path.relative_to(folder).as_posix(): _body(path) for path in files}
        self._imports = {
            name: _imports(name, body) for name, body in self._bodies.items() if name.endswith(".js")
        }
        digest = hashlib.sha256()
        for name, body in self._bodies.items():
            digest.update(f"{name}\0".encode())
            digest.update(hashlib.sha256(body).digest())
        self.hash = digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of a file, as templates say it. Raises KeyError where there is no such file."""
        if name not in self._bodies:
            raise KeyError(f"there is no static file {name}")
        return f"/static/{self.hash}/{name}"

    def modules(self, entry: str) -> list[str]:
        """The addresses of all that a module imports, and what that imports; nearest first, itself left out.

        Raises KeyError where one is not there.
        """
        found = [entry]
        for name in found:
            found += [near for near in self._imports[name] if near not in found]
        return [self.url(name) for name in found[1:]]

    def publish(self, folder: Path) -> None:
        """Write the files below `folder` as they are served here, for a server that stands before this one."""
        for name, body in self._bodies.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(body)

    async def serve(self, request: web.Request) -> web.Response:
        """The file; under an old hash it is given as it is now, and not to be kept. Raises `NotFound`."""
        name = request.match_info["path"]
        body = self._bodies.get(name)
        if body is None:
            raise NotFound
        keep = FOR_EVER if request.match_info["hash"] == self.hash else ASK_AGAIN
        kind = (
            TYPES.get(PurePosixPath(name).suffix)
            or mimetypes.guess_type(name)[0]
            or "application/octet-stream"
        )
        return web.Response(body=body, headers={"Cache-Control": keep, "Content-Type": kind})


def _body(path: Path) -> bytes:
    body = path.read_bytes()
    if path.suffix != ".css":
        return body
    return IMPORTED_SHEET.sub(lambda named: (path.parent / named[1].decode()).read_bytes(), body)


def _imports(name: str, body: bytes) -> list[str]:
    above = PurePosixPath(name).parent
    return [normpath(above / near) for near in IMPORTED_MODULE.findall(body.decode())]
