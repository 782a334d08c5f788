"""Connectors that a person switched off: their connections wait, and nothing of theirs is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import ConflictError
from hub.store.models import DisabledConnector

if TYPE_CHECKING:
    from collections.abc import Collection


async def disabled_names() -> Collection[str]:
    """The names of those switched off."""
    return [row.name for row in await DisabledConnector.all().only("name")]


async def why_disabled(connector: str) -> str | None:
    """What to tell of a connector that is switched off, with the way back; None when it is on."""
    row = await DisabledConnector.get_or_none(name=connector)
    if row is None:
        return None
    because = f" ({row.reason})" if row.reason else ""
    return f"its connector {connector} is switched off{because}: `hub connectors enable {connector}`"


async def check_enabled(connector: str, what: str) -> None:
    """Refuses work for a connector that is switched off.

    Args:
        connector: whose work.
        what: what was to be done: ``poll main``.

    Raises:
        ConflictError: it is switched off.
    """
    if why := await why_disabled(connector):
        raise ConflictError(what, why=why, fix=f"run `hub connectors enable {connector}` first")
