"""The tables of who may do what, and of who did it.

Links, sessions and API tokens are kept as digests only: what opens the hub is in nobody's backup.

No class docstring here holds a semicolon, as in :mod:`hub.store.models`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, cast

from tortoise.indexes import Index

from hub.store import fields
from hub.store.model import Model
from hub.store.models import ID_LENGTH, NAME_LENGTH, PROTECT

if TYPE_CHECKING:
    from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation

    from hub.store.models import Store

CASCADE = fields.OnDelete.CASCADE
DIGEST_LENGTH = 64
ADDRESS_LENGTH = 64


def _text_or_null() -> fields.Field[str | None]:
    # Tortoise types its text field as never NULL.
    return cast("fields.Field[str | None]", fields.TextField(null=True))


class Source(StrEnum):
    """By which door a change came."""

    CLI = "cli"
    PAGE = "page"
    API = "api"


class User(Model):
    """A person with a sign-in: an administrator, or a merchant of one store."""

    id = fields.CharField(ID_LENGTH, primary_key=True)
    name = fields.CharField(NAME_LENGTH)
    name_key = fields.CharField(NAME_LENGTH, unique=True)
    """The name without case."""
    is_admin = fields.BooleanField(default=False)
    store: ForeignKeyNullableRelation[Store] = fields.ForeignKeyField(
        "hub.Store", null=True, on_delete=PROTECT
    )
    """NULL for administrators, who see all stores."""
    store_id: int | None
    password_hash = _text_or_null()
    """Argon2. NULL until the person has followed their first link."""
    created_at = fields.DatetimeField()
    last_sign_in_at = fields.DatetimeField(null=True)
    disabled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "user_account"


class SignInLink(Model):
    """A link that lets its holder set a password, once."""

    id = fields.IntField(primary_key=True)
    user: ForeignKeyRelation[User] = fields.ForeignKeyField(
        "hub.User", related_name="links", on_delete=CASCADE
    )
    user_id: str
    token_hash = fields.CharField(DIGEST_LENGTH, unique=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "sign_in_link"


class Session(Model):
    """A browser in which somebody is signed in."""

    id = fields.IntField(primary_key=True)
    user: ForeignKeyRelation[User] = fields.ForeignKeyField(
        "hub.User", related_name="sessions", on_delete=CASCADE
    )
    user_id: str
    token_hash = fields.CharField(DIGEST_LENGTH, unique=True)
    created_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    address = fields.CharField(ADDRESS_LENGTH, default="")
    """Where the sign-in came from."""

    class Meta:
        table = "session"


class ApiToken(Model):
    """A program's way in."""

    id = fields.CharField(ID_LENGTH, primary_key=True)
    name = fields.CharField(NAME_LENGTH)
    name_key = fields.CharField(NAME_LENGTH, unique=True, null=True)
    """The name without case. NULL once revoked, which frees the name."""
    token_hash = fields.CharField(DIGEST_LENGTH, unique=True)
    scopes = fields.TextField()
    """Names of scopes with a blank between."""
    store: ForeignKeyNullableRelation[Store] = fields.ForeignKeyField(
        "hub.Store", null=True, on_delete=PROTECT
    )
    """The one store it sees. NULL for all."""
    store_id: int | None
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_token"


class AuditEntry(Model):
    """One change that somebody made. Never deleted, and changed only where a customer is erased."""

    id = fields.IntField(primary_key=True)
    at = fields.DatetimeField()
    actor = fields.CharField(NAME_LENGTH)
    """A user's or an API token's name, or that of the operating system's user for a command."""
    source = fields.CharEnumField(Source, max_length=10)
    address = fields.CharField(ADDRESS_LENGTH, default="")
    """Where the request came from. Empty for commands."""
    action = fields.CharField(60)
    """What was done: ``connection.edited``."""
    target = fields.CharField(200)
    """To what, by its name or id."""
    store: ForeignKeyNullableRelation[Store] = fields.ForeignKeyField(
        "hub.Store", null=True, on_delete=PROTECT
    )
    """NULL for what belongs to no store."""
    store_id: int | None
    before = _text_or_null()
    """JSON without secrets. NULL when the thing is new."""
    after = _text_or_null()
    """JSON without secrets. NULL when the thing is gone."""

    class Meta:
        table = "audit_entry"
        indexes = (Index(fields=("store_id", "id")), Index(fields=("at",)))


class SignInTry(Model):
    """Tries to sign in that came to nothing, counted per name and per address."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(DIGEST_LENGTH, unique=True)
    """Digest of the name or the address: people type passwords into the wrong field."""
    count = fields.IntField()
    last_at = fields.DatetimeField()
    blocked_until = fields.DatetimeField(null=True)

    class Meta:
        table = "sign_in_try"


class KeptAnswer(Model):
    """How a request with an ``Idempotency-Key`` was answered, so that its repetition is answered alike."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(DIGEST_LENGTH, unique=True)
    """Digest of who asked and of their key."""
    request = fields.CharField(DIGEST_LENGTH)
    """Digest of what was asked, made with the key."""
    started_at = fields.DatetimeField(db_index=True)
    status = fields.IntField(null=True)
    """NULL while the request is under way."""
    location = fields.TextField(default="")
    body = fields.TextField(default="")

    class Meta:
        table = "kept_answer"
