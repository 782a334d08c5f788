"""Whether something that was put off is due, as a condition on rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.expressions import Q

from hub.dispatch.policy import FURTHEST

if TYPE_CHECKING:
    from datetime import datetime


def due(column: str, now: datetime) -> Q:
    """Rows whose time has come, or lies further ahead than anything is put off."""
    come: dict[str, Any] = {f"{column}__lte": now}
    nonsense: dict[str, Any] = {f"{column}__gt": now + FURTHEST}
    return Q(**come) | Q(**nonsense)
