"""What tests of every folder share."""

from __future__ import annotations

import base64
import importlib.metadata
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from typer.main import get_command

from hub.environment import Environment
from tests.support.garbage import collect_rarely
from tests.support.migrated import migrate_all, put_database, run_beside
from tests.support.postgres import delete_rows, end_shared_postgres, migrated_copy, shared_postgres
from tests.support.run_folder import make_run_folder, remove_run_folder, run_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

pytest_plugins = ("tests.support.costs", "tests.support.slower")
# A slow machine is no failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

KEY = base64.b64encode(bytes(range(32))).decode()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        make_run_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end_shared_postgres(run_folder())
        remove_run_folder()


def pytest_collection_finish() -> None:
    collect_rarely()


@pytest.fixture(autouse=True)
def _no_hub_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that the developer runs must not be touched by a test, nor change what one sees."""
    for name in os.environ:
        if name.startswith("HUB_") and name != "HUB_TEST_POSTGRES_URL":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _one_tree_of_commands() -> Iterator[None]:
    """Typer's runner builds all commands anew for each call, which takes longer than most calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_walk_through_what_is_installed() -> Iterator[None]:
    """Each hub that is opened looks for connectors in every installed package, here hundreds of times."""
    walk = importlib.metadata.entry_points

    @cache
    def found(_places: tuple[str, ...], **wanted: str) -> Any:
        return walk(**wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.metadata, "entry_points", lambda **wanted: found(tuple(sys.path), **wanted))
        yield


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
def postgres() -> PostgresServer:
    """One PostgreSQL server for all tests of a run."""
    return shared_postgres(run_folder())


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> Iterator[str]:
    """The address of a PostgreSQL database with every migration applied, for one test at a time."""

    async def migrate(url: str) -> None:
        await migrate_all(Environment(database_url=url))

    url = run_beside(migrated_copy(postgres, run_folder(), migrate))
    yield url
    run_beside(postgres.drop(url))


@pytest.fixture
def migrated(database_url: str, environment: Environment) -> Environment:
    """Where a database is, up to date and without rows."""
    if not database_url:
        put_database(environment)
    return environment.model_copy(update={"database_url": database_url})


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest) -> str:
    """A database on PostgreSQL, up to date and without rows; empty for SQLite, whose file a test makes.

    A test that names the engines itself does it with :func:`tests.support.engines.on_both`.
    """
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("migrated_postgres")
    await delete_rows(url)
    return url
