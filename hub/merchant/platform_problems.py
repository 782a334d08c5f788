"""What is wrong with a platform, in sentences."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.merchant.health import POLL_TOO_OLD, UNSENT_TOO_LONG, spelled
from hub.platform.returngo.opening import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.dispatch.quota import Usage
    from hub.store.models import Connection


def platform_problems(
    row: Connection,
    refused: Mapping[str, str],
    not_told: int,
    untold_for: timedelta | None,
    not_polled_for: timedelta,
    now: datetime,
    used: Sequence[Usage],
) -> list[str]:
    """Sentences for people, worst first; empty when all is well.

    Args:
        row: the platform.
        refused: RMAs that could not be taken in, with the reason.
        not_told: updates that were given up.
        untold_for: how long the oldest update waits that it is still to be told of; None when none waits.
        not_polled_for: time since the last successful poll.
        now: the present.
        used: how full each window of its quota is.
    """
    problems = []
    if row.is_paused:
        mend = f"once that is mended, `hub platforms resume {shlex.quote(row.name)}`"
        problems.append(f"it is paused: {row.pause_reason}; {mend}")
    spent = [each for each in used if each.free_at > now]
    if spent:
        until = max(each.free_at for each in spent)
        problems.append(f"its quota is spent; the next call is free at {until:%Y-%m-%d %H:%M} UTC")
    if refused:
        rma_id, reason = next(iter(refused.items()))
        problems.append(f"{len(refused)} RMAs could not be taken in; {rma_id}: {reason}")
    if not_told:
        problems.append(f"{not_told} updates were given up, and it was not told of them")
    if untold_for is not None and untold_for > UNSENT_TOO_LONG:
        problems.append(f"the oldest update it is to be told of waits for {spelled(untold_for)}")
    if row.is_paused:
        return problems
    if not_polled_for > POLL_TOO_OLD + 2 * timedelta(seconds=read_settings(row).poll_interval_s):
        problems.append(f"the last successful poll was {spelled(not_polled_for)} ago")
    if row.last_error:
        problems.append(f"its last call failed: {row.last_error}")
    return problems
