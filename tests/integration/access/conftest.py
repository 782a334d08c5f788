"""A hub whose pages are asked for over real HTTP, with people in it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from hub.core import open_hub
from hub.merchant import stores
from hub.web.guard import PASSWORDS
from hub.web.server import make_app
from tests.integration.access.site import Site
from tests.support.times import HeldTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from hub.access.passwords import Passwords
    from hub.environment import Environment


@asynccontextmanager
async def open_site(
    environment: Environment, *, is_local: bool = True, passwords: Passwords | None = None
) -> AsyncIterator[Site]:
    time = HeldTime()
    async with open_hub(environment, clock=time.clock) as hub:
        await stores.ensure_default(hub.clock)
        app = make_app(hub, is_local=is_local)
        if passwords is not None:
            app[PASSWORDS] = passwords
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            yield Site(hub=hub, app=app, base=server.make_url("/"), http=http, time=time)


@pytest.fixture
def opened(ready: Environment) -> AbstractAsyncContextManager[Site]:
    return open_site(ready)


@pytest.fixture
async def site(ready: Environment) -> AsyncIterator[Site]:
    async with open_site(ready) as opened:
        yield opened
