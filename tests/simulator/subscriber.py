"""Somebody who subscribed to updates: takes each message once by its id, and watches their order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING

from aiohttp import web

from tests.simulator.line import Remote

if TYPE_CHECKING:
    from tests.simulator.line import Request
    from tests.simulator.world import World

DROPS = ("drop_before", "drop_after")
SLOW_S = 25.0
"""Longer than the hub waits for an answer."""


class Subscriber(Remote):
    """The one of a world.

    Attributes:
        seen: RMA → ids of its messages, in the order in which each was seen first.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, "subscriber line")
        self.seen: dict[str, list[str]] = {}
        self._faults: deque[str] = deque()

    def inject(self, name: str, times: int) -> None:
        """Misbehaves on the next calls: a status as text, ``slow``, or one of :data:`DROPS`."""
        self._faults.extend([name] * times)

    def clear_faults(self) -> None:
        """Behaves well from now on."""
        self._faults.clear()
        self.is_down = False

    async def answer(self, request: Request) -> web.StreamResponse:
        """Takes a message, unless it misbehaves."""
        fault = self._faults.popleft() if self._faults else ""
        if fault == "drop_before" or fault.isdigit():
            if fault == "drop_before":
                request.abort()
                return web.Response()
            headers = {"Retry-After": "7"} if fault in {"429", "503"} else {}
            return web.Response(status=int(fault), headers=headers)
        self._take(request.headers["webhook-id"], json.loads(await request.read()))
        if fault == "drop_after":
            request.abort()
        elif fault == "slow":
            await asyncio.sleep(SLOW_S)
        return web.Response(status=204)

    def _take(self, message_id: str, message: dict[str, dict[str, str]]) -> None:
        rma_id = message["data"]["rma_id"]
        seen = self.seen.setdefault(rma_id, [])
        if message_id not in seen:
            seen.append(message_id)
            self.world.tell(f"subscriber: {message['type']} of RMA {rma_id}")
