"""An address is drawn where it fits."""

from __future__ import annotations

from helpers.qr import qr, qr_rows


def test_an_address_is_drawn_as_squares() -> None:
    rows = qr_rows("https://chat.example/join/abc")
    assert len(rows) == len(rows[0])
    assert set("".join(rows)) == {"0", "1"}
    assert "<svg" in qr("https://chat.example/join/abc")


def test_what_is_too_long_for_a_drawing_has_none() -> None:
    assert qr_rows("x" * 4000) == ()
    assert not qr("x" * 4000)
