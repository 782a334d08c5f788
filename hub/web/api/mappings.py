"""``/v1/connections/{name}/mapping``: what goes into the document an ERP gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.inbound.event import read_event
from hub.mapping.exact_json import write_json
from hub.merchant import mappings, shown
from hub.web.api import connections
from hub.web.api.models import mappings as models
from hub.web.api.routing import Reply, Route, locked
from hub.web.guard import Need

if TYPE_CHECKING:
    from hub.store.models import Connection, MappingVersion
    from hub.web.api.routing import Call


async def show_mapping(_: Call, row: Connection) -> Reply:
    """Show the mapping in use, as it was uploaded; `{}` while none was. Its ETag is its version."""
    return _reply(await mappings.current(row))


async def set_mapping(call: Call, row: Connection) -> Reply:
    """Put a mapping to use as a new version. What was prepared already stays as it is."""
    mappings.validate(call.hub, row, call.body)  # what is wrong in itself is told before what is old
    async with locked(row) as held:
        call.check_match(_tag(await mappings.current(held)))
        made = await mappings.store(call.hub, held, call.body, by=call.who.who)
    return _reply(made)


async def validate_mapping(call: Call, row: Connection) -> Reply:
    """Check a mapping; change nothing. The refusal says in which line and column it is wrong."""
    document = mappings.validate(call.hub, row, call.body)
    return Reply(value={"is_valid": True, "fields": sorted(document)})


async def preview_mapping(call: Call, row: Connection) -> Reply:
    """Show the exact request an RMA would make, with where each value comes from. Writes nothing."""
    given: models.PreviewOf = call.body
    rma = read_event(write_json(given.rma).encode()).rma
    text = None if given.mapping is None else write_json(given.mapping)
    return Reply(value=shown.preview(await mappings.preview(call.hub, row, rma, text)))


def _reply(version: MappingVersion | None) -> Reply:
    return Reply(value=(version.text.strip() if version else "") or "{}", tag=_tag(version))


def _tag(version: MappingVersion | None) -> str:
    return f'"{version.version if version else mappings.BUILT_IN}"'


_MAPPING = "/v1/connections/{name}/mapping"
ROUTES = (
    Route(
        method="GET",
        path=_MAPPING,
        need=Need.READ,
        of=connections.find,
        act=show_mapping,
        answer=models.MappingDocument,
        gives_tag=True,
    ),
    Route(
        method="PUT",
        path=_MAPPING,
        need=Need.WRITE,
        of=connections.find,
        act=set_mapping,
        body=models.MappingDocument,
        is_document=True,
        answer=models.MappingDocument,
        gives_tag=True,
        heeds_match=True,
    ),
    Route(
        method="POST",
        path=f"{_MAPPING}/validate",
        need=Need.READ,
        of=connections.find,
        act=validate_mapping,
        body=models.MappingDocument,
        is_document=True,
        answer=models.MappingChecked,
    ),
    Route(
        method="POST",
        path=f"{_MAPPING}/preview",
        need=Need.READ,
        of=connections.find,
        act=preview_mapping,
        body=models.PreviewOf,
        answer=models.Preview,
        asks_erp=True,
    ),
)
