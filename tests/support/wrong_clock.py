"""A machine whose clock is wrong. The hub reads it in one place: hub/clock.py."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo


def clock_ahead(span: timedelta) -> type[datetime]:
    """What stands for ``datetime`` in :mod:`hub.clock` on a machine that is so far ahead."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + span

    return Wrong
