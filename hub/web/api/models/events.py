"""What ``POST /v1/events`` answers."""

from __future__ import annotations

from hub.web.api.models.shared import Answer


class EventTaken(Answer):
    """An event that is stored."""

    event_id: str
    rma_id: str
    duplicate: bool
    """True when it was stored before; nothing new was."""
