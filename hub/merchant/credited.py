"""What was credited, for the accountant: one row for each credit note, and exact totals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.dispatch.frozen import read_total
from hub.errors import UsageError
from hub.store.models import Connection, Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from hub.rma import Money
    from hub.store.models import Store

DAY = timedelta(days=1)
LONGEST = timedelta(days=366)
_COLUMNS = {
    "delivery_id": "id",
    "rma_id": "rma__rma_id",
    "order_name": "rma__order_name",
    "connection": "connection__name",
    "document_id": "document_id",
    "reference": "document_reference",
    "credited_at": "credited_at",
    "total": "total",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Credited:
    """One credit note.

    Attributes:
        credited_at: when the hub learnt that it exists.
        reference: None when a person named the document without one.
        total: None when its connector cannot tell, or a person named the document.
    """

    delivery_id: str
    rma_id: str
    order_name: str
    connection: str
    document_id: str
    reference: str | None
    credited_at: datetime
    total: Money | None


@dataclass(kw_only=True, slots=True)
class Totals:
    """Sums by currency, exact.

    Attributes:
        count: credit notes, those without a total too.
        unknown: how many of them have none.
    """

    count: int = 0
    unknown: int = 0
    by_currency: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, row: Credited) -> None:
        """Counts one credit note."""
        self.count += 1
        if row.total is None:
            self.unknown += 1
        else:
            self.by_currency[row.total.currency] += row.total.amount


async def credited(store: Store, since: datetime, until: datetime) -> AsyncIterator[Credited]:
    """A store's credit notes, oldest first, a day at a time, so that a year needs no more room than a day.

    Args:
        store: whose.
        since: from then on.
        until: before then.
    """
    mine = [row.id for row in await Connection.filter(store_id=store.id).only("id")]
    begin = since
    while begin < until:
        end = min(begin + DAY, until)
        rows = Delivery.filter(
            connection_id__in=mine, credited_at__gte=begin, credited_at__lt=end, document_id__isnull=False
        )
        for row in await rows.order_by("credited_at", "rma_id").values(**_COLUMNS):
            yield Credited(**{**row, "total": read_total(row["total"])})
        begin = end


def check_range(since: datetime, until: datetime) -> None:
    """Refuses a time that is none, or too long for one file.

    Raises:
        UsageError: it is.
    """
    if since >= until:
        raise UsageError("list credit notes: the last day lies before the first", fix="swap the two dates")
    if until - since > LONGEST:
        raise UsageError(
            "list credit notes: that is more than a year",
            why="one file holds at most 366 days",
            fix="ask for each year by itself",
        )
