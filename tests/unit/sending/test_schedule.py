from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dispatch.policy import FURTHEST, RETRY_AFTER_LONGEST
from hub.sending.schedule import LONGEST_REST, SUBSCRIBER_WAITS, rest, subscriber_wait

TRIES = st.integers(min_value=1, max_value=30)
SHARES = st.floats(min_value=0, max_value=1)
SPANS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))


def test_waits_are_those_that_standard_webhooks_suggests() -> None:
    hours = [wait / timedelta(hours=1) for wait in SUBSCRIBER_WAITS]
    assert [round(each * 3600) for each in hours[:3]] == [5, 300, 1800]
    assert hours[3:] == [2, 5, 10, 14, 20, 24]


@settings(max_examples=50)
@given(TRIES, SHARES, st.none() | SPANS)
def test_a_wait_is_never_shorter_than_planned_nor_than_asked_nor_without_end(
    tries: int, share: float, asked: timedelta | None
) -> None:
    wait = subscriber_wait(tries, jitter=share, asked=asked)
    assert (wait is None) == (tries > len(SUBSCRIBER_WAITS))
    if wait is not None:
        assert SUBSCRIBER_WAITS[tries - 1] <= wait < FURTHEST
        assert asked is None or wait >= min(asked, RETRY_AFTER_LONGEST)


def test_many_do_not_come_back_at_one_moment() -> None:
    waits = {subscriber_wait(2, jitter=number / 10) for number in range(10)}
    assert len(waits) == 10


@settings(max_examples=30)
@given(st.none() | SPANS, st.none() | SPANS)
def test_a_receiver_rests_as_long_as_it_asked_else_not_for_long(
    wait: timedelta | None, asked: timedelta | None
) -> None:
    rested = rest(wait, asked=asked)
    if asked is None:
        assert rested <= LONGEST_REST
    else:
        assert rested == min(asked, RETRY_AFTER_LONGEST)
