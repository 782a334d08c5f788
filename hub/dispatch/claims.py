"""Who works on a connection: one holder at a time, with a token, a heartbeat and an expiry.

The database is the judge, so that it holds between processes. Work done under a claim checks the token in
the transaction that records it.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import BaseORMException
from tortoise.expressions import Q

from hub.clock import BESIDE
from hub.errors import HubError
from hub.store.models import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from hub.clock import Clock

EXPIRY = timedelta(seconds=20)
NONSENSE = EXPIRY * 2
"""No claim ends further ahead, also where clocks differ a little. One that does was written by a clock that
has been set back since: its holder may be dead, and writes nothing if it is not."""
HEARTBEAT_S = 5.0
RELEASE_AGAIN_S = 1.0

log = structlog.get_logger()


class ClaimLostError(HubError):
    """The connection was given to somebody else meanwhile; what we were about to do must not be done."""

    code = "claim_lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to work on one connection."""

    connection_id: str
    token: str
    clock: Clock

    async def check(self) -> None:
        """Extends the claim; inside a transaction it also keeps the row until the commit.

        Raises:
            ClaimLostError: it is no longer ours.
        """
        held = await Connection.filter(id=self.connection_id, claim_token=self.token).update(
            claim_expires_at=self.clock.now() + EXPIRY
        )
        if not held:
            raise ClaimLostError(f"work on connection {self.connection_id}: another process took it over")

    async def check_lasting(self) -> None:
        """Makes sure that the claim lasts a while, and writes only when it would end before that.

        Raises:
            ClaimLostError: it is no longer ours.
        """
        now = self.clock.now()
        mine = Connection.filter(id=self.connection_id, claim_token=self.token)
        if not await mine.filter(
            claim_expires_at__gt=now + EXPIRY / 2, claim_expires_at__lte=now + NONSENSE
        ).exists():
            await self.check()


def free(now: datetime) -> Q:
    """Connections that nobody holds, as a condition on rows."""
    expired = Q(claim_expires_at__lt=now) | Q(claim_expires_at__gt=now + NONSENSE)
    return Q(claim_token__isnull=True) | expired


@asynccontextmanager
async def claim(connection_id: str, owner: str, clock: Clock) -> AsyncIterator[Claim | None]:
    """Claims a connection for the block, and keeps the claim alive in it.

    Args:
        connection_id: which.
        owner: who, for people to read: ``serve 4711``.
        clock: time.

    Yields:
        The claim, or None when somebody else holds it.
    """
    token = clock.new_id()
    now = clock.now()
    taken = await Connection.filter(
        Q(id=connection_id),
        free(now),
    ).update(claim_token=token, claim_owner=owner, claim_expires_at=now + EXPIRY)
    if not taken:
        yield None
        return
    held = Claim(connection_id=connection_id, token=token, clock=clock)
    heart = asyncio.create_task(_beat(held), name=f"{BESIDE}the work on {connection_id}: heartbeat")
    try:
        yield held
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError, ClaimLostError):
            await heart
        await asyncio.shield(_release(held))


async def _release(held: Claim) -> None:
    """Gives the connection back. A database that is away or full is asked again as long as a claim lives."""
    longest = held.clock.now() + EXPIRY
    while True:
        try:
            await Connection.filter(id=held.connection_id, claim_token=held.token).update(
                claim_token=None, claim_owner=None, claim_expires_at=None
            )
        except BaseORMException:
            if held.clock.now() >= longest:
                raise
            await held.clock.sleep(RELEASE_AGAIN_S)
        else:
            return


async def _beat(held: Claim) -> None:
    while True:
        await held.clock.sleep(HEARTBEAT_S)
        try:
            await held.check()
        except BaseORMException as error:
            # A locked database or a full disk: the claim lasts for several beats more.
            log.warning("claim not extended", connection=held.connection_id, reason=str(error))


async def release_of(owner_prefix: str) -> None:
    """Frees the claims of owners known to be dead: those of an engine whose lock file we now hold.

    Args:
        owner_prefix: how the owners' names begin.
    """
    held = Connection.filter(claim_owner__startswith=owner_prefix)
    await held.update(claim_token=None, claim_owner=None, claim_expires_at=None)
