"""A question has an answer: for one delivery, for the facts that it was asked with, and told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hub.errors import ConflictError, UsageError
from hub.merchant import deliveries, shown
from hub.merchant.answers import Answer
from hub.outcomes import Status
from hub.questions import QuestionCode, read_question
from hub.store.people import AuditEntry
from tests.support.documents import rma
from tests.support.notes import make_note

if TYPE_CHECKING:
    from hub.store.models import Delivery
    from tests.support.stage import Stage

YES = Answer(code=QuestionCode.OTHER_CREDIT, note="the shop's own note is for another parcel")


async def asked(stage: Stage) -> Delivery:
    """A delivery that waits because somebody else credited its order."""
    await make_note(stage, reference="theirs", salesReference="#901")
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    row = await stage.delivery("901")
    assert row.status is Status.ATTENTION
    return row


async def test_what_is_asked_is_kept_as_code_and_facts(stage: Stage) -> None:
    row = await asked(stage)
    question = read_question(row.question)
    assert question is not None
    assert question.code == QuestionCode.OTHER_CREDIT
    assert list(question.facts) == ["notes"]
    await row.fetch_related("rma", "connection")
    assert shown.delivery_listed(row)["question"] == {"code": question.code, "facts": question.facts}


async def test_yes_credits_the_return_and_is_told(stage: Stage) -> None:
    row = await asked(stage)
    await deliveries.retry(stage.hub.clock, row, answer=YES)
    await stage.settle()
    done = await stage.delivery("901")
    assert (done.status, done.question) == (Status.DONE, None)
    assert len(stage.notes) == 2
    assert any("a person accepted it" in each for each in json.loads(done.warnings))
    assert "delivery.accepted" in await stage.story("901")
    entry = await AuditEntry.get(action="delivery.accepted")
    assert YES.note in (entry.after or "")


async def test_yes_counts_for_the_facts_it_was_given_for(stage: Stage) -> None:
    row = await asked(stage)
    await deliveries.retry(stage.hub.clock, row, answer=YES)
    await make_note(stage, reference="theirs too", salesReference="#901")
    await stage.settle()
    again = await stage.delivery("901")
    question = read_question(again.question)
    assert again.status is Status.ATTENTION
    assert question is not None
    assert len(question.facts["notes"]) == 2


async def test_handed_back_without_a_yes_it_asks_again(stage: Stage) -> None:
    row = await asked(stage)
    await deliveries.retry(stage.hub.clock, row)
    await stage.settle()
    again = await stage.delivery("901")
    assert (again.status, again.question) == (Status.ATTENTION, row.question)


async def test_yes_to_something_else_or_without_a_note_is_refused(stage: Stage) -> None:
    row = await asked(stage)
    for code, note, error in (
        ("oversold", "yes", ConflictError),
        (QuestionCode.OTHER_CREDIT, " ", UsageError),
    ):
        with pytest.raises(error):
            await deliveries.retry(stage.hub.clock, row, answer=Answer(code=code, note=note))
    assert (await stage.delivery("901")).version == row.version
