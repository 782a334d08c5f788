"""Stores: whose connections, return methods and RMAs they are."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hub.access import audit
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.store.database import in_transaction, naming, setting_up
from hub.store.models import NAME_LENGTH, Store

if TYPE_CHECKING:
    from datetime import datetime

    from hub.clock import Clock

DEFAULT = "default"


async def ensure_default(clock: Clock) -> None:
    """Makes the store that commands use without ``--store``; safe to repeat."""
    async with setting_up():
        if not await Store.exists(name=DEFAULT):
            await Store.create(name=DEFAULT, created_at=clock.now())


async def get(name: str = DEFAULT) -> Store:
    """The store of that name.

    Raises:
        NotFoundError: there is none.
    """
    store = await Store.get_or_none(name=name)
    if store is None:
        known = ", ".join(each.name for each in await every()) or "none"
        raise NotFoundError(
            f"find store {name!r}",
            why=f"there are: {known}",
            fix=f"add it with `hub stores add {shlex.quote(name)}`" if known != "none" else "run `hub init`",
        )
    return store


async def add(name: str, now: datetime, *, url: str = "", customer_support_url: str = "") -> Store:
    """Adds a store.

    Raises:
        ConflictError: the name is taken.
    """
    name = checked_name(name, "store")
    async with naming():
        if await Store.exists(name=name):
            raise ConflictError(
                f"add store {name!r}: there is one already",
                fix=f"change it with `hub stores edit {shlex.quote(name)}`",
            )
        row = await Store.create(
            name=name, url=url, customer_support_url=customer_support_url, created_at=now
        )
        await audit.record("store.added", name, store=row.id, after=_state(row))
    return row


async def edit(name: str, *, url: str | None, customer_support_url: str | None) -> Store:
    """Changes what is given; None leaves a field as it is."""
    given = {"url": url, "customer_support_url": customer_support_url}
    changes = {field: value for field, value in given.items() if value is not None}
    async with in_transaction():
        held = await Store.filter(id=(await get(name)).id).select_for_update(no_key=True).get()
        before = _state(held)
        if changes:
            await Store.filter(id=held.id).update(**changes)
        held.update_from_dict(changes)
        old, new = audit.changed(before, _state(held))
        await audit.record("store.edited", name, store=held.id, before=old, after=new)
    return held


async def every() -> list[Store]:
    """All stores, by name."""
    return await Store.all().order_by("name")


def _state(row: Store) -> dict[str, str]:
    return {"url": row.url, "customer_support_url": row.customer_support_url}


def checked_name(name: str, what: str, *, prefix: str = "") -> str:
    """A name without blanks around it, refused when nothing or too much is left.

    Args:
        name: as a user gave it.
        what: what it names.
        prefix: stands before it where names are compared, and takes its room.

    Raises:
        UsageError: the name is not usable.
    """
    name = name.strip()
    longest = NAME_LENGTH - len(prefix)
    # Without case some letters are two.
    if not name or max(len(name), len(name.casefold())) > longest or not name.isprintable():
        raise UsageError(
            f"name the {what}",
            why=f"a name has 1 to {longest} printable characters, and this one has {len(name)}",
            fix="give another name",
        )
    return name
