"""Where a return stands, in one sentence for a merchant. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.outcomes import Status, ValidationState

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.models import Delivery, Rma


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a return stands.

    Attributes:
        text: the sentence.
        tone: ok, info, warn, bad or idle, as badges have it.
        at: the time that belongs to it; None without one.
        at_text: what happens or happened then.
        next: what the person should do; empty when nothing.
    """

    text: str
    tone: str
    at: datetime | None = None
    at_text: str = ""
    next: str = ""


def standing(rma: Rma, delivery: Delivery | None) -> Standing:
    """Where it stands now. The delivery has its connection fetched; None when it was never approved."""
    if delivery is None:
        text = f"It is {rma.status} in the returns platform. Nothing is credited before it is approved."
        return Standing(text=text, tone="idle")
    name = delivery.connection.name if delivery.connection else ""
    match delivery.status:
        case Status.DONE:
            return _credited(rma, delivery, name)
        case Status.ATTENTION:
            return Standing(text=f"Needs you: {delivery.reason}", tone="bad", next=delivery.fix)
        case Status.IN_DOUBT:
            text = (
                f"Being checked: the answer of {name} was lost, so the hub looks there before it sends "
                f"anything again. {_clause(delivery.reason)}"
            )
            return Standing(text=text, tone="warn", at=delivery.next_attempt_at, at_text="next look")
        case Status.SENDING:
            return Standing(text=f"Being sent to {name} at this moment", tone="info")
        case Status.SKIPPED:
            return Standing(text=f"Not credited: {delivery.reason}", tone="idle")
        case _:
            return _waiting(delivery, name)


def _credited(rma: Rma, delivery: Delivery, name: str) -> Standing:
    total = f" of {delivery.total}" if delivery.total else ""
    text = f"Credited: {name} has credit note {delivery.document_id}{total}"
    if rma.validation is ValidationState.FLAGGED:
        text += ". What the warehouse says about its goods needs you"
        fix = "compare the goods with the return, put right what is wrong, then close it with a note"
        return Standing(text=text, tone="bad", at=delivery.credited_at, at_text="credited", next=fix)
    goods = {
        ValidationState.FULL: "All its goods have come back",
        ValidationState.PARTIAL: "Some of its goods have come back",
    }.get(rma.validation, "Its goods are still to come")
    return Standing(text=f"{text}. {goods}", tone="ok", at=delivery.credited_at, at_text="credited")


def _waiting(delivery: Delivery, name: str) -> Standing:
    if delivery.connection is not None and delivery.connection.is_paused:
        return Standing(
            text=f"Waiting: the connection {name} is paused",
            tone="warn",
            next=f"mend it, then let it go on: {delivery.connection.pause_reason}",
        )
    why = f": {delivery.reason}" if delivery.reason else ""
    text = f"Waiting to be sent to {name}{why}"
    return Standing(text=text, tone="info", at=delivery.next_attempt_at, at_text="next try")


def _clause(text: str | None) -> str:
    return text[:1].upper() + text[1:] if text else ""
