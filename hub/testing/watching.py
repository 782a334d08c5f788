"""What a connector meets on the bench: time that passes at once, and note kept of each call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.clock import Clock
from hub.testing.ruling import BrokenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.hookspecs import HttpReply, HttpSession

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class BenchTime:
    """A clock that stands still until somebody waits or it is set forward."""

    def __init__(self) -> None:
        self._now = START
        self.clock = Clock(now=self.now, sleep=self._sleep)

    def now(self) -> datetime:
        """Aware UTC."""
        return self._now

    def set_forward(self, span: timedelta) -> None:
        """Lets time pass, with nothing happening in it."""
        self._now += span

    async def _sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call the connector made; ``body`` and ``query`` as it gave them."""

    method: str
    url: str
    query: str
    body: bytes
    is_write: bool


class Watched:
    """Passes every call on to the hub's session and keeps note of it."""

    def __init__(self, session: HttpSession) -> None:
        self.session = session
        self.calls: list[Call] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_write: bool = False,
        is_reply_secret: bool = False,
    ) -> HttpReply:
        """See :meth:`hub.hookspecs.HttpSession.request`."""
        self.calls.append(Call(method=method, url=url, query=query, body=body or b"", is_write=is_write))
        return await self.session.request(
            method,
            url,
            query=query,
            headers=headers,
            body=body,
            is_write=is_write,
            is_reply_secret=is_reply_secret,
        )

    def hide(self, secret: str) -> None:
        """See :meth:`hub.hookspecs.HttpSession.hide`."""
        self.session.hide(secret)


class NoCalls:
    """In the place of a session where a hook must make no call."""

    async def request(self, method: str, url: str, **_others: object) -> HttpReply:
        """Breaks the rule that is being tried."""
        raise BrokenError(f"it made a {method} call to {url.partition('?')[0]} in a hook that makes none")

    def hide(self, secret: str) -> None:
        """Nothing is logged here."""
