"""A hub, opened: everything its parts share. There is no global state; two hubs may run in one process."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.clock import Clock
from hub.errors import ConfigError
from hub.registry import Registry
from hub.store.database import migrate, open_database, pending_migrations
from hub.store.sealing import Sealer
from hub.store.terms import catch_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
        clock: time; None is the system's.

    Raises:
        ConfigError: no key, or a database that is missing, unreachable, or older or newer than the code.
    """
    sealer = Sealer(*environment.read_keys(), reread=environment.read_keys)
    if not should_migrate and environment.is_sqlite and not environment.database_file.exists():
        raise ConfigError(
            "open the hub: there is no database yet",
            why=f"{environment.database_file} does not exist",
            fix="run `hub init`, or set HUB_HOME to the folder of an existing hub",
        )
    async with open_database(environment):
        if should_migrate:
            await migrate(environment)
            await catch_up()
        elif pending := await pending_migrations(environment):
            raise ConfigError(
                "open the hub: the database is older than this version",
                why=f"{len(pending)} migration(s) are missing, first {pending[0]}",
                fix="run `hub init`, which brings it up to date and loses nothing",
            )
        yield Hub(
            environment=environment,
            registry=registry or Registry(),
            sealer=sealer,
            clock=clock or Clock(),
        )
