from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.dispatch.policy import (
    MOST_TRIES,
    RETRY_AFTER_LONGEST,
    RETRY_FIRST,
    RETRY_LONGEST,
    failed_look_wait,
    next_look_at,
    retry_wait,
)

LOST = datetime(2026, 3, 1, tzinfo=UTC)
JITTER = st.floats(min_value=0, max_value=1)
TRIES = st.integers(min_value=1, max_value=MOST_TRIES - 1)


@given(TRIES, JITTER)
def test_wait_doubles_within_its_bounds(tries: int, jitter: float) -> None:
    wait = retry_wait(tries, jitter=jitter)
    assert wait is not None
    longest = min(RETRY_FIRST * 2 ** (tries - 1), RETRY_LONGEST) if tries < 20 else RETRY_LONGEST
    assert longest / 2 <= wait <= longest


def test_waits_differ_by_their_jitter() -> None:
    waits = {retry_wait(5, jitter=jitter) for jitter in (0.0, 0.5, 1.0)}
    assert len(waits) == 3


@given(TRIES, JITTER, st.timedeltas(min_value=timedelta(0), max_value=RETRY_AFTER_LONGEST))
def test_wait_is_never_shorter_than_the_remote_asked(tries: int, jitter: float, asked: timedelta) -> None:
    wait = retry_wait(tries, jitter=jitter, asked=asked)
    assert wait is not None
    assert wait >= asked


def test_nonsense_that_the_remote_asks_is_cut() -> None:
    assert retry_wait(1, jitter=0, asked=timedelta(days=900)) == RETRY_AFTER_LONGEST


@given(st.integers(min_value=MOST_TRIES), JITTER)
def test_trying_comes_to_an_end(tries: int, jitter: float) -> None:
    assert retry_wait(tries, jitter=jitter, asked=timedelta(seconds=1)) is None


def test_all_tries_together_outlast_half_a_day_of_the_remote_being_away() -> None:
    waits = [retry_wait(tries, jitter=0) for tries in range(1, MOST_TRIES)]
    assert sum((wait for wait in waits if wait), timedelta(0)) > timedelta(hours=12)
    assert None not in waits


def test_looks_count_from_the_loss_and_come_to_an_end() -> None:
    looks = [next_look_at(LOST, number, (5, 60, 300)) for number in range(4)]
    assert looks == [*(LOST + timedelta(seconds=each) for each in (5, 60, 300)), None]


@given(st.timedeltas(min_value=-timedelta(days=1), max_value=timedelta(days=3)))
def test_failed_looks_grow_rarer_within_bounds_also_when_the_clock_is_set_back(doubt_for: timedelta) -> None:
    wait = failed_look_wait(doubt_for)
    assert wait == min(max(doubt_for / 2, RETRY_FIRST), RETRY_LONGEST)
    assert failed_look_wait(doubt_for, asked=timedelta(hours=1)) == timedelta(hours=1)
    assert failed_look_wait(doubt_for, asked=timedelta(days=9)) == RETRY_AFTER_LONGEST
