"""While a return needs a person no shipment of it is set to Validated: that may release a refund."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hub.merchant import deliveries
from hub.outcomes import ValidationState
from hub.store.models import Rma, RmaUpdate, UpdateSending
from hub.telling import UpdateKind
from tests.support.documents import unit
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.shop import Shop

HAT, SOCK = "HAT-1", "SOCK-2"


async def approve(shop: Shop) -> str:
    shop.approve("901")
    await shop.poll()
    await shop.settle()
    document_id = (await shop.stage.delivery("901")).document_id
    assert document_id is not None
    return document_id


async def receive(shop: Shop, document_id: str, quantities: dict[str, Decimal] | None = None) -> None:
    shop.stage.sandbox.receive(document_id, quantities, is_complete=quantities is None)
    await shop.stage.poll()
    await shop.settle()


async def close(shop: Shop) -> None:
    """A person closes what the return is flagged for."""
    row = await shop.stage.delivery("901")
    await deliveries.resolve(shop.stage.hub.clock, row, "looked at it")
    await shop.settle()


async def validation() -> ValidationState:
    return (await Rma.get(rma_id="901")).validation


def add_two_shipments(shop: Shop) -> None:
    """A hat on the first, a sock on the second."""
    shop.add("901", unit(1, sku=HAT), unit(2, sku=SOCK) | {"shipmentId": "SHB"})
    shop.held()["shipments"].append({"shipmentId": "SHB", "status": "Received", "isOutbound": 0})


async def test_a_whole_shipment_waits_while_more_came_than_was_to_come_of_another(shop: Shop) -> None:
    add_two_shipments(shop)
    document_id = await approve(shop)
    await receive(shop, document_id, {HAT: Decimal(1), SOCK: Decimal(2)})
    assert await validation() is ValidationState.FLAGGED
    assert "1 x HAT-1" in shop.comments()[1], "what came is told all the same"
    assert (shop.shipments(), shop.calls("PUT")) == (["LabelCreated", "Received"], [])
    assert any(
        "shipment SH901 waits until what needs a person is closed" in each["text"]
        for each in (await shop.stage.shown("901"))["timeline"]
    )
    await close(shop)
    assert await validation() is ValidationState.PARTIAL
    assert shop.shipments() == ["Validated", "Received"]
    assert len(shop.calls("PUT")) == 1


async def test_what_comes_after_the_flag_was_closed_goes_out_as_ever(shop: Shop) -> None:
    add_two_shipments(shop)
    document_id = await approve(shop)
    await receive(shop, document_id, {SOCK: Decimal(2)})
    await close(shop)
    assert shop.calls("PUT") == []
    await receive(shop, document_id, {HAT: Decimal(1), SOCK: Decimal(1)})
    assert shop.shipments() == ["Validated", "Validated"]
    assert len(shop.calls("PUT")) == 2


async def test_a_flag_that_the_erp_takes_back_holds_nothing_up_any_more(shop: Shop) -> None:
    add_two_shipments(shop)
    document_id = await approve(shop)
    await receive(shop, document_id, {HAT: Decimal(1), SOCK: Decimal(2)})
    await receive(shop, document_id, {HAT: Decimal(1), SOCK: Decimal(0)})
    assert await validation() is ValidationState.PARTIAL
    assert shop.shipments() == ["Validated", "Received"]


async def test_goods_of_a_return_that_was_cancelled_meanwhile_wait_for_a_person(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    shop.returngo.set_status("901", "Canceled")
    await shop.poll()
    await receive(shop, document_id)
    assert (await validation(), shop.calls("PUT")) == (ValidationState.FLAGGED, [])
    await close(shop)
    assert (await validation(), shop.shipments()) == (ValidationState.FULL, ["Validated"])
    kinds = [each.kind for each in await RmaUpdate.all().order_by("id")]
    assert kinds[-2:] == [UpdateKind.VALIDATION_COMPLETED, UpdateKind.VALIDATION_CLEARED]
    await close(shop)
    assert len(shop.calls("PUT")) == 1


async def test_a_cancellation_that_no_poll_has_brought_yet_is_seen_before_the_shipment_moves(
    shop: Shop,
) -> None:
    shop.add()
    document_id = await approve(shop)
    shop.returngo.set_status("901", "Canceled")
    await receive(shop, document_id)
    assert (await validation(), shop.calls("PUT")) == (ValidationState.FLAGGED, [])
    assert "rma.contradicted" in await shop.stage.story("901")
    await close(shop)
    assert shop.shipments() == ["Validated"]


async def test_a_flag_between_the_goods_and_their_telling_is_seen(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    shop.stage.sandbox.receive(document_id)
    await shop.stage.poll()
    shop.stage.sandbox.void(document_id)
    await shop.stage.poll()
    await shop.settle()
    assert (await validation(), shop.calls("PUT")) == (ValidationState.FLAGGED, [])
    await close(shop)
    assert shop.shipments() == ["Validated"]


async def test_a_flag_closed_before_the_goods_are_told_moves_the_shipment_once(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    shop.stage.sandbox.receive(document_id)
    await shop.stage.poll()
    shop.stage.sandbox.void(document_id)
    await shop.stage.poll()
    await close(shop)
    assert (shop.shipments(), len(shop.calls("PUT"))) == (["Validated"], 1)


async def test_a_flag_after_the_shipment_was_validated_moves_nothing(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    await receive(shop, document_id)
    shop.stage.sandbox.void(document_id)
    await shop.stage.poll()
    await close(shop)
    assert len(shop.calls("PUT")) == 1


async def test_an_answer_that_is_lost_when_the_flag_is_closed_moves_the_shipment_once(shop: Shop) -> None:
    shop.add()
    document_id = await approve(shop)
    shop.returngo.set_status("901", "Canceled")
    await receive(shop, document_id)
    shop.fault("drop_after_write:times=1,on=PUT")
    await close(shop)
    assert (shop.shipments(), len(shop.calls("PUT"))) == (["Validated"], 1)


async def test_without_shipments_to_update_a_closed_flag_costs_no_call(ready: Environment) -> None:
    async with open_shop(ready, update_shipment="false") as shop:
        shop.add()
        document_id = await approve(shop)
        shop.stage.sandbox.void(document_id)
        await shop.stage.poll()
        await shop.settle()
        calls = len(shop.returngo.calls())
        await close(shop)
        assert len(shop.returngo.calls()) == calls
        assert await UpdateSending.exists(reason="update_shipment is switched off")
