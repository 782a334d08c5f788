"""The jobs of the engine on PostgreSQL: rings of a doorbell, in tables of Procrastinate beside our own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status as JobStatus

from hub.engine.job_database import JobDatabase
from hub.store.database import client, in_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from procrastinate.jobs import Job

    from hub.environment import Environment

QUEUE = "connections"
SWEEP = "sweep"
LIVING = timedelta(seconds=15)
"""A worker that has not been heard of for so long is taken for dead."""
DEAD_JOBS = """
SELECT job.id, job.task_name FROM procrastinate_jobs job
LEFT JOIN connection ON connection.id = job.lock
LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing'
  AND (connection.claim_token IS NULL OR connection.claim_expires_at < $1)
  AND (worker.id IS NULL OR worker.last_heartbeat < now() - $2::interval
    OR job.lock IS NOT NULL AND NOT EXISTS (
      SELECT FROM procrastinate_events event
      WHERE event.job_id = job.id AND event.type = 'started' AND event.at > now() - $3::interval
    ))
"""
"""Jobs whose connection nobody holds, and whose worker is dead, or lives but lost the database at the moment
when it wanted to say that they had ended. Those of no connection keep nobody away: deleting old calls takes
minutes where there are many connections."""
ENDED_UNSEEN = timedelta(minutes=1)
"""Longer than a turn: a job of a living worker that holds no connection for so long has ended."""
OTHERS_WAIT = """
SELECT EXISTS (
  SELECT FROM procrastinate_jobs waiting WHERE status = 'todo' AND NOT EXISTS (
    SELECT FROM procrastinate_jobs running WHERE running.lock = waiting.lock AND running.status = 'doing'
  )
) AS others_wait
"""
URGENT = 1
"""Priority of what somebody waits for; a poll has 0."""
SWEEPING = 2
"""Priority of the sweep: a backlog that fills every place must not keep what a dead worker held."""
WAITING = "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY($1)"
HURRY = """
UPDATE procrastinate_jobs SET priority = $2 WHERE id IN (
  SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY($1) AND priority < $2
  FOR UPDATE SKIP LOCKED
)
"""
SCHEMA_LOCK = 7_261_953_001
"""Of PostgreSQL's advisory locks: two processes that start at once must not both make the job tables."""

log = structlog.get_logger()


def job_app(environment: Environment, connections: int) -> App:
    """Procrastinate on the hub's database, not opened yet, with so many connections at most."""
    url = re.sub(r"^postgres(ql)?:", "postgresql:", environment.database_url)
    return App(connector=JobDatabase(url, connections))


async def make_job_tables(environment: Environment) -> None:
    """Makes Procrastinate's tables unless they are there; safe to call from several processes at once."""
    async with in_transaction() as connection:
        await connection.execute_query(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
        _, rows = await connection.execute_query("SELECT to_regclass('procrastinate_jobs') AS there")
        if rows[0]["there"] is None:
            async with job_app(environment, 1).open_async() as app:
                await app.schema_manager.apply_schema_async()


async def ring(app: App, connection_ids: Iterable[str], *, is_urgent: bool = False) -> None:
    """Has some worker work on each. One that waits to be worked on already is as good as a new ring.

    Args:
        app: the opened Procrastinate.
        connection_ids: which.
        is_urgent: True lets them go before those that are not, also where they wait already.
    """
    # In order, so that two who ring for the same ones at once do not wait for each other.
    jobs = {each: _job(app, each, URGENT if is_urgent else 0) for each in sorted(connection_ids)}
    while jobs:
        try:
            # All in one statement: thousands may be due at once.
            await app.job_manager.batch_defer_jobs_async(list(jobs.values()))
        except AlreadyEnqueued:
            if is_urgent:
                await client().execute_query(HURRY, [list(jobs), URGENT])
            for row in await client().execute_query_dict(WAITING, [list(jobs)]):
                del jobs[row["queueing_lock"]]
        else:
            return


def _job(app: App, connection_id: str, priority: int) -> Job:
    task = app.configure_task(
        "work", queue=QUEUE, lock=connection_id, queueing_lock=connection_id, priority=priority
    )
    return task.make_new_job(connection_id=connection_id)


async def others_wait() -> bool:
    """True when a job waits only for a place."""
    rows = await client().execute_query_dict(OTHERS_WAIT)
    return bool(rows[0]["others_wait"])


async def free_dead_jobs(app: App, now: datetime) -> None:
    """Ends the jobs that nobody runs any more, so that their connections can be rung for."""
    for row in await client().execute_query_dict(DEAD_JOBS, [now, LIVING, ENDED_UNSEEN]):
        await app.job_manager.finish_job_by_id_async(
            job_id=row["id"], status=JobStatus.FAILED, delete_job=True
        )
        log.warning("freed what a dead worker held", job=row["id"], task=row["task_name"])
