"""When to try again to send an update. Pure. The one place that says how often and for how long.

The waits for subscribers are those that Standard Webhooks suggests
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Deliverability
and reliability"): short first, then over days, with jitter.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from hub.dispatch.policy import RETRY_AFTER_LONGEST, retry_wait

SUBSCRIBER_WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before the second try, the third, … With the last the hub has tried for three days, and gives up."""
JITTER = 0.1
"""Largest share that is added by chance."""
LONGEST_REST = timedelta(minutes=1)
"""How long a receiver rests that cannot be reached and did not say how long. Then one update tries it."""


class Schedule(Protocol):
    """How long to wait after a try; None when there has been enough trying."""

    def __call__(self, tries: int, *, jitter: float, asked: timedelta | None = None) -> timedelta | None:
        """See :func:`subscriber_wait`."""


def subscriber_wait(tries: int, *, jitter: float, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait for the next try at a subscriber.

    Args:
        tries: those that came to nothing so far; at least 1.
        jitter: 0 to 1, drawn anew each time, so that many do not return at one moment.
        asked: what the subscriber asked for (Retry-After); None when it did not say.

    Returns:
        The wait, or None when there has been enough trying.
    """
    if tries > len(SUBSCRIBER_WAITS):
        return None
    wait = SUBSCRIBER_WAITS[tries - 1] * (1 + JITTER * jitter)
    return wait if asked is None else max(wait, min(asked, RETRY_AFTER_LONGEST))


platform_wait: Schedule = retry_wait
"""For a platform, as for an ERP: rather more than a day, in short steps."""


def rest(wait: timedelta | None, *, asked: timedelta | None) -> timedelta:
    """How long everything for a receiver rests that cannot be reached or asked us to slow down.

    Args:
        wait: until the update that found it out is tried again; None when it is not.
        asked: what the receiver asked for; None when it did not say.
    """
    if asked is not None:
        return min(asked, RETRY_AFTER_LONGEST)
    return min(wait or LONGEST_REST, LONGEST_REST)
