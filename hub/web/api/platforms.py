"""``/v1/platforms``: where returns come from. They are added and changed by command or page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.merchant import connections, platforms, shown
from hub.web.api.models import platforms as models
from hub.web.api.routing import Reply, Route, page
from hub.web.guard import Need

if TYPE_CHECKING:
    from hub.store.models import Connection
    from hub.web.api.routing import Call


async def find(call: Call, name: str) -> Connection:
    """The store's platform of that name."""
    return await platforms.get(call.store, name)


async def list_platforms(call: Call, _: None) -> Reply:
    """List the platforms and how they are: what is to be read from them, and what they are to be told."""
    rows = await platforms.every(call.store)
    return page([shown.platform_listed(await platforms.health(call.hub, row)) for row in rows])


async def show_platform(call: Call, row: Connection) -> Reply:
    """Show a platform; secrets stay hidden."""
    state = shown.platform_listed(await platforms.health(call.hub, row))
    return Reply(value={**state, **shown.platform(call.hub, row)})


async def pause_platform(_: Call, row: Connection) -> Reply:
    """Read nothing from it and tell it nothing until it is resumed."""
    await connections.pause(row, "a person paused it")
    return Reply(value={"name": row.name, "is_paused": True})


async def resume_platform(_: Call, row: Connection) -> Reply:
    """Go on with what has piled up."""
    await connections.resume(row)
    return Reply(value={"name": row.name, "is_paused": False})


_ONE = "/v1/platforms/{name}"
ROUTES = (
    Route(method="GET", path="/v1/platforms", need=Need.READ, act=list_platforms, answer=models.Platforms),
    Route(method="GET", path=_ONE, need=Need.READ, of=find, act=show_platform, answer=models.Platform),
    Route(
        method="POST",
        path=f"{_ONE}/pause",
        need=Need.WRITE,
        of=find,
        act=pause_platform,
        answer=models.PlatformPaused,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        need=Need.WRITE,
        of=find,
        act=resume_platform,
        answer=models.PlatformPaused,
    ),
)
