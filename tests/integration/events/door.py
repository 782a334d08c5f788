"""What a sender of events does and sees."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.inbound.signature import parse_secret, sign
from hub.mapping.exact_json import write_json
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    import aiohttp

    from hub.core import Hub
    from hub.store.models import Store
    from tests.support.times import HeldTime


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    def is_problem(self, status: int) -> bool:
        """A whole problem document with that status, which says what to do."""
        return (
            self.status == status == self.body["status"]
            and self.headers["Content-Type"].startswith("application/problem+json")
            and {"type", "title", "detail", "code", "fix"} <= self.body.keys()
        )


def body_of(document: Mapping[str, Any]) -> bytes:
    """The envelope around an RMA, as it goes over the wire."""
    data = {"type": "rma.approved", "timestamp": "2026-03-01T10:00:00Z", "data": {"rma": document}}
    return write_json(data).encode()


def signed(secret: str, body: bytes, *, at: datetime, message_id: str = "msg_1") -> dict[str, str]:
    """The headers of a signed event."""
    timestamp = int(at.timestamp())
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(parse_secret(secret), message_id, timestamp, body),
    }


async def post(http: aiohttp.ClientSession, url: str, body: Any, headers: Any) -> Answer:
    async with http.post(url, data=body, headers=headers, skip_auto_headers=["Content-Type"]) as answer:
        text = await answer.text()
        read = json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        return Answer(status=answer.status, headers=answer.headers, body=read)


def rows_in(database: Path) -> dict[str, int]:
    """How many rows each table of a SQLite file has, read beside whoever works on it."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=LONGEST_S)) as read:
        tables = [name for (name,) in read.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counted = {each: read.execute(f'SELECT count(*) FROM "{each}"').fetchone() for each in tables}  # noqa: S608
    return {table: number for table, (number,) in counted.items()}


@dataclass(frozen=True, kw_only=True)
class Door:
    """The hub's door for events. ``secret`` is of store ``default``; ``rings`` counts its rings."""

    hub: Hub
    store: Store
    secret: str
    http: aiohttp.ClientSession
    url: str
    time: HeldTime
    rings: list[str]

    async def send(
        self, document: Mapping[str, Any], message_id: str = "msg_1", *, secret: str | None = None
    ) -> Answer:
        """Sends an RMA as a sender should."""
        body = body_of(document)
        headers = signed(secret or self.secret, body, at=self.time.now(), message_id=message_id)
        return await self.post(body, headers)

    async def post(self, body: Any, headers: Any) -> Answer:
        return await post(self.http, self.url, body, headers)

    def rows(self) -> dict[str, int]:
        return rows_in(self.hub.environment.database_file)
