"""An address to be held before a camera."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_rows(text: str) -> tuple[str, ...]:
    """The text as a QR code, row by row: 1 is a dark square. No rows where it is more than one can hold."""
    try:
        return tuple("".join(map(str, row)) for row in segno.make(text, error="m").matrix)
    except segno.DataOverflowError:
        return ()


def qr(text: str) -> Markup:
    """The text as a QR code: inline SVG, in the colour of what is around it. Nothing where it is too long for one."""
    rows = qr_rows(text)
    if not rows:
        return Markup()
    squares = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark == "1"
    )
    return Markup(
        '<svg viewBox="0 0 {size} {size}" role="img" aria-label="QR code of the link" shape-rendering="crispEdges">'
        '<path fill="currentColor" d="{squares}"/></svg>'
    ).format(size=len(rows), squares=squares)
