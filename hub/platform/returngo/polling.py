"""The poll: lists what changed and reads only what differs from what the hub holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.policy import RETRY_AFTER_LONGEST
from hub.errors import AuthError, EventError, HubError, RejectedError, RetriableError
from hub.platform.returngo.config import NAME, ListRows
from hub.platform.returngo.cursor import Cursor, advance, read_cursor, write_cursor
from hub.platform.returngo.fetching import remember, take_in
from hub.platform.returngo.shop import hold_shop, is_authority
from hub.platform.returngo.wire import event_of
from hub.store.database import in_transaction
from hub.store.models import Connection, Rma, RmaToFetch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.platform.returngo.opening import OpenedPlatform
    from hub.platform.returngo.wire import ListPage, ListRow

PAGES_AT_ONCE = 5

log = structlog.get_logger()


@dataclass(kw_only=True, slots=True)
class PollReport:
    """What one cycle found.

    Attributes:
        pages: list calls.
        read: RMAs that differed from what the hub held.
        news: RMAs something new was learnt about.
        unreadable: rows of the list that name no RMA.
    """

    pages: int = 0
    read: int = 0
    news: list[str] = field(default_factory=list)
    unreadable: int = 0


async def poll(
    hub: Hub, opened: OpenedPlatform, claim: Claim, *, most_pages: int | None = None
) -> PollReport:
    """Lists page after page; what is to be read is remembered together with how far the list was read.

    Args:
        hub: the hub.
        opened: which platform.
        claim: checked with every page.
        most_pages: stops after so many, and the next turn goes on there at once; None lists them all.

    Raises:
        HubError: the list could not be read. What came before is kept, and the next poll goes on there.
    """
    report = PollReport()
    try:
        while await _page(hub, opened, claim, report):
            if report.pages == most_pages:
                await Connection.filter(id=opened.row.id).update(next_poll_at=hub.clock.now())
                return report
    except HubError as error:
        await failed(hub, opened, error)
        raise
    now = hub.clock.now()
    await Connection.filter(id=opened.row.id).update(
        polled_at=now,
        last_success_at=now,
        last_error=f"{report.unreadable} rows of its list name no RMA" if report.unreadable else "",
        next_poll_at=now + timedelta(seconds=opened.settings.poll_interval_s),
    )
    return report


async def _page(hub: Hub, opened: OpenedPlatform, claim: Claim, report: PollReport) -> bool:
    """One page; True when there is another."""
    row, settings = opened.row, opened.settings
    now = hub.clock.now()
    at = _cursor(opened).begun(now)
    page = await _listed(opened, at)
    reach(CrashPoint.PLATFORM_LISTED)
    if row.proved_at is None or row.account_key is None:
        await hold_shop(row, now)
    changed = await _changed(opened, page.rows, now)
    following, more = advance(at, page, timedelta(seconds=settings.overlap_s))
    report.read += len(changed)
    if settings.list_rows is ListRows.FULL:
        changed = await _take_in_all(hub, opened, changed, report)
    changed = await _without_refused(row.id, changed, timedelta(seconds=settings.overlap_s))
    async with in_transaction():
        await claim.check()
        if changed:
            await remember(row.id, await _urgency(row.store_id, changed), now, now)
        row.poll_cursor = write_cursor(following)
        # A person who changes the settings may send the list back to its beginning.
        as_opened = Connection.filter(id=row.id, settings=row.settings)
        is_written = await as_opened.update(poll_cursor=row.poll_cursor)
    reach(CrashPoint.PLATFORM_REMEMBERED)
    report.pages += 1
    if page.unreadable:
        report.unreadable += page.unreadable
        log.warning("rows of the list name no rma", connection=row.id, rows=page.unreadable)
    return more and bool(is_written)


def _cursor(opened: OpenedPlatform) -> Cursor:
    if opened.row.poll_cursor is not None:
        return read_cursor(opened.row.poll_cursor)
    return Cursor(since=opened.settings.credit_from or opened.row.created_at)


async def _listed(opened: OpenedPlatform, at: Cursor) -> ListPage:
    try:
        return await opened.client.list_page(since=at.since, cursor=at.page)
    except RejectedError:
        if at.page is None:
            raise
        # Their own cursor may have grown too old over a restart: the cycle begins again.
        return await opened.client.list_page(since=at.since)


async def _urgency(store_id: int, rows: Sequence[ListRow]) -> dict[str, bool]:
    """Whether each is urgent: not one that stands as we hold it, as after our own comment."""
    held = await _held(store_id, rows)
    return {
        row.rma_id: row.rma_id not in held
        or row.status is None
        or row.status.casefold() != held[row.rma_id].status.casefold()
        for row in rows
    }


async def _held(store_id: int, rows: Sequence[ListRow]) -> dict[str, Rma]:
    """The store's own rows; what another has under a number says nothing of it here."""
    known = Rma.filter(store_id=store_id, platform=NAME, rma_id__in=[row.rma_id for row in rows])
    columns = ("id", "rma_id", "status", "last_updated_at", "confirmed_at")
    return {row.rma_id: row for row in await known.only(*columns)}


