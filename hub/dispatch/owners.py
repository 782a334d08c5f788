"""One document of an ERP belongs to one delivery. Where several come to have it, they all need a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from hub.store.accounts import others_with
from hub.store.models import Connection, Rma

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.dispatch.transitions import Transitions
    from hub.store.models import Delivery, TimelineEntry


async def share_out(
    rows: Sequence[Delivery], account: str, transitions: Transitions, now: datetime
) -> tuple[list[Delivery], list[TimelineEntry]]:
    """Makes each row the owner of the document it has, unless another delivery has it too.

    What the ERP answered is kept either way. The caller holds the account, and writes all the rows.

    Args:
        rows: as they are about to be written.
        account: where their documents are.
        transitions: changes those that share a document.
        now: the present.

    Returns:
        The other deliveries that have one of the documents, changed too, and what is told.
    """
    here = [row for row in rows if row.account_key in {None, account}]
    having = [row for row in here if row.document_id is not None]
    if not having:
        return [], []
    others = await others_with(account, {row.document_id or "" for row in having}, but=rows)
    deliveries = Counter(row.document_id for row in (*having, *others))
    for row in having:
        row.account_key, row.owns_document = account, True
    sharing = [row for row in (*having, *others) if deliveries[row.document_id] > 1]
    if not sharing:
        return [], []
    names = await _names(sharing)
    return others, [transitions.shared(row, now, names[row.id]) for row in sharing]


async def _names(sharing: Sequence[Delivery]) -> dict[str, str]:
    """Delivery → how its story names the others that have its document. Another store's are not named."""
    rmas = {rma.id: rma for rma in await Rma.filter(id__in=[row.rma_id for row in sharing])}
    together: dict[str | None, list[Delivery]] = defaultdict(list)
    for row in sharing:
        together[row.document_id].append(row)
    names = {}
    for row in sharing:
        others = [rmas[each.rma_id] for each in together[row.document_id] if each.id != row.id]
        known = [f"RMA {rma.rma_id}" for rma in others if rma.store_id == rmas[row.rma_id].store_id]
        names[row.id] = " and ".join(known) or "another return"
    return names


async def connection_names(rows: Sequence[Delivery]) -> list[str | None]:
    """The name of each delivery's connection, in order."""
    ids = {row.connection_id for row in rows if row.connection_id is not None}
    names = dict(await Connection.filter(id__in=list(ids)).values_list("id", "name")) if ids else {}
    return [names.get(row.connection_id) for row in rows]
