"""Another's order, a cancelled sale, more units than were sold, one item under two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hub.merchant import deliveries
from hub.merchant.answers import Answer
from hub.outcomes import Status
from hub.questions import Question, QuestionCode, read_question
from tests.support.documents import rma, unit
from tests.support.notes import make_order, note_of, void_order

if TYPE_CHECKING:
    from tests.support.stage import Stage


async def asked(stage: Stage, rma_id: str) -> Question | None:
    """What is asked about an RMA's delivery; None when it is credited."""
    row = await stage.delivery(rma_id)
    assert row.status is (Status.ATTENTION if row.question else Status.DONE), row.reason
    return read_question(row.question)


async def credit(stage: Stage, *documents: dict[str, Any]) -> None:
    for document in documents:
        await stage.submit(document)
    await stage.settle()


async def test_order_that_sold_none_of_it_asks_and_yes_credits(stage: Stage) -> None:
    await make_order(stage, "#901", {"code": "SKU-080"})
    await credit(stage, rma("901", unit(1, sku="SKU-081"), order_name="#901"))
    question = await asked(stage, "901")
    assert question is not None
    assert (question.code, question.facts["skus"]) == (QuestionCode.ORDER_OF_ANOTHER, ["SKU-081"])
    row = await stage.delivery("901")
    await deliveries.retry(stage.hub.clock, row, answer=Answer(code=question.code, note="sold by phone"))
    await stage.settle()
    assert await asked(stage, "901") is None


async def test_void_order_is_no_missing_one(stage: Stage) -> None:
    await void_order(stage, await make_order(stage, "#901"))
    await credit(stage, rma("901", order_name="#901"))
    question = await asked(stage, "901")
    assert question is not None
    assert question.code == QuestionCode.ORDER_VOID


async def test_living_order_of_the_same_name_is_taken(stage: Stage) -> None:
    await void_order(stage, await make_order(stage, "#901"))
    await make_order(stage, "SO-2", customerOrderNo="#901")
    await credit(stage, rma("901", order_name="#901"))
    assert await asked(stage, "901") is None


async def test_second_return_of_the_one_unit_sold_asks(stage: Stage) -> None:
    await make_order(stage, "#901")
    await credit(stage, rma("901", unit(1), order_name="#901"))
    await credit(stage, rma("902", unit(2, sku="sku-001"), order_name="#901"))
    question = await asked(stage, "902")
    assert question is not None
    assert question.code == QuestionCode.OVERSOLD
    assert question.facts["lines"] == [
        {"sku": "sku-001", "order": "#901", "sold": "1", "credited_before": "1", "units": "1"}
    ]


async def test_two_prepared_at_once_never_credit_more_than_was_sold(stage: Stage) -> None:
    await make_order(stage, "#901")
    await credit(stage, *(rma(str(n), unit(n), order_name="#901") for n in (901, 902, 903)))
    credited = [await asked(stage, str(n)) is None for n in (901, 902, 903)]
    assert sum(credited) == 1
    assert len(stage.notes) == 1


async def test_more_units_in_one_return_than_were_sold_ask(stage: Stage) -> None:
    await make_order(stage, "#901")
    await credit(stage, rma("901", unit(1), unit(2), order_name="#901"))
    question = await asked(stage, "901")
    assert question is not None
    assert question.code == QuestionCode.OVERSOLD


async def test_without_an_order_nothing_is_asked(stage: Stage) -> None:
    await credit(stage, rma("901", unit(1), order_name="#9"), rma("902", unit(2), order_name="#9"))
    assert [await asked(stage, each) for each in ("901", "902")] == [None, None]


async def test_void_note_frees_its_units(stage: Stage) -> None:
    await make_order(stage, "#901")
    await credit(stage, rma("901", unit(1), order_name="#901"))
    note = note_of(stage, await stage.delivery("901"))
    stage.sandbox.void(str(note["id"]))
    await stage.poll()
    await credit(stage, rma("902", unit(2), order_name="#901"))
    assert await asked(stage, "902") is None


async def test_what_was_closed_without_a_note_frees_its_units(stage: Stage) -> None:
    await make_order(stage, "#901")
    await credit(stage, rma("901", unit(1), unit(2), order_name="#901"))
    await deliveries.resolve(stage.hub.clock, await stage.delivery("901"), "a slip")
    await credit(stage, rma("902", unit(3), order_name="#901"))
    assert await asked(stage, "902") is None


@pytest.mark.parametrize("at_once", [True, False])
async def test_one_item_under_two_numbers_asks(stage: Stage, at_once: bool) -> None:
    first, second = rma("901", unit(7), order_name="#1"), rma("902", unit(7), order_name="#1")
    second["rmaSummary"]["rmaId"] = "RMA901"
    if at_once:
        await credit(stage, first, second)
    else:
        await credit(stage, first)
        await credit(stage, second)
    found = [await asked(stage, each) for each in ("901", "RMA901")]
    (question,) = [each for each in found if each is not None]
    assert question.code == QuestionCode.ITEM_ELSEWHERE
    assert set(question.facts["items"].values()) <= {"901", "RMA901"}
    assert len(stage.notes) == 1
