"""What the loop of sending and whoever sends to one kind of receiver agree on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hub.store.models import SendingStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingUpdate:
    """One update on its way to one receiver.

    Attributes:
        key: the update's id for the outside: the same however often and to whomever it is sent. Receivers
            tell a repetition by it.
        kind: see :class:`hub.telling.UpdateKind`.
        rma: the RMA's row.
        rma_id: the platform's id of the RMA.
        facts: what is told, as :mod:`hub.telling` wrote it.
        created_at: when it came about.
        attempt: which try this is, from 1. The ones before may have arrived.
    """

    key: str
    kind: str
    rma: int
    rma_id: str
    facts: Mapping[str, Any]
    created_at: datetime
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What came of a try that needs no other.

    Attributes:
        status: ``skipped`` when there was nothing to do.
        reason: why it was skipped; empty for ``done``.
        story: a whole sentence for the RMA's timeline; empty tells nothing.
    """

    status: Literal[SendingStatus.DONE, SendingStatus.SKIPPED] = SendingStatus.DONE
    reason: str = ""
    story: str = ""


Send = Callable[[OutgoingUpdate], Awaitable[Sent]]
"""Sends one update. It never waits and never retries; what it raises says how to go on:

- :class:`~hub.errors.RetriableError`: the receiver as a whole cannot be reached or asked us to slow down.
  Everything for it rests, for as long as it asked.
- :class:`~hub.errors.InDoubtError`: this update may have arrived or not. It is sent again later, so the
  receiver must know it by its key, or the sender looks before it repeats. Other RMAs are not held up, unless
  it timed out: then everything for the receiver rests, until this update is tried again or for a minute.
- :class:`~hub.errors.RejectedError`: refused for good. It counts as failed, and the next one goes.
- :class:`~hub.errors.AuthError`: the receiver pauses until a person resumes it, and nothing is lost.
- :class:`~hub.errors.ConfigError`: as ``AuthError``; a person must change a setting.

Anything else is a bug: logged with its traceback, and treated as in doubt.
"""
