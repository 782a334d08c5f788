"""Claims for commands: they wait their turn, and say so when it does not come."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from hub.dispatch.claims import claim
from hub.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.core import Hub
    from hub.dispatch.claims import Claim

CLAIM_WAIT_S = 20.0
CLAIM_RETRY_S = 0.2


@asynccontextmanager
async def claim_in_turn(hub: Hub, connection_id: str, *, owner: str, what: str) -> AsyncIterator[Claim]:
    """Claims a connection for the block, waiting for whoever works on it.

    Args:
        hub: the hub.
        connection_id: which.
        owner: who, for people to read.
        what: what is to be done, for the error: ``poll``.

    Raises:
        ConflictError: the connection stayed in use.
    """
    waited = 0.0
    while True:
        async with AsyncExitStack() as stack:
            held = await stack.enter_async_context(claim(connection_id, owner, hub.clock))
            if held is not None:
                yield held
                return
        if waited >= CLAIM_WAIT_S:
            raise ConflictError(
                f"{what}: the connection is in use",
                why=f"another process has worked on it for {CLAIM_WAIT_S:g} s",
                fix="try again in a moment; `hub connections show NAME` tells who works on it",
            )
        await hub.clock.sleep(CLAIM_RETRY_S)
        waited += CLAIM_RETRY_S
