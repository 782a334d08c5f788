"""Whoever runs the hub is told of contested return numbers, with the stores' names; nobody else is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.test_utils import TestServer

from hub.merchant import deliveries
from hub.web.server import make_app
from tests.conftest import KEY
from tests.integration.access.site import Site
from tests.support.processes import Home
from tests.support.two_stores import open_two_stores

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.two_stores import TwoStores


async def rows(two: TwoStores, home: Home) -> list[tuple[str, str, bool]]:
    done = await asyncio.to_thread(home.run, "stores", "contested", "--json")
    assert done.code == 0
    return [(each["rma_id"], each["store"], each["is_confirmed"]) for each in done.json]


async def problems(home: Home) -> str:
    return str((await asyncio.to_thread(home.run, "doctor", "--json")).json["problems"])


async def test_two_notes_in_two_accounts_are_told_until_somebody_has_seen_to_them(ready: Environment) -> None:
    home = Home(ready.home, HUB_SECRET_KEY=KEY)
    async with open_two_stores(ready) as two:
        # One that is withdrawn in time is nobody's concern.
        await two.theirs.sign("902")
        await two.ours.show("902")
        await two.theirs.sign("901")
        await two.settle()
        assert await rows(two, home) == []
        await two.ours.show("901")
        await two.settle()
        assert await rows(two, home) == [("901", "stranger", False), ("901", "ours", True)]
        assert "stores contested" in await problems(home)
        printed = await asyncio.to_thread(home.run, "stores", "contested")
        assert "confirmed" in printed.out
        await deliveries.resolve(two.ours.hub.clock, await two.ours.delivery("901"), "theirs was a mistake")
        assert await rows(two, home) == []
        assert "stores contested" not in await problems(home)


async def test_a_return_that_is_stopped_in_one_account_is_told(ready: Environment) -> None:
    home = Home(ready.home, HUB_SECRET_KEY=KEY)
    async with open_two_stores(ready, is_one_account=True) as two:
        await two.theirs.sign()
        await two.settle()
        await two.ours.show()
        await two.settle()
        assert len(await rows(two, home)) == 2


async def test_administrators_see_it_among_the_stores_and_merchants_nowhere(ready: Environment) -> None:
    async with open_two_stores(ready) as two:
        await two.theirs.sign()
        await two.settle()
        await two.ours.show()
        await two.settle()
        app = make_app(two.ours.hub, is_local=True)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            site = Site(hub=two.ours.hub, app=app, base=server.make_url("/"), http=http, time=two.time)
            boss = await site.signed_in("boss")
            page = await boss.get("/settings/stores")
            assert (page.status, "Contested returns" in page.text) == (200, True)
            ada = await site.signed_in("ada", store=two.ours.store)
            for path in (
                "/",
                "/returns",
                "/returns/901",
                "/desk",
                "/integrations",
                "/sources/shop",
                "/settings/store",
            ):
                page = await ada.get(path)
                assert (page.status, "stranger" in page.text) == (200, False), path
