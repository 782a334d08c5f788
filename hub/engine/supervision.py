"""Beginning anew whatever a part of the engine ends with, and saying what it was."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from hub.engine.job_database import LOST, is_away, is_unknown_worker, reason_of
from hub.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AGAIN_FIRST_S = 0.2
AGAIN_LONGEST_S = 1.0
PERSON_S = 5.0
"""Until what a person has to mend is tried again."""
LASTED_S = 5.0
"""What went on for so long was not begun too soon."""

log = structlog.get_logger()


async def again_and_again(
    work: Callable[[], Awaitable[None]], who: str, stopping: asyncio.Event | None = None
) -> None:
    """Does something that goes on for ever, and does it anew when it ends.

    Args:
        work: opens what it needs itself.
        who: does it, for the log.
        stopping: set when it is to end; None when it is cancelled.
    """
    stopping = stopping or asyncio.Event()
    wait = AGAIN_FIRST_S
    while not stopping.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await work()
        except HubError as error:
            wait = PERSON_S
            log.error(  # noqa: TRY400 - it says what to do, and a traceback would hide it
                "a person has to mend something", who=who, reason=str(error), fix=error.fix, again_in_s=wait
            )
        except LOST as error:
            log.warning(_what_happened(error), who=who, reason=reason_of(error), again_in_s=wait)
        except Exception:
            # One that lives and does nothing would be worse than one that begins anew.
            log.exception("broke off", who=who, again_in_s=wait)
        if asyncio.get_running_loop().time() - began > LASTED_S:
            wait = AGAIN_FIRST_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)
        wait = min(wait * 2, AGAIN_LONGEST_S)


def _what_happened(error: Exception) -> str:
    if is_unknown_worker(error):
        return "this worker stood still and was taken for dead: it registers anew"
    return "the database is away" if is_away(error) else "the database refuses a statement"
