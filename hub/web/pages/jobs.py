"""Work that takes longer than a page may: it goes on by itself, and its page shows how far it is.

A job lives in the memory of this process. When the process ends, what it has done is done and the rest is
as it was, so that it can be started again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from hub.access.principal import acting
from hub.errors import HubError, NotFoundError
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import show

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from hub.store.models import Store

KEPT = 50
"""How many jobs are remembered; the oldest that have ended go first."""
log = structlog.get_logger()


@dataclass(kw_only=True)
class Job:
    """One piece of work.

    Attributes:
        title: what it does.
        template: shows its result.
        back: (address, text) of the page to go on with.
        total: how many parts it has; 0 when nobody knows.
        done: how many of them are through.
        refused: (return, error) of those that did not go.
        result: what it found; None before, or when it only does.
        error: why it broke off; None when it did not.
        ended_at: None while it runs.
    """

    id: str
    store_id: int
    title: str
    template: str
    back: tuple[str, str]
    total: int = 0
    done: int = 0
    refused: list[tuple[str, HubError]] = field(default_factory=list)
    result: Any = None
    error: HubError | None = None
    ended_at: datetime | None = None
    task: asyncio.Task[None] | None = None


_JOBS = web.AppKey("jobs", OrderedDict[str, Job])


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    app[_JOBS] = OrderedDict()
    app.on_cleanup.append(_end)
    guard.add_routes(app, Need.PAGE, [web.get("/jobs/{id}", show_job)])


def start(
    request: web.Request,
    store: Store,
    work: Callable[[Job], Awaitable[None]],
    **what: Any,
) -> Job:
    """Starts a job in the name of whoever asks; it goes on when they sign out, and not when they are removed.

    Args:
        request: the request.
        store: whose the work is; nobody of another store sees it.
        work: does it, and keeps the job up to date.
        what: ``title``, ``template``, ``back`` and ``total`` of the :class:`Job`.
    """
    hub, jobs = request.app[HUB], request.app[_JOBS]
    job = Job(id=hub.clock.new_id(), store_id=store.id, **what)

    who = replace(guard.principal(request), session_id=None)

    async def run() -> None:
        try:
            with acting(who):
                await work(job)
        except HubError as error:
            job.error = error
        except Exception:
            log.exception("a job broke off", job=job.title)
            job.error = HubError(
                job.title.casefold(),
                why="the hub failed unexpectedly; its log says why",
                fix="start it again",
            )
        finally:
            job.ended_at = hub.clock.now()

    for old in [each for each in jobs.values() if each.ended_at is not None][: len(jobs) + 1 - KEPT]:
        del jobs[old.id]
    jobs[job.id] = job
    job.task = asyncio.create_task(run())
    return job


async def show_job(request: web.Request) -> web.Response:
    """How far a job is, and what came of it."""
    store = await store_of(request)
    job = request.app[_JOBS].get(request.match_info["id"])
    if job is None or job.store_id != store.id:
        raise NotFoundError(
            "show this work: it is not remembered",
            why="the hub was started anew, or it is long over",
            fix="what it had done is done; start it again for the rest",
        )
    return await show(request, "jobs/job.html", live="jobs/live.html", job=job)


async def _end(app: web.Application) -> None:
    running = [job.task for job in app[_JOBS].values() if job.task is not None and not job.task.done()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
