"""Attacks on the promise, in one process: a hub on a real database, a sandbox of Cin7 Omni over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import delete_rows
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.stage import Stage


@pytest.fixture
async def stage(ready: Environment) -> AsyncIterator[Stage]:
    async with open_stage(ready) as opened:
        yield opened


@pytest.fixture
async def emptied(migrated_postgres: str) -> str:
    """The address of a PostgreSQL database that is up to date and without rows."""
    await delete_rows(migrated_postgres)
    return migrated_postgres
