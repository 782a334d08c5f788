"""What tests of every folder share."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from hub.environment import Environment
from tests.support.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests of a worker."""
    with postgres_server() as server:
        yield server
