"""Attacks by senders whom nobody knows: they have no place, and cost the database next to nothing."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from hub.inbound.signature import new_secret
from hub.merchant import event_secrets
from hub.store.models import EventSecret
from hub.web import events
from tests.integration.events.door import signed
from tests.support.documents import rma

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.integration.events.door import Door

STRANGERS = 40
HEAD = "POST /v1/events HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n"


@asynccontextmanager
async def strangers(door: Door, number: int, **headers: str) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that sent a head and a part of a body, and wait."""
    host, _, port = door.url.partition("//")[2].partition("/")[0].partition(":")
    lines = [await asyncio.open_connection(host, int(port)) for _ in range(number)]
    more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    for _, writer in lines:
        writer.write(f"{HEAD}{more}\r\n{{".encode())
        await writer.drain()
    yield [reader for reader, _ in lines]
    for _, writer in lines:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_slow_senders_that_nobody_knows_shut_out_no_signed_event(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_UNDER_WAY", 1)
    now = f"{door.time.now().timestamp():.0f}"
    guessed = {"webhook_id": "msg_1", "webhook_timestamp": now, "webhook_signature": "v1,AAAA"}
    async with strangers(door, STRANGERS, **guessed) as waiting:
        for number in range(3):
            assert (await door.send(rma(str(901 + number)), f"msg_{number}")).status == 202
        assert not any(each.at_eof() for each in waiting)


async def test_a_sender_without_a_signature_is_refused_before_its_body(door: Door) -> None:
    async with strangers(door, 1) as (reader,), asyncio.timeout(20):
        assert (await reader.readuntil(b"\r\n")).split()[1] == b"401"


async def test_senders_that_nobody_knows_share_their_looks_at_the_secrets(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    incoming = events.Events(door.hub, lambda: None)
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        await asyncio.gather(*[incoming._read_signers() for _ in range(STRANGERS)])  # noqa: SLF001
    # One for who came first, and one for all who came meanwhile.
    assert len([each for each in caplog.messages if "event_secret" in each]) == 2


async def test_a_secret_that_cannot_be_opened_is_told_once_however_often_strangers_ask(door: Door) -> None:
    row, _ = await event_secrets.add(door.hub, door.store, name="broken")
    await EventSecret.filter(id=row.id).update(secret="v1.gone.AAAA")
    headers = signed(new_secret(), b"{}", at=door.time.now())
    with capture_logs() as lines:
        for _ in range(5):
            assert (await door.post(b"{}", headers)).status == 503
    assert len([each for each in lines if each["event"] == "event secret cannot be opened"]) == 1
