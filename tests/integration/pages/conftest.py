"""A hub with a sandbox of Cin7 Omni behind it, and its pages over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from hub.web.server import make_app
from tests.integration.access.site import Site
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.integration.access.site import Browser
    from tests.support.stage import Stage


@dataclass(kw_only=True)
class Desk:
    """What a test acts on: the stage, and the browser of somebody signed in at its pages."""

    stage: Stage
    site: Site
    browser: Browser
    rung: list[None]

    async def text(self, path: str) -> str:
        """A page that must be there."""
        answer = await self.browser.get(path)
        assert answer.status == 200, f"{path} answered {answer.status}: {answer.text}"
        return answer.text


@asynccontextmanager
async def open_desk(environment: Environment) -> AsyncIterator[Desk]:
    async with open_stage(environment) as stage:
        rung: list[None] = []
        app = make_app(stage.hub, is_local=True, ring=lambda: rung.append(None))
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            site = Site(hub=stage.hub, app=app, base=server.make_url("/"), http=http, time=stage.time)
            yield Desk(stage=stage, site=site, browser=await site.signed_in("ana"), rung=rung)


@pytest.fixture
async def desk(ready: Environment) -> AsyncIterator[Desk]:
    async with open_desk(ready) as opened:
        yield opened
