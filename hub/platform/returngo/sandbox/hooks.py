"""The stand-in's webhooks: JSON with ``eventName`` and the RMA's number, unsigned (returngo/REFERENCE.md)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp

from hub.platform.returngo.sandbox.faults import DEFAULT_SECONDS

if TYPE_CHECKING:
    from hub.platform.returngo.sandbox.faults import FaultBox

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Hooks:
    """Sends webhooks, and does not wait for them nor send one again that failed."""

    def __init__(self, faults: FaultBox) -> None:
        self.urls: dict[str, str] = {}
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, url: str) -> str:
        """Subscribes an address; gives its id."""
        hook_id = str(len(self.urls) + 1)
        self.urls[hook_id] = url
        return hook_id

    def tell(self, event_name: str, rma_id: str) -> None:
        """Sends one webhook to each address, or misbehaves as ordered."""
        for url in self.urls.values():
            fault = self._faults.of_webhook()
            name = fault.name if fault else ""
            seconds = fault.seconds if fault else None
            wait = DEFAULT_SECONDS["late_webhook"] if seconds is None else seconds
            copies = {"lose_webhook": 0, "repeat_webhook": 2}.get(name, 1)
            for _ in range(copies):
                send = self._send(url, event_name, rma_id, wait if name == "late_webhook" else 0.0)
                task = asyncio.create_task(send)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Gives up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Waits until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, url: str, event_name: str, rma_id: str, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        body = {"eventName": event_name, "rmaId": rma_id}
        # The platform learns nothing from a failure either: its webhooks are hints.
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as http, http.post(url, json=body) as answer:
                await answer.read()
