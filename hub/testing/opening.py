"""Opens a bench: the sandbox served, and the hub's own session with its request log in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tortoise.context import TortoiseContext

from hub.dispatch.http import LoggedSession, client_session
from hub.dispatch.opening import read_model, secrets_of
from hub.environment import Environment
from hub.store import models
from hub.store.database import configuration
from hub.testing.bench import CANARY, Bench
from hub.testing.ruling import ExemptError
from hub.testing.serving import SandboxServer
from hub.testing.watching import BenchTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp

    from hub.clock import Clock
    from hub.registry import Connector


@asynccontextmanager
async def open_request_log() -> AsyncIterator[None]:
    """A database in memory for the benches opened inside the block."""
    async with TortoiseContext() as context:
        await context.init(config=configuration(Environment(database_url="sqlite://:memory:")))
        await context.generate_schemas()
        yield


@asynccontextmanager
async def open_bench(connector: Connector, mapping: Mapping[str, Any]) -> AsyncIterator[Bench]:
    """A bench for the block; inside :func:`open_request_log`.

    Args:
        connector: what is tried.
        mapping: the mapping document its deliveries carry.

    Raises:
        ExemptError: the connector has no sandbox.
    """
    spec = connector.sandbox()
    if spec is None:
        raise ExemptError("it has no sandbox, so that nothing can be tried")
    time, schema = BenchTime(), connector.schema
    sandbox = spec.make(0, time.now)
    async with SandboxServer(sandbox) as server, client_session() as http:
        credentials = read_model(schema.credentials, dict(sandbox.credentials), "the sandbox's credentials")
        row = await _add_connection(connector.name, time.clock)

        async def ours() -> None:
            """No other process takes the work away."""

        def open_session(client: aiohttp.ClientSession) -> LoggedSession:
            return LoggedSession(
                connection_id=row.id,
                schema=schema,
                http=client,
                clock=time.clock,
                secrets=[*secrets_of(credentials), CANARY],
                before_write=ours,
                is_local=True,
            )

        settings = read_model(schema.settings, dict(sandbox.settings(server.url)), "the sandbox's settings")
        yield Bench(
            connector=connector,
            sandbox=sandbox,
            time=time,
            connection_id=row.id,
            credentials=credentials,
            settings=settings,
            mapping=mapping,
            open_session=open_session,
            session=open_session(http),
        )


async def _add_connection(connector: str, clock: Clock) -> models.Connection:
    at, connection_id = clock.now(), clock.new_id()
    store = await models.Store.create(name=connection_id, created_at=at)
    return await models.Connection.create(
        id=connection_id,
        store=store,
        name="kit",
        connector=connector,
        settings="{}",
        credentials="",
        created_at=at,
    )
