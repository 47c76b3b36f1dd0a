"""What PostgreSQL remembers of people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import peewee
from playhouse.postgres_ext import DateTimeTZField

from helpers.database import BaseModel


class User(BaseModel):
    """A person, a bot or a guest. Number 0 is the house itself."""

    id = peewee.BigAutoField()
    name = peewee.TextField()
    name_key = peewee.TextField()
    is_guest = peewee.BooleanField(default=False)
    is_bot = peewee.BooleanField(default=False)
    is_admin = peewee.BooleanField(default=False)
    email = peewee.TextField(null=True)
    password_hash = peewee.TextField(null=True)
    session_epoch = peewee.IntegerField(default=0)
    suspended_until = DateTimeTZField(null=True)
    created_at = DateTimeTZField()

    class Meta:
        table_name = "users"

    @property
    def is_suspended(self) -> bool:
        """Whether the account rests now."""
        until: datetime | None = self.suspended_until
        return until is not None and until > datetime.now(UTC)


class ReservedName(BaseModel):
    """A name that rests after a rename: only its last bearer may take it back."""

    name_key = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User, column_name="user_id", backref="+")
    until = DateTimeTZField()

    class Meta:
        table_name = "reserved_names"


class ApiToken(BaseModel):
    """A bot's or a client's key to the API: kept hashed, shown once."""

    id = peewee.BigAutoField()
    user = peewee.ForeignKeyField(User, column_name="user_id", backref="+")
    label = peewee.TextField(default="")
    token_hash = peewee.BlobField(unique=True)
    created_at = DateTimeTZField()
    last_used_at = DateTimeTZField(null=True)
    revoked_at = DateTimeTZField(null=True)

    class Meta:
        table_name = "api_tokens"


MODELS = (User, ReservedName, ApiToken)

USER_COLUMNS = (
    *("id", "name", "name_key", "is_guest", "is_bot", "is_admin", "email", "password_hash", "session_epoch"),
    *("suspended_until", "created_at"),
)


def user_columns(table: str = "users") -> str:
    """The columns that `user_from` reads, for a SELECT or RETURNING on this table or alias."""
    return ", ".join(f"{table}.{column}" for column in USER_COLUMNS)


def user_from(row: tuple[Any, ...] | None) -> User | None:
    """The user in a row of `user_columns`."""
    return None if row is None else User(**dict(zip(USER_COLUMNS, row, strict=True)))
