"""Time and chance, as arguments: everything that waits or draws goes through here."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


BESIDE = "beside "
"""How the name of a task begins that repeats something beside the work, and whose waiting is no part of it.

A clock that does not run by itself moves for whoever waits in any other task, and not for these.
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """The hub's time and dice; a simulation gives its own.

    Attributes:
        now: aware UTC.
        sleep: waits for a number of seconds.
        random: source of jitter and of ids.
    """

    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: random.Random = field(default_factory=random.SystemRandom)

    def new_id(self) -> str:
        """Sixteen hexadecimal digits: unguessable, and never given twice, also after a restore.

        A counter would give a number again after a restore from a backup, and the marker in the ERP would
        then point at the wrong RMA.
        """
        return f"{self.random.getrandbits(64):016x}"
