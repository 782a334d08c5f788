"""Secrets that sign events: each belongs to a store; several count at once while a sender changes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hub.access import audit
from hub.errors import ConfigError, ConflictError, NotFoundError
from hub.inbound.signature import new_secret, parse_secret
from hub.merchant.stores import checked_name
from hub.store.database import hold_key, in_transaction, naming
from hub.store.models import EventSecret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core import Hub
    from hub.store.models import Store

_CANNOT_OPEN = (
    "start the hub with the key that sealed it, or remove it and add it again: `hub events secrets`"
)

log = structlog.get_logger()


async def add(
    hub: Hub, store: Store, *, name: str | None = None, text: str | None = None
) -> tuple[EventSecret, str]:
    """Adds a secret that counts from now on.

    Args:
        hub: the hub.
        store: whose events it signs.
        name: what the merchant calls it; None for the first free of ``secret-1``, ``secret-2``…
        text: a secret that the sender made, ``whsec_…``; None makes one.

    Returns:
        The row, and the secret itself, which is told nowhere else.

    Raises:
        ConfigError: the text is no secret.
        ConflictError: the name is taken, or the secret signs already; it could not tell the store any more.
        UsageError: the name cannot be used.
    """
    text = text or new_secret()
    key = parse_secret(text)
    async with naming():
        active = await every()
        taken = {row.name for row in active if row.store_id == store.id}
        name = _free_name(taken) if name is None else checked_name(name, "secret")
        if name in taken:
            raise ConflictError(
                f"add event secret {name!r}: store {store.name} has one of that name",
                fix="choose another name; several secrets count at the same time",
            )
        if key in keys(hub, active).values():
            raise ConflictError(
                f"add event secret {name!r}",
                why="the same secret counts already, and a secret must tell one store",
                fix="let the hub make a new one: leave --secret out",
            )
        row = EventSecret(id=hub.clock.new_id(), store=store, name=name, created_at=hub.clock.now())
        await hold_key()
        row.secret = hub.sealer.seal(text, row=_bound(row))
        await row.save(force_create=True)
        await audit.record("event_secret.added", name, store=store.id)
    return row, text


async def every(store: Store | None = None) -> list[EventSecret]:
    """The secrets that count, of one store or of all, oldest first, each with its store."""
    of_store = {} if store is None else {"store_id": store.id}
    active = EventSecret.filter(removed_at__isnull=True, **of_store)
    return await active.order_by("created_at", "id").select_related("store")


async def remove(hub: Hub, store: Store, name: str) -> EventSecret:
    """Ends a secret: the next request that it signs is refused. What it brought stays.

    Raises:
        NotFoundError: there is none of that name.
    """
    async with in_transaction():
        counting = EventSecret.filter(store_id=store.id, name=name, removed_at__isnull=True)
        row = await counting.select_for_update(no_key=True).first()
        if row is None:
            known = ", ".join(each.name for each in await every(store)) or "none"
            raise NotFoundError(
                f"find event secret {name!r}", why=f"there are: {known}", fix="see `hub events secrets list`"
            )
        row.removed_at, row.secret = hub.clock.now(), ""
        await EventSecret.filter(id=row.id).update(removed_at=row.removed_at, secret=row.secret)
        await audit.record("event_secret.removed", row.name, store=store.id)
    return row


def keys(hub: Hub, rows: Sequence[EventSecret], *, told: set[str] | None = None) -> dict[str, bytes]:
    """The key bytes of secrets, by the ids of their rows.

    One that cannot be opened (sealed with another key, or altered) is left out and logged: the others count.

    Args:
        hub: the hub.
        rows: the secrets.
        told: ids of those that were logged before; they are not logged again. None for none.
    """
    told = set() if told is None else told
    found = {}
    for row in rows:
        try:
            found[row.id] = parse_secret(hub.sealer.open(row.secret, row=_bound(row)))
        except ConfigError as error:
            if row.id not in told:
                log.warning(
                    "event secret cannot be opened", name=row.name, reason=error.why, fix=_CANNOT_OPEN
                )
            told.add(row.id)
    return found


class Signers:
    """The secrets that count, as they were when they were last read, so that not every event reads them.

    Attributes:
        rows: each with its store, by id.
        keys: key bytes by id, of those that could be opened.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.rows: dict[str, EventSecret] = {}
        self.keys: dict[str, bytes] = {}
        self._told: set[str] = set()
        """Those that cannot be opened. Any stranger can have them read, and must not fill the log."""

    async def read(self) -> None:
        """Reads them anew."""
        rows = await every()
        self.rows = {row.id: row for row in rows}
        self.keys = keys(self._hub, rows, told=self._told)


def _bound(row: EventSecret) -> str:
    return f"event_secret/{row.id}"


def _free_name(taken: set[str]) -> str:
    number = 1
    while f"secret-{number}" in taken:
        number += 1
    return f"secret-{number}"
