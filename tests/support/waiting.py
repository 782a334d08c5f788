"""Waiting for something that another process or task brings about."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


LONGEST_S = 120.0
"""More than anything takes on the busiest machine. What comes about ends the waiting, so it costs nothing."""


async def until(condition: Callable[[], bool | Awaitable[bool]], longest_s: float = LONGEST_S) -> None:
    """Asks again and again; nobody would set an event.

    Raises:
        TimeoutError: it did not come about.
    """
    async with asyncio.timeout(longest_s):
        pause_s = 0.005
        while True:
            answer = condition()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(pause_s)
            # What takes long is not asked about so often: on a busy machine asking makes it longer still.
            pause_s = min(pause_s * 1.2, 0.1)
