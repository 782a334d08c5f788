"""``/v1/webhooks``: addresses that are told what becomes of returns."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from hub.merchant import shown, webhooks
from hub.web.api.models import webhooks as models
from hub.web.api.routing import Reply, Route, page
from hub.web.guard import Need
from hub.web.segments import segment

if TYPE_CHECKING:
    from hub.store.models import Connection
    from hub.web.api.routing import Call


async def find(call: Call, name: str) -> Connection:
    """The store's webhook of that name."""
    return await webhooks.get(call.store, name)


async def list_webhooks(call: Call, _: None) -> Reply:
    """List the webhooks and how they are."""
    rows = await webhooks.every(call.store)
    return page([shown.webhook(row, await webhooks.standing(call.hub, row)) for row in rows])


async def add_webhook(call: Call, _: None) -> Reply:
    """Subscribe an address to the store's updates from now on, and to nothing old.

    The secret is yours to make, so that no answer ever holds one.
    """
    given: models.WebhookNew = call.body
    row, _secret = await webhooks.add(
        call.hub,
        call.store,
        given.url,
        name=given.name,
        events=given.events,
        body=given.body,
        secret=given.secret,
    )
    made = await show_webhook(call, row)
    return Reply(value=made.value, location=f"/v1/webhooks/{segment(row.name)}")


async def show_webhook(call: Call, row: Connection) -> Reply:
    """Show a webhook; its secrets stay hidden."""
    return Reply(value=shown.webhook(row, await webhooks.standing(call.hub, row)))


async def remove_webhook(call: Call, row: Connection) -> Reply:
    """End a webhook and destroy its secrets; what was sent stays on record, what waits is not sent."""
    return Reply(value={"name": row.name, "missed": await webhooks.remove(call.hub, row)})


async def pause_webhook(_: Call, row: Connection) -> Reply:
    """Send nothing until it is resumed; what comes meanwhile waits."""
    await webhooks.pause(row)
    return Reply(value={"name": row.name, "is_paused": True})


async def resume_webhook(call: Call, row: Connection) -> Reply:
    """Go on at once with what has piled up, also with what failed before."""
    waiting = await webhooks.resume(call.hub, row)
    return Reply(value={"name": row.name, "is_paused": False, "waiting": waiting})


_ONE = "/v1/webhooks/{name}"
ROUTES = (
    Route(method="GET", path="/v1/webhooks", need=Need.READ, act=list_webhooks, answer=models.Webhooks),
    Route(
        method="POST",
        path="/v1/webhooks",
        need=Need.WRITE,
        act=add_webhook,
        body=models.WebhookNew,
        answer=models.Webhook,
        status=HTTPStatus.CREATED,
    ),
    Route(method="GET", path=_ONE, need=Need.READ, of=find, act=show_webhook, answer=models.Webhook),
    Route(
        method="DELETE",
        path=_ONE,
        need=Need.WRITE,
        of=find,
        act=remove_webhook,
        answer=models.WebhookRemoved,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/pause",
        need=Need.WRITE,
        of=find,
        act=pause_webhook,
        answer=models.WebhookPaused,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/resume",
        need=Need.WRITE,
        of=find,
        act=resume_webhook,
        answer=models.WebhookResumed,
    ),
)
