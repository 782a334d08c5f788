"""Asking the ERP what it holds for one return, now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.dispatch.http import client_session
from hub.dispatch.opening import open_connection, views
from hub.dispatch.waiting import claim_in_turn
from hub.errors import ConflictError
from hub.outcomes import SightingKind, Status
from hub.store.models import Connection, Delivery

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.outcomes import Sighting


async def ask(hub: Hub, delivery: Delivery) -> str:
    """Looks in the ERP for what there is of a delivery. Writes nothing there and decides nothing.

    When the hub itself is in doubt and the document is there, its own next look is brought forward. When
    it is not, the hub goes on looking as often and as late as ever: an ERP may finish late what it began.

    Returns:
        What the look found, in one sentence.

    Raises:
        ConflictError: it goes over no connection, or the connection is in use or was removed.
        ConnectorError: the ERP did not answer.
    """
    row = await Connection.get_or_none(id=delivery.connection_id, removed_at__isnull=True)
    if row is None:
        raise ConflictError(
            f"ask about delivery {delivery.id}: it goes over no connection",
            fix="look in the ERP yourself",
        )
    async with (
        client_session(allowed=hub.environment.egress_allow) as http,
        claim_in_turn(hub, row.id, owner="page", what=f"ask {row.name}") as held,
    ):
        opened = open_connection(hub, row, http, held)
        fresh = await Delivery.get(id=delivery.id)
        if fresh.account_key not in {None, opened.account}:
            raise ConflictError(
                f"ask about delivery {fresh.id}: it was sent to another account",
                why=f"{row.name} leads to another one now, which knows nothing of it",
                fix="look in the ERP yourself",
            )
        with opened.session.about([fresh.id]):
            (sighting,) = await opened.connector.find_documents(opened.view, await views([fresh], row))
        if sighting.kind is SightingKind.OURS and fresh.status is Status.IN_DOUBT:
            mine = Delivery.filter(id=fresh.id, version=fresh.version, status=Status.IN_DOUBT)
            await mine.update(next_attempt_at=hub.clock.now())
    schema = opened.connector.schema
    return f"{schema.title} was asked: {_found(sighting, schema.document_noun)}"


def _found(sighting: Sighting, noun: str) -> str:
    ids = ", ".join(f"{each.document_id} ({each.reference})" for each in sighting.documents)
    match sighting.kind:
        case SightingKind.ABSENT:
            return f"it has no {noun} for this return."
        case SightingKind.OURS:
            return f"it has the {noun} {ids}, and it is ours."
        case SightingKind.VOID:
            return f"its {noun} {ids} was cancelled there."
        case SightingKind.SEVERAL:
            return f"it has several: {ids}. {sighting.reason}"
        case _:
            return f"{sighting.reason or 'it has one that is not ours'}: {ids}"
