"""What every answer tells the browser not to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
A_YEAR = "max-age=31536000"


def guarding(*, is_secure: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """For `app.on_response_prepare`: these headers on everything; with https, a promise to stay so."""
    headers = HEADERS | ({"Strict-Transport-Security": A_YEAR} if is_secure else {})

    async def guard(request: web.Request, response: web.StreamResponse) -> None:
        # Which versions run here is nobody's business.
        response.headers["Server"] = "aiochat"
        for name, value in headers.items():
            response.headers.setdefault(name, value)

    return guard
