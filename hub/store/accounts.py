"""Accounts in ERPs: the connections that lead to one, and the deliveries that have a document in it.

Rows are locked in one order: connections by id, then RMAs, then deliveries. Whoever gives a document to a
delivery, hands a delivery back or changes a connection holds the account meanwhile. Of two who do so at one
moment, the second reads what the first has written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.database import client
from hub.store.models import Connection, Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


async def connections_to(connection_id: str, *, is_for_update: bool = False) -> list[str]:
    """Ids of the connections that lead to the account of this one, itself among them, also removed ones.

    Args:
        connection_id: of which.
        is_for_update: True locks their rows until the caller's transaction ends.
    """
    while True:
        key = (await Connection.get(id=connection_id).only("id", "quota_key")).quota_key
        rows = Connection.filter(quota_key=key) if key else Connection.filter(id=connection_id)
        if is_for_update:
            rows = rows.select_for_update(no_key=True)
        found = [row.id for row in await rows.only("id").order_by("id")]
        # Not among them when it was changed to another account while we waited for its row.
        if connection_id in found:
            return found


async def hold_account(connection_id: str) -> Connection:
    """Locks the connections to the account of this one until the caller's transaction ends.

    Whoever works under the claim of one of them waits with what it would write.

    Returns:
        The connection's row, as it is under the lock.
    """
    await connections_to(connection_id, is_for_update=True)
    return await Connection.get(id=connection_id)


async def keep_connection(connection_id: str) -> Connection:
    """Reads a connection that nobody removes before the caller's transaction ends.

    Unlike :func:`hold_account` it holds up nobody else, so it may come after the locks of other rows.
    """
    database = client()
    if database.capabilities.dialect != "sqlite":
        await database.execute_query("SELECT FROM connection WHERE id = $1 FOR KEY SHARE", [connection_id])
    return await Connection.get(id=connection_id)


async def others_with(
    account: str, document_ids: Collection[str], *, but: Sequence[Delivery]
) -> list[Delivery]:
    """The deliveries that have one of these documents; the caller holds the account.

    Args:
        account: where the documents are.
        document_ids: the ERP's ids.
        but: these are left out.
    """
    theirs = Delivery.filter(account_key=account, document_id__in=list(document_ids))
    return await theirs.exclude(id__in=[row.id for row in but]).order_by("id").select_for_update()


async def is_taken(account: str, document_id: str, row: Delivery) -> bool:
    """Whether a person may not say any more that a document is this delivery's; the caller holds the account.

    Of several deliveries that came to have it, each may still be given it, until one is.
    """
    theirs = Delivery.filter(account_key=account, document_id=document_id).exclude(id=row.id)
    if row.document_id == document_id:
        theirs = theirs.filter(owns_document=True)
    return await theirs.exists()
