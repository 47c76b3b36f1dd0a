"""Static files under an address that changes with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from aiohttp import web

from helpers.web import NotFound

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

# What stands in the system's tables differs from machine to machine.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class Assets:
    """The files below one folder. All share one hash, so that what they say of each other stays relative."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }
        digest = hashlib.sha256()
        for name, path in self._files.items():
            digest.update(f"{name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        self.hash = digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of a file, as templates say it. Raises KeyError where there is no such file."""
        if name not in self._files:
            raise KeyError(f"there is no static file {name}")
        return f"/static/{self.hash}/{name}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The file; under an old hash it is given as it is now, and not to be kept. Raises `NotFound`."""
        path = self._files.get(request.match_info["path"])
        if path is None:
            raise NotFound
        keep = FOR_EVER if request.match_info["hash"] == self.hash else ASK_AGAIN
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        return web.FileResponse(path, headers={"Cache-Control": keep, "Content-Type": kind})
