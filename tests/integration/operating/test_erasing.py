"""A customer's personal data is erased, and still there is no second credit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hub.errors import ConflictError, NotFoundError, UsageError
from hub.inbound.impersonal import texts_of_person, without_person
from hub.merchant import deliveries, erasing
from hub.outcomes import Status
from hub.store.models import Exchange, Rma
from hub.store.people import AuditEntry
from tests.conftest import KEY
from tests.integration.operating.old_schema import read_rows
from tests.support import documents
from tests.support.processes import Home
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.stage import Stage

ADDRESS = {
    "name": "Zéphyrine Quillfeather",
    "street1": "17 Canary Wharf Lane",
    "street2": "Flat Müßig",
    "city": "Budgerigar-on-Sea",
    "state": "",
    "zip": "ZQ1 7XY",
    "country": "GB",
    "phone": "+44 7700 900817",
    "email": "zephyrine@canary.example",
}
CANARIES = (
    *("zéphyrine", "z\\u00e9phyrine", "zephyrine@", "quillfeather", "canary wharf", "müßig", "budgerigar"),
    *("zq1 7xy", "7700 900817", "900817", "left it with the neighbour", "1zcanary"),
)


def returned(rma_id: str, address: dict[str, Any], **others: Any) -> dict[str, Any]:
    shipment = {
        "shipmentId": f"SH{rma_id}",
        "status": "LabelCreated",
        "trackingNumber": "1ZCANARY" if address is ADDRESS else "1Z1",
        "customerAddress": address,
        "isOutbound": 0,
    }
    unit = documents.unit(int(rma_id) * 100)
    reason = "I left it with the neighbour" if address is ADDRESS else None
    unit |= {"shipmentId": f"SH{rma_id}", "extendedReason": reason}
    return documents.rma(rma_id, unit, order_name=f"#{rma_id}", shipments=[shipment], **others)


OTHER = {"name": "Bertram Oak", "city": "Elsewhere", "country": "GB", "email": "joann@canary.example"}


@pytest.fixture
async def stage(migrated: Environment) -> AsyncIterator[Stage]:
    async with open_stage(migrated, look_up_orders="off") as opened:
        yield opened


async def left(stage: Stage) -> set[str]:
    """The canaries that are in the database; on SQLite in its files' bytes."""
    environment = stage.hub.environment
    if environment.is_sqlite:
        files = [each for each in environment.home.iterdir() if each.name.startswith("hub.db")]
        held = "\n".join(each.read_bytes().decode(errors="replace") for each in files)
    else:
        held = str(await read_rows())
    return {each for each in CANARIES if each in held.casefold()}


async def sent(stage: Stage) -> Rma:
    """Two RMAs with their notes; a person has named the customer of the first."""
    await stage.submit(returned("901", ADDRESS))
    await stage.submit(returned("902", OTHER))
    await stage.settle()
    note = "Zéphyrine Quillfeather called (zephyrine@canary.example)"
    await deliveries.resolve(stage.hub.clock, await stage.delivery("901"), note)
    return await Rma.get(rma_id="901")


async def test_nothing_of_the_customer_is_left_and_their_neighbours_stay(stage: Stage) -> None:
    row = await sent(stage)
    before = await stage.delivery("901")
    assert len(await left(stage)) >= 9
    done = await erasing.erase(stage.hub, stage.store, [row])
    assert await left(stage) == set()
    assert done.rma_ids == ["901"]
    assert done.calls > 0
    assert done.is_log_emptied
    assert await Exchange.filter(request_body=erasing.ERASED).count() > 0

    after = await stage.delivery("901")
    for name in ("id", "status", "verdict", "reference", "total", "units", "document_id", "attempts"):
        assert getattr(after, name) == getattr(before, name), name
    story = (await stage.shown("901"))["timeline"]
    assert "A person closed this: [erased] called ([erased])." in [each["text"] for each in story]
    entry = await AuditEntry.filter(action="rma.erased").get()
    assert entry.target == "901"
    other = await Rma.get(rma_id="902")
    assert "Bertram Oak" in other.document
    assert other.erased_at is None


