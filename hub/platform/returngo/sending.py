"""Updates on their way to ReturnGO: comments and shipment statuses.

Before each write the RMA is read anew, so that nothing is repeated and no shipment makes a move that is not
allowed. No shipment is validated while its RMA needs a person: that may release a refund. Calls leave a part
of the quota to approvals, which matter more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import EventError, InDoubtError, RejectedError
from hub.inbound.later import is_only_talk
from hub.outcomes import ValidationState
from hub.platform.returngo import comments
from hub.platform.returngo.fetching import ABSENT, source_of, take_in
from hub.platform.returngo.shipments import to_validate
from hub.sending.contract import Sent
from hub.store.models import Connection, Event, Rma, RmaItem, Role, SendingStatus
from hub.telling import UpdateKind

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.inbound.event import IncomingEvent
    from hub.platform.returngo.opening import OpenedPlatform
    from hub.platform.returngo.shipments import Move
    from hub.sending.contract import OutgoingUpdate, Send

ALREADY = "its shipments are Validated already"
NO_ITEM_VALIDATION = "items are not validated on returngo: it has no known public endpoint for that"


def sender(hub: Hub, opened: OpenedPlatform) -> Send:
    """What the loop of sending calls for one opened platform."""

    async def send(update: OutgoingUpdate) -> Sent:
        with opened.session.in_background(), opened.session.carrying(update.key):
            return await _send(hub, opened, update)

    return send


async def _send(hub: Hub, opened: OpenedPlatform, update: OutgoingUpdate) -> Sent:
    settings = opened.settings
    if await _is_of_another(opened, update):
        return _skipped("the return is of another shop of this store")
    if update.kind == UpdateKind.CREDIT_NOTE_CREATED:
        if not settings.comment:
            return _skipped("comments are switched off (comment)")
        return await _comment(opened, update, comments.of_credit_note(update))
    if update.kind == UpdateKind.ITEM_VALIDATED:
        return await _goods(hub, opened, update)
    if update.kind == UpdateKind.VALIDATION_CLEARED:
        return await _cleared(hub, opened, update)
    return _skipped("ReturnGO is told of credit notes and of goods only")


async def _is_of_another(opened: OpenedPlatform, update: OutgoingUpdate) -> bool:
    """Whether the RMA came from another shop that is connected too.

    What ReturnGO answers a shop that asks for another's is unknown (U): a 403 would pause this platform.
    """
    sources = set(await Event.filter(rma_id=update.rma).distinct().values_list("source", flat=True))
    platforms = Connection.filter(role=Role.PLATFORM, removed_at__isnull=True).only("id", "connector")
    of_platforms = {source_of(each) for each in await platforms} & sources
    return bool(of_platforms) and source_of(opened.row) not in of_platforms


async def _comment(opened: OpenedPlatform, update: OutgoingUpdate, text: str) -> Sent:
    event = await _read(opened, update)
    if event is None:
        return _skipped(ABSENT)
    if not comments.is_there(event.rma, update):
        await opened.client.comment(update.rma_id, {opened.settings.comment_body.value: text})
    return Sent(story=f"{opened.row.name} was told of the credit note in a comment.")


async def _goods(hub: Hub, opened: OpenedPlatform, update: OutgoingUpdate) -> Sent:
    """The comment first: a shipment set to Validated may set off work on the platform."""
    settings = opened.settings
    if not settings.comment_on_validation and not settings.update_shipment:
        return _skipped("comment_on_validation and update_shipment are switched off")
    event = await _read(opened, update)
    if event is None:
        return _skipped(ABSENT)
    told = []
    if settings.comment_on_validation:
        if not comments.is_there(event.rma, update):
            text = comments.of_goods(update)
            await opened.client.comment(update.rma_id, {settings.comment_body.value: text})
        told.append("was told in a comment what the warehouse received")
    if settings.update_shipment:
        told += await _shipments(hub, opened, update, event)
    if not told:
        return _skipped(ALREADY)
    unwritten = await write_item_validations(opened, update)
    return Sent(reason=unwritten, story=_story(opened, told))


async def _cleared(hub: Hub, opened: OpenedPlatform, update: OutgoingUpdate) -> Sent:
    """What was held back while the RMA needed a person goes out now."""
    if not opened.settings.update_shipment:
        return _skipped("update_shipment is switched off")
    event = await _read(opened, update)
    if event is None:
        return _skipped(ABSENT)
    told = await _shipments(hub, opened, update, event)
    return Sent(story=_story(opened, told)) if told else _skipped(ALREADY)


async def _shipments(
    hub: Hub, opened: OpenedPlatform, update: OutgoingUpdate, event: IncomingEvent
) -> list[str]:
    """Validates the shipments that are whole, unless the RMA needs a person; says what came of each."""
    moves, left = to_validate(event.rma, await _returned(update))
    told = []
    if moves:
        await _take_in(hub, opened, update, event)
    for move in moves:
        # Read again before each: a poll of the ERP may flag the RMA at any moment.
        if await is_flagged(update):
            left.append(f"shipment {move.shipment_id} waits until what needs a person is closed")
            continue
        await _move(opened, update, move)
        told.append(f"has shipment {move.shipment_id} as Validated now")
    return told + [f"was left as it is: {reason}" for reason in left]


async def _take_in(hub: Hub, opened: OpenedPlatform, update: OutgoingUpdate, event: IncomingEvent) -> None:
    """What was just read may say what no poll has brought yet, as that the return was cancelled."""
    held = await Rma.get(id=update.rma)
    if held.document == event.text or is_only_talk(held.document, event.document):
        return
    try:
        await take_in(hub, opened, event)
    except EventError as error:
        raise RejectedError(error.what, why=error.why, fix=error.fix) from error


async def is_flagged(update: OutgoingUpdate) -> bool:
    """Whether the RMA needs a person now."""
    return await Rma.exists(id=update.rma, validation=ValidationState.FLAGGED)


def _story(opened: OpenedPlatform, told: list[str]) -> str:
    return f"{opened.row.name} {'; it '.join(told)}."


async def write_item_validations(opened: OpenedPlatform, update: OutgoingUpdate) -> str:
    """Where an update's items would be validated on ReturnGO, once it is known how.

    Returns:
        Why nothing was written; it is kept with the update.
    """
    del opened, update
    return NO_ITEM_VALIDATION


async def _returned(update: OutgoingUpdate) -> set[str]:
    items = RmaItem.filter(rma_id=update.rma, is_returned=True, validated_at__isnull=False)
    return {item.returned_item_id for item in await items}


async def _move(opened: OpenedPlatform, update: OutgoingUpdate, move: Move) -> None:
    try:
        await opened.client.set_shipment(move.shipment_id, move.body)
    except RejectedError:
        # Somebody may have moved it just now; if it is where it should be, all is well.
        event = await _read(opened, update)
        moves, _ = to_validate(event.rma, await _returned(update)) if event else ([], [])
        if any(each.shipment_id == move.shipment_id for each in moves):
            raise


async def _read(opened: OpenedPlatform, update: OutgoingUpdate) -> IncomingEvent | None:
    """The RMA as it is there; None when it came from elsewhere, as one submitted by command."""
    try:
        event = await opened.client.get(update.rma_id)
    except EventError as error:
        raise RejectedError(error.what, why=error.why, fix=error.fix) from error
    if event is None and await Event.exists(rma_id=update.rma, source=source_of(opened.row)):
        raise InDoubtError(
            f"get RMA {update.rma_id}: {ABSENT}",
            why="it came from there once, so it was deleted, or base_url leads elsewhere now",
            fix="check shop_name and base_url, `hub platforms check`",
        )
    return event


def _skipped(reason: str) -> Sent:
    return Sent(status=SendingStatus.SKIPPED, reason=reason)
