"""Return methods: which connection an RMA goes to, by the name of its method."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hub.access import audit
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.merchant.stores import checked_name
from hub.rma import MethodType
from hub.routing import name_key
from hub.store.database import in_transaction, naming
from hub.store.models import Connection, ReturnMethod

if TYPE_CHECKING:
    from hub.store.models import Store


async def add(store: Store, name: str, kind: MethodType) -> ReturnMethod:
    """Adds a return method, set to *Do not update*.

    Raises:
        ConflictError: the store has one of that name.
    """
    name = checked_name(name, "return method")
    async with naming():
        if await ReturnMethod.exists(store_id=store.id, name_key=name_key(name)):
            raise ConflictError(
                f"add return method {name!r}: store {store.name} has one of that name",
                fix=f"change it with `hub methods set {shlex.quote(name)}`",
            )
        row = await ReturnMethod.create(store=store, name=name, name_key=name_key(name), type=kind.value)
        await audit.record("method.added", name, store=store.id, after={"type": row.type})
    return row


async def get(store: Store, name: str) -> ReturnMethod:
    """The return method of that name, compared without case.

    Raises:
        NotFoundError: the store has none.
    """
    row = await ReturnMethod.get_or_none(store_id=store.id, name_key=name_key(name)).select_related(
        "connection"
    )
    if row is None:
        names = ", ".join(f"{method.name!r}" for method in await every(store)) or "none"
        raise NotFoundError(
            f"find return method {name!r} of store {store.name}",
            why=f"it has: {names}",
            fix=f"add it with `hub methods add {shlex.quote(name)} --type TYPE`",
        )
    return row


async def every(store: Store) -> list[ReturnMethod]:
    """The store's return methods, by name."""
    return await ReturnMethod.filter(store_id=store.id).select_related("connection").order_by("name_key")


async def point_at(row: ReturnMethod, connection: Connection, location_id: str | None) -> None:
    """Sends this method's RMAs to a connection.

    Raises:
        UsageError: nothing is shipped with this method, so there is nothing to credit against goods.
        ConflictError: the connection was removed meanwhile. NotFoundError: the method was.
    """
    if row.type == MethodType.NO_SHIPMENT_REQUIRED:
        raise UsageError(
            f"set return method {row.name!r}: it is of type No Shipment Required",
            why="the customer keeps the goods, so no ERP is updated for it",
            fix="leave it at Do not update",
        )
    async with in_transaction():
        await hold(connection, row.name)
        await _set(row, connection.id, location_id)


async def hold(connection: Connection, name: str) -> None:
    """Keeps a connection that a method is to point at from being removed in the caller's transaction.

    Removing one locks its row too, before those of its methods: whichever comes second sees the other.

    Args:
        connection: which.
        name: the method's.

    Raises:
        ConflictError: the connection was removed meanwhile.
    """
    held = await Connection.filter(id=connection.id).select_for_update().get()
    if held.removed_at is not None:
        raise ConflictError(
            f"set return method {name!r}: connection {connection.name!r} was removed meanwhile",
            fix="name another one; `hub connections list` shows them",
        )


async def do_not_update(row: ReturnMethod, *, only_from: Connection | None = None) -> None:
    """Makes nothing for this method's RMAs.

    Args:
        row: which.
        only_from: leaves it as it is when it points at another connection by now; None for wherever.

    Raises:
        NotFoundError: it was removed meanwhile.
    """
    async with in_transaction():
        if only_from is None or (await _held(row)).connection_id == only_from.id:
            await _set(row, None, None)


async def remove(row: ReturnMethod) -> None:
    """Forgets a return method; RMAs that name it then need a person.

    Raises:
        NotFoundError: it was removed meanwhile.
    """
    async with in_transaction():
        held = await _held(row)
        await audit.record("method.removed", held.name, store=held.store_id, before=await _state(held))
        await held.delete()


async def _held(row: ReturnMethod) -> ReturnMethod:
    """The row as it is now, locked until the caller's transaction ends."""
    held = await ReturnMethod.filter(id=row.id).select_for_update().first()
    if held is None:
        raise NotFoundError(
            f"change return method {row.name!r}: it was removed meanwhile",
            fix="see what there is with `hub methods list`",
        )
    return held


async def _set(row: ReturnMethod, connection_id: str | None, location_id: str | None) -> None:
    held = await _held(row)
    before = await _state(held)
    held.connection_id, held.location_id = connection_id, location_id
    await ReturnMethod.filter(id=held.id).update(connection_id=connection_id, location_id=location_id)
    await audit.record("method.set", held.name, store=held.store_id, before=before, after=await _state(held))


async def _state(row: ReturnMethod) -> dict[str, str | None]:
    connection = await Connection.get_or_none(id=row.connection_id) if row.connection_id else None
    return {"connection": connection.name if connection else None, "location": row.location_id}
