"""``/v1/deliveries``: the one document of each approved RMA, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.mapping.exact_json import write_json
from hub.merchant import deliveries, shown
from hub.merchant.answers import Answer
from hub.web.api.models import deliveries as models
from hub.web.api.routing import Reply, Route, page
from hub.web.guard import Need

if TYPE_CHECKING:
    from hub.store.models import Delivery
    from hub.web.api.routing import Call


async def find(call: Call, delivery_id: str) -> Delivery:
    """The store's delivery of that id, or of that unambiguous beginning."""
    return await deliveries.get(call.store, delivery_id)


def tag_of(row: Delivery) -> str:
    """Its ETag: every change of it gives another."""
    return f'"{row.version}"'


async def list_deliveries(call: Call, _: None) -> Reply:
    """List the deliveries, those of the newest RMAs first."""
    wanted = call.query
    rows = await deliveries.every(
        call.store,
        status=wanted.status,
        rma_id=wanted.rma,
        connection=wanted.connection,
        before=wanted.cursor,
        limit=wanted.limit + 1,
    )
    return page([shown.delivery_listed(row) for row in rows], wanted.limit, "id")


async def show_delivery(_: Call, row: Delivery) -> Reply:
    """Show a delivery: its request, where each value comes from, its tries and its calls."""
    return Reply(value=await shown.delivery(row), tag=tag_of(row))


async def retry_delivery(call: Call, row: Delivery) -> Reply:
    """Hand a delivery back to the hub once its cause is mended. Never makes a second document."""
    call.check_match(tag_of(row))
    how: models.Retry = call.body
    answer = Answer(code=how.accept, note=how.note or "") if how.accept is not None else None
    clock = call.hub.clock
    now = await deliveries.retry(clock, row, prepare_anew=how.anew, is_gone=how.gone, answer=answer)
    return Reply(value={"id": row.id, "now": now})


async def edit_delivery(call: Call, row: Delivery) -> Reply:
    """Send a request written by hand in place of the one that was prepared."""
    call.check_match(tag_of(row))
    given: models.Edit = call.body
    return Reply(value={"id": row.id, "now": await deliveries.edit(call.hub, row, write_json(given.request))})


async def resolve_delivery(call: Call, row: Delivery) -> Reply:
    """Close what a person has dealt with."""
    call.check_match(tag_of(row))
    how: models.Resolve = call.body
    now = await deliveries.resolve(
        call.hub.clock, row, how.note, how.document, is_without_document=how.without_document
    )
    return Reply(value={"id": row.id, "now": now})


_ONE = "/v1/deliveries/{delivery_id}"
ROUTES = (
    Route(
        method="GET",
        path="/v1/deliveries",
        need=Need.READ,
        act=list_deliveries,
        query=models.DeliveriesWanted,
        answer=models.Deliveries,
    ),
    Route(
        method="GET",
        path=_ONE,
        need=Need.READ,
        of=find,
        act=show_delivery,
        answer=models.Delivery,
        gives_tag=True,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/retry",
        need=Need.WRITE,
        of=find,
        act=retry_delivery,
        body=models.Retry,
        is_body_optional=True,
        answer=models.Acted,
        heeds_match=True,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/edit",
        need=Need.WRITE,
        of=find,
        act=edit_delivery,
        body=models.Edit,
        answer=models.Acted,
        heeds_match=True,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resolve",
        need=Need.WRITE,
        of=find,
        act=resolve_delivery,
        body=models.Resolve,
        answer=models.Acted,
        heeds_match=True,
    ),
)
