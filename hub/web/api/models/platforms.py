"""Platforms: where returns come from, and where their updates go."""

from __future__ import annotations

from typing import Any, Literal

from hub.web.api.models.shared import Answer, Page, Time


class PlatformListed(Answer):
    """A platform in a list."""

    name: str
    platform: str
    health: Literal["ok", "failing", "paused"]
    problems: list[str]
    to_read: int
    """RMAs that changed there and are still to be read."""
    refused: dict[str, str]
    """RMAs that could not be taken in, with the reason."""
    to_tell: int
    """Updates that it is still to be told of."""
    not_told: int
    """Updates that were given up."""
    polled_at: Time | None
    next_poll_at: Time | None
    last_success_at: Time | None
    last_error: str | None


class Platforms(Page[PlatformListed]):
    """The store's platforms, by name; all on one page."""


class Platform(PlatformListed):
    """A platform with its settings."""

    title: str
    is_paused: bool
    pause_reason: str
    settings: dict[str, Any]
    credentials: dict[str, Any]
    """Secret ones read `********`."""


class PlatformPaused(Answer):
    """Whether a platform is neither read nor told anything."""

    name: str
    is_paused: bool
