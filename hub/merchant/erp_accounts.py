"""Which account a connection leads to, and who may use it.

An account is held by whoever proved its credentials (:mod:`hub.store.proof`), never by whoever wrote it down.
And nobody is told that another store uses an account before they have proved that it is theirs too: else
anyone could ask who is connected here.
"""

from __future__ import annotations

import hashlib
import json
from posixpath import normpath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from hub.errors import ConflictError
from hub.store.models import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

WHY = "two connections to one account would spend one quota twice over"
_PORTS = {"https": 443, "http": 80}


class Described(Protocol):
    """What of a connector's or a platform's schema tells which fields name an account."""

    @property
    def name(self) -> str:
        """Of the connector or platform."""

    @property
    def account_fields(self) -> Sequence[str]:
        """Fields that together name one account."""


def account_key(schema: Described, credentials: BaseModel, settings: BaseModel) -> str:
    """A digest that two connections to one account share, however their addresses are spelled."""
    given = [str(getattr(credentials, f, getattr(settings, f, ""))) for f in schema.account_fields]
    given = [_spelled(each) for each in given]
    return hashlib.sha256(json.dumps([schema.name, *given]).encode()).hexdigest()


def _spelled(value: str) -> str:
    """An address in one spelling: without its scheme's own port, a dot behind the host, ``//``, ``%61``."""
    if not value.startswith(("https://", "http://")):
        return value
    parts = urlsplit(value)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    if parts.port not in {None, _PORTS[parts.scheme]}:
        host = f"{host}:{parts.port}"
    path = normpath(f"/{unquote(parts.path).lstrip('/')}")
    return f"{parts.scheme}://{host}{path}".rstrip("/")


async def twin_of(row: Connection, key: str) -> Connection | None:
    """Another connection of the same store that leads to an account, proved or not; None without one."""
    others = Connection.filter(store_id=row.store_id, role=row.role, removed_at__isnull=True)
    return await others.filter(quota_key=key).exclude(id=row.id).order_by("created_at").first()


async def check_account_free(row: Connection, what: str) -> None:
    """Refuses a second connection of a store to one account.

    Raises:
        ConflictError: the store has one.
    """
    if twin := await twin_of(row, row.quota_key):
        raise ConflictError(
            f"{what}: {twin.name!r} uses this account",
            why=WHY,
            fix="use that connection; if you mean it, `hub connections add` takes --allow-same-account",
        )


def check_held(row: Connection, what: str) -> None:
    """Refuses a connection that has proved its credentials, to an account that another had proved before.

    Raises:
        ConflictError: it does not hold its account. The other is not named: it may be another store's.
    """
    if row.account_key is None:
        raise ConflictError(
            f"{what}: its account is connected to this hub already",
            why=WHY,
            fix="use the connection there is, or ask whoever runs this hub; if you mean it, "
            "`hub connections add` takes --allow-same-account",
        )
