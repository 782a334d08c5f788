#!/usr/bin/env bash
# Procrastinate 3.10.0 on a PostgreSQL that does not answer in English: that a job waits already arrives as a
# bare AssertionError instead of AlreadyEnqueued. And lc_messages does not tell which server that is.
#
# Guess: deferring a job under a queueing lock that is taken raises AlreadyEnqueued, on any server; and a server
# whose lc_messages is C.UTF-8 answers in English.
# Seen: the lock's name is read out of the error's detail by `Key \((.*?)\)=\((.*?)\)`, an English sentence
# (procrastinate/sync_psycopg_connector.py, wrap_exceptions). German has »Schlüssel »(…)=(…)« existiert bereits«. And a server
# that was started with LANGUAGE=de in its environment answers in German although lc_messages is C.UTF-8; no
# German locale need be installed for it.
#
# Needs python3 with venv, and a PostgreSQL with German messages, which no package of PyPI has: on Debian and
# Ubuntu `apt-get install postgresql`. Installs into a temporary folder, runs a server of its own there, and
# removes both. Ends with 1 if this is not so any more, with 2 if there is no such PostgreSQL.
set -euo pipefail
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
major=$(basename "$(dirname "${programs:-/none/none}")")
if [ ! -e "/usr/share/locale/de/LC_MESSAGES/postgres-$major.mo" ]; then
  echo 'not tried: there is no PostgreSQL with German messages here: apt-get install postgresql' >&2
  exit 2
fi
folder=$(mktemp -d); chmod 755 "$folder"
as=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as=(runuser -u postgres --)
fi
end() {
  "${as[@]}" "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap end EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  procrastinate==3.10.0 'psycopg[binary]==3.3.9' psycopg-pool==3.3.3
cd "$folder"
"${as[@]}" env LC_ALL=C.UTF-8 "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 >/dev/null
"${as[@]}" env LC_ALL=C.UTF-8 LANGUAGE=de "$programs/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
  -o "-c listen_addresses='' -c unix_socket_directories='$folder'" start >/dev/null
cat > "$folder/tried.py" <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

import psycopg
from procrastinate import App, PsycopgConnector


async def twice(url: str, speak: str) -> str:
    """What a job that waits already is refused with, where PostgreSQL speaks like that."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE postgres SET lc_messages TO '{speak}'")
        connection.execute("DELETE FROM procrastinate_jobs")
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="job", queueing_lock="one waits")
    async def job() -> None: ...

    async with app.open_async():
        await job.defer_async()
        try:
            await job.defer_async()
        except Exception as error:
            return type(error).__name__
    return "nothing"


async def main() -> int:
    url = f"postgresql://postgres:@/postgres?host={sys.argv[1]}"
    with psycopg.connect(url) as connection:
        (setting,) = connection.execute("SHOW lc_messages").fetchone()
        try:
            connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero as error:
            said = error.diag.message_primary
    async with App(connector=PsycopgConnector(conninfo=url)).open_async() as app:
        await app.schema_manager.apply_schema_async()
    plain, german = await twice(url, "C"), await twice(url, "C.UTF-8")
    with psycopg.connect(url) as connection:
        (server,) = connection.execute("SHOW server_version").fetchone()
    print(f"procrastinate {version('procrastinate')}, PostgreSQL {server} with LANGUAGE=de in its environment")
    print("guess: with lc_messages C.UTF-8 it says 'division by zero'; a second job is refused with AlreadyEnqueued")
    print(f"seen:  with lc_messages {setting} it says {said!r}; a second job is refused with {german}")
    print(f"       with lc_messages C a second job is refused with {plain}")
    is_so = said == "Division durch Null" and (plain, german) == ("AlreadyEnqueued", "AssertionError")
    return 0 if is_so else 1


sys.exit(asyncio.run(main()))
PYTHON
"$folder/venv/bin/python" "$folder/tried.py" "$folder" 2>"$folder/log" || { cat "$folder/log"; exit 1; }
