"""A program that asks the API of a hub over real HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from hub.access import api_tokens

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

    from hub.access.principal import Scope
    from hub.store.models import Store
    from tests.support.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the program was answered; ``json`` is None for an empty body."""

    status: int
    headers: Any
    json: Any

    @property
    def tag(self) -> str:
        return str(self.headers["ETag"])


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a test acts on.

    Attributes:
        rung: how often the engine was told that something has changed.
    """

    stage: Stage
    base: URL
    http: aiohttp.ClientSession
    headers: dict[str, str]
    rung: list[None] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, /, **headers: str) -> Told:
        """Asks; a body that is neither bytes nor a file goes as JSON."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        raw = body if body is None or isinstance(body, bytes | BytesIO) else json.dumps(body).encode()
        url = str(self.base).rstrip("/") + path
        async with self.http.request(
            method, url, data=raw, headers=sent, allow_redirects=False, skip_auto_headers=["Content-Type"]
        ) as answer:
            text = await answer.text()
            return Told(
                status=answer.status,
                headers=answer.headers,
                json=json.loads(text) if text and "json" in answer.content_type else None,
            )

    async def get(self, path: str, **headers: str) -> Any:
        """What is there, when it is."""
        told = await self.ask("GET", path, **headers)
        assert told.status == 200, told
        return told.json

    async def other(self, *scopes: Scope, store: Store | None = None, name: str = "other") -> Program:
        """Another program, with another token."""
        _, token = await api_tokens.add(self.stage.hub.clock, name, scopes, store=store, expires_at=None)
        return replace(self, headers={"Authorization": f"Bearer {token}"})
