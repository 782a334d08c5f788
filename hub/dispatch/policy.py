"""When to try again. Pure: the clock and the dice are arguments.

The one place that says how often, how long and how many times.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

RETRY_FIRST = timedelta(seconds=2)
RETRY_LONGEST = timedelta(minutes=15)
RETRY_AFTER_LONGEST = timedelta(hours=26)
"""The ERP may ask for hours when its day's quota is spent; more than a day is nonsense."""
FURTHEST = timedelta(hours=27)
"""Nothing is put off further. A later time was written by a clock that ran ahead, and counts as due."""
MOST_TRIES = 120
"""With the waits above rather more than a day of an ERP being away; then a person is asked."""
POLL_FIRST_RETRY = timedelta(seconds=10)


def retry_wait(tries: int, *, jitter: float, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait before the next try: exponential, with full jitter above half.

    Args:
        tries: those that came to nothing so far, in a row; at least 1.
        jitter: 0 to 1, drawn anew each time, so that many do not return at one moment.
        asked: what the ERP asked for (Retry-After); None when it did not say.

    Returns:
        The wait, or None when there has been enough trying.
    """
    if tries >= MOST_TRIES:
        return None
    longest: timedelta = min(RETRY_FIRST * 2 ** min(tries - 1, 20), RETRY_LONGEST)
    wait: timedelta = longest * (0.5 + jitter / 2)
    if asked is not None:
        wait = max(wait, min(asked, RETRY_AFTER_LONGEST))
    return wait


def next_look_at(lost_at: datetime, looks: int, doubt_looks: Sequence[float]) -> datetime | None:
    """When to look next for a document whose answer was lost.

    Args:
        lost_at: when it was lost.
        looks: looks made since.
        doubt_looks: seconds after the loss, rising.

    Returns:
        The time, or None when the last look has been made.
    """
    if looks >= len(doubt_looks):
        return None
    return lost_at + timedelta(seconds=doubt_looks[looks])


def failed_look_wait(doubt_for: timedelta, *, asked: timedelta | None = None) -> timedelta:
    """How long to wait after a look that itself failed: half as long again as the doubt has lasted.

    So the waits grow with an ERP that stays away, without a count: they spend little of its quota, and a
    quota that counts refused calls too can recover.

    Args:
        doubt_for: since the answer was lost; negative when the clock was set back.
        asked: what the ERP asked for (Retry-After); None when it did not say.
    """
    wait = min(max(doubt_for / 2, RETRY_FIRST), RETRY_LONGEST)
    return wait if asked is None else max(wait, min(asked, RETRY_AFTER_LONGEST))
