"""One return by every door at once, and what a sender may say of itself."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.test_utils import TestServer, make_mocked_request
from multidict import CIMultiDict

from hub.inbound.accept import accept
from hub.inbound.event import read_event
from hub.merchant import event_secrets
from hub.outcomes import Status
from hub.store.models import Delivery
from hub.web import arrival
from hub.web.server import make_app
from tests.integration.events.door import post, signed
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.shop import Shop


async def by_event(shop: Shop) -> None:
    hub, store = shop.stage.hub, shop.stage.store
    _, secret = await event_secrets.add(hub, store)
    body = json.dumps({"data": {"rma": shop.held("901")}}).encode()
    async with TestServer(make_app(hub, is_local=True)) as server, aiohttp.ClientSession() as http:
        url = str(server.make_url("/v1/events"))
        headers = [signed(secret, body, at=shop.stage.time.now(), message_id=f"m{n}") for n in range(3)]
        answers = await asyncio.gather(*(post(http, url, body, each) for each in headers))
    assert {each.status for each in answers} == {202}


async def by_command(shop: Shop) -> None:
    event = read_event(json.dumps(shop.held("901")).encode())
    await accept(shop.stage.hub.clock, shop.stage.store, event, source="cli")


async def test_one_return_by_every_door_at_once_is_credited_and_told_once(ready: Environment) -> None:
    async with open_shop(ready) as shop:
        shop.add("901", status="Approved")
        await asyncio.gather(by_event(shop), by_command(shop), shop.poll(), shop.hint("901"))
        await shop.settle()
        assert (await Delivery.get()).status is Status.DONE
        assert (len(shop.stage.notes), len(shop.comments())) == (1, 1)


def test_a_senders_own_forwarded_header_does_not_pass_for_the_proxys() -> None:
    headers = CIMultiDict([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9")])
    request = make_mocked_request("GET", "/", headers=headers)
    assert arrival.address(request, is_behind_proxy=True) == "203.0.113.9"
