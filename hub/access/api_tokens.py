"""API tokens: how programs get in."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hub.access import audit
from hub.access.principal import Scope
from hub.access.tokens import digest, new_token
from hub.access.users import checked_name
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.store.database import in_transaction, naming
from hub.store.people import ApiToken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hub.clock import Clock
    from hub.store.models import Store


async def add(
    clock: Clock, name: str, scopes: Iterable[Scope], *, store: Store | None, expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """Makes a token.

    Args:
        clock: time and ids.
        name: unique among live tokens, compared without case.
        scopes: what it may do.
        store: the one store it sees; None for all.
        expires_at: when it ends; None for when it is revoked.

    Returns:
        The row, and the token itself, which is stored nowhere.

    Raises:
        ConflictError: the name is taken. UsageError: the name cannot be used, or no scope was given.
    """
    name, wanted = checked_name(name), sorted(set(scopes))
    if not wanted:
        raise UsageError(
            f"make token {name!r}: it may do nothing", fix=f"give it a scope: {', '.join(Scope)}"
        )
    token = new_token()
    async with naming():
        if await ApiToken.exists(name_key=name.casefold()):
            raise ConflictError(
                f"make token {name!r}: there is one of that name",
                fix=f"choose another name, or end it with `hub tokens revoke {shlex.quote(name)}`",
            )
        row = await ApiToken.create(
            id=clock.new_id(),
            name=name,
            name_key=name.casefold(),
            token_hash=digest(token),
            scopes=" ".join(wanted),
            store_id=store.id if store else None,
            created_at=clock.now(),
            expires_at=expires_at,
        )
        after = {"scopes": wanted, "store": store.name if store else None, "expires_at": expires_at}
        await audit.record("token.added", name, store=row.store_id, after=after)
    return row, token


async def every() -> list[ApiToken]:
    """The tokens that were not revoked, by name."""
    return await ApiToken.filter(revoked_at__isnull=True).select_related("store").order_by("name_key")


async def revoke(clock: Clock, name: str) -> ApiToken:
    """Ends a token from this moment on.

    Raises:
        NotFoundError: there is none of that name.
    """
    async with in_transaction():
        row = await ApiToken.get_or_none(name_key=name.strip().casefold()).select_related("store")
        if row is None or not await ApiToken.filter(id=row.id, revoked_at__isnull=True).update(
            revoked_at=clock.now(), name_key=None
        ):
            raise NotFoundError(f"find token {name!r}", fix="list them with `hub tokens list`")
        await audit.record("token.revoked", row.name, store=row.store_id, before={"scopes": scopes_of(row)})
    return row


def scopes_of(row: ApiToken) -> list[Scope]:
    """What a token may do; a scope that this version does not know gives nothing."""
    return [Scope(name) for name in row.scopes.split() if name in set(Scope)]
