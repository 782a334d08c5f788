"""A name that looks like another kind's, or just fits, leads nowhere it should not."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from hub.errors import NotFoundError, UsageError
from hub.merchant import connections, platforms, webhooks
from hub.store.models import NAME_LENGTH
from hub.webhooks.subscription import Body
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
