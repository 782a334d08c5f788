"""The audit log: who changed what, from where, before and after.

Whoever changes something that a person set up writes its entry in the transaction of the change. Who acts
is known by :func:`hub.access.principal.current`, so that nobody has to hand it down. An entry is refused to
whoever may not act any more, and with it the change: who may was looked up when the request came, and a
request may take its time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hub.access.principal import current
from hub.clock import Clock
from hub.errors import AccessError
from hub.store.database import client
from hub.store.people import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.access.principal import Principal

LONGEST_TARGET = 200
_STILL = {
    "user_id": "SELECT 1 FROM user_account WHERE id = {} AND disabled_at IS NULL",
    "session_id": "SELECT 1 FROM session WHERE id = {}",
    "token_id": "SELECT 1 FROM api_token WHERE id = {} AND revoked_at IS NULL",
}
"""By what somebody acts, and what tells that they still may; in the order in which others lock the rows."""


async def record(
    action: str,
    target: str,
    *,
    store: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Writes one entry, at the machine's time.

    Args:
        action: what was done, as ``noun.participle``: ``connection.edited``.
        target: to what, by the name or id that people use.
        store: the id of the store it belongs to; None for what belongs to none.
        before: what it was, without secrets; None when it is new.
        after: what it is, without secrets; None when it is gone.

    Raises:
        AccessError: 401: since the request came, whoever asked was removed or disabled, was signed out, or
            their token was revoked.
    """
    who = current()
    await _check_still_may(who)
    await AuditEntry.create(
        at=Clock().now(),
        actor=who.who,
        source=who.source,
        address=who.address,
        action=action,
        target=target[:LONGEST_TARGET],
        store_id=store,
        before=_as_json(before),
        after=_as_json(after),
    )


async def _check_still_may(who: Principal) -> None:
    database = client()
    is_sqlite = database.capabilities.dialect == "sqlite"
    for by, statement in _STILL.items():
        value = getattr(who, by)
        if value is None:
            continue
        # Kept until the caller's transaction ends: whoever is removed has changed nothing afterwards.
        kept = statement.format("?") if is_sqlite else f"{statement.format('$1')} FOR SHARE"
        _, rows = await database.execute_query(kept, [value])
        if not rows:
            raise AccessError(
                f"make a change in the name of {who.who}: they may not act any more",
                why="meanwhile they were signed out, removed or disabled, or their token revoked",
                fix="sign in again, or use another token; nothing of this was kept",
                status=401,
            )


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs between two states, before and after."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return (
        {name: old[name] for name in names if name in old},
        {name: new[name] for name in names if name in new},
    )


async def every(
    *,
    store: int | None = None,
    since: datetime | None = None,
    target: str | None = None,
    below: int | None = None,
    limit: int,
) -> list[AuditEntry]:
    """Entries, newest first.

    Args:
        store: only those of this store; None for all, also of none.
        since: only those from then on; None for all.
        target: only those about this name or id; None for all.
        below: only those before the one of that id, for the next page; None for the newest.
        limit: at most so many.
    """
    query = AuditEntry.all()
    if store is not None:
        query = query.filter(store_id=store)
    if since is not None:
        query = query.filter(at__gte=since)
    if target is not None:
        query = query.filter(target=target)
    if below is not None:
        query = query.filter(id__lt=below)
    return await query.select_related("store").order_by("-id").limit(limit)


def _as_json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False, default=str)
