"""A hub with a sandbox of Cin7 Omni, and a program with a token that may everything."""

from __future__ import annotations

from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from hub.access import api_tokens
from hub.access.principal import Scope
from hub.web.server import make_app
from tests.integration.api.program import Program
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment


@asynccontextmanager
async def open_program(environment: Environment) -> AsyncIterator[Program]:
    rung: list[None] = []
    async with open_stage(environment) as stage:
        _, token = await api_tokens.add(
            stage.hub.clock, "shop", [Scope.READ, Scope.WRITE], store=None, expires_at=None
        )
        app = make_app(stage.hub, is_local=True, ring=lambda: rung.append(None))
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            yield Program(
                stage=stage,
                base=server.make_url("/"),
                http=http,
                headers={"Authorization": f"Bearer {token}"},
                rung=rung,
            )


@pytest.fixture
async def api(ready: Environment) -> AsyncIterator[Program]:
    async with open_program(ready) as opened:
        yield opened


@pytest.fixture
async def allowing_api(ready: Environment) -> AsyncIterator[Program]:
    """One whose hub may call addresses on this machine."""
    allowing = ready.model_copy(update={"egress_allow": (ip_network("127.0.0.0/8"),)})
    async with open_program(allowing) as opened:
        yield opened
