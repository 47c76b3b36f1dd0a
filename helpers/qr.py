"""An address to be held before a camera."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_rows(text: str) -> tuple[str, ...]:
    """The text as a QR code, row by row: 1 is a dark square."""
    return tuple("".join(map(str, row)) for row in segno.make(text, error="m").matrix)


def qr(text: str) -> Markup:
    """The text as a QR code: inline SVG, in the colour of what is around it."""
    rows = qr_rows(text)
    squares = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark == "1"
    )
    return Markup(
        '<svg viewBox="0 0 {size} {size}" role="img" aria-label="QR code of the link" shape-rendering="crispEdges">'
        '<path fill="currentColor" d="{squares}"/></svg>'
    ).format(size=len(rows), squares=squares)
