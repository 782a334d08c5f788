"""Whatever becomes of webhooks, an approval on ReturnGO is found, and only what it means is done."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest

from hub.errors import RetriableError
from hub.merchant import platforms
from hub.outcomes import Status
from hub.platform.returngo import hints, wire, work
from hub.platform.returngo.hints import COALESCE, MAX_BYTES, remember_hint
from hub.store.models import Delivery, Event, Rma, RmaToFetch
from tests.support.documents import unit
from tests.support.shop import open_shop
from tests.support.waiting import until

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.shop import Shop


async def test_without_any_webhook_an_approval_is_found_within_one_poll(shop: Shop) -> None:
    shop.add()
    await shop.work()
    assert (await Rma.get(rma_id="901")).status == "Pending"
    shop.approve("901")
    shop.stage.time.set_forward(timedelta(seconds=300))
    await shop.work()
    await shop.stage.settle()
    assert (await shop.stage.delivery("901")).status is Status.DONE
    assert len(shop.stage.notes) == 1


async def test_poll_reads_only_what_changed(shop: Shop) -> None:
    for number in range(901, 906):
        shop.add(str(number), status="Approved")
    report = await shop.poll()
    assert (report.read, len(shop.calls("GET", "/rma/"))) == (5, 5)
    shop.returngo.set_status("903", "Canceled")
    report = await shop.poll()
    assert (report.read, report.news, len(shop.calls("GET", "/rma/"))) == (1, ["903"], 6)
    assert (await shop.poll()).read == 0


@pytest.mark.parametrize("fault", ["lose_webhook", "repeat_webhook", "late_webhook:seconds=0.05", ""])
async def test_webhooks_that_misbehave_change_nothing(shop: Shop, fault: str) -> None:
    await shop.poll()
    async with shop.listening() as rung:
        if fault:
            shop.fault(fault)  # hits the first of the two
        shop.add()
        shop.approve("901")
        await shop.returngo.hooks.settled()
    assert len(rung) == {"lose_webhook": 1, "repeat_webhook": 3}.get(fault, 2)
    shop.stage.time.set_forward(COALESCE)
    await shop.settle()
    assert len(shop.stage.notes) == 1
    assert len(shop.calls("GET", "/rma/")) - len(shop.calls("POST", "/rma/")) == 1, "and were read once"
    shop.stage.time.set_forward(timedelta(seconds=301))
    await shop.settle()
    assert (await Delivery.all().count(), len(shop.stage.notes)) == (1, 1)


async def test_when_all_webhooks_are_lost_the_poll_finds_it(shop: Shop) -> None:
    await shop.poll()
    async with shop.listening() as rung:
        shop.fault("lose_webhook:times=all")
        shop.add(status="Approved")
        await shop.returngo.hooks.settled()
    assert rung == []
    shop.stage.time.set_forward(timedelta(seconds=301))
    await shop.settle()
    assert len(shop.stage.notes) == 1


async def test_webhook_is_answered_by_what_it_is(shop: Shop) -> None:
    async with shop.listening() as rung, aiohttp.ClientSession() as http:
        (url,) = shop.returngo.hooks.urls.values()
        answers = {}
        for name, address, body in (
            ("good", url, b'{"rmaId": "901"}'),
            ("guessed", url[:-1], b"{}"),
            ("too large", url, b"x" * (MAX_BYTES + 1)),
            ("nonsense", url, b"\xff\x00"),
        ):
            async with http.post(address, data=body) as answer:
                answers[name] = answer.status
        async with http.get(url) as answer:
            answers["get"] = answer.status
    assert answers == {"good": 202, "guessed": 404, "too large": 413, "nonsense": 202, "get": 405}
    assert len(rung) == 2
    assert [row.rma_id for row in await RmaToFetch.all()] == ["901"]


async def test_burst_of_hints_about_one_rma_costs_one_call(migrated: Environment) -> None:
    async with open_shop(migrated) as shop:
        await shop.poll()
        shop.add(status="Approved")
        for _ in range(20):
            assert await shop.hint("901")
        await shop.work()
        assert shop.calls("GET", "/rma/") == [], "it waits for the rest of the burst"
        shop.stage.time.set_forward(COALESCE)
        await shop.work()
        assert len(shop.calls("GET", "/rma/")) == 1
        await shop.settle()
        assert len(shop.comments()) == 1


async def test_hint_that_names_no_rma_brings_the_poll_forward(shop: Shop) -> None:
    await shop.poll()
    shop.add(status="Approved")
    for body in (b"", b"{", b"[]", b'{"eventName": "RMA_CREATED"}', b"\xff", b'{"rmaId": true}'):
        assert await shop.hint(body=body)
    assert await RmaToFetch.all().count() == 0
    shop.stage.time.set_forward(timedelta(seconds=61))
    await shop.work()
    assert await Rma.exists(rma_id="901")


async def test_hints_beyond_what_is_read_singly_are_left_to_the_poll(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "MOST_WAITING", 3)
    await shop.poll()
    due_at = (await shop.platform()).next_poll_at
    for number in range(5):
        await shop.hint(str(10_000 + number))
    assert await RmaToFetch.all().count() == 3
    assert due_at is not None
    assert ((await shop.platform()).next_poll_at or due_at) < due_at


async def test_made_up_hint_is_forgotten_once_returngo_has_said_so_twice(shop: Shop) -> None:
    await shop.poll()
    await shop.hint("77")
    shop.stage.time.set_forward(COALESCE)
    await shop.work()
    assert await RmaToFetch.all().count() == 1
    shop.stage.time.set_forward(timedelta(hours=2))
    await shop.work()
    assert (await RmaToFetch.all().count(), await Rma.all().count()) == (0, 0)


async def test_unknown_address_is_nobodys(shop: Shop) -> None:
    assert not await remember_hint(shop.stage.hub.clock, "guessed", b'{"rmaId": "901"}')
    assert await RmaToFetch.all().count() == 0


async def test_hint_during_its_rmas_reading_is_not_forgotten(shop: Shop) -> None:
    await shop.poll()
    shop.add(status="Approved")
    await shop.hint("901")
    shop.stage.time.set_forward(COALESCE)
    shop.fault("slow:seconds=1000,on=rma")
    reading = asyncio.create_task(shop.work())
    await until(lambda: bool(shop.calls("GET", "/rma/")))
    await shop.hint("901")
    shop.returngo.clear_faults()
    await reading
    assert await RmaToFetch.all().count() == 1
    shop.stage.time.set_forward(COALESCE)
    await shop.work()
    assert await RmaToFetch.all().count() == 0
    assert len(shop.calls("GET", "/rma/")) >= 2


async def test_another_status_at_the_same_moment_is_a_change(shop: Shop) -> None:
    shop.add(status="Approved")
    await shop.poll()
    shop.held()["rmaSummary"]["status"] = "Canceled"
    await shop.poll()
    assert (await Rma.get(rma_id="901")).status == "Canceled"


async def test_crash_between_list_and_fetch_loses_nothing(shop: Shop) -> None:
    shop.add("901", status="Approved")
    shop.add("902", status="Approved")
    shop.fault("drop_before_write:times=all,on=rma")
    with pytest.raises(RetriableError):
        await shop.poll()
    assert (await shop.platform()).poll_cursor is not None, (
        "the list was read, and what is to be read is kept"
    )
    assert sorted(row.rma_id for row in await RmaToFetch.all()) == ["901", "902"]
    shop.returngo.clear_faults()
    shop.stage.time.set_forward(timedelta(minutes=6))
    lists = len(shop.calls("GET", "/rmas"))
    await shop.settle()
    assert len(shop.stage.notes) == 2
    assert len(shop.calls("GET", "/rmas")) > lists


@pytest.mark.parametrize("is_full", [False, True])
async def test_pages_of_equal_moments_skip_nothing(
    ready: Environment, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    monkeypatch.setattr(wire, "MOST_ROWS", 3)
    rows = "full" if is_full else "summary"
    async with open_shop(ready, {"has_full_rows": is_full}, list_rows=rows) as shop:
        for number in range(901, 918):
            shop.add(str(number), status="Approved")
        moment = shop.held("905")["lastUpdated"]
        for number in range(903, 912):
            shop.held(str(number))["lastUpdated"] = moment
        await shop.poll()
        assert await Rma.all().count() == 17
        assert len(shop.calls("GET", "/rma/")) == (0 if is_full else 17)
        assert (await shop.poll()).read == 0


async def test_rma_that_cannot_be_read_shows_and_holds_up_nobody(shop: Shop) -> None:
    shop.add("901", {**json.loads(json.dumps(unit(1), default=str)), "paidPrice": {"amount": "much"}})
    shop.add("902")
    shop.approve("901", "902")
    await shop.poll()
    await shop.settle()
    assert [note["sales_reference"] for note in shop.stage.notes] == ["#902"]
    health = await platforms.health(shop.stage.hub, await shop.platform())
    assert "paidPrice" in health.refused["901"]
    assert any("901" in each for each in health.problems)
    good = json.loads(json.dumps(unit(90_100), default=str))
    shop.returngo.books.edit("901", shop.stage.time.now(), items=[good | {"shipmentId": "SH901"}])
    await shop.poll()
    await shop.settle()
    assert len(shop.stage.notes) == 2
    assert (await platforms.health(shop.stage.hub, await shop.platform())).refused == {}


async def test_spent_quota_is_a_visible_wait_and_nothing_is_lost(ready: Environment) -> None:
    async with open_shop(ready) as shop:
        shop.add(status="Approved")
        shop.fault("too_many_requests:times=1,seconds=3600,on=rma")
        await shop.work()
        row = await shop.platform()
        assert not row.is_paused
        assert "429" in row.last_error
        assert (await platforms.health(shop.stage.hub, row)).problems
        calls = len(shop.returngo.calls())
        shop.stage.time.set_forward(timedelta(minutes=30))
        await shop.work()
        assert len(shop.returngo.calls()) == calls, "it waits as long as it was asked to"
        shop.stage.time.set_forward(timedelta(minutes=31))
        await shop.settle()
        assert len(shop.stage.notes) == 1
        assert (await shop.platform()).last_error == ""


async def test_refused_key_pauses_the_platform_and_nothing_else(shop: Shop) -> None:
    shop.add(status="Approved")
    shop.fault("unauthorized:times=all")
    await shop.work()
    row = await shop.platform()
    assert row.is_paused
    assert "API key" in row.pause_reason
    assert not (await shop.stage.connection()).is_paused


async def test_what_was_approved_before_connecting_is_not_credited(shop: Shop) -> None:
    before = (shop.stage.time.now() - timedelta(days=30)).isoformat()
    approval = {"eventName": "RMA_APPROVED", "eventDate": before}
    for number, events in (("901", [approval]), ("902", [])):
        shop.add(number, status="Approved", createdAt=before)
        held = shop.held(number)
        held["createdAt"] = before
        held["rmaSummary"]["events"] = events
    shop.add("903", status="Approved")
    shop.add("904")
    shop.held("904")["createdAt"] = before
    await shop.poll()
    await shop.stage.settle()
    old, unknown, new = [await shop.stage.delivery(each) for each in ("901", "902", "903")]
    assert (old.status, unknown.status, new.status) == (Status.SKIPPED, Status.ATTENTION, Status.DONE)
    assert "before" in (old.reason or "")
    assert "does not say when" in (unknown.reason or "")
    shop.held("904")["rmaSummary"]["status"] = "Approved"
    shop.returngo.books.edit("904", shop.stage.time.now())
    await shop.poll()
    await shop.stage.settle()
    assert (await shop.stage.delivery("904")).status is Status.DONE, "the hub saw it before its approval"
    assert len(shop.stage.notes) == 2


async def test_older_state_that_comes_late_changes_nothing(shop: Shop) -> None:
    shop.add()
    shop.approve("901")
    await shop.poll()
    shop.held()["lastUpdated"] = (shop.stage.time.now() - timedelta(hours=1)).isoformat()
    shop.held()["rmaSummary"]["status"] = "Canceled"
    await shop.hint("901")
    shop.stage.time.set_forward(COALESCE)
    await shop.settle()
    assert (await Rma.get(rma_id="901")).status == "Approved"
    assert await Event.filter(is_stale=True).count() == 1


async def test_many_changes_are_read_in_turns(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "AT_ONCE", 2)
    for number in range(901, 904):
        shop.add(str(number), status="Approved")
    await shop.work()
    assert await RmaToFetch.all().count() == 1
    await shop.work()
    assert await RmaToFetch.all().count() == 0
