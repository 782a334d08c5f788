"""Deliveries, and what a person does about one."""

from __future__ import annotations

from typing import Any

from hub.outcomes import Status, Verdict
from hub.web.api.models.rmas import RmaDelivery
from hub.web.api.models.shared import Answer, Body, Given, Page, Paging, Time


class DeliveryListed(RmaDelivery):
    """A delivery in a list."""

    rma_id: str
    method: str | None
    total: str | None
    """Amount and currency, like `12.50 EUR`."""
    mapping_version: int
    created_at: Time
    updated_at: Time


class Try(Answer):
    """One try to send a delivery."""

    number: int
    reference: str
    mapping_version: int
    started_at: Time
    finished_at: Time | None
    verdict: Verdict | None
    reason: str


class ErpCall(Answer):
    """One call to the ERP, without secrets."""

    at: Time
    method: str
    url: str
    status: int | None
    error: str | None
    request_body: str
    reply_body: str


class Delivery(DeliveryListed):
    """A delivery in full."""

    request: Any
    """What is sent, in the connector's own form; null before it was prepared."""
    edited_request: Any
    """What a person wrote to be sent instead once a look has found nothing; null when nobody has."""
    original_request: Any
    """What was prepared before a person edited it."""
    origins: dict[str, str]
    """Where each value of the request comes from."""
    warnings: list[str]
    tries: list[Try]
    calls: list[ErpCall]


class DeliveriesWanted(Paging):
    """Which deliveries."""

    status: Status | None = None
    rma: Given | None = None
    """Only that of this RMA."""
    connection: Given | None = None
    """Only those over this connection."""


class Retry(Body):
    """How to try again."""

    anew: bool = False
    """True prepares the request again once no earlier document was found."""
    gone: bool = False
    """True takes a delivery that is done as well: its document is gone from the ERP."""
    accept: Given | None = None
    """Code of the delivery's `question`: yes, with the facts it has now."""
    note: Given | None = None
    """Why it is accepted; needed with `accept`, kept in the audit log and the RMA's story."""


class Edit(Body):
    """A request to be sent in the place of the prepared one."""

    request: dict[str, Any]
    """The whole request, in the form that `request` of the delivery has."""


class Resolve(Body):
    """How a person has closed a delivery."""

    note: Given
    """What was done; it stays in the RMA's story."""
    document: Given | None = None
    """The ERP's id of the document that counts; null when there is to be none."""
    without_document: bool = False
    """True closes it without a document also while it is not known whether one was made. Without it that is
    refused, and the answer says what it risks."""


class Acted(Answer):
    """What becomes of a delivery now."""

    id: str
    now: str
    """One sentence."""


class Deliveries(Page[DeliveryListed]):
    """Deliveries, those of the newest RMAs first."""
