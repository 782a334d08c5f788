"""Return numbers for which several stores have documents: for whoever runs the hub, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.functions import Count, Max

from hub.outcomes import Status
from hub.store.models import Delivery, Rma, Store, TimelineEntry
from hub.store.timeline import RESOLVED

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 100
"""So many numbers are told at most, the newest first."""
CANDIDATES = 500
"""So many are looked at for them."""
_MAY_HAVE_ONE = {Status.SENDING, Status.IN_DOUBT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """One store's row under a number.

    Attributes:
        is_confirmed: True when the platform shows the return in a shop of the store.
        delivery_id, status, connection, document_id: of its delivery; None where there is none.
    """

    store: str
    is_confirmed: bool
    delivery_id: str | None
    status: Status | None
    connection: str | None
    document_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contested:
    """A return number that more than one store has, or wants, a document for."""

    platform: str
    rma_id: str
    parties: Sequence[Party]


async def every() -> list[Contested]:
    """The numbers that a person should look at, the newest first.

    At least one store has a document, or may have, and another one has or wants one too. A number is looked
    at when somebody has closed the deliveries of the stores in whose shops the platform shows the return, or
    of all stores where it shows it in none: `hub deliveries resolve`.
    """
    if await Store.all().count() < 2:  # noqa: PLR2004 - one store contests nothing
        return []
    # A store that signs for numbers that are confirmed elsewhere has skipped deliveries for them, as many as
    # it likes.
    wanted = Delivery.exclude(status=Status.SKIPPED).annotate(n=Count("id"), last=Max("rma_id"))
    several = wanted.group_by("rma__platform", "rma__rma_id").filter(n__gt=1).order_by("-last")
    numbers = await several.limit(CANDIDATES).values(platform="rma__platform", rma_id="rma__rma_id")
    found = []
    for number in numbers:
        rows = await Rma.filter(**number).select_related("store").order_by("id")
        deliveries = {
            row.rma_id: row
            for row in await Delivery.filter(rma_id__in=[row.id for row in rows]).select_related("connection")
        }
        if _is_contested(list(deliveries.values())) and not await _is_seen_to(rows):
            parties = [_party(row, deliveries.get(row.id)) for row in rows]
            found.append(Contested(**number, parties=parties))
        if len(found) == MOST:
            break
    return found


def _is_contested(rows: Sequence[Delivery]) -> bool:
    has_one = [row for row in rows if row.document_id is not None or row.status in _MAY_HAVE_ONE]
    wants_one = [row for row in rows if row.status is not Status.SKIPPED]
    return bool(has_one) and len(wants_one) > 1


async def _is_seen_to(rows: Sequence[Rma]) -> bool:
    concerned = {row.id for row in rows if row.confirmed_at is not None} or {row.id for row in rows}
    closed = TimelineEntry.filter(rma_id__in=list(concerned), kind=RESOLVED)
    return concerned == {each.rma_id for each in await closed.only("id", "rma_id")}


def _party(row: Rma, delivery: Delivery | None) -> Party:
    connection = delivery.connection if delivery else None
    return Party(
        store=row.store.name,
        is_confirmed=row.confirmed_at is not None,
        delivery_id=delivery.id if delivery else None,
        status=delivery.status if delivery else None,
        connection=connection.name if connection else None,
        document_id=delivery.document_id if delivery else None,
    )
