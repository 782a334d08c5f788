"""Opening the database: configuration, migrations, and the checks made at every start."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connections
from tortoise.context import TortoiseContext
from tortoise.exceptions import BaseORMException, OperationalError
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.transactions import in_transaction

from hub.errors import ConfigError
from hub.store import migrations
from hub.store.mark import mark_new
from hub.store.modes import make_database, make_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tortoise.backends.base.client import BaseDBAsyncClient

    from hub.environment import Environment

APP = "hub"
BUSY_TIMEOUT_MS = 15_000
"""How long a SQLite transaction waits for another process's write."""
POSTGRES = {"maxsize": 10, "timeout": 10.0, "command_timeout": 60.0}
"""Connections of one process to PostgreSQL, and seconds to connect and for one statement: a server that has
vanished without a word must not hold anyone up for ever."""
SETUP_LOCK = 7_261_953_002
"""Of PostgreSQL's advisory locks: one process at a time sets the database up."""
NAME_LOCK = 7_261_953_003
"""Another: one transaction at a time gives a name."""
KEY_LOCK = 7_261_953_004
"""Another: held by whoever seals, and waited for by whoever changes the key."""

__all__ = [
    "APP",
    "client",
    "configuration",
    "hold_key",
    "in_transaction",
    "migrate",
    "naming",
    "open_database",
    "pending_migrations",
    "setting_up",
    "wait_for_sealers",
]


