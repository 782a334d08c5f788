"""A connection to a sandbox of Peoplevox over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from connectors.peoplevox_stub.config import Credentials, Settings
from connectors.peoplevox_stub.sandbox import PeoplevoxSandbox
from hub.hookspecs import Connection
from hub.testing.serving import SandboxServer
from tests.support.cin7 import Http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Now:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def connection(http: Any, credentials: Any, settings: Any, now: Now) -> Connection:
    """A connection with a session."""
    return Connection(
        name="warehouse",
        credentials=Credentials.model_validate(dict(credentials)),
        settings=Settings(**settings),
        http=http,
        now=now,
    )


@asynccontextmanager
async def open_peoplevox(**settings: Any) -> AsyncIterator[tuple[PeoplevoxSandbox, Connection, Now]]:
    """A sandbox served on loopback, a connection to it, and the clock of both."""
    now = Now()
    sandbox = PeoplevoxSandbox(7, now)
    async with SandboxServer(sandbox) as server, aiohttp.ClientSession() as session:
        given = {**sandbox.settings(server.url), **settings}
        yield sandbox, connection(Http(session), sandbox.credentials, given, now), now