async def test_the_same_rma_arriving_again_makes_no_second_note_and_brings_nothing_back(stage: Stage) -> None:
    await erasing.erase(stage.hub, stage.store, [await sent(stage)])
    again = await stage.submit(returned("901", ADDRESS))
    assert again.duplicate
    comment = {"htmlText": "I left it with the neighbour", "triggeredBy": ADDRESS["name"]}
    updated = "2026-03-02T10:00:00+00:00"
    later = await stage.submit(returned("901", ADDRESS, updated=updated, comments=[comment]))
    assert not later.duplicate
    received = await stage.submit(
        returned("901", ADDRESS, status="Received", updated="2026-03-03T10:00:00+00:00")
    )
    assert received.delivery_id == later.delivery_id
    await stage.settle()
    assert await left(stage) == set()
    assert (await stage.delivery("901")).status is Status.DONE
    assert len(stage.notes) == 2
    # Its goods still come back onto it.
    note = (await stage.delivery("901")).document_id
    assert note is not None
    stage.sandbox.receive(note)
    stage.time.set_forward(timedelta(minutes=10))
    await stage.poll()
    assert (await stage.shown("901"))["validation"] == "full"


async def test_one_whose_note_is_gone_is_prepared_anew_and_not_sent_with_holes(stage: Stage) -> None:
    await erasing.erase(stage.hub, stage.store, [await sent(stage)])
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"), is_gone=True)
    assert (await stage.delivery("901")).is_prepared_anew
    await stage.settle()
    assert (await stage.delivery("901")).status is Status.DONE
    assert len(stage.notes) == 2


async def test_what_is_still_to_be_sent_is_not_erased(stage: Stage) -> None:
    await stage.submit(returned("901", ADDRESS))
    with pytest.raises(ConflictError, match="its delivery is pending"):
        await erasing.erase(stage.hub, stage.store, [await Rma.get(rma_id="901")])
    await stage.settle()
    assert "Zéphyrine Quillfeather" in (await Rma.get(rma_id="901")).document


async def test_they_are_found_by_number_order_and_address(stage: Stage) -> None:
    await sent(stage)

    async def found(*rma_ids: str, **by: str) -> list[str]:
        return [row.rma_id for row in await erasing.find(stage.store, rma_ids, **by)]

    assert await found("902", order="901") == ["901", "902"]
    assert await found(order="#901") == ["901"]
    assert await found(email="Zephyrine@Canary.example") == ["901"]
    for wrong in ("ann@canary.example", "nobody@example.com"):
        with pytest.raises(NotFoundError):
            await found(email=wrong)
    with pytest.raises(NotFoundError, match="'999'"):
        await found("901", "999")
    with pytest.raises(UsageError):
        await found()


async def test_the_command_counts_first_and_wants_a_yes(ready: Environment) -> None:
    async with open_stage(ready, look_up_orders="off") as stage:
        await sent(stage)
        home = Home(ready.home, HUB_SECRET_KEY=KEY)
        command = ("rmas", "erase", "--email", ADDRESS["email"], "--json")
        refused = await asyncio.to_thread(home.run, *command)
        assert (refused.code, "1 RMAs: 901" in refused.err) == (2, True)
        done = await asyncio.to_thread(home.run, *command, "--yes")
        assert (done.code, done.json["rma_ids"]) == (0, ["901"])
        assert await left(stage) == set()
        gone = await asyncio.to_thread(home.run, *command, "--yes")
        assert gone.code == 5


@pytest.mark.parametrize("name", ["one_item", "mixed_with_kept_item", "order_name_with_quote"])
def test_what_stays_of_a_document_is_the_same_when_it_is_cut_again(name: str) -> None:
    document = documents.sample(name)
    document["customerNote"] = {"text": "a key that nobody knows"}
    document["items"][0]["sku"] = {"not": "a plain value"}
    once = without_person(document)
    assert without_person(once) == once
    assert "example.com" not in str(once)
    assert "customerNote" not in once
    assert once["items"][0]["sku"] is None
    assert "a key that nobody knows" in texts_of_person(document)
