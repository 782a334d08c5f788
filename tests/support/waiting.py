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
        while True:
            answer = condition()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.01)
