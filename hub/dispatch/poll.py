"""One polling cycle of one connection: what changed in the ERP goes onto the RMAs' items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.crashpoints import CrashPoint, reach
from hub.errors import AuthError, HubError
from hub.hookspecs import OpenDocument
from hub.rma_update.apply import apply_receipts
from hub.store.database import client, in_transaction
from hub.store.models import Connection

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.dispatch.opening import OpenedConnection


@dataclass(frozen=True, kw_only=True, slots=True)
class PollReport:
    """What one cycle found.

    Attributes:
        pages: list calls' worth of answers.
        documents: documents that had changed, whoever made them.
        rmas: RMAs something new was learnt about, by the platform's id.
    """

    pages: int
    documents: int
    rmas: tuple[str, ...]


OPEN_DOCUMENTS = """
SELECT document_id, document_reference, created_at, seen_at FROM delivery
WHERE connection_id = {} AND is_open = TRUE AND document_id IS NOT NULL
"""
PAGES_AT_ONCE = 5
"""Most pages the engine reads before it looks whether something is to be sent: about two seconds for Cin7."""


async def poll(
    hub: Hub, opened: OpenedConnection, claim: Claim, *, most_pages: int | None = None
) -> PollReport:
    """Reads page after page until nothing is left; each page is stored together with its cursor.

    Args:
        hub: the hub.
        opened: whose ERP.
        claim: checked with every page.
        most_pages: stops after so many, and the next turn goes on there at once; None reads them all.

    Raises:
        HubError: the ERP could not be read; pages before it are stored, and the next cycle goes on there.
    """
    row = opened.row
    pages, documents, rmas = 0, 0, set[str]()
    try:
        # Once: there may be thousands, and a cycle has many pages.
        known = {each.document_id: each for each in await _open_documents(row)}
        while True:
            with opened.session.in_background():
                page = await opened.connector.poll_validations(
                    opened.view, row.poll_cursor, list(known.values())
                )
            reach(CrashPoint.POLL_AFTER_PAGE)
            async with in_transaction():
                await claim.check()
                rmas.update(await apply_receipts(hub.clock, row.id, row.connector, page.receipts))
                reach(CrashPoint.POLL_APPLIED)
                await Connection.filter(id=row.id).update(poll_cursor=page.cursor)
                reach(CrashPoint.POLL_BEFORE_COMMIT)
            reach(CrashPoint.POLL_AFTER_COMMIT)
            row.poll_cursor = page.cursor
            for receipt in page.receipts:
                if receipt.document_id in known:
                    seen = replace(known[receipt.document_id], last_seen_at=receipt.seen_at)
                    known[receipt.document_id] = seen
            pages += 1
            documents += len(page.receipts)
            if not page.more:
                break
            if pages == most_pages:
                await Connection.filter(id=row.id).update(next_poll_at=hub.clock.now())
                return PollReport(pages=pages, documents=documents, rmas=tuple(sorted(rmas)))
    except HubError as error:
        await _failed(hub, opened, error)
        raise
    reach(CrashPoint.POLL_CYCLE_READ)
    now = hub.clock.now()
    if row.proved_at is None:
        unproved = Connection.filter(id=row.id, quota_key=row.quota_key, proved_at__isnull=True)
        await unproved.update(proved_at=now)
    await Connection.filter(id=row.id).update(
        polled_at=now,
        last_success_at=now,
        last_error="",
        next_poll_at=now + timedelta(seconds=opened.poll_interval_s),
    )
    return PollReport(pages=pages, documents=documents, rmas=tuple(sorted(rmas)))


async def _failed(hub: Hub, opened: OpenedConnection, error: HubError) -> None:
    now = hub.clock.now()
    changes: dict[str, object] = {
        "last_error": str(error),
        "last_error_at": now,
        "next_poll_at": now + timedelta(seconds=opened.poll_interval_s),
    }
    mine = Connection.filter(id=opened.row.id)
    if isinstance(error, AuthError):
        # A person may have entered another key meanwhile, and it was not that one that was refused.
        settings, credentials = opened.opened_with
        as_opened = mine.filter(settings=settings, credentials=credentials)
        await as_opened.update(is_paused=True, pause_reason=str(error))
    await mine.update(**changes)


async def _open_documents(row: Connection) -> list[OpenDocument]:
    # Past the models: there may be ten thousand, and reading their times as text takes them longest.
    database = client()
    rows = await database.execute_query_dict(
        OPEN_DOCUMENTS.format("?" if database.capabilities.dialect == "sqlite" else "$1"), [row.id]
    )
    return [
        OpenDocument(
            document_id=each["document_id"],
            reference=each["document_reference"] or "",
            created_at=_moment(each["created_at"]),
            last_seen_at=None if each["seen_at"] is None else _moment(each["seen_at"]),
        )
        for each in rows
    ]


def _moment(stored: datetime | str) -> datetime:
    """A time as the database gives it; SQLite has no type for one."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored
