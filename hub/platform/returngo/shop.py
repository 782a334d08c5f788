"""Whose a shop is, and whose word on its returns binds every store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.egress import is_loopback
from hub.errors import ConflictError
from hub.platform.returngo.config import LIVE_BASE_URL
from hub.store.models import Connection
from hub.store.proof import prove

if TYPE_CHECKING:
    from datetime import datetime

    from hub.platform.returngo.config import Settings


def is_authority(settings: Settings) -> bool:
    """Whether what a platform shows confirms a return, so that other stores' events yield to it.

    That is ReturnGO's own address, or a sandbox on this machine. Whoever may set the address of a connection
    could else run a server that shows any number, and take returns from other stores with it.
    """
    return settings.base_url == LIVE_BASE_URL or is_loopback(urlsplit(settings.base_url).hostname or "")


async def hold_shop(row: Connection, now: datetime) -> None:
    """Writes down that ReturnGO has accepted a connection's key; pauses one whose shop another has proved.

    Raises:
        ConflictError: another connection holds the shop, perhaps of another store, which goes unnamed.
    """
    if await prove(row, now):
        return
    error = ConflictError(
        f"use platform {row.name!r}: its shop is connected to this hub already",
        why="each return would be taken in twice, and one quota spent twice over",
        fix=f"remove it with `hub platforms remove {row.name}`, or ask whoever runs this hub",
    )
    await Connection.filter(id=row.id).update(is_paused=True, pause_reason=str(error))
    raise error
