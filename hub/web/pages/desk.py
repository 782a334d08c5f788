"""The error desk: what needs a person, by cause, and doing one thing to a whole group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.errors import ConflictError, HubError, NotFoundError, UsageError
from hub.merchant import deliveries, desk, search
from hub.merchant.search import Wanted
from hub.outcomes import Status, ValidationState
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import done, jobs, ring, show
from hub.web.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.merchant.desk import Cause
    from hub.store.models import Delivery, Store
    from hub.web.pages.jobs import Job

SHOWN = 20
RING_EVERY = 25


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get("/desk", show_desk),
            web.get("/desk/{id}", show_group),
            web.post("/desk/{id}/retry", retry),
            web.post("/desk/{id}/resolve", resolve),
        ],
    )


async def show_desk(request: web.Request) -> web.Response:
    """Everything that needs a person, and what the hub is checking by itself."""
    store = await store_of(request)
    flagged = Wanted(validation=ValidationState.FLAGGED)
    return await show(
        request,
        "desk/desk.html",
        live="desk/live.html",
        causes=await desk.causes(store),
        flagged=(await search.find(store, flagged, limit=SHOWN)).rows,
        doubtful=await desk.doubtful(store, limit=SHOWN),
        shown=SHOWN,
    )


async def show_group(request: web.Request) -> web.Response:
    """One cause: whom it affects, and what can be done about all of them."""
    return await _group_page(request, await _cause(request, await store_of(request)))


async def _cause(request: web.Request, store: Store) -> Cause:
    key = request.match_info["id"]
    found = next((each for each in await desk.causes(store) if each.key == key), None)
    if found is None:
        raise NotFoundError(
            "show this group: nothing needs you for that cause any more", fix="go back to what needs you"
        )
    return found


async def _group_page(
    request: web.Request, cause: Cause, *, error: HubError | None = None, note: str = ""
) -> web.Response:
    return await show(
        request,
        "desk/group.html",
        status=status_of(error) if error else 200,
        cause=cause,
        error=error,
        note=note,
        shown=SHOWN,
    )


async def retry(request: web.Request) -> web.Response:
    """Hands every delivery of a group back to the hub."""
    clock = request.app[HUB].clock
    return await _on_all(request, "Try again", lambda row: deliveries.retry(clock, row))


async def resolve(request: web.Request) -> web.Response:
    """Closes every delivery of a group with one note."""
    note = str((await request.post()).get("note", ""))
    clock = request.app[HUB].clock
    if not note.strip():
        cause = await _cause(request, await store_of(request))
        missing = UsageError("close these returns: the note is empty", fix="say what was done")
        return await _group_page(request, cause, error=missing)
    return await _on_all(request, "Close", lambda row: deliveries.resolve(clock, row, note), note)


async def _on_all(
    request: web.Request, verb: str, each: Callable[[Delivery], Awaitable[str]], note: str = ""
) -> web.Response:
    store = await store_of(request)
    cause = await _cause(request, store)
    if str((await request.post()).get("count", "")) != str(len(cause.ids)):
        changed = ConflictError(
            f"{verb.casefold()}: there are {len(cause.ids)} now, and your page showed another number",
            fix="look again, then press it once more",
        )
        return await _group_page(request, cause, error=changed, note=note)

    async def work(job: Job) -> None:
        for rma_id, delivery_id in zip(cause.rmas, cause.ids, strict=True):
            try:
                row = await deliveries.get(store, delivery_id)
                if row.status is Status.ATTENTION:
                    now_is = await each(row)
                    row = await deliveries.get(store, delivery_id)
                    if row.status is Status.ATTENTION:
                        job.refused.append((rma_id, ConflictError(now_is, fix=cause.fix)))
            except HubError as error:
                job.refused.append((rma_id, error))
            job.done += 1
            if job.done % RING_EVERY == 0 or job.done == job.total:
                ring(request.app)

    job = jobs.start(
        request,
        store,
        work,
        title=f"{verb}: {len(cause.ids)} {'return' if len(cause.ids) == 1 else 'returns'}",
        template="jobs/bulk.html",
        back=("/desk", "Back to what needs you"),
        total=len(cause.ids),
    )
    return done(request, f"/jobs/{job.id}")
