"""A merchant of one store wants the hub to call what listens on its own machine for nobody else."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from hub.access.principal import Principal, acting
from hub.errors import AccessError, HubError
from hub.merchant import connections, platforms, stores
from hub.store.models import Connection, Exchange
from hub.store.people import Source
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.stage import Stage

HOSTS = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.7.7.7"]


@pytest.fixture
async def service() -> AsyncIterator[Receiver]:
    """Listens on this machine, and would tell the hub what it tells nobody else."""
    async with Receiver() as receiver:
        yield receiver


def merchant(stage: Stage, source: Source = Source.PAGE) -> Principal:
    return Principal(who="mia", source=source, store_id=stage.store.id)


def erp(url: str) -> dict[str, str]:
    return {"base_url": url, "username": "u", "api_key": "k"}


def shop(url: str) -> dict[str, str]:
    return {"base_url": url, "shop_name": "shop.example", "api_key": "k"}


@pytest.mark.parametrize("host", HOSTS)
async def test_a_merchant_connects_nothing_on_the_hubs_machine(
    stage: Stage, service: Receiver, host: str
) -> None:
    before = await Connection.all().count()
    url = service.url.replace("127.0.0.1", host)
    with acting(merchant(stage)):
        for should_check in (True, False):
            with pytest.raises(AccessError, match="own machine"):
                await connections.add(
                    stage.hub, stage.store, "cin7_omni", "x", erp(url), should_check=should_check
                )
            with pytest.raises(AccessError, match="own machine"):
                await platforms.add(stage.hub, stage.store, "y", shop(url), should_check=should_check)
    assert service.got == []
    assert await Connection.all().count() == before


async def test_a_merchant_moves_no_connection_there_and_may_change_the_rest_of_a_sandboxes(
    stage: Stage, service: Receiver
) -> None:
    held = await stage.connection()
    with acting(merchant(stage)):
        with pytest.raises(AccessError, match="own machine"):
            await connections.edit(stage.hub, held, {"base_url": service.url})
        await connections.edit(stage.hub, held, {"poll_interval_s": "77"})
    assert json.loads((await stage.connection()).settings)["poll_interval_s"] == 77
    assert (await stage.connection()).settings.count(service.url) == 0
    away = shop("https://api.example")
    row = await platforms.add(stage.hub, stage.store, "p", away, should_check=False)
    with acting(merchant(stage)), pytest.raises(AccessError, match="own machine"):
        await platforms.edit(stage.hub, row, {"base_url": service.url})


async def test_an_address_that_leads_there_by_another_name_is_not_called(
    stage: Stage, service: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, resolve = [], socket.getaddrinfo

    def getaddrinfo(host: Any, *others: Any, **more: Any) -> Any:
        """A name server whose owner lets a name lead where it likes."""
        asked.append(host)
        return resolve("127.0.0.1" if host == "erp.example" else host, *others, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    url = service.url.replace("http://127.0.0.1", "https://erp.example")
    with acting(merchant(stage)):
        with pytest.raises(HubError, match="not a public address"):
            await connections.add(stage.hub, stage.store, "cin7_omni", "x", erp(url))
        with pytest.raises(HubError, match="not a public address"):
            await platforms.add(stage.hub, stage.store, "y", shop(url))
    assert asked.count("erp.example") == 2
    assert service.got == []
    assert [call.reply_body for call in await Exchange.all()] == ["", ""]


async def test_a_token_of_one_store_among_several_is_a_merchants(stage: Stage, service: Receiver) -> None:
    add = partial(connections.add, stage.hub, stage.store, "cin7_omni", should_check=False)
    with acting(merchant(stage, Source.API)):
        await add("own", erp(service.url))
    await stores.add("outlet", stage.hub.clock.now())
    with acting(merchant(stage, Source.API)), pytest.raises(AccessError, match="own machine"):
        await add("other", erp(f"{service.url}/b"))


async def test_administrators_and_the_operators_list_open_it(stage: Stage, service: Receiver) -> None:
    add = partial(connections.add, should_check=False)
    await add(stage.hub, stage.store, "cin7_omni", "a", erp(service.url))
    allowing = stage.hub.environment.model_copy(update={"egress_allow": (ip_network("127.0.0.0/8"),)})
    with acting(merchant(stage)):
        for number, host in enumerate(HOSTS):
            values = erp(f"{service.url.replace('127.0.0.1', host)}/{number}")
            await add(
                replace(stage.hub, environment=allowing), stage.store, "cin7_omni", f"b{number}", values
            )
