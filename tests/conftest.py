"""What tests of every folder share."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from hub.environment import Environment
from tests.support.migrated import migrate_all, put_database, run_beside
from tests.support.postgres import delete_rows, postgres_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def _no_hub_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that the developer runs must not be touched by a test, nor change what one sees."""
    for name in os.environ:
        if name.startswith("HUB_") and name != "HUB_TEST_POSTGRES_URL":
            monkeypatch.delenv(name)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A hub's place of its own, on SQLite, with a key."""
    return Environment(home=tmp_path, secret_key=SecretStr(KEY))


@pytest.fixture
def ready(environment: Environment) -> Environment:
    """As ``environment``, its database up to date and without rows."""
    put_database(environment)
    return environment


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests of a worker."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> Iterator[str]:
    """The address of a PostgreSQL database with every migration applied, for one test at a time."""

    async def make() -> str:
        url = await postgres.create()
        await migrate_all(Environment(database_url=url))
        return url

    url = run_beside(make())
    yield url
    run_beside(postgres.drop(url))


@pytest.fixture(params=["sqlite", "postgres"])
async def migrated(request: pytest.FixtureRequest) -> AsyncIterator[Environment]:
    """Where a database is, up to date and without rows."""
    if request.param == "sqlite":
        yield request.getfixturevalue("ready")
        return
    url = request.getfixturevalue("migrated_postgres")
    await delete_rows(url)
    yield request.getfixturevalue("environment").model_copy(update={"database_url": url})
