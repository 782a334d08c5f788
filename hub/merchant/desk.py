"""The error desk: what needs a person, grouped by cause."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.outcomes import Status
from hub.store.models import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.models import Store

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"\b[\w/#-]*\d[\w/#.-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Deliveries that need a person for one cause.

    It is made from the rows whenever it is asked for, so it is gone when its last delivery is.

    Attributes:
        cause: the reason with what differs from one to the next left out: ``the reference … is taken``.
        connection: the connection's name; None for those that have none.
        first_at: when the oldest of them came to need a person.
        last_at: when the newest did.
        example: the reason of the newest, in full.
        fix: what it suggests to do.
        deliveries: newest first.
    """

    cause: str
    connection: str | None
    first_at: datetime
    last_at: datetime
    example: str
    fix: str
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """A group as a page shows it: made from few columns, since that page is looked at all day.

    Attributes:
        key: names the group in addresses; the same while its cause and connection are.
        ids: deliveries, newest first.
        rmas: their RMAs, by the platform's ids, in the same order.
    """

    key: str
    connection: str | None
    first_at: datetime
    last_at: datetime
    example: str
    fix: str
    ids: Sequence[str]
    rmas: Sequence[str]


MOST = 10_000
"""Up to so many deliveries are grouped; the newest."""


async def causes(store: Store) -> list[Cause]:
    """What needs a person, the largest group first."""
    found = Delivery.filter(rma__store_id=store.id, status=Status.ATTENTION).order_by("-updated_at", "id")
    rows = await found.limit(MOST).values(
        "id", "reason", "fix", "updated_at", rma="rma__rma_id", connection="connection__name"
    )
    groups: dict[tuple[str | None, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["connection"], cause_of(row["reason"] or "")), []).append(row)
    made = [
        Cause(
            key=hashlib.sha256(json.dumps(each).encode()).hexdigest()[:16],
            connection=each[0],
            first_at=members[-1]["updated_at"],
            last_at=members[0]["updated_at"],
            example=members[0]["reason"] or "",
            fix=members[0]["fix"],
            ids=[row["id"] for row in members],
            rmas=[row["rma"] for row in members],
        )
        for each, members in groups.items()
    ]
    return sorted(made, key=lambda cause: (-len(cause.ids), cause.key))


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubtful:
    """A delivery of which it is not known whether its document was made.

    Attributes:
        lost_at: when the answer was lost.
        next_attempt_at: when the hub looks for it next.
    """

    rma_id: str
    connection: str | None
    reason: str | None
    lost_at: datetime | None
    next_attempt_at: datetime | None


async def doubtful(store: Store, *, limit: int) -> list[Doubtful]:
    """What the hub is checking by itself, the next look first."""
    rows = Delivery.filter(rma__store_id=store.id, status=Status.IN_DOUBT)
    columns = {"rma_id": "rma__rma_id", "connection": "connection__name"}
    found = rows.order_by("next_attempt_at").limit(limit)
    return [Doubtful(**row) for row in await found.values("reason", "lost_at", "next_attempt_at", **columns)]


def cause_of(reason: str) -> str:
    """A reason without the names and numbers of the one RMA it is about."""
    return _NUMBER.sub("…", _QUOTED.sub("…", reason))


async def groups(store: Store) -> list[Group]:
    """What needs a person, the largest group first."""
    rows = (
        await Delivery.filter(rma__store_id=store.id, status=Status.ATTENTION)
        .select_related("rma", "connection")
        .order_by("-updated_at", "id")
    )
    found: dict[tuple[str | None, str], list[Delivery]] = {}
    for row in rows:
        name = row.connection.name if row.connection else None
        found.setdefault((name, cause_of(row.reason or "")), []).append(row)
    made = [
        Group(
            cause=cause,
            connection=name,
            first_at=members[-1].updated_at,
            last_at=members[0].updated_at,
            example=members[0].reason or "",
            fix=members[0].fix,
            deliveries=members,
        )
        for (name, cause), members in found.items()
    ]
    return sorted(made, key=lambda group: (-len(group.deliveries), group.cause))
