from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from tests.integration.webhooks.office import Office
from tests.support.receiver import Receiver
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.stage import Stage


@pytest.fixture
def allowing(ready: Environment) -> Environment:
    """Receivers on this machine are allowed."""
    return ready.model_copy(update={"egress_allow": (ipaddress.ip_network("127.0.0.0/8"),)})


@pytest.fixture
async def allowing_stage(allowing: Environment) -> AsyncIterator[Stage]:
    async with open_stage(allowing, poll_interval_s="3600") as stage:
        yield stage


@pytest.fixture
async def office(allowing_stage: Stage) -> AsyncIterator[Office]:
    async with Receiver() as receiver:
        yield await Office.open(allowing_stage, receiver)
