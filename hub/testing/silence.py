"""Calls that the ERP does not answer: when a rule knows of them, and how it ends the client's patience.

Both go by what the sandbox says of its calls and not by the wall's clock, so that no machine is too slow.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from hub.sandbox import Sandbox

_BETWEEN_LOOKS_S, _LOOKS = 0.01, 2
"""A call that is about to be answered has no status either, but not in two looks one after the other."""


class Silence:
    """What the ERP has been asked since this was made, and has not answered."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._before = len(sandbox.calls())

    async def begins(self, asking: asyncio.Future[Any], *, known: int = 0) -> bool:
        """Waits until the ERP has more calls than are known that it does not answer.

        Returns:
            False when what is asking has ended instead.
        """
        looks = 0
        while looks < _LOOKS:
            await asyncio.sleep(_BETWEEN_LOOKS_S)
            if asking.done():
                return False
            calls = self._sandbox.calls()[self._before :]
            looks = looks + 1 if sum(each["status"] is None for each in calls) > known else 0
        return True


class Patience:
    """An HTTP client that waits for an answer until it is told to give up.

    Attributes:
        timeout: the client's own, for what the session says of it.
    """

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.timeout = client.timeout
        self._client = client
        self._waiting: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def request(self, *given: Any, **named: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """As the client's."""
        async with asyncio.timeout(None) as waiting:
            self._waiting.add(waiting)
            try:
                async with self._client.request(*given, **named) as response:
                    yield response
            finally:
                self._waiting.discard(waiting)

    def end(self) -> None:
        """Has every call that waits time out."""
        for waiting in self._waiting:
            waiting.reschedule(asyncio.get_running_loop().time())
