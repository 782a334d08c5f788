"""Mapping documents: what goes into the document an ERP gets, per connection, every version kept."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hub.access import audit
from hub.dispatch.claims import claim
from hub.dispatch.http import client_session
from hub.dispatch.opening import open_connection, read_model
from hub.errors import ConfigError, ConflictError, NotFoundError
from hub.hookspecs import Delivery, StoreInfo
from hub.inbound.deciding import methods_of
from hub.mapping.document import MappingTextError, parse_mapping, place_of
from hub.routing import route
from hub.store.database import in_transaction
from hub.store.models import Connection, MappingVersion, Store

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something that is wrong with a mapping document.

    Attributes:
        line, column: where in its text, counted from 1.
        field: which field it is about, as a path with dots; empty when the text cannot be read at all.
        text: what is wrong, in a clause.
    """

    line: int
    column: int
    field: str
    text: str


def problems(hub: Hub, row: Connection, text: str) -> list[Problem]:
    """Everything that is wrong with a mapping document, in its order; nothing when it is valid."""
    try:
        document = parse_mapping(text)
    except MappingTextError as error:
        return [Problem(line=error.line, column=error.column, field="", text=error.why)]
    except ConfigError as error:
        return [Problem(line=1, column=1, field="", text=str(error))]
    try:
        hub.registry.get(row.connector).schema.mapping.model_validate(document)
    except ValidationError as error:
        found = [_problem(text, each) for each in error.errors(include_url=False, include_input=False)]
        return sorted(found, key=lambda each: (each.line, each.column))
    return []


def _problem(text: str, each: ErrorDetails) -> Problem:
    line, column = place_of(text, each["loc"])
    field = ".".join(str(part) for part in each["loc"])
    return Problem(line=line, column=column, field=field, text=each["msg"].removeprefix("Value error, "))


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
    return await _keep(hub, row, text, by, "mapping.set", {})


async def restore(hub: Hub, row: Connection, version: int, *, by: str) -> MappingVersion:
    """Makes an old version the newest again; 0 is the built-in empty mapping.

    Raises:
        NotFoundError: there is no such version. ConfigError: it is no longer valid.
    """
    told = {"restored": version}
    if version == BUILT_IN:
        return await _keep(hub, row, "{}", by, "mapping.restored", told)
    old = await MappingVersion.get_or_none(connection_id=row.id, version=version)
    if old is None:
        raise NotFoundError(
            f"restore version {version} of the mapping of {row.name}: there is none",
            fix=f"list them with `hub mapping history {shlex.quote(row.name)}`",
        )
    return await _keep(hub, row, old.text, by, "mapping.restored", told)


async def _keep(
    hub: Hub, row: Connection, text: str, by: str, action: str, told: dict[str, int]
) -> MappingVersion:
    validate(hub, row, text)
    async with in_transaction():
        # The connection and not its newest version: there may be none yet, or a newer one in a moment.
        await Connection.filter(id=row.id).select_for_update(no_key=True).get()
        newest = await current(row)
        if newest is not None and newest.text == text:
            return newest
        made = await MappingVersion.create(
            connection_id=row.id,
            version=newest.version + 1 if newest else 1,
            text=text,
            created_at=hub.clock.now(),
            created_by=by,
        )
        # The texts themselves are kept for good, by version.
        before = {"version": newest.version if newest else BUILT_IN}
        after = {"version": made.version, **told}
        await audit.record(action, row.name, store=row.store_id, before=before, after=after)
        return made


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
        async with client_session(allowed=hub.environment.egress_allow) as http:
            opened = open_connection(hub, row, http, held)
            with opened.session.in_background():
                (answer,) = await opened.connector.prepare(opened.view, [delivery])
    return answer


async def _imagined(hub: Hub, row: Connection, rma: Rma, mapping: dict[str, Any]) -> Delivery:
    owner = await Store.get(id=row.store_id)
    methods = await methods_of(row.store_id, [rma])
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
        # A note that the hub made for this RMA is no second credit: nothing is written here.
        is_looked_for_first=True,
    )
