"""A small HTTP client for the tests of the Cin7 sandbox."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp

from connectors.cin7_omni.sandbox import Cin7Sandbox
from connectors.cin7_omni.sandbox.json_text import dump, parse
from hub.testing.serving import SandboxServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


class HandClock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return parse(self.text)


class Cin7Calls:
    """Speaks to one served sandbox, as the API connection and as its keeper."""

    def __init__(self, sandbox: Cin7Sandbox, clock: HandClock, url: str, http: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.url = url
        self.base = sandbox.settings(url)["base_url"]
        self.http = http

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        async with self.http.request(method, self.base + path, **options) as reply:
            return Answer(reply.status, await reply.text(), dict(reply.headers))

    async def get(self, path: str, **query: str) -> Any:
        answer = await self.call("GET", f"/v1/{path}", params=query)
        assert answer.status == 200, answer
        return answer.json

    async def write(self, *records: Mapping[str, Any], to: str = "CreditNotes", method: str = "POST") -> Any:
        answer = await self.call(method, f"/v1/{to}", data=dump(list(records)))
        assert answer.status == 200, answer
        return answer.json

    async def control(self, method: str, path: str, value: object = None) -> Answer:
        body = None if value is None else dump(value)
        async with self.http.request(method, f"{self.url}/_sandbox/{path}", data=body) as reply:
            return Answer(reply.status, await reply.text(), dict(reply.headers))


def note(reference: str = "RMA 1", **changes: Any) -> dict[str, Any]:
    """A credit note that Cin7 takes."""
    line = {"code": "SKU-001", "qty": -1, "unitPrice": 10}
    return {
        "reference": reference,
        "salesReference": "#1001",
        "taxStatus": "Incl",
        "lineItems": [line],
    } | changes


@contextlib.asynccontextmanager
async def serve_cin7(**knobs: Any) -> AsyncIterator[Cin7Calls]:
    """Serves a sandbox with a hand-moved clock; without a quota unless one is given."""
    clock = HandClock()
    sandbox = Cin7Sandbox(7, clock, **{"quota": (), **knobs})
    headers = {"Authorization": aiohttp.encode_basic_auth(*sandbox.credentials.values())}
    async with SandboxServer(sandbox) as server, aiohttp.ClientSession(headers=headers) as http:
        yield Cin7Calls(sandbox, clock, server.url, http)
