"""A hub whose processes are killed, on SQLite or PostgreSQL, and a sandbox of Cin7 Omni outliving them."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import sqlite3
from collections import Counter
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg

from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.dispatch.http import client_session
from hub.dispatch.work import work
from hub.environment import Environment
from hub.inbound.accept import accept
from hub.merchant import connections, methods, stores
from hub.registry import Registry
from hub.rma import MethodType
from hub.store import epochs
from hub.store.mark import mark_of, write_mark
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.support import documents
from tests.support.forked import QUICK, Commands
from tests.support.migrated import put_database
from tests.support.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from hub.core import Hub

SERVE = ("serve", "--port", "0")
OUR_TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'procrastinate%'
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a test acts on."""

    environment: Environment
    sandbox: Cin7Sandbox
    connection_id: str

    engine: ClassVar[tuple[str, ...]] = SERVE
    """The command whose process works."""

    @property
    def commands(self) -> Commands:
        networks = ",".join(str(each) for each in self.environment.egress_allow)
        variables = {"HUB_EGRESS_ALLOW": networks, "HUB_DATABASE_URL": self.environment.database_url}
        return Commands(home=self.environment.home, variables=variables)

    @property
    def database(self) -> Path:
        return self.environment.database_file

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[Hub]:
        """The hub in this process."""
        async with open_hub(self.environment, registry=Registry([QUICK])) as hub:
            yield hub

    async def accept(self, *given: dict[str, Any]) -> None:
        async with self.hub() as hub:
            store = await stores.get()
            for document in given:
                await accept(hub.clock, store, documents.event(document), source="test")

    async def work(self) -> None:
        """What the engine does when it is rung, in this process."""
        async with self.hub() as hub, client_session() as http:
            assert await work(hub, http, self.connection_id, owner="test")

    def fault(self, text: str) -> None:
        """Orders a misbehaviour, written as for ``hub sandbox --fault``."""
        self.sandbox.inject(parse_fault(text))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database holds, whoever works on it."""
        with closing(
            sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=LONGEST_S)
        ) as read:
            return read.execute(statement).fetchall()

    def back_up(self) -> Path:
        """A copy of the database, which nobody has open."""
        copy = self.database.with_suffix(".backup")
        shutil.copyfile(self.database, copy)
        return copy

    def restore(self, copy: Path) -> None:
        """Puts a copy in the place of the database, which nobody has open."""
        for suffix in ("-wal", "-shm"):
            self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(copy, self.database)

    async def work_and_forget(self, *, is_noticed: bool) -> None:
        """Works, and then has the database forget it, as one that is restored from a backup.

        Args:
            is_noticed: False is as if the database's whole disk had been put back.
        """
        backup = self.back_up()
        await self.work()
        self.restore(backup)
        if not is_noticed:
            write_mark(mark_of(self.database), epoch="", attempt=0)

    def bury_the_dead(self) -> None:
        """Has the time pass until a killed process counts as dead; at once where a lock tells."""

    def is_sent(self) -> bool:
        """There are deliveries, and every one has its document."""
        return [status for (status,) in self.rows("SELECT DISTINCT status FROM delivery")] == ["done"]

    def is_settled(self) -> bool:
        """Every delivery has its document and every return its goods."""
        return self.is_sent() and self.rows("SELECT DISTINCT validation FROM rma") == [("full",)]

    def is_told(self) -> bool:
        """Nothing is on its way to anybody."""
        return self.rows("SELECT count(*) FROM update_sending WHERE status = 'pending'") == [(0,)]

    async def until(self, condition: Callable[[], bool], longest_s: float = LONGEST_S) -> None:
        try:
            await until(condition, longest_s)
        except TimeoutError:
            raise AssertionError(f"did not come about; {self.told()}") from None

    def told(self) -> str:
        """For the message of a test that fails."""
        states = self.rows("SELECT status, verdict, reason, count(*) FROM delivery GROUP BY 1, 2, 3")
        updates = self.rows("SELECT status, reason, count(*) FROM update_sending GROUP BY 1, 2")
        output = self.commands.output
        printed = output.read_text(encoding="utf-8")[-4000:] if output.exists() else ""
        documents = len(self.sandbox.documents())
        return f"deliveries: {states}; updates: {updates}; documents: {documents}; printed: {printed}"

    def notes(self) -> Counter[str]:
        """How many credit notes each return has, by the mark on them; the ones voided too."""
        comments = [note["raw"]["internalComments"] for note in self.sandbox.documents()]
        return Counter(marked_rma(comment) or comment for comment in comments)

    def check_one_each(self, *rma_ids: str) -> None:
        """Every return has one note, its delivery knows it, and there is nothing else."""
        assert self.notes() == Counter(rma_ids), self.told()
        found = self.rows("SELECT rma.rma_id, document_id FROM delivery JOIN rma ON rma.id = delivery.rma_id")
        made = {
            marked_rma(note["raw"]["internalComments"]): str(note["id"]) for note in self.sandbox.documents()
        }
        assert dict(found) == made, self.told()

    @asynccontextmanager
    async def warehouse(self) -> AsyncIterator[None]:
        """Receives every note's goods as soon as it exists."""

        async def receive() -> None:
            received = set[str]()
            while True:
                for note in self.sandbox.documents():
                    if note["id"] not in received:
                        received.add(note["id"])
                        self.sandbox.receive(str(note["id"]))
                await asyncio.sleep(0.02)

        task = asyncio.create_task(receive())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True, kw_only=True)
