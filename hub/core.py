"""A hub, opened: everything its parts share. There is no global state; two hubs may run in one process."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.clock import Clock
from hub.errors import ConfigError
from hub.registry import Registry
from hub.store.clock import database_clock
from hub.store.database import migrate, open_database, pending_migrations
from hub.store.sealing import Sealer
from hub.store.server import check_server
from hub.store.terms import catch_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from hub.environment import Environment


@dataclass(frozen=True, kw_only=True)
class Hub:
    """What the parts of one hub share."""

    environment: Environment
    registry: Registry
    sealer: Sealer
    clock: Clock = field(default_factory=Clock)


@asynccontextmanager
async def open_hub(
    environment: Environment,
    *,
    should_migrate: bool = False,
    registry: Registry | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Hub]:
    """Opens the database and reads the key, for the tasks started inside the block.

    Args:
        environment: where everything is.
        should_migrate: True brings the database up to date; False refuses one that is not.
        registry: connectors; None finds those installed.
        clock: time; None is the database's on PostgreSQL, which several machines share, and else this
            machine's.

    Raises:
        ConfigError: no key, or a database that is missing, unreachable, older or newer than the code, or on a
            server on which the hub cannot work; the last is looked at where it is brought up to date.
    """
    sealer = Sealer(*environment.read_keys(), reread=environment.read_keys)
    if not should_migrate and environment.is_sqlite and not environment.database_file.exists():
        raise ConfigError(
            "open the hub: there is no database yet",
            why=f"{environment.database_file} does not exist",
            fix="run `hub init`, or set HUB_HOME to the folder of an existing hub",
        )
    if should_migrate:
        async with open_database(environment, is_patient=True):
            if not environment.is_sqlite:
                await check_server()
            await migrate(environment)
            await catch_up()
    async with open_database(environment):
        if pending := await pending_migrations():
            if not environment.is_sqlite:
                await check_server()
            raise ConfigError(
                "open the hub: the database is empty, or older than this version",
                why=f"{len(pending)} migration(s) are missing, first {pending[0]}",
                fix="run `hub init`, which brings it up to date and loses nothing",
            )
        async with _clock(environment, clock) as time:
            yield Hub(environment=environment, registry=registry or Registry(), sealer=sealer, clock=time)


def _clock(environment: Environment, given: Clock | None) -> AbstractAsyncContextManager[Clock]:
    if given is not None or environment.is_sqlite:
        return nullcontext(given or Clock())
    return database_clock()
