"""ReturnGO learns of each credit note and of what was received: once, and by allowed moves only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from hub.hookspecs import QuotaWindow
from hub.merchant import platforms
from hub.outcomes import ValidationState
from hub.platform.returngo import opening
from hub.platform.returngo.config import SCHEMA
from hub.platform.returngo.fetching import ABSENT
from hub.platform.returngo.sending import NO_ITEM_VALIDATION
from hub.store.models import Event, Rma, UpdateSending
from tests.support.documents import rma, unit
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.shop import Shop


async def approve(shop: Shop, rma_id: str = "901") -> str:
    """Approved, credited and told; gives the note's id."""
    shop.approve(rma_id)
    await shop.poll()
    await shop.settle()
    document_id = (await shop.stage.delivery(rma_id)).document_id
    assert document_id is not None
    return document_id


async def receive(shop: Shop, document_id: str, quantities: dict[str, Decimal] | None = None) -> None:
    shop.stage.sandbox.receive(document_id, quantities, is_complete=quantities is None)
    await shop.stage.poll()
    await shop.settle()


async def test_the_whole_circle(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    (comment,) = shop.comments()
    assert "RMA 901/ORDER:#901" in comment
    assert shop.shipments() == ["LabelCreated"]
    await receive(shop, document_id)
    assert shop.shipments() == ["Validated"]
    assert [comment.split(" [")[0] for comment in shop.comments()][1:] == [
        "Received by the warehouse: 1 x SKU-001. In all 1 of 1 items are back."
    ]
    assert (await Rma.get(rma_id="901")).validation is ValidationState.FULL
    told = (await shop.stage.shown("901"))["timeline"]
    assert [each["text"] for each in told if each["kind"] == "update.sent"] == [
        "shop was told of the credit note in a comment.",
        "shop was told in a comment what the warehouse received; it has shipment SH901 as Validated now.",
    ]
    assert await UpdateSending.exists(reason=NO_ITEM_VALIDATION)
    assert shop.held()["shipments"][0]["carrierName"] == "UPS", "what the shipment had is still there"


async def test_our_own_writes_come_back_and_start_nothing(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    await receive(shop, document_id)
    writes = len(shop.calls("POST")) + len(shop.calls("PUT"))
    events = await Event.all().count()
    story = await shop.stage.story("901")
    for _ in range(3):
        await shop.poll()
        await shop.settle()
    assert len(shop.calls("POST")) + len(shop.calls("PUT")) == writes
    assert len(shop.stage.notes) == 1
    assert await Event.all().count() == events + 1, "read once, for all that was written"
    # ReturnGO made the return Validated when its shipment was: that is news, the comments are not.
    assert await shop.stage.story("901") == [*story, "rma.updated"]


async def test_a_comment_alone_is_kept_and_tells_nothing(shop: Shop) -> None:
    shop.add()
    await approve(shop)
    story = await shop.stage.story("901")
    report = await shop.poll()
    assert (report.read, report.news) == (1, [])
    assert await shop.stage.story("901") == story
    assert "Credit note" in (await Rma.get(rma_id="901")).document


@pytest.mark.parametrize("fault", ["drop_after_write", "cut_off_body", "unavailable"])
async def test_comment_is_written_once_whatever_becomes_of_its_answer(shop: Shop, fault: str) -> None:
    shop.add()
    shop.fault(f"{fault}:times=2,on=POST")
    document_id = await approve(shop)
    assert len(shop.comments()) == 1
    shop.fault(f"{fault}:times=2,on=PUT")
    await receive(shop, document_id)
    assert len(shop.comments()) == 2
    assert shop.shipments() == ["Validated"]


async def test_shipment_is_validated_only_when_all_of_it_is_back(shop: Shop) -> None:
    second = {"shipmentId": "SHB", "status": "Received", "isOutbound": 0}
    outbound = {"shipmentId": "SHC", "status": "Pending", "isOutbound": 1}
    shop.add(
        "901", unit(1, sku="SKU-001"), unit(2, sku="SKU-002"), unit(3, sku="SKU-003") | {"shipmentId": "SHB"}
    )
    shop.held()["items"][2]["shipmentId"] = "SHB"
    shop.held()["shipments"] += [second, outbound]
    document_id = await approve(shop)
    await receive(shop, document_id, {"SKU-001": Decimal(1), "SKU-003": Decimal(1)})
    assert shop.shipments() == ["LabelCreated", "Validated", "Pending"]
    await receive(shop, document_id)
    assert shop.shipments() == ["Validated", "Validated", "Pending"]


async def test_shipment_with_an_item_the_customer_keeps_is_whole_without_it(shop: Shop) -> None:
    shop.add("901", unit(1), unit(2, method="Keep it"))
    await receive(shop, await approve(shop))
    assert shop.shipments() == ["Validated"]


async def test_terminal_or_unknown_statuses_are_left_alone(shop: Shop) -> None:
    shop.add("901")
    shop.add("902")
    notes = [await approve(shop, "901"), await approve(shop, "902")]
    shop.held("901")["shipments"][0]["status"] = "Validated"
    shop.held("902")["shipments"][0]["status"] = "Teleported"
    for each in notes:
        await receive(shop, each)
    assert shop.calls("PUT") == []
    assert (shop.shipments("901"), shop.shipments("902")) == (["Validated"], ["Teleported"])
    assert any("Teleported" in each["text"] for each in (await shop.stage.shown("902"))["timeline"])


async def test_somebody_who_validated_the_shipment_first_is_no_failure(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    move = shop.returngo.books.move_shipment

    def overtaken(shipment_id: str, body: dict[str, str], now: object) -> object:
        move(shipment_id, body, now)  # type: ignore[arg-type]
        return move(shipment_id, body, now)  # type: ignore[arg-type]

    shop.returngo.books.move_shipment = overtaken  # type: ignore[assignment]
    await receive(shop, document_id)
    assert shop.shipments() == ["Validated"]
    assert not await UpdateSending.exists(status="failed")


async def test_comment_that_returngo_refuses_is_given_up_and_shows(ready: Environment) -> None:
    async with open_shop(ready, comment_body="htmlText") as shop:
        shop.add()
        await approve(shop)
        assert shop.comments() == []
        health = await platforms.health(shop.stage.hub, await shop.platform())
        assert any("given up" in each for each in health.problems)
        assert "update.failed" in await shop.stage.story("901")


async def test_updates_leave_the_rest_of_the_day_to_approvals(ready: Environment) -> None:
    small = replace(SCHEMA, quota=(QuotaWindow(calls=10, per=timedelta(days=1)),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "SCHEMA", small)
        async with open_shop(ready) as shop:
            for number in range(901, 904):
                shop.add(str(number), status="Approved")
            await shop.poll()
            for _ in range(6):
                await shop.work()
            # Four calls in, and of the eight that updates may use up there are four left: two comments.
            assert len(shop.returngo.calls()) == 8
            assert len(shop.calls("POST")) == 2
            shop.add("904", status="Approved")
            shop.stage.time.set_forward(timedelta(seconds=301))
            await shop.work()
            assert await Rma.exists(rma_id="904"), "an approval still gets through"
            row = await shop.platform()
            assert row.resting_until is not None
            shop.stage.time.set_forward(timedelta(hours=25))
            await shop.settle()
            assert [len(shop.comments(str(number))) for number in range(901, 905)] == [1, 1, 1, 1]


async def test_returns_that_came_from_elsewhere_are_not_the_platforms_to_know(shop: Shop) -> None:
    await shop.stage.submit(rma("77"))
    await shop.settle()
    assert (await shop.stage.delivery("77")).document_id is not None
    (sending,) = await UpdateSending.all()
    assert (sending.status, sending.reason) == ("skipped", ABSENT)
    assert (await platforms.health(shop.stage.hub, await shop.platform())).problems == []


async def test_platform_that_is_removed_is_not_told_any_more(shop: Shop) -> None:
    shop.add(status="Approved")
    await shop.poll()
    await shop.stage.settle()
    row = await shop.platform()
    assert await platforms.remove(shop.stage.hub, row) == 1
    await shop.work()
    assert (shop.comments(), (await shop.platform()).credentials) == ([], "")
    assert (await shop.platform()).hint_key is None
