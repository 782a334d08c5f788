"""A fleet on an empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.workers.fleet import open_fleet
from tests.support.postgres import delete_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.workers.fleet import Fleet


@pytest.fixture
async def fleet(tmp_path: Path, migrated_postgres: str) -> AsyncIterator[Fleet]:
    """Two ERPs, which are polled every second and asked about orders."""
    await delete_rows(migrated_postgres)
    async with open_fleet(
        tmp_path, migrated_postgres, erps=2, poll_interval_s="1", look_up_orders="if_found"
    ) as opened:
        yield opened
