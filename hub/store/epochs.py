"""Epochs: a database that may have forgotten documents it made says so; from then on the hub looks first.

The first epoch has no row. A later one begins when the database was rolled back: found by the mark beside
the SQLite file when the engine starts, or declared by whoever restored it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hub.store.mark import Mark, mark_of, write_mark
from hub.store.models import Attempt, Epoch

if TYPE_CHECKING:
    from pathlib import Path

    from hub.clock import Clock

log = structlog.get_logger()


async def current() -> Epoch | None:
    """The present epoch; None is the first, in which nothing was forgotten."""
    return await Epoch.all().order_by("-id").first()


async def begin(clock: Clock, reason: str) -> Epoch:
    """Begins a new epoch: before anything is written to an ERP, the hub looks for what it may have forgotten.

    For whoever restored the database; PostgreSQL has no mark, so nobody else would notice. It holds for
    running engines too, from their next batch on.

    Args:
        clock: time and ids.
        reason: why, in one sentence for people.
    """
    return await Epoch.create(key=clock.new_id(), began_at=clock.now(), reason=reason)


async def check(clock: Clock, database_file: Path) -> None:
    """Begins a new epoch when the SQLite file is older than its mark; then brings the mark up to date.

    Call it before the engine starts, with its lock held.

    Raises:
        ConfigError: the mark cannot be read or written.
    """
    file = mark_of(database_file)
    last = await last_attempt()
    if reason := await _rollback(Mark.read(file), last):
        await begin(clock, reason)
        log.warning("new epoch: every document is looked for before it is written", reason=reason)
    await move_mark(database_file, last)


async def move_mark(database_file: Path, attempt: int) -> None:
    """Writes how far the attempts have come; before the first byte of the attempt goes out.

    Raises:
        ConfigError: it cannot be written, so nothing may be sent.
    """
    epoch = await current()
    write_mark(mark_of(database_file), epoch=epoch.key if epoch else "", attempt=attempt)


async def last_attempt() -> int:
    """The highest id of an attempt; 0 when there is none."""
    row = await Attempt.all().order_by("-id").only("id").first()
    return row.id if row else 0


async def _rollback(mark: Mark | None, last: int) -> str:
    """Why the database must be taken to be older than it was; empty when it is not."""
    if mark is None:
        return "the mark beside the database is missing or a copy, so the database may be an old copy too"
    if mark.epoch and not await Epoch.exists(key=mark.epoch):
        return "the mark beside the database names an epoch that the database does not know: it was restored"
    if last < mark.attempt:
        return (
            f"the mark beside the database knows of attempt {mark.attempt}, the database only of {last}: "
            "it was restored"
        )
    return ""
