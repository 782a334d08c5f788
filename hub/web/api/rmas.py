"""``/v1/rmas``: the RMAs that have arrived, and what came of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.merchant import rmas, shown
from hub.web.api.models import rmas as models
from hub.web.api.routing import Reply, Route, page
from hub.web.guard import Need

if TYPE_CHECKING:
    from hub.store.models import Rma
    from hub.web.api.routing import Call


async def find(call: Call, rma_id: str) -> Rma:
    """The store's RMA of that id."""
    return await rmas.get(call.store, rma_id)


async def list_rmas(call: Call, _: None) -> Reply:
    """List the RMAs, newest first."""
    wanted = call.query
    rows = await rmas.every(
        call.store,
        status=wanted.status,
        validation=wanted.validation,
        before=wanted.cursor,
        limit=wanted.limit + 1,
    )
    return page([shown.rma_listed(row) for row in rows], wanted.limit, "rma_id")


async def show_rma(call: Call, row: Rma) -> Reply:
    """Show an RMA: its delivery, its items and its whole story."""
    return Reply(value=await rmas.shown(call.store, row))


ROUTES = (
    Route(
        method="GET",
        path="/v1/rmas",
        need=Need.READ,
        act=list_rmas,
        query=models.RmasWanted,
        answer=models.Rmas,
    ),
    Route(method="GET", path="/v1/rmas/{rma_id}", need=Need.READ, of=find, act=show_rma, answer=models.Rma),
)
