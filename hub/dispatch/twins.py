"""One return number makes one document in one account of an ERP, however many stores have a row under it.

Twins (:mod:`hub.inbound.twins`) know nothing of each other until one is about to be sent. Then their rows are
locked together, and what another one tried in the same account is settled and looked for first: the hub's
ledger alone does not count, since a person may write anything there. In different accounts twins are no
matter.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.dispatch.opening import UnreadableError, views
from hub.outcomes import SightingKind, Status, Verdict
from hub.store.models import Attempt, Connection, Delivery, Exchange, Rma, TimelineEntry
from hub.store.timeline import EDITED, HANDED_BACK, RESOLVED, TWIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from hub import hookspecs
    from hub.dispatch.opening import OpenedConnection
    from hub.outcomes import Outcome, Sighting

NOT_KEPT = "[not kept]"
AGAIN = timedelta(seconds=10)
"""How soon it is seen again whether a twin's try is settled. No call is made for that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """Why a delivery is not sent now.

    Attributes:
        row: the delivery.
        is_unconfirmed: True when the platform shows its RMA in a shop of another store.
        wait_until: when it is tried again, since a twin's try in this account is not settled; else None.
        tried: what twins tried in this account, to be looked for.
    """

    row: Delivery
    is_unconfirmed: bool = False
    wait_until: datetime | None = None
    tried: tuple[Delivery, ...] = ()


class Twins:
    """What stands between one connection's deliveries and sending them.

    Attributes:
        obstacles: of the rows asked about last.
    """

    def __init__(self, opened: OpenedConnection) -> None:
        self._opened = opened
        self._account = opened.row.account
        self._longest_look = timedelta(seconds=max(opened.doubt_looks))
        self._absent: set[tuple[str, int]] = set()
        self.obstacles: list[Obstacle] = []

    async def blocked(self, rows: Sequence[Delivery], now: datetime) -> set[str]:
        """The ids of deliveries that are not to be sent now, in the transaction that would start them.

        Locks their RMAs with all twins, so that of two twins only one is started at a time.
        """
        mine, twins = await _locked(rows)
        self.obstacles = []
        if not twins:
            return set()
        tried = await self._tried([each.id for several in twins.values() for each in several])
        for row in rows:
            rma = mine[row.rma_id]
            others = twins.get((rma.platform, rma.rma_id), [])
            found = [tried[each.id] for each in others if each.id in tried]
            if rma.confirmed_at is None and any(each.confirmed_at for each in others):
                self.obstacles.append(Obstacle(row=row, is_unconfirmed=True))
            elif found and (obstacle := self._obstacle(row, found, now)):
                self.obstacles.append(obstacle)
        return {each.row.id for each in self.obstacles}

    async def _tried(self, rmas: Sequence[int]) -> dict[int, Delivery]:
        """RMA → its delivery with its connection, of those that may have left a document in this account."""
        rows = await Delivery.filter(rma_id__in=list(rmas)).select_related("connection")
        attempts = Attempt.filter(delivery_id__in=[row.id for row in rows], account=self._account)
        sent = {each.delivery_id for each in await attempts.only("id", "delivery_id")}
        return {row.rma_id: row for row in rows if row.id in sent or self._is_adopted_here(row)}

    def _is_adopted_here(self, row: Delivery) -> bool:
        connection: Connection | None = row.connection
        is_here = connection is not None and connection.account == self._account
        return is_here and row.document_id is not None

    def _obstacle(self, row: Delivery, tried: Sequence[Delivery], now: datetime) -> Obstacle | None:
        waits = [until for each in tried if (until := self._unsettled_until(each, now))]
        if waits:
            return Obstacle(row=row, wait_until=min(max(waits), now + AGAIN))
        unseen = tuple(each for each in tried if (each.id, each.version) not in self._absent)
        return Obstacle(row=row, tried=unseen) if unseen else None

    def _unsettled_until(self, twin: Delivery, now: datetime) -> datetime | None:
        """Until when it cannot be told what a twin's try has left; None when it can be looked for.

        Whether its own connection still works does not matter: in one account, any connection can look. But
        not before it would itself believe that nothing is there.
        """
        if twin.status not in {Status.SENDING, Status.IN_DOUBT}:
            return None
        settled_at = (twin.lost_at or twin.updated_at) + self._longest_look
        expires_at = twin.connection.claim_expires_at if twin.connection else None
        if twin.status is Status.SENDING and expires_at is not None and expires_at > now:
            return max(settled_at, now + AGAIN)
        return settled_at if settled_at > now else None

    def settle(self, twin: Delivery) -> None:
        """Remembers that a look found nothing of a twin's try, as long as nothing changes on it."""
        self._absent.add((twin.id, twin.version))