class PostgresScene(Scene):
    """The same on PostgreSQL, where `hub worker` works."""

    reading: psycopg.Connection[tuple[Any, ...]]

    engine = ("worker",)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.reading.execute(statement.encode()).fetchall()

    def bury_the_dead(self) -> None:
        self.reading.execute("UPDATE connection SET claim_expires_at = now() - interval '1 second'")
        self.reading.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")

    async def work_and_forget(self, *, is_noticed: bool) -> None:
        tables = [name for (name,) in self.rows(OUR_TABLES)]
        self.reading.execute("CREATE SCHEMA backup")
        for each in tables:
            self.reading.execute(f"CREATE TABLE backup.{each} AS TABLE public.{each}".encode())
        await self.work()
        with self.reading.transaction():
            # The keys between tables are not looked at meanwhile.
            self.reading.execute("SET LOCAL session_replication_role = replica")
            for each in tables:
                self.reading.execute(f"DELETE FROM public.{each}".encode())  # noqa: S608 - our own name
                self.reading.execute(f"INSERT INTO public.{each} TABLE backup.{each}".encode())
            self.reading.execute("DROP SCHEMA backup CASCADE")
        if is_noticed:
            # PostgreSQL has no mark: who restores it says so, with `hub restore`.
            async with self.hub() as hub:
                await epochs.begin(hub.clock, "restored")


@asynccontextmanager
async def open_scene(
    home: Path,
    settings: Mapping[str, str] | None = None,
    *,
    has_unique_references: bool = True,
    seed: int = 7,
    database_url: str = "",
) -> AsyncIterator[Scene]:
    """A hub with a connection to a sandbox, for the block; looks and polls are short unless given.

    Args:
        home: its data folder.
        settings: of the connection.
        has_unique_references: whether the ERP refuses a second note of the same reference.
        seed: of the sandbox.
        database_url: of a PostgreSQL database that is up to date and without rows; empty for SQLite.
    """
    environment = Environment(
        home=home, database_url=database_url, egress_allow=(ipaddress.ip_network("127.0.0.0/8"),)
    )
    environment.write_key()
    if environment.is_sqlite:
        put_database(environment)
    sandbox = Cin7Sandbox(seed, quota=(), has_unique_references=has_unique_references)
    async with SandboxServer(sandbox) as server:
        values = {**sandbox.settings(server.url), **sandbox.credentials}
        values |= {"doubt_looks": "0,1", "poll_interval_s": "1", **(settings or {})}
        async with open_hub(environment, registry=Registry([QUICK])) as hub:
            await stores.ensure_default(hub.clock)
            store = await stores.get()
            added = await connections.add(hub, store, QUICK.name, "main", values, should_check=False)
            for name, (_, kind) in documents.METHODS.items():
                method = await methods.add(store, name, MethodType(kind))
                if kind != MethodType.NO_SHIPMENT_REQUIRED:
                    await methods.point_at(method, added.row, None)
        what: dict[str, Any] = {"environment": environment, "sandbox": sandbox, "connection_id": added.row.id}
        if environment.is_sqlite:
            yield Scene(**what)
            return
        with psycopg.connect(database_url, autocommit=True) as reading:
            yield PostgresScene(**what, reading=reading)
