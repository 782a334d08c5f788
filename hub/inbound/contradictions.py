"""How an RMA's later word contradicts the document that was made for it, and the flag that stands for it.

A contradiction is a code and its facts, as a question is. A person who closes it closes just these facts: the
same again flags nothing, other facts do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hub.inbound.comparison import compare
from hub.outcomes import ValidationState
from hub.routing import is_known_status, is_not_approved
from hub.store.models import RmaItem
from hub.store.timeline import tell
from hub.store.validation import state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub import rma as domain
    from hub.registry import Registry
    from hub.store.models import Delivery, Rma

DONE = "done"


class ContradictionCode(StrEnum):
    """What may contradict a document."""

    CANCELLED = "cancelled"
    STATUS_UNKNOWN = "status_unknown"
    CHANGED = "changed"
    REFUND_DIFFERS = "refund_differs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradiction:
    """One way in which the platform's word contradicts the document.

    Attributes:
        code: which.
        facts: what it is about, as plain JSON values; the same for the same contradiction.
        text: the sentence for the RMA's story.
    """

    code: ContradictionCode
    facts: Mapping[str, Any]
    text: str

    @property
    def key(self) -> str:
        """Code and facts as one text."""
        return _key(self.code, self.facts)


def _key(code: str, facts: Mapping[str, Any]) -> str:
    return json.dumps([code, facts], sort_keys=True, ensure_ascii=False)


async def find_contradictions(
    registry: Registry | None, row: Rma, delivery: Delivery, rma: domain.Rma
) -> list[Contradiction]:
    """Everything in which an RMA as it is now contradicts what was sent for it.

    Args:
        registry: for the connector that prepared the request; None asks none.
        row: the RMA.
        delivery: its delivery; a document was made, or tried.
        rma: as the platform shows it now.
    """
    if is_not_approved(rma.status):
        return [_cancelled(delivery, rma.status)]
    found = []
    if not is_known_status(rma.status):
        found.append(
            Contradiction(
                code=ContradictionCode.STATUS_UNKNOWN,
                facts={"status": rma.status},
                text=f"The RMA became {rma.status!r} after its document was sent, and the hub does not know "
                "that status: a person decides whether the document still counts.",
            )
        )
    difference = await compare(registry, row, delivery, rma)
    if difference:
        found.append(
            Contradiction(
                code=ContradictionCode.CHANGED,
                facts=difference.facts,
                text=f"The RMA arrived as {rma.status} and differs from what was approved: "
                f"{difference.told(delivery.total)}. The document stays as it is: a person decides.",
            )
        )
    if delivery.document_id is not None and (refund := _refund(delivery, rma)):
        found.append(refund)
    return found


def _cancelled(delivery: Delivery, status: str) -> Contradiction:
    if delivery.document_id is None:
        text = (
            f"The RMA became {status} after a document was tried, which may exist. "
            "Nothing more is made for it: a person decides what happens to one that is there."
        )
    else:
        text = (
            f"The RMA became {status} after its document was sent. "
            "The hub cannot take a document back: a person decides what happens to it."
        )
    return Contradiction(code=ContradictionCode.CANCELLED, facts={"status": status}, text=text)


def refunded(rma: domain.Rma, currency: str) -> Decimal | None:
    """What the platform gave back in a currency; None when no refund is given in it."""
    amounts = [
        money.amount for refund in rma.refunds for money in refund.amounts if money.currency == currency
    ]
    return sum(amounts, Decimal(0)) if amounts else None


def _refund(delivery: Delivery, rma: domain.Rma) -> Contradiction | None:
    """A refund above the note, or one below it once the platform is done with the RMA."""
    amount, _, currency = (delivery.total or "").partition(" ")
    given = refunded(rma, currency) if amount else None
    if given is None or given == Decimal(amount):
        return None
    if given < Decimal(amount) and rma.status.strip().casefold() != DONE:
        return None
    return Contradiction(
        code=ContradictionCode.REFUND_DIFFERS,
        facts={"refunded": f"{given} {currency}", "credited": f"{delivery.total}"},
        text=f"The platform refunded {given} {currency}, and {delivery.total} was credited: a person "
        "decides.",
    )


async def keep_contradictions(row: Rma, found: Sequence[Contradiction], now: datetime) -> bool:
    """Flags an RMA for what contradicts its document, or lifts the flag when nothing does any more.

    What a person has closed flags nothing, and a cancellation is only lifted by a person.

    Args:
        row: the RMA, locked.
        found: everything there is now.
        now: when.

    Returns:
        True when a flag was set, changed or lifted, so that the story tells it.
    """
    held: list[dict[str, Any]] = json.loads(row.contradictions)
    closed = {_key(each["code"], each["facts"]) for each in json.loads(row.closed_contradictions)}
    active = [each for each in found if each.key not in closed]
    known = {_key(each["code"], each["facts"]) for each in held}
    kept = [
        each
        for each in held
        if each["code"] == ContradictionCode.CANCELLED and not any(a.code == each["code"] for a in active)
    ]
    # A flag that an earlier version set has words and no facts; only a person lifts it.
    is_older = row.contradiction is not None and not held
    new = [each for each in active if each.key not in known]
    is_lifted = bool(held) and not active and not kept
    if not new and not is_lifted and len(held) == len(active) + len(kept):
        return False
    entries = [*kept, *({"code": a.code, "facts": dict(a.facts), "text": a.text} for a in active)]
    row.contradictions = json.dumps(entries, ensure_ascii=False)
    if not entries and is_older:
        return False
    if entries:
        older = [row.contradiction] if is_older and row.contradiction else []
        row.contradiction = " ".join([*older, *(each["text"] for each in entries)])
        row.validation = ValidationState.FLAGGED
        for each in new:
            await tell(row.id, now, "rma.contradicted", each.text)
    else:
        row.contradiction = None
        row.validation = await _state_without(row)
        text = "What needed a person does not any more: the RMA agrees with its document again."
        await tell(row.id, now, "rma.agrees", text)
    await row.save(update_fields=["validation", "contradiction", "contradictions"])
    return True


async def _state_without(row: Rma) -> ValidationState:
    """The warehouse's state of an RMA of which only the platform's word was wrong."""
    if row.goods is not None:
        return row.goods
    return state_of(await RmaItem.filter(rma_id=row.id, is_credited=True))
