"""What a run of faults needs besides a fleet: a stream of returns, and how many notes there were when."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

from hub.environment import Environment
from tests.support.migrated import migrate_all
from tests.support.postgres import own_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.integration.workers.fleet import Fleet
    from tests.support.postgres import OwnServer

SENDERS = 4
LOOK_S = 0.1


@asynccontextmanager
async def own_database() -> AsyncIterator[tuple[OwnServer, str]]:
    """A PostgreSQL that may be hurt, and the address of a migrated database on it."""
    with own_postgres() as server:
        url = await server.create()
        await migrate_all(Environment(database_url=url))
        yield server, url


async def end_backends(server: OwnServer) -> None:
    """Ends every connection to the server but this one."""
    await server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


@asynccontextmanager
async def no_connection_left(server: OwnServer) -> AsyncIterator[None]:
    """Takes every connection the server has to give, for the block; those in use are ended first."""
    taken: list[asyncpg.Connection] = []
    await end_backends(server)
    try:
        # Until it says "too many clients already".
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(server.url))
        yield
    finally:
        for each in taken:
            each.terminate()


@dataclass(kw_only=True)
class Stream:
    """Returns that come in, and the notes that come of them."""

    fleet: Fleet
    began: float = field(default_factory=time.monotonic)
    seen: list[list[tuple[float, int]]] = field(default_factory=list)
    """For each ERP the seconds since the start at which new notes were seen, and how many it had then."""

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    async def feed(self, returns: int, *, at_once: int, pause_s: float) -> None:
        """Submits returns, the first of them as quickly as it goes, spread over all ERPs."""
        numbers: Iterator[int] = iter(range(returns))

        async def send() -> None:
            for number in numbers:
                await self.fleet.submit(str(100_000 + number), erp=number % len(self.fleet.sandboxes))
                if number >= at_once:
                    await asyncio.sleep(pause_s * SENDERS)

        await asyncio.gather(*[send() for _ in range(SENDERS)])

    async def watch(self) -> None:
        """Counts the notes, for ever."""
        self.seen += [[(self.now, 0)] for _ in self.fleet.sandboxes]
        while True:
            for mine, count in zip(self.seen, self.fleet.notes(), strict=True):
                if count > mine[-1][1]:
                    mine.append((self.now, count))
            await asyncio.sleep(LOOK_S)

    def pace(self, start: float, end: float) -> float:
        """Notes a second between two moments, of all ERPs.

        Each makes its notes in batches and takes seconds over one. So its time is counted from its first
        batch after the start to its first after the end: what falls between the moments themselves is wrong
        by up to a batch of each. One that makes none is counted up to now.
        """
        return sum(_pace(mine, start, end, (self.now, mine[-1][1])) for mine in self.seen)


def _pace(seen: list[tuple[float, int]], start: float, end: float, now: tuple[float, int]) -> float:
    first_at, first = next((each for each in seen if each[0] >= start), now)
    last_at, last = next((each for each in seen if each[0] >= end), now)
    return (last - first) / (last_at - first_at) if last_at > first_at else 0.0


@asynccontextmanager
async def flowing(fleet: Fleet, *, returns: int, at_once: int, pause_s: float) -> AsyncIterator[Stream]:
    """Returns flow during the block; at its end all of them are in."""
    stream = Stream(fleet=fleet)
    watching = asyncio.create_task(stream.watch())
    feeding = asyncio.create_task(stream.feed(returns, at_once=at_once, pause_s=pause_s))
    try:
        yield stream
        await feeding
    finally:
        for task in (watching, feeding):
            task.cancel()
        await asyncio.gather(watching, feeding, return_exceptions=True)


def home_of(folder: Path) -> Path:
    """A data folder."""
    home = folder / "hub"
    home.mkdir()
    return home
