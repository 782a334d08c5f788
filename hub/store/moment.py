"""The one door by which times get into the database: aware, and told in UTC.

SQLite has no type for times. They are text there and are compared as text, so that two offsets would put one
moment in two places. PostgreSQL's driver takes a time without an offset for the local time of its machine.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def in_utc(moment: datetime) -> datetime:
    """The same moment told in UTC.

    Raises:
        ValueError: it is naive, so that nobody knows which moment is meant.
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError(f"the time {moment.isoformat()} has no offset: make it aware before it is stored")
    return moment.astimezone(UTC)


def as_text(moment: datetime) -> str:
    """A moment as SQLite keeps it: the texts are in the order of the moments.

    Raises:
        ValueError: it is naive.
    """
    return in_utc(moment).isoformat(" ")


def refuse_naive(values: Iterable[Any]) -> None:
    """Looks a statement's values through, also those of a list of rows.

    Raises:
        ValueError: one is a naive time.
    """
    for value in values:
        if isinstance(value, datetime):
            in_utc(value)
        elif isinstance(value, list | tuple):
            refuse_naive(value)
