"""What ReturnGO says, or is made to say, neither hides a return nor spends the quota nor loses an update."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.errors import ConflictError
from hub.merchant import platforms
from hub.outcomes import Status
from hub.platform.returngo.opening import read_credentials
from hub.platform.returngo.sandbox import ReturnGoSandbox
from hub.store.models import Connection, Event, Rma, RmaToFetch, SendingStatus, UpdateSending
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.support.documents import rma
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.shop import Shop

NEXT_POLL = timedelta(seconds=301)


@pytest.fixture
async def shop(ready: Environment) -> AsyncIterator[Shop]:
    async with open_shop(ready) as opened:
        yield opened


async def test_one_change_dated_ahead_hides_none_that_comes_after(shop: Shop) -> None:
    shop.add("901")
    shop.held("901")["lastUpdated"] = (shop.stage.time.now() + timedelta(days=400)).isoformat()
    await shop.poll()
    shop.add("902", status="Approved")
    shop.stage.time.set_forward(NEXT_POLL)
    await shop.poll()
    assert await Rma.exists(rma_id="902")


async def test_a_return_that_cannot_be_read_costs_no_call_in_every_poll(shop: Shop) -> None:
    shop.add("901", status="Approved")
    whole = shop.held("901")["items"]
    shop.held("901")["items"] = "none that can be read"
    for _ in range(6):
        await shop.work()
        shop.stage.time.set_forward(NEXT_POLL)
    assert len(shop.calls("GET", "/rma/")) <= 2
    shop.returngo.books.edit("901", shop.stage.time.now(), items=whole)
    await shop.work()
    assert await Rma.exists(rma_id="901"), "and it is read as soon as it changes"


async def test_a_hint_does_not_shorten_the_wait_that_the_platform_asked_for(shop: Shop) -> None:
    shop.add("901", status="Approved")
    shop.fault("too_many_requests:seconds=3600,times=all")
    await shop.work()
    for body in (None, b"{}"):
        await shop.hint("901", body=body)
        shop.stage.time.set_forward(timedelta(seconds=90))
        await shop.work()
    assert len(shop.returngo.calls()) == 1
    shop.returngo.clear_faults()
    shop.stage.time.set_forward(timedelta(hours=1))
    await shop.settle()
    assert len(shop.stage.notes) == 1
    assert not await RmaToFetch.exists()


async def test_an_update_is_not_dropped_when_its_return_cannot_be_found_for_a_while(shop: Shop) -> None:
    shop.add("901", status="Approved")
    await shop.work()
    await shop.stage.settle()
    missing = shop.returngo.books._rmas.pop("901")  # noqa: SLF001 - a 404 for a return that was there
    await shop.work()
    (sending,) = await UpdateSending.all()
    assert (sending.status, "it came from there" in sending.reason) == (SendingStatus.PENDING, True)
    shop.returngo.books._rmas["901"] = missing  # noqa: SLF001
    await shop.settle()
    assert len(shop.comments()) == 1


@pytest.mark.parametrize(
    ("name", "spell"), [("shop_name", str.upper), ("base_url", lambda url: f"{url.replace('http', 'HTTP')}/")]
)
async def test_one_shop_in_another_spelling_is_still_one(shop: Shop, name: str, spell: object) -> None:
    assert callable(spell)
    values = {**shop.returngo.credentials, **json.loads((await shop.platform()).settings)}
    values = {key: values[key] for key in ("api_key", "shop_name", "base_url")}
    with pytest.raises(ConflictError, match="is this shop"):
        await platforms.add(
            shop.stage.hub,
            shop.stage.store,
            "twin",
            {**values, name: spell(values[name])},
            should_check=False,
        )


async def test_one_webhook_token_for_two_shops_is_refused_in_words(shop: Shop) -> None:
    row = await shop.platform()
    token = read_credentials(shop.stage.hub, row).hint_token.get_secret_value()
    values = {**shop.returngo.credentials, **shop.returngo.settings("https://other.example.com")}
    with pytest.raises(ConflictError, match="another platform has it"):
        await platforms.add(
            shop.stage.hub, shop.stage.store, "two", {**values, "hint_token": token}, should_check=False
        )
    other = await platforms.add(shop.stage.hub, shop.stage.store, "two", values, should_check=False)
    with pytest.raises(ConflictError, match="another platform has it"):
        await platforms.edit(shop.stage.hub, other, {"hint_token": token})


async def test_an_earlier_cut_off_finds_what_was_approved_since(shop: Shop) -> None:
    before = shop.stage.time.now() - timedelta(days=2)
    shop.add("901", status="Approved")
    held = shop.held("901")
    held["rmaSummary"]["events"] = [{"eventName": "RMA_APPROVED", "eventDate": before.isoformat()}]
    held["createdAt"] = held["lastUpdated"] = before.isoformat()
    await shop.poll()
    assert not await Rma.exists()
    earlier = (before - timedelta(days=1)).isoformat()
    await platforms.edit(shop.stage.hub, await shop.platform(), {"credit_from": earlier})
    await shop.settle()
    assert (await shop.stage.delivery("901")).status is Status.DONE


async def test_a_shop_is_not_asked_for_the_returns_of_another(shop: Shop) -> None:
    other = ReturnGoSandbox(8, shop.stage.time.now, quota=())
    async with SandboxServer(other) as server:
        values = {**other.settings(server.url), **other.credentials}
        row = await platforms.add(shop.stage.hub, shop.stage.store, "two", values, should_check=False)
        other.inject(parse_fault("forbidden:on=rma,times=all"))
        shop.add("901", status="Approved")
        await shop.settle()
        assert (await Connection.get(id=row.id)).is_paused is False
    assert len(shop.comments()) == 1


NO_ITEMS: list[object] = []


async def test_a_skipped_return_that_cannot_be_read_any_more_still_takes_in_its_changes(shop: Shop) -> None:
    await shop.stage.submit({**rma("900"), "items": NO_ITEMS})
    await Rma.filter(rma_id="900").update(document='{"rmaSummary": {"rmaId": "900", "status": []}}')
    await shop.stage.submit(rma("900", updated="2026-03-01T10:01:00+00:00"))
    assert (await shop.stage.delivery("900")).status is Status.SKIPPED
    assert (await Rma.get(rma_id="900")).status == "Approved"
    assert len(await Event.filter(rma__rma_id="900")) == 2


async def test_a_return_that_gets_its_items_after_its_approval_is_credited_once(shop: Shop) -> None:
    await shop.stage.submit({**rma("900"), "items": NO_ITEMS})
    assert (await shop.stage.delivery("900")).status is Status.SKIPPED
    for minute in (1, 2):
        await shop.stage.submit(rma("900", updated=f"2026-03-01T10:0{minute}:00+00:00"))
        await shop.stage.settle()
    assert (await shop.stage.delivery("900")).status is Status.DONE
    assert len(shop.stage.sandbox.documents()) == 1
