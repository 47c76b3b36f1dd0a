"""The one-time link by which the first person sets the site up."""

from __future__ import annotations

import base64
import hashlib
import hmac

from aiochat.settings import Settings
from helpers.database import sync_database


def setup_token(settings: Settings) -> str | None:
    """The token of the set-up link; None once the site is set up.

    It follows from the secret key, so every process and every start says the same. The database has its hash.
    """
    assert settings.database_url is not None
    assert settings.secret_key is not None
    database = sync_database(settings.database_url)
    with database.connection_context():
        epoch = database.execute_sql("SELECT epoch FROM site WHERE id = 1").fetchone()[0]
        digest = hmac.digest(settings.secret_key.encode(), f"setup:{epoch}".encode(), "sha256")
        token = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        kept = database.execute_sql(
            "UPDATE site SET setup_hash = %s WHERE id = 1 AND set_up_at IS NULL RETURNING id",
            (hashlib.sha256(token.encode()).digest(),),
        ).fetchone()
    return token if kept is not None else None


def address(settings: Settings) -> str:
    """Where to look: the public address, or this machine's own."""
    if settings.public_url is not None:
        return settings.public_url
    host = settings.host
    if host in {"0.0.0.0", "::", "127.0.0.1", "::1"}:  # noqa: S104 -- to be told from the others
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
