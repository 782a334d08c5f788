from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dispatch.batch import halving, outcome_of
from hub.dispatch.claims import ClaimLostError
from hub.errors import (
    AuthError,
    ConfigError,
    HubError,
    InDoubtError,
    PluginError,
    RejectedError,
    RetriableError,
)
from hub.hookspecs import Delivery, StoreInfo
from hub.outcomes import Document, Outcome, Verdict
from hub.rma import Rma

if TYPE_CHECKING:
    from collections.abc import Sequence

RMA = Rma(rma_id="1", status="Approved", order_name=None, order_id=None, items=())


def deliveries(count: int) -> list[Delivery]:
    return [
        Delivery(
            delivery_id=str(number),
            rma=RMA,
            items=(),
            store=StoreInfo(name="default"),
            location_id=None,
            approved_at=datetime(2026, 3, 1, tzinfo=UTC),
        )
        for number in range(count)
    ]


class Remote:
    """Refuses a whole batch as soon as one of the poisoned is in it, and takes all others."""

    def __init__(self, poisoned: set[int], error: type[HubError] = RejectedError) -> None:
        self.poisoned = {str(number) for number in poisoned}
        self.error = error
        self.applied: list[str] = []
        self.calls = 0

    async def __call__(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.calls += 1
        ids = [each.delivery_id for each in batch]
        if self.poisoned & set(ids):
            raise self.error("send: refused")
        self.applied += ids
        document = Document(document_id="1", reference="1")
        return [Outcome(delivery_id=each, verdict=Verdict.CREATED, document=document) for each in ids]


@given(st.integers(min_value=1, max_value=250), st.sets(st.integers(min_value=0, max_value=249), max_size=5))
async def test_the_bad_ones_stand_alone_and_the_others_go_through_once(
    count: int, poisoned: set[int]
) -> None:
    poisoned = {each for each in poisoned if each < count}
    remote, batch = Remote(poisoned), deliveries(count)
    outcomes = await halving(remote, batch, (RejectedError,), was_sending=True)
    assert [each.delivery_id for each in outcomes] == [each.delivery_id for each in batch]
    rejected = {int(each.delivery_id) for each in outcomes if each.verdict is Verdict.REJECTED}
    assert rejected == poisoned
    assert sorted(map(int, remote.applied)) == sorted(set(range(count)) - poisoned)


async def test_one_bad_one_of_250_is_found_in_few_calls() -> None:
    remote = Remote({137})
    await halving(remote, deliveries(250), (RejectedError,), was_sending=True)
    assert remote.calls <= 17


async def test_answer_that_was_lost_is_never_sent_again_in_halves() -> None:
    remote = Remote({3}, InDoubtError)
    outcomes = await halving(remote, deliveries(8), (RejectedError,), was_sending=True)
    assert remote.calls == 1
    assert {each.verdict for each in outcomes} == {Verdict.IN_DOUBT}


async def test_lost_claim_stops_everything() -> None:
    with pytest.raises(ClaimLostError):
        await halving(Remote({0}, ClaimLostError), deliveries(4), (RejectedError,))


@pytest.mark.parametrize(
    ("error", "was_sending", "verdict"),
    [
        (RetriableError("x"), True, Verdict.RETRY),
        (RetriableError("x"), False, Verdict.RETRY),
        (InDoubtError("x"), True, Verdict.IN_DOUBT),
        (RejectedError("x"), True, Verdict.REJECTED),
        (AuthError("x"), True, Verdict.PAUSED),
        (ConfigError("x"), False, Verdict.PAUSED),
        (PluginError("cin7_omni", "x"), True, Verdict.IN_DOUBT),
        (PluginError("cin7_omni", "x"), False, Verdict.REJECTED),
    ],
)
def test_each_error_means_one_thing(error: HubError, was_sending: bool, verdict: Verdict) -> None:
    outcome = outcome_of(error, "7", was_sending=was_sending)
    assert (outcome.delivery_id, outcome.verdict, outcome.reason) == ("7", verdict, "x")


def test_what_the_remote_asks_to_wait_is_passed_on() -> None:
    error = RetriableError("x", retry_after=timedelta(seconds=9))
    assert outcome_of(error, "7", was_sending=True).retry_after == timedelta(seconds=9)
