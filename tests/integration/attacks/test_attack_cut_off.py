"""A platform's cut-off keeps old returns from being credited, and takes nothing back that was taken on."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.inbound.accept import accept
from hub.inbound.event import read_event
from hub.merchant import connections, deliveries, platforms
from hub.outcomes import Status
from tests.support.documents import unit
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.shop import Shop

UNKNOWN = {**unit(90100), "returnMethod": {"type": "Ship with any carrier", "name": "Nobody set this up"}}


@pytest.fixture
async def shop(ready: Environment) -> AsyncIterator[Shop]:
    async with open_shop(ready) as opened:
        yield opened


def approved_before_connecting(shop: Shop, *units: object) -> None:
    """901 was approved a day before the platform was connected, and changes now."""
    before = (shop.stage.time.now() - timedelta(days=1)).isoformat()
    shop.add("901", *units, status="Approved")
    held = shop.held("901")
    held["createdAt"] = before
    held["rmaSummary"]["events"] = [{"eventName": "RMA_APPROVED", "eventDate": before}]


async def send_by_event(shop: Shop) -> None:
    held = shop.held("901")
    early = {**held, "lastUpdated": (shop.stage.time.now() - timedelta(hours=20)).isoformat()}
    came = read_event(json.dumps(early).encode())
    await accept(shop.stage.hub.clock, shop.stage.store, came, source="events/1", event_id="e1")


async def test_what_an_event_brought_and_still_waits_is_credited_all_the_same(shop: Shop) -> None:
    approved_before_connecting(shop)
    await connections.pause(await shop.stage.connection(), "a person paused it")
    await send_by_event(shop)
    await shop.poll()
    await connections.resume(await shop.stage.connection())
    await shop.stage.settle()
    assert (await shop.stage.delivery("901")).status is Status.DONE
    assert len(shop.stage.notes) == 1


async def test_what_a_person_asked_for_is_credited_also_when_the_platform_says_more(shop: Shop) -> None:
    approved_before_connecting(shop)
    await shop.poll()
    assert (await shop.stage.delivery("901")).status is Status.SKIPPED
    await connections.pause(await shop.stage.connection(), "a person paused it")
    await deliveries.retry(shop.stage.hub.clock, await shop.stage.delivery("901"))
    shop.returngo.books.edit("901", shop.stage.time.now(), isOutOfPolicy=True)
    await shop.poll()
    await connections.resume(await shop.stage.connection())
    await shop.stage.settle()
    assert (await shop.stage.delivery("901")).status is Status.DONE


async def test_what_waits_for_a_person_goes_on_waiting_for_one(shop: Shop) -> None:
    approved_before_connecting(shop, UNKNOWN)
    await send_by_event(shop)
    assert (await shop.stage.delivery("901")).status is Status.ATTENTION
    await shop.poll()
    assert (await shop.stage.delivery("901")).status is Status.ATTENTION


async def test_one_that_does_not_say_when_it_was_approved_stays_a_persons(shop: Shop) -> None:
    approved_before_connecting(shop)
    shop.held("901")["rmaSummary"]["events"] = []
    await shop.poll()
    assert (await shop.stage.delivery("901")).status is Status.ATTENTION
    shop.returngo.books.edit("901", shop.stage.time.now(), isOutOfPolicy=True)
    await shop.poll()
    await shop.stage.settle()
    assert (await shop.stage.delivery("901")).status is Status.ATTENTION
    assert shop.stage.notes == []


async def test_reconnecting_does_not_credit_what_was_approved_while_the_hub_was_away(shop: Shop) -> None:
    shop.add("901")
    await shop.poll()
    row = await shop.platform()
    values = {**shop.returngo.credentials, **shop.returngo.settings(json.loads(row.settings)["base_url"])}
    await platforms.remove(shop.stage.hub, row)
    shop.approve("901")  # and somebody credits it by hand
    shop.stage.time.set_forward(timedelta(days=30))
    row = await platforms.add(shop.stage.hub, shop.stage.store, "shop", values, should_check=False)
    shop.platform_id = row.id
    shop.returngo.books.edit("901", shop.stage.time.now(), isOutOfPolicy=True)
    await shop.poll()
    await shop.stage.settle()
    assert (await shop.stage.delivery("901")).status is Status.SKIPPED
    assert shop.stage.notes == []