def configuration(environment: Environment, *, is_patient: bool = False) -> dict[str, Any]:
    """Tortoise's configuration for the hub's database.

    Args:
        environment: where it is.
        is_patient: True lets a statement take as long as it takes: an index of millions of rows, say.
    """
    if environment.is_sqlite:
        database: Any = {
            "engine": "hub.store.sqlite",
            "credentials": {
                "file_path": str(environment.database_file),
                "journal_mode": "WAL",
                # An answer 202 must survive the plug being pulled: every commit reaches the disk.
                "synchronous": "FULL",
                "busy_timeout": BUSY_TIMEOUT_MS,
                # What is deleted is gone from the file too, which erasing a customer relies on.
                "secure_delete": "ON",
            },
        }
    elif environment.database_url.startswith(("postgres:", "postgresql:")):
        if find_spec("asyncpg") is None:
            raise ConfigError(
                "open the database: this hub is installed without what PostgreSQL needs",
                why="HUB_DATABASE_URL is a postgres: address, and the package asyncpg is missing",
                fix="install it with its extra: `pip install '.[postgres]'` in place of `pip install .`",
            )
        database = expand_db_url(environment.database_url.replace("postgresql:", "postgres:", 1))
        database["engine"] = "hub.store.postgres"
        # What the address says itself goes first.
        database["credentials"] = POSTGRES | database["credentials"]
        if is_patient:
            database["credentials"]["command_timeout"] = None
    else:
        raise ConfigError(
            "open the database",
            why="HUB_DATABASE_URL is neither a sqlite: nor a postgres: address",
            fix="set it to sqlite:///path/to/hub.db or postgres://user:password@host/name, or unset it",
        )
    # Named by dialect: Tortoise keeps the statements it has built by this name, for the whole process.
    name = "sqlite" if environment.is_sqlite else "postgres"
    return {
        "connections": {name: database},
        "apps": {
            APP: {
                "models": ["hub.store.models", "hub.store.people"],
                "migrations": "hub.store.migrations",
                "default_connection": name,
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def client() -> BaseDBAsyncClient:
    """The client of the context in use."""
    handler = get_connections()
    return handler.get(next(iter(handler.db_config)))


@contextlib.contextmanager
def _database_errors(environment: Environment) -> Iterator[None]:
    where = str(environment.database_file) if environment.is_sqlite else "HUB_DATABASE_URL"
    try:
        yield
    except (BaseORMException, OSError) as error:
        raise ConfigError(
            f"open the database ({where})",
            why=str(error),
            fix="check that it exists, is reachable and writable for the user that runs the hub",
        ) from error


def _apps(environment: Environment) -> dict[str, Any]:
    apps: dict[str, Any] = configuration(environment)["apps"]
    return apps


async def pending_migrations() -> list[str]:
    """Names of the migrations this code has and the database lacks.

    Raises:
        ConfigError: the database was made by newer code.
    """
    known = {name for _, name, _ in iter_modules(migrations.__path__)}
    try:
        _, rows = await client().execute_query("SELECT name FROM tortoise_migrations WHERE app = $1", [APP])
    except OperationalError:  # no migration was ever applied: there is no such table
        rows = []
    applied = {row["name"] for row in rows}
    if unknown := sorted(applied - known):
        raise ConfigError(
            "open the database: it is newer than this hub",
            why=f"it has the migration {unknown[-1]}, which this version does not know",
            fix="install the version of the hub that made it, or a later one",
        )
    return sorted(known - applied)


@asynccontextmanager
async def setting_up() -> AsyncIterator[BaseDBAsyncClient]:
    """A transaction in which no other process sets the database up; it waits for one that does.

    For what two processes that start at once must not both do. The lock ends with the transaction, so also
    with a process that dies.
    """
    async with _one_at_a_time(SETUP_LOCK) as connection:
        yield connection


@asynccontextmanager
async def naming() -> AsyncIterator[BaseDBAsyncClient]:
    """A transaction in which nobody else gives a name: one that it finds free is free until it ends.

    For whatever must be there once, and is looked for before it is made. Take it before any row is locked.
    """
    async with _one_at_a_time(NAME_LOCK) as connection:
        yield connection


async def hold_key() -> None:
    """Keeps a change of the key waiting until the caller's transaction ends.

    Called before something is sealed, in the transaction that stores it and after the locks of its rows.
    Otherwise it could be sealed with the old key, and stored once the change has looked for such texts.
    """
    connection = client()
    if connection.capabilities.dialect == "postgres":
        await connection.execute_query(f"SELECT pg_advisory_xact_lock_shared({KEY_LOCK})")


async def wait_for_sealers() -> None:
    """Waits until every transaction that called :func:`hold_key` before has ended."""
    async with _one_at_a_time(KEY_LOCK):
        pass


@asynccontextmanager
async def _one_at_a_time(lock: int) -> AsyncIterator[BaseDBAsyncClient]:
    async with in_transaction() as connection:
        # SQLite's transactions hold the write lock from the start.
        if connection.capabilities.dialect == "postgres":
            await connection.execute_query(f"SELECT pg_advisory_xact_lock({lock})")
        yield connection


async def migrate(environment: Environment) -> list[str]:
    """Brings the database up to this code's schema; safe to repeat.

    On PostgreSQL all migrations are one transaction of one process: what breaks off leaves nothing behind,
    and a process that starts at the same time waits and finds nothing left to do.

    Returns:
        The migrations that were applied, oldest first.
    """
    with _database_errors(environment):
        pending = await pending_migrations()
        if pending and environment.is_sqlite:
            await _apply_migrations(client(), environment)
        elif pending:
            async with setting_up() as connection:
                executor = MigrationExecutor(connection, _apps(environment))
                # Before anything is read from it: a query that fails would end the transaction.
                await executor.recorder.ensure_schema(executor._schema_editor())  # noqa: SLF001
                if pending := await pending_migrations():
                    await _apply_migrations(connection, environment)
    return pending


async def _apply_migrations(connection: BaseDBAsyncClient, environment: Environment) -> None:
    executor = MigrationExecutor(connection, _apps(environment))
    await executor.migrate([MigrationTarget(app_label=APP, name="__latest__")], direction="forward")


@asynccontextmanager
async def open_database(
    environment: Environment, *, is_patient: bool = False
) -> AsyncIterator[TortoiseContext]:
    """Opens the database for the tasks started inside the block.

    Args:
        environment: where it is.
        is_patient: True lets a statement take as long as it takes.

    Raises:
        ConfigError: it cannot be opened, or does not keep what was committed.
    """
    if environment.is_sqlite:
        with _database_errors(environment):
            make_folder(environment.database_file.parent)
            mark_new(environment.database_file)
            make_database(environment.database_file)
    async with TortoiseContext() as context:
        with _database_errors(environment):
            await context.init(config=configuration(environment, is_patient=is_patient))
            if environment.is_sqlite:
                await _check_durable()
            # Asked for its migrations, one that cannot be reached looks like one that has none.
            await client().execute_query("SELECT 1")
        yield context


async def _check_durable() -> None:
    _, rows = await client().execute_query("PRAGMA synchronous")
    full = 2
    if rows[0][0] < full:
        raise ConfigError(
            "open the database: SQLite does not run with synchronous=FULL",
            why="what is accepted could be lost when the power fails",
            fix="report this: the hub sets it itself",
        )
