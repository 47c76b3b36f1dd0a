"""What people come in by, called by a name that nobody can get back from: sessions and tokens, each in its own way."""

from __future__ import annotations

import hashlib

KEY = "token:"


def token_hash(token: str) -> bytes:
    """All that is kept of an API token: it is random enough that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def token_ref(token: str) -> str:
    """The name of an API token, to be compared with `SignedOut.session`."""
    return ref_of_hash(token_hash(token))


def ref_of_hash(kept: bytes) -> str:
    """The same, from what is kept of it."""
    return f"{KEY}{kept.hex()}"


def is_session(ref: str | None) -> bool:
    """Whether this names a session, which ends with all others of its user; a token lasts until it is revoked."""
    return ref is not None and not ref.startswith(KEY)
