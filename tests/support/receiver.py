"""A subscriber: a real HTTP server that keeps what it was sent and answers as a test orders."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request."""

    headers: Mapping[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)
        return message

    @property
    def kind(self) -> str:
        kind: str = self.message["type"]
        return kind

    @property
    def rma_id(self) -> str:
        """Empty for a message about none."""
        rma_id: str = self.message["data"].get("rma_id", "")
        return rma_id

    def verified(self, secret: str) -> Any:
        """Its message, read by the library of Standard Webhooks; raises when the signature is wrong."""
        return Webhook(secret).verify(self.body, dict(self.headers))


def _ok(_: Received) -> web.StreamResponse | None:
    return None


@dataclass
class Receiver:
    """Answers 200 unless told otherwise; a context manager.

    Attributes:
        answer: gives the answer to a request, or None for a plain 200.
        got: every request, oldest first.
        taken: how often each message was answered with a success.
        is_open: when not set, it takes requests and answers none of them until it is.
    """

    answer: Callable[[Received], web.StreamResponse | None] = _ok
    got: list[Received] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self.is_open.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/hooks"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(headers=headers, body=await request.read(), path=request.path)
        self.got.append(received)
        await self.is_open.wait()
        answer = self.answer(received) or web.Response(text="thanks")
        if answer.status < 300:
            self.taken[received.id] += 1
        return answer

    def kinds(self, rma_id: str | None = None) -> list[str]:
        """The types of the messages, in the order in which they came."""
        return [each.kind for each in self.got if rma_id in {None, each.rma_id}]


def status(code: int, **headers: str) -> web.Response:
    """An answer of that status."""
    return web.Response(status=code, headers={name.replace("_", "-"): text for name, text in headers.items()})
