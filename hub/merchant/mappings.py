"""Mapping documents: what goes into the document an ERP gets, per connection, every version kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.dispatch.claims import claim
from hub.dispatch.http import client_session
from hub.dispatch.opening import open_connection, read_model
from hub.errors import ConflictError, NotFoundError
from hub.hookspecs import Delivery, StoreInfo
from hub.inbound.deciding import methods_of
from hub.mapping.document import parse_mapping
from hub.routing import route
from hub.store.database import in_transaction
from hub.store.models import Connection, MappingVersion, Store

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.outcomes import Prepared, Rejected
    from hub.rma import Rma

PREVIEW_ID = "preview"
"""Stands in a preview where the delivery's id will be."""
BUILT_IN = 0
"""Version of the mapping every connection has before one is uploaded: the empty one."""


def validate(hub: Hub, row: Connection, text: str) -> dict[str, Any]:
    """Reads a mapping document and checks it against the connector's model.

    Returns:
        The document.

    Raises:
        ConfigError: it cannot be read, or a field of it is wrong; says where.
    """
    document = parse_mapping(text)
    schema = hub.registry.get(row.connector).schema
    read_model(schema.mapping, document, "the mapping")
    return document


async def current(row: Connection) -> MappingVersion | None:
    """The version in use; None while none was uploaded."""
    return await MappingVersion.filter(connection_id=row.id).order_by("-version").first()


async def history(row: Connection) -> list[MappingVersion]:
    """Every version, newest first."""
    return await MappingVersion.filter(connection_id=row.id).order_by("-version")


async def store(hub: Hub, row: Connection, text: str, *, by: str) -> MappingVersion:
    """Keeps a valid mapping as the newest version; the same text again changes nothing.

    Deliveries that were prepared already go out as they were prepared.

    Args:
        hub: the hub.
        row: whose mapping.
        text: the document.
        by: who uploads it.

    Raises:
        ConfigError: it is not valid; the version in use stays.
    """
    validate(hub, row, text)
    async with in_transaction():
        newest = (
            await MappingVersion.filter(connection_id=row.id).select_for_update().order_by("-version").first()
        )
        if newest is not None and newest.text == text:
            return newest
        return await MappingVersion.create(
            connection_id=row.id,
            version=newest.version + 1 if newest else 1,
            text=text,
            created_at=hub.clock.now(),
            created_by=by,
        )


async def restore(hub: Hub, row: Connection, version: int, *, by: str) -> MappingVersion:
    """Makes an old version the newest again; 0 is the built-in empty mapping.

    Raises:
        NotFoundError: there is no such version. ConfigError: it is no longer valid.
    """
    if version == BUILT_IN:
        return await store(hub, row, "{}", by=by)
    old = await MappingVersion.get_or_none(connection_id=row.id, version=version)
    if old is None:
        raise NotFoundError(
            f"restore version {version} of the mapping of {row.name}: there is none",
            fix=f"list them with `hub mapping history {row.name}`",
        )
    return await store(hub, row, old.text, by=by)


async def preview(hub: Hub, row: Connection, rma: Rma, text: str | None = None) -> Prepared | Rejected:
    """What the connection would send for an RMA; looks things up in the ERP, stores and writes nothing.

    Args:
        hub: the hub.
        row: over which connection.
        rma: any RMA, approved or not.
        text: a mapping to try; None tries the one in use.

    Raises:
        ConfigError: the mapping is not valid. ConflictError: the RMA has nothing to credit, or the
            connection is in use.
    """
    newest = await current(row)
    if text is None:
        text = newest.text if newest else "{}"
    delivery = await _imagined(hub, row, rma, validate(hub, row, text))
    async with claim(row.id, "preview", hub.clock) as held:
        if held is None:
            raise ConflictError(
                f"preview over {row.name}: the connection is at work", fix="try again in a moment"
            )
        async with client_session() as http:
            opened = open_connection(hub, row, http, held)
            with opened.session.in_background():
                (answer,) = await opened.connector.prepare(opened.view, [delivery])
    return answer


async def _imagined(hub: Hub, row: Connection, rma: Rma, mapping: dict[str, Any]) -> Delivery:
    owner = await Store.get(id=row.store_id)
    methods = await methods_of(row.store_id)
    routed = route(replace(rma, status="Approved"), methods)
    kept = {item.returned_item_id for item, _ in routed.kept}
    items = tuple(item for item in rma.items if item.returned_item_id not in kept)
    if not items:
        raise ConflictError(f"preview RMA {rma.rma_id}", why=routed.reason, fix="try another RMA")
    return Delivery(
        delivery_id=PREVIEW_ID,
        rma=rma,
        items=items,
        store=StoreInfo(name=owner.name, url=owner.url, customer_support_url=owner.customer_support_url),
        location_id=routed.location_id if routed.connection_id == row.id else None,
        approved_at=rma.approved_at or hub.clock.now(),
        mapping=mapping,
    )
