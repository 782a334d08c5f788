"""Every sample ends in a state that a person would call right."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from hub.outcomes import Status
from tests.support.documents import sample

if TYPE_CHECKING:
    from tests.support.stage import Stage


def paid(items: list[dict[str, Any]]) -> Decimal:
    """What the customer paid for them, tax and all, in the shop's currency."""
    total = Decimal(0)
    for item in items:
        total += item["paidPrice"]["shopAmount"]
        if not item["taxIncluded"]:
            total += item["paidTax"]["shopAmount"]
    return total


def to_come_back(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in document["items"] if item["returnMethod"]["name"] != "Keep it"]


def units(note: dict[str, Any]) -> Counter[str]:
    """Units by SKU that the note asks for."""
    counted: Counter[str] = Counter()
    for line in note["lines"]:
        counted[line["sku"]] += abs(int(Decimal(line["quantity"])))
    return counted


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("one_item", "RMA 41501000/ORDER:EU/1000-B"),
        ("mixed_with_kept_item", "RMA 41501001"),
        ("no_customer_address", "RMA 41501002/ORDER:EU/1002-B"),
        ("order_name_with_quote", "RMA 41501003/ORDER:#10'01"),
        ("long_order_name", "RMA 41501004"),
    ],
)
async def test_sample_makes_one_note_of_what_comes_back(stage: Stage, name: str, reference: str) -> None:
    document = sample(name)
    rma_id = document["rmaSummary"]["rmaId"]
    await stage.submit(document)
    await stage.settle()
    (note,) = stage.notes
    shown = await stage.shown(rma_id)
    (delivery,) = shown["deliveries"]
    assert (delivery["status"], delivery["verdict"], delivery["attempts"]) == ("done", "created", 1)
    assert delivery["document"] == {"id": note["id"], "reference": reference}
    assert note["reference"] == reference
    assert note["sales_reference"] == document["rmaSummary"]["order_name"]
    expected = to_come_back(document)
    assert units(note) == Counter(item["sku"] for item in expected)
    assert Decimal(note["total"]) == paid(expected)
    assert note["currency"] == expected[0]["paidPrice"]["shopCurrency"]
    assert shown["validation"] == "none"


async def test_still_pending_makes_nothing(stage: Stage) -> None:
    await stage.submit(sample("still_pending"))
    await stage.settle()
    shown = await stage.shown("41501005")
    assert (shown["deliveries"], shown["status"], stage.notes) == ([], "Pending", [])
    assert stage.sandbox.calls() == []


async def test_all_kept_is_skipped_with_a_reason(stage: Stage) -> None:
    await stage.submit(sample("all_kept"))
    await stage.settle()
    (delivery,) = (await stage.shown("41501006"))["deliveries"]
    assert (delivery["status"], delivery["document"], stage.notes) == ("skipped", None, [])
    assert "the customer keeps every item" in delivery["reason"]


async def test_kept_item_is_left_off_with_the_reason_on_the_timeline(stage: Stage) -> None:
    await stage.submit(sample("mixed_with_kept_item"))
    await stage.settle()
    shown = await stage.shown("41501001")
    (kept,) = [item for item in shown["items"] if not item["is_credited"]]
    assert "keeps" in kept["validation"]["reason"]
    assert any(kept["sku"] in entry["text"] for entry in shown["timeline"])


async def test_return_without_an_address_makes_a_note_without_an_email(stage: Stage) -> None:
    await stage.submit(sample("no_customer_address"))
    await stage.settle()
    (note,) = stage.notes
    assert [note["raw"].get(name) or None for name in ("email", "memberEmail")] == [None, None]


async def test_reference_that_would_be_too_long_is_shortened_and_that_is_told(stage: Stage) -> None:
    await stage.submit(sample("long_order_name"))
    await stage.settle()
    story = [entry["text"] for entry in (await stage.shown("41501004"))["timeline"]]
    assert any("30" in text and "RMA 41501004" in text for text in story)


async def test_order_name_with_a_quote_is_found_again_after_a_lost_answer(stage: Stage) -> None:
    stage.fault("drop_after_write:on=POST")
    await stage.submit(sample("order_name_with_quote"))
    await stage.settle()
    delivery = await stage.delivery("41501003")
    assert (delivery.status, delivery.verdict) == (Status.DONE, "adopted")
    assert len(stage.notes) == 1


async def test_timeline_tells_the_whole_story_in_order(stage: Stage) -> None:
    await stage.submit(sample("one_item"))
    await stage.settle()
    stage.sandbox.receive(stage.notes[0]["id"])
    await stage.poll()
    kinds = [kind for kind in await stage.story("41501000") if kind != "delivery.warning"]
    assert kinds == [
        "rma.approved",
        "delivery.prepared",
        "delivery.sent",
        "delivery.created",
        "validation.received",
    ]
    texts = [entry["text"] for entry in (await stage.shown("41501000"))["timeline"]]
    assert all(text.endswith(".") and text[0].isupper() for text in texts)
