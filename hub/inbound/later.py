"""What the platform says of an RMA that something was tried for already, or that is skipped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.inbound.contradictions import find_contradictions, keep_contradictions, refunded
from hub.inbound.document import APPROVAL_EVENT
from hub.outcomes import Status, Verdict
from hub.routing import is_not_approved, is_past_approval
from hub.store.accounts import keep_connection
from hub.store.models import TimelineEntry
from hub.store.timeline import EDITED, HANDED_BACK, RESOLVED, tell

if TYPE_CHECKING:
    from datetime import datetime

    from hub import rma as domain
    from hub.registry import Registry
    from hub.store.models import Delivery, Rma


@dataclass(frozen=True, kw_only=True, slots=True)
class Previous:
    """An RMA as the hub held it before what comes in now.

    Attributes:
        read: None when this version cannot read what was held.
    """

    status: str
    read: domain.Rma | None


def is_only_talk(held: str, document: Mapping[str, Any]) -> bool:
    """Whether a document differs from the one held in nothing the hub acts on: comments, labels, its age.

    The hub's own comments and shipment statuses come back as such changes.
    """
    before: dict[str, Any] = json.loads(held, parse_float=Decimal)
    return before.get("lastUpdated") != document.get("lastUpdated") and _without_talk(
        before
    ) == _without_talk(document)


def _without_talk(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in document.items() if name not in {"comments", "lastUpdated"}}
    summary, shipments = kept.get("rmaSummary"), kept.get("shipments")
    if isinstance(summary, Mapping):
        approvals = [each for each in summary.get("events") or () if _is_approval(each)]
        kept["rmaSummary"] = {**summary, "events": approvals}
    if isinstance(shipments, list):
        kept["shipments"] = [
            {name: each[name] for name in each if name not in _PARCEL_TALK}
            if isinstance(each, Mapping)
            else each
            for each in shipments
        ]
    return kept


def _is_approval(event: object) -> bool:
    return isinstance(event, Mapping) and str(event.get("eventName")).casefold() == APPROVAL_EVENT


_PARCEL_TALK = frozenset({"status", "trackingNumber", "trackingURL", "labelURL"})


async def persons_word(row: Rma, delivery: Delivery) -> str | None:
    """What a person did last with a delivery that has no document: a kind of sentence; None for nothing.

    Read from the RMA's story: whoever shortens stories must keep these sentences.
    """
    if delivery.document_id is not None:
        return None
    kinds = (RESOLVED, EDITED, HANDED_BACK)
    last = await TimelineEntry.filter(rma_id=row.id, kind__in=kinds).order_by("-id").first()
    return last.kind if last else None


def is_taken_on(delivery: Delivery | None, word: str | None) -> bool:
    """Whether the hub is to credit an RMA already, so that no cut-off takes that back."""
    return delivery is not None and (delivery.status is Status.PENDING or word == HANDED_BACK)


async def take_note_of_closed(
    row: Rma, delivery: Delivery, rma: domain.Rma, previous: str, now: datetime
) -> None:
    """A new state of an RMA whose delivery a person has closed: they may have credited it by hand.

    So it never goes out by itself again. A new approval asks the person, who may hand it back.
    """
    is_approval = not is_not_approved(rma.status) and not is_past_approval(rma) and rma.status != previous
    if delivery.status is not Status.SKIPPED or not is_approval:
        text = f"The RMA arrived as {rma.status}. A person has closed its delivery, and it stays so."
        await tell(row.id, now, "rma.updated", text)
        return
    delivery.status, delivery.verdict, delivery.next_attempt_at = Status.ATTENTION, None, None
    delivery.question = None
    delivery.reason = f"the RMA is {rma.status} again, and a person closed its delivery ({delivery.reason})"
    delivery.fix = (
        f"if it is to be credited now, run `hub deliveries retry {delivery.id}`; if it is credited already, "
        f"`hub deliveries resolve {delivery.id} --note TEXT`"
    )
    await _save(delivery, now)
    text = f"Needs a person: {delivery.reason}. To mend it: {delivery.fix}."
    await tell(row.id, now, "delivery.attention", text)


async def _save(delivery: Delivery, now: datetime) -> None:
    delivery.version += 1
    delivery.updated_at = now
    await delivery.save()


async def take_note(
    row: Rma,
    delivery: Delivery,
    rma: domain.Rma,
    previous: Previous,
    now: datetime,
    registry: Registry | None,
) -> None:
    """A new state of an RMA that is not decided anew: told, and flagged where it contradicts a document.

    One that waits to be sent (again) has no document for certain, so a cancellation withdraws it.
    """
    if is_not_approved(rma.status) and delivery.status is Status.PENDING:
        await withdraw(delivery, rma.status, now)
        return
    again = " again" if rma.status == previous.status else ""
    if delivery.status is Status.SKIPPED and delivery.document_id is None:
        text = f"The RMA arrived{again} as {rma.status}. Its delivery stays skipped."
        if is_not_approved(rma.status):
            await keep_contradictions(row, await find_contradictions(registry, row, delivery, rma), now)
        else:
            await tell(row.id, now, "rma.updated", text)
        return
    found = await find_contradictions(registry, row, delivery, rma)
    await _close_older(row, delivery, previous, registry)
    if await keep_contradictions(row, found, now):
        return
    words = _new_facts(delivery, previous.read, rma)
    text = f"The RMA arrived{again} as {rma.status}. Its one document stays as it is."
    await tell(row.id, now, "rma.updated", " ".join([text, *words]))


async def _close_older(row: Rma, delivery: Delivery, previous: Previous, registry: Registry | None) -> None:
    """What a person closed before facts were kept: the same as then flags nothing again."""
    has_facts = row.contradictions != "[]" or row.closed_contradictions != "[]"
    if has_facts or row.contradiction is not None or previous.read is None:
        return
    kinds = (RESOLVED, "rma.contradicted")
    last = await TimelineEntry.filter(rma_id=row.id, kind__in=kinds).order_by("-id").first()
    if last is None or last.kind != RESOLVED:
        return
    before = await find_contradictions(registry, row, delivery, previous.read)
    closed = [{"code": each.code, "facts": dict(each.facts)} for each in before]
    row.closed_contradictions = json.dumps(closed, ensure_ascii=False)
    await row.save(update_fields=["closed_contradictions"])


def _new_facts(delivery: Delivery, before: domain.Rma | None, now: domain.Rma) -> list[str]:
    """What an RMA says now that changes nothing about its document, one sentence each."""
    if before is None:
        return []
    words = []
    known = {each.shipment_id for each in before.shipments}
    if new := [each.shipment_id for each in now.shipments if each.shipment_id not in known]:
        words.append(f"It has a new shipment: {', '.join(new)}.")
    if before.customer is None and now.customer is not None:
        words.append("It names its customer now.")
    elif before.customer is not None and now.customer is not None and before.customer != now.customer:
        words.append("Its customer's contact data changed.")
    currency = (delivery.total or "").rpartition(" ")[2]
    given = refunded(now, currency) if currency else None
    if given is not None and given != refunded(before, currency):
        words.append(f"The platform refunded {given} {currency}; {delivery.total} was credited.")
    return words


async def withdraw(delivery: Delivery, status: str, now: datetime) -> None:
    """The RMA is no longer approved, and it has no document."""
    reason = withdrawn(status, attempts=delivery.attempts)
    delivery.status, delivery.verdict, delivery.reason = Status.SKIPPED, Verdict.SKIPPED, reason
    delivery.next_attempt_at, delivery.fix, delivery.question = None, "", None
    await _save(delivery, now)
    await tell(delivery.rma_id, now, "delivery.skipped", f"Nothing is credited: {reason}.")


def withdrawn(status: str, *, attempts: int) -> str:
    """Why nothing is credited for an RMA that was approved once."""
    return f"the RMA became {status} before {'any document was made' if attempts else 'anything was sent'}"


def is_approved_again(delivery: Delivery, rma: domain.Rma, previous: str) -> bool:
    """Whether an RMA for which a document was tried, and none is to be made, is approved anew."""
    return (
        delivery.status is Status.SKIPPED
        and delivery.document_id is None
        and is_not_approved(previous)
        and not is_not_approved(rma.status)
        and not is_past_approval(rma)
    )


async def look_then_prepare_anew(
    row: Rma, delivery: Delivery, now: datetime, why: str = "the RMA is approved again"
) -> None:
    """Hands a delivery back of which earlier tries may have left something after all.

    Args:
        row: its RMA, locked.
        delivery: locked.
        now: the present.
        why: what has changed, as the beginning of a sentence.
    """
    obstacle = await _obstacle(delivery)
    text = f"{why[0].upper()}{why[1:]}. The hub first looks for what earlier tries may have left."
    delivery.verdict, delivery.fix, delivery.question = Verdict.IN_DOUBT, "", None
    if obstacle is None:
        delivery.status, delivery.next_attempt_at, delivery.lost_at = Status.IN_DOUBT, now, now
        delivery.reason = f"{why}, and earlier tries are looked for first"
        delivery.looks = delivery.retries = 0
        delivery.is_prepared_anew, delivery.edited_request = True, None
    else:
        delivery.status, delivery.next_attempt_at = Status.ATTENTION, None
        delivery.reason = f"{why}, and the connection of its earlier tries {obstacle}"
        delivery.fix = (
            "look for its credit in the ERP; credit it by hand if there is none, then run "
            f"`hub deliveries resolve {delivery.id} --note TEXT`"
        )
        text = f"Needs a person: {delivery.reason}. To mend it: {delivery.fix}."
    await _save(delivery, now)
    await tell(row.id, now, HANDED_BACK if obstacle is None else "delivery.attention", text)


async def _obstacle(delivery: Delivery) -> str | None:
    """Why its connection cannot tell what earlier tries left; None when it can."""
    if delivery.connection_id is None:
        return "is gone"
    connection = await keep_connection(delivery.connection_id)
    if connection.removed_at is not None:
        return "was removed"
    return None if delivery.account_key in {None, connection.account} else "leads to another account now"
