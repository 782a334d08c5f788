"""A remote quotes the hub's secrets back in every spelling, by every kind of fault: none is kept or shown."""

from __future__ import annotations

import html
import io
import json
import logging
import sys
import traceback
from base64 import b64encode
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from cli.diagnostics import _gathered
from cli.log import log_to_stderr
from hub.dispatch.work import poll_now
from hub.engine.work import work
from hub.errors import HubError
from hub.inbound.document import parse_rma
from hub.merchant import connections, mappings, platforms, webhooks
from hub.platform.returngo.work import poll_now as poll_platform
from hub.redaction import REDACTED
from hub.store import models, people
from hub.store.model import Model
from hub.store.models import Connection, Exchange
from hub.webhooks.subscription import Body
from hub.webhooks.work import send_test
from tests.support.documents import rma
from tests.support.echo import faults, open_echo
from tests.support.spellings import HOSTILE, holds
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from hub.environment import Environment
    from tests.support.echo import Echo
    from tests.support.stage import Stage

KEY = f"cin7{HOSTILE}Zx7"
PASSWORD = f"pvx{HOSTILE}Pq8"
SHOP_KEY = f"rgo{HOSTILE}Wy3"
WEBHOOK = "whsec_" + b64encode(b"\xfb\xff\xbe signs \xfb\xef\xbe messages \xff").decode()
SESSION = f"session{HOSTILE}Kl4"


@pytest.fixture
async def stage(ready: Environment) -> AsyncIterator[Stage]:
    environment = ready.model_copy(update={"egress_allow": (ip_network("127.0.0.0/8"),)})
    async with open_stage(environment, api_key=KEY) as opened:
        yield opened


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with open_echo() as opened:
        yield opened


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a command would write on stderr."""
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    before = list(logging.getLogger().handlers)
    log_to_stderr()
    yield told
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


async def tried(told: list[str], *calls: Callable[[], Awaitable[Any]]) -> None:
    """Makes calls, and takes down what they give, or what they raise with all that caused it."""
    for call in calls:
        try:
            told.append(repr(await call()))
        except HubError as error:
            told.append("".join(traceback.format_exception(error)) + error.fix)


async def kept() -> list[str]:
    """Every text in the database but what is sealed."""
    tables = {each for module in (models, people) for each in vars(module).values() if isinstance(each, type)}
    rows = [
        row
        for table in tables
        if issubclass(table, Model) and table is not Model
        for row in await table.all().values()
    ]
    return [str(value) for row in rows for value in row.values() if isinstance(value, str)]


async def check_nothing_leaked(stage: Stage, log: io.StringIO, told: list[str], *secrets: str) -> None:
    told += [*(await kept()), log.getvalue(), json.dumps(await _gathered(stage.hub), default=str)]
    leaks = {text for text in set(told) for secret in secrets if holds(text, secret)}
    assert leaks == set()
    assert sum(REDACTED in text for text in told) > 20


async def test_an_erp_that_echoes_its_key(stage: Stage, echo: Echo, log: io.StringIO) -> None:
    row, told = await stage.connection(), list[str]()
    await connections.edit(stage.hub, row, {"base_url": echo.url})
    imagined = parse_rma(rma("1"))
    for number, answer in enumerate(faults(KEY).values(), start=901):
        echo.answer = answer
        await stage.submit(rma(str(number)))
        await Connection.filter(id=row.id).update(is_paused=False)
        await tried(
            told,
            stage.work,
            lambda: connections.check(stage.hub, row),
            lambda: poll_now(stage.hub, stage.http, row.id, owner="test"),
            lambda: mappings.preview(stage.hub, row, imagined),
        )
        told.append(json.dumps(await stage.shown(str(number))))
    await check_nothing_leaked(stage, log, told, KEY)
    assert {call.status for call in await Exchange.all()} >= {
        None,
        200,
        302,
        400,
        401,
        403,
        404,
        429,
        500,
        503,
    }


async def test_an_erp_that_echoes_a_password_and_a_session(
    stage: Stage, echo: Echo, log: io.StringIO
) -> None:
    told = list[str]()
    values = {"base_url": echo.url, "client_id": "c", "username": "u", "password": PASSWORD}
    added = await connections.add(stage.hub, stage.store, "peoplevox_stub", "pvx", values, should_check=False)
    detail = html.escape(f"c,{SESSION}", quote=False)
    signed_in = _ok(f"<e><ResponseId>0</ResponseId><Detail>{detail}</Detail></e>")
    calls = (
        lambda: connections.check(stage.hub, added.row),
        lambda: poll_now(stage.hub, stage.http, added.row.id, owner="test"),
    )
    for answer in faults(PASSWORD).values():
        echo.answer = answer
        await tried(told, *calls)
    # Signing in goes well, so that the call after it is reached, by a session that nobody knew before.
    for answer in faults(SESSION).values():
        echo.answer = partial(_unless, b"Authenticate", signed_in, answer)
        await tried(told, *calls)
    await check_nothing_leaked(stage, log, told, PASSWORD, SESSION)


def _unless(asked: bytes, first: bytes, other: bytes, request: bytes) -> bytes:
    return first if asked in request else other


def _ok(body: str) -> bytes:
    raw = body.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw)


async def test_a_platform_that_echoes_its_key(stage: Stage, echo: Echo, log: io.StringIO) -> None:
    told = list[str]()
    values = {"base_url": echo.url, "shop_name": "shop.example", "api_key": SHOP_KEY}
    row = await platforms.add(stage.hub, stage.store, "shop", values, should_check=False)
    listed = {"rmas": [{"rmaId": "77", "status": "Approved", "lastUpdated": "2026-03-01T10:00:00Z"}]}
    for answer in faults(SHOP_KEY).values():
        for list_answer in (answer, _ok(json.dumps(listed))):
            echo.answer = partial(_unless, b"GET /rmas?", list_answer, answer)
            await tried(
                told,
                lambda: platforms.check(stage.hub, row),
                lambda: poll_platform(stage.hub, stage.http, row.id, owner="test"),
            )
    await check_nothing_leaked(stage, log, told, SHOP_KEY)


async def test_a_subscriber_that_echoes_its_secret(stage: Stage, echo: Echo, log: io.StringIO) -> None:
    told = list[str]()
    row, _ = await webhooks.add(
        stage.hub, stage.store, echo.url, name="shop", events=(), body=Body.FULL, secret=WEBHOOK
    )
    await stage.submit(rma("901"))
    await stage.settle()
    for answer in faults(WEBHOOK.removeprefix("whsec_")).values():
        echo.answer = answer
        await webhooks.resume(stage.hub, row)
        await tried(
            told,
            lambda: send_test(stage.hub, row, owner="test"),
            lambda: work(stage.hub, stage.http, row.id, owner="test"),
        )
    await check_nothing_leaked(stage, log, told, WEBHOOK.removeprefix("whsec_"))
