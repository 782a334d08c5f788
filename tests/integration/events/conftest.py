"""A hub that takes events over real HTTP, and a sender that signs them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from hub.core import open_hub
from hub.merchant import event_secrets, stores
from hub.web.server import make_app
from tests.integration.events.door import Door
from tests.support.times import HeldTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment


@asynccontextmanager
async def open_door(environment: Environment) -> AsyncIterator[Door]:
    time, rings = HeldTime(), list[str]()
    async with open_hub(environment, clock=time.clock) as hub:
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        _, secret = await event_secrets.add(hub, store, name="platform")
        app = make_app(hub, is_local=True, ring=lambda: rings.append("ring"))
        async with TestServer(app) as server, aiohttp.ClientSession() as http:
            url = str(server.make_url("/v1/events"))
            yield Door(hub=hub, store=store, secret=secret, http=http, url=url, time=time, rings=rings)


@pytest.fixture
async def door(ready: Environment) -> AsyncIterator[Door]:
    async with open_door(ready) as opened:
        yield opened


@pytest.fixture
async def door_on_each(migrated: Environment) -> AsyncIterator[Door]:
    """On SQLite, and on PostgreSQL."""
    async with open_door(migrated) as opened:
        yield opened
