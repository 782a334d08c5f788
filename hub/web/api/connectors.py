"""``/v1/connectors``: which ERPs this hub can talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.merchant import connectors, shown
from hub.web.api.models import connectors as models
from hub.web.api.routing import Reply, Route, page
from hub.web.guard import Need

if TYPE_CHECKING:
    from hub.registry import Connector
    from hub.web.api.routing import Call


async def find(call: Call, name: str) -> Connector:
    """The working connector of that name."""
    return call.hub.registry.get(name)


async def list_connectors(call: Call, _: None) -> Reply:
    """List the connectors that are installed, also what is broken, and why."""
    rows = connectors.listed(call.hub.registry)
    await connectors.add_recorded(call.hub.registry, rows)
    return page(rows)


async def show_schema(_: Call, connector: Connector) -> Reply:
    """Show the JSON Schemas of a connector's credentials, settings and mapping."""
    return Reply(value=shown.connector_schema(connector))


ROUTES = (
    Route(
        method="GET",
        path="/v1/connectors",
        need=Need.READ,
        act=list_connectors,
        answer=models.Connectors,
    ),
    Route(
        method="GET",
        path="/v1/connectors/{name}/schema",
        need=Need.READ,
        of=find,
        act=show_schema,
        answer=models.ConnectorSchema,
    ),
)
