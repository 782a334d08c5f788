"""A name that looks like another kind's, or just fits, leads nowhere it should not."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from hub.access import api_tokens, users
from hub.access.principal import Scope
from hub.errors import NotFoundError, UsageError
from hub.merchant import connections, event_secrets, methods, platforms, stores, webhooks
from hub.rma import MethodType
from hub.store.models import NAME_LENGTH
from hub.webhooks.subscription import Body
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hub.environment import Environment
    from tests.support.stage import Stage


@pytest.fixture
async def stage(ready: Environment) -> AsyncIterator[Stage]:
    allowed = (ipaddress.ip_network("127.0.0.0/8"),)
    async with open_stage(ready.model_copy(update={"egress_allow": allowed})) as opened:
        yield opened


async def test_a_connection_named_like_a_webhook_is_no_webhook(stage: Stage) -> None:
    values = {**stage.sandbox.settings("http://127.0.0.1:1"), **stage.sandbox.credentials}
    await connections.add(stage.hub, stage.store, "cin7_omni", "webhook:shop", values, should_check=False)
    with pytest.raises(NotFoundError):
        await webhooks.get(stage.store, "shop")


@pytest.mark.parametrize("name", ["n" * NAME_LENGTH, "ß" * 60])
async def test_a_name_too_long_to_be_compared_is_refused_in_words(stage: Stage, name: str) -> None:
    url, values = "http://127.0.0.1:9/hooks", {"api_key": "k", "shop_name": "shop.example.com"}
    with pytest.raises(UsageError, match="a name has 1 to"):
        await webhooks.add(stage.hub, stage.store, url, name=name, events=(), body=Body.FULL)
    with pytest.raises(UsageError, match="a name has 1 to"):
        await platforms.add(stage.hub, stage.store, name, values, should_check=False)


SHOP = {"api_key": "k", "shop_name": "shop.example.com"}
NAMED: dict[str, Callable[[Stage, str], Awaitable[object]]] = {
    "store": lambda s, name: stores.add(name, s.hub.clock.now()),
    "connection": lambda s, name: connections.add(
        s.hub, s.store, "cin7_omni", name, {"username": "u", "api_key": "k"}, should_check=False
    ),
    "platform": lambda s, name: platforms.add(s.hub, s.store, name, SHOP, should_check=False),
    "webhook": lambda s, name: webhooks.add(
        s.hub, s.store, "https://8.8.8.8/hooks", name=name, events=(), body=Body.FULL
    ),
    "return method": lambda s, name: methods.add(s.store, name, MethodType("ship_with_any_carrier")),
    "event secret": lambda s, name: event_secrets.add(s.hub, s.store, name=name),
    "user": lambda s, name: users.add(s.hub.clock, name, store=None),
    "token": lambda s, name: api_tokens.add(s.hub.clock, name, [Scope.READ], store=None, expires_at=None),
}
"""Everything whose name somebody chooses in the hub."""
STEERING = [
    "\x1b[2J",
    "\x9b2J",
    "\x07",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u200b",
    "\u2028",
    "a\nb",
    "a\tb",
]


@pytest.mark.parametrize("kind", NAMED)
async def test_no_name_steers_a_terminal(stage: Stage, kind: str) -> None:
    for text in STEERING:
        with pytest.raises(UsageError, match="printable"):
            await NAMED[kind](stage, f"x{text}x")
    assert await NAMED[kind](stage, "Größe 7, 日本語, שלום")
