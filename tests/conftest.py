"""What tests of every folder share."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from pydantic import SecretStr

from hub.environment import Environment
from hub.store.database import migrate, open_database
from hub.store.mark import mark_new
from tests.support.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

Result = TypeVar("Result")

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


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every migration applied; applying them takes longer than most tests."""
    home = Environment(home=tmp_path_factory.mktemp("migrated"))
    _run(_migrate(home))
    return home.database_file


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    # A fixture may be asked for from within a running loop, in whose thread no other can run.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _migrate(environment: Environment) -> None:
    async with open_database(environment):
        await migrate(environment)


@pytest.fixture
def ready(environment: Environment, migrated_file: Path) -> Environment:
    """As ``environment``, its database up to date and without rows."""
    mark_new(environment.database_file)
    shutil.copyfile(migrated_file, environment.database_file)
    return environment


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests of a worker."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> Iterator[str]:
    """The address of a PostgreSQL database with every migration applied, to be copied."""

    async def make() -> str:
        url = await postgres.create()
        await _migrate(Environment(database_url=url))
        return url

    url = _run(make())
    yield url
    _run(postgres.drop(url))


@pytest.fixture(params=["sqlite", "postgres"])
async def migrated(request: pytest.FixtureRequest) -> AsyncIterator[Environment]:
    """Where a database is, up to date and without rows."""
    if request.param == "sqlite":
        yield request.getfixturevalue("ready")
        return
    template = request.getfixturevalue("migrated_postgres")
    async with request.getfixturevalue("postgres").database(template) as url:
        yield request.getfixturevalue("environment").model_copy(update={"database_url": url})
