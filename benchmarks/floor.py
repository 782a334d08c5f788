"""The floor under accepting: an aiohttp handler that does one durable, group-committed insert, no more.

`python -m benchmarks.floor FILE` prints its address when it is ready. Bodies that come while a commit is
under way go into the next one together; one that comes alone is committed at once.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys

from aiohttp import web


class Floor:
    """Inserts bodies, as many at a time as have come meanwhile."""

    def __init__(self, file: str) -> None:
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def post(self, request: web.Request) -> web.Response:
        """Answers 202 once the body is on disk."""
        body = await request.read()
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, stored))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        await stored
        return web.json_response({"duplicate": False}, status=202)

    async def _drain(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting, []
            await asyncio.to_thread(self._store, [(body.decode(),) for body, _ in together])
            for _, stored in together:
                stored.set_result(None)
        self._task = None

    def _store(self, rows: list[tuple[str]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO event (body) VALUES (?)", rows)
        self._database.execute("COMMIT")


async def main(file: str) -> None:
    """Serves until it is ended."""
    app = web.Application()
    app.add_routes([web.post("/v1/events", Floor(file).post)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
