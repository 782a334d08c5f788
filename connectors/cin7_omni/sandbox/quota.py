"""Cin7's call limits as sliding windows, by the sandbox's clock. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.hookspecs import QuotaWindow

if TYPE_CHECKING:
    from collections.abc import Iterable

CIN7_WINDOWS = (
    QuotaWindow(calls=3, per=timedelta(seconds=1)),
    QuotaWindow(calls=60, per=timedelta(minutes=1)),
    QuotaWindow(calls=5000, per=timedelta(days=1)),
)
"""Documented by Cin7. That they slide, the day's one too, is assumed (U)."""

_NAMES = {timedelta(seconds=1): "second", timedelta(minutes=1): "minute", timedelta(days=1): "day"}


class Quota:
    """Counts calls. Failed calls and refused ones count as well (D by digest).

    Args:
        windows: all hold at once; empty for no limit.
    """

    def __init__(self, windows: Iterable[QuotaWindow] = CIN7_WINDOWS) -> None:
        self.windows = tuple(windows)
        self._calls: deque[datetime] = deque()

    def admits(self, now: datetime) -> bool:
        """Counts one call and tells whether every window had room for it."""
        if not self.windows:
            return True
        longest = max(window.per for window in self.windows)
        while self._calls and now - self._calls[0] >= longest:
            self._calls.popleft()
        has_room = all(self._count_within(window, now) < window.calls for window in self.windows)
        self._calls.append(now)
        return has_room

    def _count_within(self, window: QuotaWindow, now: datetime) -> int:
        """Calls inside the window, counted only as far as they matter."""
        count = 0
        for at in reversed(self._calls):
            if count >= window.calls or now - at >= window.per:
                break
            count += 1
        return count

    @property
    def refusal(self) -> str:
        """The text of a 429 as seen live; with the real windows word for word (L)."""
        limits = [f"{window.calls} per {_NAMES.get(window.per, str(window.per))}" for window in self.windows]
        listed = limits[0] if len(limits) == 1 else f"{', '.join(limits[:-1])} and {limits[-1]}"
        return f"Calls are limited to {listed}."
