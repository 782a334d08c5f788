"""RMAs, their items and what came of them."""

from __future__ import annotations

from typing import Any

from hub.outcomes import Status, ValidationState, Verdict
from hub.web.api.models.shared import Answer, Given, Page, Paging, Time


class RmaListed(Answer):
    """An RMA in a list."""

    rma_id: str
    order_name: str | None
    status: str
    """As the platform writes it."""
    validation: ValidationState
    delivery: Status | None
    """Status of its delivery; null for an RMA that was never approved."""
    document: str | None
    """The ERP's id of what was made."""


class Document(Answer):
    """What was made in the ERP."""

    id: str
    reference: str | None


class Question(Answer):
    """What a person is asked before a delivery goes on."""

    code: str
    facts: dict[str, Any]
    """Amounts, SKUs and counts that it is about. A yes counts for just these."""


class RmaDelivery(Answer):
    """The one delivery of an RMA."""

    id: str
    connection: str | None
    status: Status
    verdict: Verdict | None
    reference: str | None
    document: Document | None
    attempts: int
    reason: str | None
    fix: str | None
    question: Question | None
    """Null when nothing is asked that a yes would answer."""
    next_attempt_at: Time | None


class ItemValidation(Answer):
    """What the warehouse said about an item; nulls until it has."""

    is_returned: bool | None
    is_restockable: bool | None
    validated_at: Time | None
    source: str | None
    reason: str | None


class RmaItem(Answer):
    """One returned unit."""

    returned_item_id: str
    sku: str | None
    return_method: str | None
    is_credited: bool
    """False for what the customer keeps."""
    validation: ItemValidation


class TimelineEntry(Answer):
    """One sentence of the RMA's story."""

    at: Time
    kind: str
    text: str


class Rma(Answer):
    """An RMA in full, as `hub rmas show --json` prints it."""

    rma_id: str
    store: str
    order_name: str | None
    status: str
    validation: ValidationState
    deliveries: list[RmaDelivery]
    items: list[RmaItem]
    timeline: list[TimelineEntry]


class RmasWanted(Paging):
    """Which RMAs."""

    status: Given | None = None
    """Only those in this state, as the platform writes it, in any case."""
    validation: ValidationState | None = None


class Rmas(Page[RmaListed]):
    """RMAs, newest first."""