async def _changed(opened: OpenedPlatform, rows: Sequence[ListRow], now: datetime) -> list[ListRow]:
    """The rows that show another RMA, or another state of it, than the hub holds."""
    held = await _held(opened.row.store_id, rows)
    changed: list[ListRow] = []
    same: list[ListRow] = []
    for row in rows:
        is_changed = row.rma_id not in held or _differs(row, held[row.rma_id])
        (changed if is_changed else same).append(row)
    if not is_authority(opened.settings):
        return changed
    unconfirmed = [row for row in same if held[row.rma_id].confirmed_at is None]
    return changed + await _confirm(opened.row.store_id, unconfirmed, now)


async def _confirm(store_id: int, rows: Sequence[ListRow], now: datetime) -> list[ListRow]:
    """Confirms what the hub holds by an event alone: its shop's list shows it.

    Returns:
        Those for whose number another store has signed: they are read, since more may follow from that.
    """
    numbers = [row.rma_id for row in rows]
    if not numbers:
        return []
    named = Rma.filter(platform=NAME, rma_id__in=numbers)
    elsewhere = {row.rma_id for row in await named.exclude(store_id=store_id).only("id", "rma_id")}
    alone = [each for each in numbers if each not in elsewhere]
    mine = Rma.filter(store_id=store_id, platform=NAME, rma_id__in=alone, confirmed_at__isnull=True)
    await mine.update(confirmed_at=now)
    return [row for row in rows if row.rma_id in elsewhere]


def _differs(row: ListRow, held: Rma) -> bool:
    if row.updated_at is None or held.last_updated_at is None:
        return True
    # A list may cut what the document tells more exactly.
    is_whole = row.updated_at.microsecond == 0
    updated_at = held.last_updated_at.replace(microsecond=0) if is_whole else held.last_updated_at
    is_same_status = row.status is None or row.status.casefold() == held.status.casefold()
    return row.updated_at > updated_at or (row.updated_at == updated_at and not is_same_status)


async def _without_refused(connection_id: str, rows: Sequence[ListRow], leeway: timedelta) -> list[ListRow]:
    """Without those that could not be taken in and have not changed since.

    They stand in the list again and again, and each time would cost a call; they are read a day later.

    Args:
        connection_id: from where.
        rows: what the list says.
        leeway: how far the platform's clock may be behind ours.
    """
    refused = RmaToFetch.filter(connection_id=connection_id, rma_id__in=[row.rma_id for row in rows])
    asked = dict(await refused.exclude(reason="").values_list("rma_id", "asked_at"))
    return [
        row
        for row in rows
        if row.rma_id not in asked or row.updated_at is None or row.updated_at > asked[row.rma_id] - leeway
    ]


async def _take_in_all(
    hub: Hub, opened: OpenedPlatform, rows: Sequence[ListRow], report: PollReport
) -> list[ListRow]:
    """Takes whole RMAs in from the list; gives those that have to be read one by one after all."""
    left = []
    for row in rows:
        try:
            if await take_in(hub, opened, event_of(row)):
                report.news.append(row.rma_id)
        except EventError:
            left.append(row)
    return left


async def failed(hub: Hub, opened: OpenedPlatform, error: HubError) -> None:
    """Writes down that the platform could not be read, and when it is tried again."""
    now = hub.clock.now()
    wait = timedelta(seconds=opened.settings.poll_interval_s)
    if isinstance(error, RetriableError) and error.retry_after is not None:
        wait = max(wait, min(error.retry_after, RETRY_AFTER_LONGEST))
    why = f"{error}; the hub goes on at {now + wait:%Y-%m-%d %H:%M} UTC"
    changes: dict[str, object] = {"last_error": why, "last_error_at": now, "next_poll_at": now + wait}
    mine = Connection.filter(id=opened.row.id)
    if isinstance(error, AuthError):
        changes["last_error"] = str(error)
        # A person may have entered another key meanwhile, and it was not that one that was refused.
        as_opened = mine.filter(settings=opened.row.settings, credentials=opened.row.credentials)
        await as_opened.update(is_paused=True, pause_reason=str(error))
    await mine.update(**changes)