async def _locked(rows: Sequence[Delivery]) -> tuple[dict[int, Rma], dict[tuple[str, str], list[Rma]]]:
    """The RMAs of deliveries by id, and other stores' rows under their numbers, all locked in one order."""
    ids = {row.rma_id for row in rows}
    unlocked = await Rma.filter(id__in=list(ids)).only("id", "platform", "rma_id")
    numbers = {(each.platform, each.rma_id) for each in unlocked}
    platforms, known = {platform for platform, _ in numbers}, {number for _, number in numbers}
    same = Rma.filter(platform__in=list(platforms), rma_id__in=list(known))
    held = same.order_by("id").select_for_update(no_key=True)
    mine: dict[int, Rma] = {}
    twins: dict[tuple[str, str], list[Rma]] = defaultdict(list)
    for rma in await held.only("id", "platform", "rma_id", "store_id", "confirmed_at"):
        if rma.id in ids:
            mine[rma.id] = rma
        elif (rma.platform, rma.rma_id) in numbers:
            twins[rma.platform, rma.rma_id].append(rma)
    return mine, twins


async def seen_by_hooks(twin: Delivery) -> hookspecs.Delivery | None:
    """A twin's delivery as a look for its document needs it; None when it cannot be looked for.

    That is one over no connection any more, or whose RMA this version cannot read. A document that a person
    named proves nothing of it, and is left out: what the hub made carries its mark.
    """
    connection: Connection | None = twin.connection
    if connection is None:
        return None
    if await TimelineEntry.exists(rma_id=twin.rma_id, kind=RESOLVED):
        twin.document_id = None
    try:
        (view,) = await views([twin], connection)
    except UnreadableError:
        return None
    return view


@asynccontextmanager
async def calls_forgotten(row: Connection) -> AsyncIterator[None]:
    """Leaves of the calls in the block only that they were made, which the quota counts."""
    mine = Exchange.filter(connection_id=row.id)
    last = await mine.order_by("-id").first().only("id")
    try:
        yield
    finally:
        for call in await mine.filter(id__gt=last.id if last else 0).only("id", "url", "error"):
            await mine.filter(id=call.id).update(
                url=call.url.partition("?")[0],
                request_body="",
                reply_body=NOT_KEPT,
                error=NOT_KEPT if call.error else "",
            )


async def is_asked_for(row: Delivery) -> bool:
    """Whether a person has seen that a twin's document stops a delivery, and handed it back all the same."""
    story = TimelineEntry.filter(rma_id=row.rma_id, kind__in=[TWIN, HANDED_BACK, EDITED])
    kinds = [each.kind for each in await story.order_by("-id").limit(2)]
    return len(kinds) > 1 and kinds[0] != TWIN and kinds[1] == TWIN


def stops(answer: Sighting, *, is_asked: bool) -> bool:
    """Whether what a look for a twin's document found keeps another delivery from making one.

    Args:
        answer: what was found.
        is_asked: True when a person has handed the delivery back, having seen that one: a cancelled document
            is none then.
    """
    match answer.kind:
        case SightingKind.ABSENT:
            return False
        case SightingKind.VOID:
            return not is_asked
        case SightingKind.FOREIGN:
            # Somebody else's under a twin's reference is no matter, a forgotten one of this return is.
            return answer.is_of_this_rma
        case _:
            return True


def can_be_passed_over(twin: Delivery, failed: Outcome) -> bool:
    """Whether a look for a twin's document that failed may be left at that.

    Only when the ERP refuses the question itself, and the twin's connection never worked: then it has made
    nothing, and whoever chose its reference must not hold anyone up with it.
    """
    is_proved = twin.connection is None or twin.connection.proved_at is not None
    return failed.verdict is Verdict.REJECTED and not is_proved
