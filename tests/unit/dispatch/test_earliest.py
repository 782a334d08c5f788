from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub.dispatch.quota import earliest
from hub.hookspecs import QuotaWindow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WINDOWS = (QuotaWindow(calls=3, per=SECOND), QuotaWindow(calls=10, per=MINUTE))


def test_first_call_goes_out_at_once() -> None:
    assert earliest(NOW, [(window, None) for window in WINDOWS], None, SECOND) == NOW


def test_full_window_is_waited_for() -> None:
    filling = [(WINDOWS[0], NOW - SECOND / 4), (WINDOWS[1], None)]
    assert earliest(NOW, filling, None, timedelta(0)) == NOW + SECOND * 3 / 4


def test_longest_of_several_waits_counts() -> None:
    filling = [(WINDOWS[0], NOW), (WINDOWS[1], NOW - MINUTE / 2)]
    assert earliest(NOW, filling, NOW, SECOND * 2) == NOW + MINUTE / 2


def test_spacing_counts_from_the_end_of_the_last_call() -> None:
    assert earliest(NOW, [], NOW - SECOND, SECOND * 3) == NOW + SECOND * 2


def test_place_taken_ahead_is_queued_behind() -> None:
    assert earliest(NOW, [], NOW + SECOND, SECOND) == NOW + SECOND * 2


@given(
    st.lists(st.integers(min_value=0, max_value=3_000), min_size=1, max_size=60),
    st.integers(min_value=0, max_value=800),
)
def test_no_stretch_of_time_ever_holds_more_calls_than_a_window_allows(gaps: list[int], spacing: int) -> None:
    """Calls come as they like; each takes about no time."""
    now, taken = NOW, list[datetime]()
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        filling = [
            (window, taken[-window.calls] if len(taken) >= window.calls else None) for window in WINDOWS
        ]
        last = taken[-1] if taken else None
        taken.append(earliest(now, filling, last, timedelta(milliseconds=spacing)))
    assert taken == sorted(taken)
    for window in WINDOWS:
        for first in taken:
            assert sum(first <= at < first + window.per for at in taken) <= window.calls
    for before, after in pairwise(taken):
        assert after - before >= timedelta(milliseconds=spacing)
