"""Whose an account is: of two connections that name one, the first whose credentials it accepted holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from hub.store.database import in_transaction
from hub.store.models import Connection

if TYPE_CHECKING:
    from datetime import datetime


async def prove(row: Connection, now: datetime) -> bool:
    """Writes down that an account has accepted a connection's credentials, in a transaction of its own.

    The connection then holds the account, also where one without proof held it before. The given row is
    changed as well.

    Args:
        row: the connection, as it was when its credentials were tried: one that leads elsewhere since, or was
            removed, has proved nothing.
        now: the present.

    Returns:
        False when another connection has proved the account before, so that this one does not hold it.
    """
    try:
        return await _prove(row, now)
    except IntegrityError:
        # Another connection proved the same account at this moment.
        return await _prove(row, now)


async def _prove(row: Connection, now: datetime) -> bool:
    key = row.quota_key
    async with in_transaction():
        concerned = Connection.filter(Q(id=row.id) | Q(account_key=key)).order_by("id")
        rows = {each.id: each for each in await concerned.select_for_update(no_key=True)}
        mine = rows.pop(row.id, None)
        if mine is None or mine.removed_at is not None or mine.quota_key != key:
            return True
        holder = next(iter(rows.values()), None)
        if holder is not None and holder.proved_at is None:
            await Connection.filter(id=holder.id).update(account_key=None)
            holder = None
        row.proved_at = mine.proved_at or now
        row.account_key = key if holder is None and key else None
        await Connection.filter(id=row.id).update(proved_at=row.proved_at, account_key=row.account_key)
    return holder is None
