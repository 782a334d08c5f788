"""The error desk: what needs a person, grouped by cause."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
