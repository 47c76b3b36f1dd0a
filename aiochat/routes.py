"""Every address of the site on one page."""

from __future__ import annotations

from aiohttp import web

from aiochat import health
from aiochat.assets import Assets


def add_routes(app: web.Application, assets: Assets) -> None:
    """Say who answers where."""
    app.add_routes(
        [
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/static/{hash:[0-9a-f]+}/{path:.+}", assets.serve),
        ]
    )
