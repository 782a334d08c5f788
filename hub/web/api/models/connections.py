"""Connections, and what a check or a poll of one finds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from hub.store.models import NAME_LENGTH
from hub.web.api.models.shared import Answer, Body, Given, Page, Time


class _ConnectionState(Answer):
    name: str
    connector: str
    health: Literal["ok", "failing", "paused", "disabled"]
    is_paused: bool
    pause_reason: str
    last_success_at: Time | None
    last_error: str | None
    last_error_at: Time | None
    polled_at: Time | None
    next_poll_at: Time | None
    claimed_by: str | None
    """Which process works on it now."""


class ConnectionListed(_ConnectionState):
    """A connection in a list."""

    disabled_reason: str | None
    """Set when its connector is switched off."""
    oldest_unsent_age_s: int | None
    last_poll_age_s: int | None


class Connections(Page[ConnectionListed]):
    """The store's connections, by name; all on one page."""


class Connection(_ConnectionState):
    """A connection with its settings."""

    title: str
    """What a merchant calls the ERP."""
    location_noun: str
    """What the ERP calls a place where stock comes back."""
    settings: dict[str, Any]
    credentials: dict[str, Any]
    """Secret ones read `********`."""


class Permission(Answer):
    """Whether the credentials may do something."""

    resource: str
    action: str
    state: str
    """`granted`, `missing`, or `unprovable`: not to be tried without writing."""
    advice: str


class Location(Answer):
    """A place where stock comes back."""

    id: str
    name: str
    is_active: bool


class Report(Answer):
    """What a check found."""

    permissions: list[Permission]
    missing: list[str]
    locations: list[Location]
    warnings: list[str]


class Check(Report):
    """What the check of a connection found. It works, as far as `missing` is empty."""

    location_noun: str


class ConnectionMade(Connection):
    """A new connection."""

    notes: list[str]
    """What was changed in the values given, like blanks that were removed."""
    check: Report | None
    """Null when it was not checked."""


class ConnectionNew(Body):
    """A connection to be made. Which settings and credentials there are, the connector's schema says."""

    connector: Given
    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
    settings: dict[str, Any] = {}
    credentials: dict[str, Any] = {}
    check: bool = True
    """False keeps it without trying it; else it is kept only when the ERP takes its credentials."""
    allow_same_account: bool = False
    """True allows a second connection to one account of the ERP."""


class ConnectionChange(Body):
    """What changes; what is not named stays."""

    settings: dict[str, Any] = {}
    credentials: dict[str, Any] = {}


class Paused(Answer):
    """A connection that sends and polls nothing until it is resumed."""

    name: str
    is_paused: bool


class Resumed(Paused):
    """A connection that goes on."""

    waiting: int
    """Deliveries that wait for it."""


class Removed(Answer):
    """A connection that is gone with its credentials; its history stays."""

    name: str
    methods: int
    """Return methods that pointed at it and are *Do not update* now."""


class Polled(Answer):
    """What one polling cycle found."""

    connection: str
    documents: int
    """Documents that had changed in the ERP."""
    rmas: list[str]
    """RMAs something new was learnt about."""
