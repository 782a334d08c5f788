"""Settings, Events and webhooks: who may send events, who is told of updates. And the store's own facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.errors import HubError, UsageError
from hub.merchant import event_secrets, stores, webhooks
from hub.telling import UpdateKind
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import done, show
from hub.web.pages.words import counted
from hub.web.problems import status_of
from hub.web.segments import segment
from hub.webhooks.message import ID_PREFIX
from hub.webhooks.subscription import Body, read_credentials, read_settings
from hub.webhooks.work import send_test

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.store.models import Connection

EVENTS = "/settings/events"
HOOK = "/settings/webhooks/{name}"
LOGGED = 50


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get(EVENTS, show_events),
            web.post(f"{EVENTS}/secrets", add_secret),
            web.post(f"{EVENTS}/secrets/{{name}}/remove", remove_secret),
            web.post("/settings/webhooks", add_hook),
            web.get(HOOK, show_hook),
            web.post(f"{HOOK}/test", test),
            web.post(f"{HOOK}/rotate", rotate),
            web.post(f"{HOOK}/pause", pause),
            web.post(f"{HOOK}/resume", resume),
            web.post(f"{HOOK}/replay", replay),
            web.post(f"{HOOK}/remove", remove_hook),
            web.get("/settings/store", show_store),
            web.post("/settings/store", edit_store),
        ],
    )


async def show_events(request: web.Request) -> web.Response:
    """The secrets that sign events, and the webhooks."""
    return await _events(request)


async def _events(
    request: web.Request,
    *,
    error: HubError | None = None,
    typed: Mapping[str, str] | None = None,
    shown_once: tuple[str, str] | None = None,
) -> web.Response:
    hub, store = request.app[HUB], await store_of(request)
    hooks = await webhooks.every(store)
    return await show(
        request,
        "settings/events.html",
        status=status_of(error) if error else 200,
        secrets=await event_secrets.every(store),
        hooks=[(each, read_settings(each), await webhooks.standing(hub, each)) for each in hooks],
        kinds=list(UpdateKind),
        bodies=list(Body),
        error=error,
        typed=typed or {},
        shown_once=shown_once,
    )


async def add_secret(request: web.Request) -> web.Response:
    """Adds a secret that signs events, and shows it this once."""
    name = str((await request.post()).get("name", "")).strip()
    try:
        row, text = await event_secrets.add(request.app[HUB], await store_of(request), name=name or None)
    except HubError as error:
        return await _events(request, error=error, typed={"name": name})
    return await _events(request, shown_once=(f"The secret {row.name}, for who sends events", text))


async def remove_secret(request: web.Request) -> web.Response:
    """Ends a secret."""
    row = await event_secrets.remove(request.app[HUB], await store_of(request), request.match_info["name"])
    return done(request, EVENTS, f"Events that {row.name} signs are refused from now on.")


async def add_hook(request: web.Request) -> web.Response:
    """Subscribes an address, and shows the secret that signs its messages this once."""
    form = await request.post()
    typed = {"url": str(form.get("url", "")), "hook": str(form.get("hook", "")).strip()}
    try:
        row, text = await webhooks.add(
            request.app[HUB],
            await store_of(request),
            typed["url"],
            name=typed["hook"] or None,
            events=[kind for kind in UpdateKind if f"kind-{kind}" in form],
            body=Body.THIN if form.get("body") == Body.THIN else Body.FULL,
        )
    except HubError as error:
        return await _events(request, error=error, typed=typed)
    return await _events(
        request, shown_once=(f"The secret of {row.name}, for who receives its messages", text)
    )


async def _hook(request: web.Request) -> Connection:
    return await webhooks.get(await store_of(request), request.match_info["name"])


def _place_of(row: Connection) -> str:
    return f"/settings/webhooks/{segment(row.name)}"


async def show_hook(request: web.Request) -> web.Response:
    """One webhook: how it is, and what went to it."""
    return await _one_hook(request, await _hook(request))


async def _one_hook(
    request: web.Request, row: Connection, *, error: HubError | None = None, secret: str = ""
) -> web.Response:
    hub = request.app[HUB]
    return await show(
        request,
        "settings/webhook.html",
        live="settings/webhook_live.html",
        status=status_of(error) if error else 200,
        row=row,
        place=_place_of(row),
        settings=read_settings(row),
        standing=await webhooks.standing(hub, row),
        signing=read_credentials(hub, row).active(hub.clock.now()),
        messages=await webhooks.log(row, limit=LOGGED),
        prefix=ID_PREFIX,
        error=error,
        shown_once=(f"The new secret of {row.name}", secret) if secret else None,
    )


async def test(request: web.Request) -> web.Response:
    """Sends a signed message now."""
    row = await _hook(request)
    try:
        reply = await send_test(request.app[HUB], row, owner="page")
    except HubError as error:
        return await _one_hook(request, row, error=error)
    is_taken = 200 <= reply.status < 300  # noqa: PLR2004 - HTTP's own numbers
    if not is_taken:
        refused = UsageError(
            f"send a test message to {row.name}: it was not taken",
            why=f"the receiver answered {reply.status}",
            fix="look at the receiver's own log; the answer must be a number from 200 to 299",
        )
        return await _one_hook(request, row, error=refused)
    return done(request, _place_of(row), f"{row.name} took a test message: it answered {reply.status}.")


async def rotate(request: web.Request) -> web.Response:
    """Gives a webhook a new secret, and shows it this once."""
    row = await _hook(request)
    try:
        text = await webhooks.rotate(request.app[HUB], row)
    except HubError as error:
        return await _one_hook(request, row, error=error)
    return await _one_hook(request, await _hook(request), secret=text)


async def pause(request: web.Request) -> web.Response:
    """Sends nothing until a person resumes it."""
    row = await _hook(request)
    await webhooks.pause(row)
    return done(request, _place_of(row), f"{row.name} is paused. What comes meanwhile waits.")


async def resume(request: web.Request) -> web.Response:
    """Goes on with what has piled up."""
    row = await _hook(request)
    count = await webhooks.resume(request.app[HUB], row)
    return done(request, _place_of(row), f"{row.name} goes on; {counted(count, 'message')} to send.")


async def replay(request: web.Request) -> web.Response:
    """Sends what was given up once more."""
    row = await _hook(request)
    count = await webhooks.replay(request.app[HUB], row, is_failed_only=True)
    return done(request, _place_of(row), f"{counted(count, 'message')} go to {row.name} again.")


async def remove_hook(request: web.Request) -> web.Response:
    """Ends a webhook."""
    row = await _hook(request)
    missed = await webhooks.remove(request.app[HUB], row)
    untold = f" It was not told of {counted(missed, 'update')}." if missed else ""
    return done(request, EVENTS, f"{row.name} is removed.{untold}")


async def show_store(request: web.Request) -> web.Response:
    """What mappings can say about the store."""
    return await show(request, "settings/store.html", store=await store_of(request))


async def edit_store(request: web.Request) -> web.Response:
    """Changes the store's addresses."""
    store, form = await store_of(request), await request.post()
    await stores.edit(
        store.name,
        url=str(form.get("url", "")).strip(),
        customer_support_url=str(form.get("customer_support_url", "")).strip(),
    )
    return done(request, "/settings/store", "The store's facts are changed.")
