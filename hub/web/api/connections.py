"""``/v1/connections``: credentials and settings for an ERP."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hub.dispatch.http import client_session
from hub.dispatch.work import poll_now
from hub.errors import UsageError
from hub.merchant import connections, health, shown
from hub.web.api.models import connections as models
from hub.web.api.routing import Reply, Route, locked, page, tag
from hub.web.guard import Need
from hub.web.segments import segment

if TYPE_CHECKING:
    from hub.store.models import Connection
    from hub.web.api.routing import Call


async def find(call: Call, name: str) -> Connection:
    """The store's connection of that name."""
    return await connections.get(call.store, name)


def tag_of(row: Connection) -> str:
    """Its ETag: another one after each edit, and not after each poll."""
    return tag(row.settings, row.credentials)


async def list_connections(call: Call, _: None) -> Reply:
    """List the connections and how they are."""
    rows = await connections.every(call.store)
    return page([shown.connection_listed(row, await health.health(call.hub, row)) for row in rows])


async def add_connection(call: Call, _: None) -> Reply:
    """Add a connection and check it against the ERP. One that fails the check is not kept."""
    given: models.ConnectionNew = call.body
    added = await connections.add(
        call.hub,
        call.store,
        given.connector,
        given.name,
        _values(given),
        should_check=given.check,
        is_second_allowed=given.allow_same_account,
    )
    value = {
        **shown.connection(call.hub, added.row),
        "notes": list(added.notes),
        "check": shown.report(added.report),
    }
    return Reply(value=value, tag=tag_of(added.row), location=f"/v1/connections/{segment(added.row.name)}")


async def show_connection(call: Call, row: Connection) -> Reply:
    """Show a connection; secrets stay hidden."""
    return Reply(value=shown.connection(call.hub, row), tag=tag_of(row))


async def edit_connection(call: Call, row: Connection) -> Reply:
    """Change settings or credentials; what is not named stays."""
    values = _values(call.body)
    async with locked(row) as held:
        call.check_match(tag_of(held))
        await connections.edit(call.hub, held, values)
    return await show_connection(call, held)


async def remove_connection(call: Call, row: Connection) -> Reply:
    """Remove a connection and destroy its credentials; what it delivered stays on record."""
    return Reply(value={"name": row.name, "methods": await connections.remove(call.hub, row)})


async def check_connection(call: Call, row: Connection) -> Reply:
    """Try a connection against its ERP. Writes nothing there."""
    report = shown.report(await connections.check(call.hub, row)) or {}
    noun = call.hub.registry.get(row.connector).schema.location_noun
    return Reply(value={**report, "location_noun": noun})


async def pause_connection(_: Call, row: Connection) -> Reply:
    """Stop sending and polling; returns that come meanwhile wait."""
    await connections.pause(row, "a person paused it")
    return Reply(value={"name": row.name, "is_paused": True})


async def resume_connection(_: Call, row: Connection) -> Reply:
    """Go on with what has piled up."""
    return Reply(value={"name": row.name, "is_paused": False, "waiting": await connections.resume(row)})


async def poll_connection(call: Call, row: Connection) -> Reply:
    """Ask the ERP now what the warehouse has received."""
    async with client_session(allowed=call.hub.environment.egress_allow) as http:
        found = await poll_now(call.hub, http, row.id, owner=f"poll {os.getpid()}")
    return Reply(value={"connection": row.name, "documents": found.documents, "rmas": list(found.rmas)})


def _values(given: models.ConnectionNew | models.ConnectionChange) -> dict[str, Any]:
    if twice := sorted(set(given.settings) & set(given.credentials)):
        raise UsageError(
            f"set {', '.join(twice)}: it is given as a setting and as a credential",
            fix="give it once; the connector's schema says which it is",
        )
    return {**given.settings, **given.credentials}


_ONE = "/v1/connections/{name}"
ROUTES = (
    Route(
        method="GET",
        path="/v1/connections",
        need=Need.READ,
        act=list_connections,
        answer=models.Connections,
    ),
    Route(
        method="POST",
        path="/v1/connections",
        need=Need.WRITE,
        act=add_connection,
        body=models.ConnectionNew,
        answer=models.ConnectionMade,
        status=HTTPStatus.CREATED,
        gives_tag=True,
        asks_erp=True,
    ),
    Route(
        method="GET",
        path=_ONE,
        need=Need.READ,
        of=find,
        act=show_connection,
        answer=models.Connection,
        gives_tag=True,
    ),
    Route(
        method="PATCH",
        path=_ONE,
        need=Need.WRITE,
        of=find,
        act=edit_connection,
        body=models.ConnectionChange,
        answer=models.Connection,
        gives_tag=True,
        heeds_match=True,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        need=Need.WRITE,
        of=find,
        act=remove_connection,
        answer=models.Removed,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/check",
        need=Need.WRITE,
        of=find,
        act=check_connection,
        answer=models.Check,
        asks_erp=True,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/pause",
        need=Need.WRITE,
        of=find,
        act=pause_connection,
        answer=models.Paused,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        need=Need.WRITE,
        of=find,
        act=resume_connection,
        answer=models.Resumed,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/poll",
        need=Need.WRITE,
        of=find,
        act=poll_connection,
        answer=models.Polled,
        asks_erp=True,
    ),
)
