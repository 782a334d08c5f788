"""A hub between a shop on ReturnGO and Cin7 Omni, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.shop import open_shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.shop import Shop


@pytest.fixture
async def shop(ready: Environment) -> AsyncIterator[Shop]:
    async with open_shop(ready) as opened:
        yield opened
