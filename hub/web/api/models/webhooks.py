"""Webhooks: addresses that are told what becomes of returns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hub.store.models import NAME_LENGTH
from hub.telling import UpdateKind
from hub.web.api.models.shared import Answer, Body, Given, Page, Time
from hub.webhooks import subscription


class Webhook(Answer):
    """A webhook and how it is; its secrets are never shown."""

    name: str
    url: str
    events: list[str]
    """Types of messages that it is sent; empty for all."""
    body: str
    health: Literal["ok", "failing", "paused"]
    is_paused: bool
    pause_reason: str | None
    pending: int
    """Messages that wait, for whatever reason."""
    oldest_pending_at: Time | None
    failed: int
    """Messages that were given up in the last 7 days."""
    resting_until: Time | None
    """Nothing is sent to it before; null when it may be."""
    last_success_at: Time | None
    last_error: str | None
    last_error_at: Time | None
    problems: list[str]


class Webhooks(Page[Webhook]):
    """The store's webhooks, by name; all on one page."""


class WebhookNew(Body):
    """An address to be told what becomes of the store's returns from now on."""

    url: Given
    """https and public, unless the hub was told otherwise."""
    secret: Given
    """`whsec_` and base64 of 24 to 64 bytes, made by you; it signs the messages and is never shown again."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)] | None = None
    """Left out, it is the address's host."""
    events: list[Annotated[UpdateKind, Field(strict=False)]] = []
    """Types of messages to be sent; empty for all."""
    body: Annotated[subscription.Body, Field(strict=False)] = subscription.Body.FULL


class WebhookPaused(Answer):
    """Whether a webhook is sent nothing."""

    name: str
    is_paused: bool


class WebhookResumed(WebhookPaused):
    """A webhook that goes on."""

    waiting: int
    """Messages that wait for it."""


class WebhookRemoved(Answer):
    """A webhook that is gone with its secrets."""

    name: str
    missed: int
    """Messages that it is not sent any more."""
