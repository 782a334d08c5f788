"""Many people at one moment: a name is given once, and nobody's change is written over by an older one."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import TYPE_CHECKING, Any

import pytest

from hub.access import api_tokens, users
from hub.access.principal import Scope
from hub.dispatch.claims import claim
from hub.dispatch.http import client_session
from hub.dispatch.opening import open_connection
from hub.dispatch.poll import poll
from hub.errors import AuthError, ConflictError, HubError, NotFoundError
from hub.inbound.signature import new_secret
from hub.merchant import (
    connections,
    connectors,
    event_secrets,
    mappings,
    methods,
    platforms,
    stores,
    webhooks,
)
from hub.platform.returngo.config import SCHEMA
from hub.platform.returngo.opening import open_platform
from hub.platform.returngo.polling import failed
from hub.rma import MethodType
from hub.store.models import Connection, EventSecret, MappingVersion, ReturnMethod
from hub.store.people import AuditEntry
from hub.web.checks import Checks
from hub.webhooks.subscription import Body
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.core import Hub
    from hub.environment import Environment
    from hub.store.models import Store

    Make = Callable[[Hub, Store, int], Awaitable[Any]]

AT_ONCE = 10
ERP = {"username": "shop", "api_key": "a secret key", "base_url": "http://127.0.0.1:9/api"}
SHOP = {"api_key": "a secret key", "shop_name": "shop.example", "base_url": "http://127.0.0.1:9"}
SECRET = new_secret()


@pytest.fixture
def migrated(migrated: Environment) -> Environment:
    """Receivers on this machine are allowed."""
    return migrated.model_copy(update={"egress_allow": (ipaddress.ip_network("127.0.0.0/8"),)})


def _erp(hub: Hub, store: Store, number: int) -> Awaitable[Any]:
    values = {**ERP, "username": f"shop {number}"}
    return connections.add(hub, store, "cin7_omni", "Main", values, should_check=False)


def _account(hub: Hub, store: Store, number: int) -> Awaitable[Any]:
    return connections.add(hub, store, "cin7_omni", f"erp {number}", ERP, should_check=False)


def _shop(hub: Hub, store: Store, number: int) -> Awaitable[Any]:
    values = {**SHOP, "shop_name": f"shop{number}.example"}
    return platforms.add(hub, store, "Shop", values, should_check=False)


def _same_shop(hub: Hub, store: Store, number: int) -> Awaitable[Any]:
    return platforms.add(hub, store, f"shop {number}", SHOP, should_check=False)


def _webhook(hub: Hub, store: Store, _: int) -> Awaitable[Any]:
    url = "https://127.0.0.1:9/hooks"
    return webhooks.add(hub, store, url, name="One", events=(), body=Body.THIN)


def _token(hub: Hub, store: Store, _: int) -> Awaitable[Any]:
    return api_tokens.add(hub.clock, "Program", [Scope.READ], store=store, expires_at=None)


ONCE: dict[str, Make] = {
    "connection": _erp,
    "account": _account,
    "platform": _shop,
    "shop": _same_shop,
    "webhook": _webhook,
    "token": _token,
    "user": lambda hub, store, _: users.add(hub.clock, "Ada", store=store),
    "store": lambda hub, _, __: stores.add("outlet", hub.clock.now()),
    "method": lambda _, store, __: methods.add(store, "UPS label", MethodType.ANY_CARRIER),
    "event secret's name": lambda hub, store, _: event_secrets.add(hub, store, name="one"),
    "event secret": lambda hub, store, n: event_secrets.add(hub, store, name=str(n), text=SECRET),
    "connector": lambda hub, _, __: connectors.disable(hub, "cin7_omni", "tired"),
}


@pytest.mark.parametrize("what", ONCE)
async def test_of_many_who_make_the_same_at_one_moment_one_does_and_the_others_are_told(
    hub: Hub, store: Store, what: str
) -> None:
    made = [ONCE[what](hub, store, number) for number in range(AT_ONCE)]
    told = await asyncio.gather(*made, return_exceptions=True)
    refused = [each for each in told if isinstance(each, BaseException)]
    assert len(refused) == AT_ONCE - 1
    assert {type(each) for each in refused} == {ConflictError}, refused
    assert all(each.fix for each in refused if isinstance(each, HubError))


async def test_names_that_are_counted_up_by_themselves_are_each_given_once(hub: Hub, store: Store) -> None:
    await asyncio.gather(*[event_secrets.add(hub, store) for _ in range(AT_ONCE)])
    names = sorted(row.name for row in await EventSecret.all())
    assert names == sorted(f"secret-{number + 1}" for number in range(AT_ONCE))


async def test_mappings_that_are_set_at_one_moment_are_all_kept(hub: Hub, connection: Connection) -> None:
    texts = [json.dumps({"reference": f"A{number} {{rmaId}}"}) for number in range(AT_ONCE)]
    await asyncio.gather(*[mappings.store(hub, connection, text, by="x") for text in texts])
    kept = await MappingVersion.all().order_by("version")
    assert [row.version for row in kept] == list(range(1, AT_ONCE + 1))
    assert sorted(row.text for row in kept) == sorted(texts)


async def test_changes_that_begin_from_one_state_are_both_kept(hub: Hub, store: Store) -> None:
    await platforms.add(hub, store, "shop", SHOP, should_check=False)
    one, other = await platforms.get(store, "shop"), await platforms.get(store, "shop")
    await platforms.edit(hub, one, {"api_key": "another key"})
    await platforms.edit(hub, other, {"comment": "false"})
    settings, _ = connections.shown_values(SCHEMA, row := await platforms.get(store, "shop"), hub)
    assert settings["comment"] is False
    assert "another key" in hub.sealer.open(row.credentials, row=f"connection/{row.id}")
    # The given row is as it is now, for whoever goes on with it.
    assert other.credentials == row.credentials
    edits: list[dict[str, str | None]] = [
        {"url": "https://a.example", "customer_support_url": None},
        {"url": None, "customer_support_url": "https://b.example"},
    ]
    await asyncio.gather(*[stores.edit("default", **each) for each in edits])
    held = await stores.get()
    assert (held.url, held.customer_support_url) == ("https://a.example", "https://b.example")


async def test_what_was_removed_meanwhile_is_not_changed_and_that_is_told(
    hub: Hub, store: Store, connection: Connection
) -> None:
    method = await methods.get(store, "UPS label")
    await methods.remove(method)
    hook, _ = await webhooks.add(
        hub, store, "https://127.0.0.1:9/hooks", name="one", events=(), body=Body.THIN
    )
    await webhooks.remove(hub, hook)
    shop = await platforms.add(hub, store, "shop", SHOP, should_check=False)
    await platforms.remove(hub, shop)
    await connections.remove(hub, connection)
    await event_secrets.add(hub, store, name="one")
    await event_secrets.remove(hub, store, "one")
    entries = await AuditEntry.all().count()
    tried: list[Awaitable[object]] = [
        methods.do_not_update(method),
        methods.remove(method),
        webhooks.rotate(hub, hook),
        webhooks.pause(hook),
        webhooks.resume(hub, hook),
        webhooks.replay(hub, hook, is_failed_only=True),
        webhooks.remove(hub, hook),
        platforms.edit(hub, shop, {"comment": "false"}),
        platforms.remove(hub, shop),
        connections.pause(connection, "tired"),
        connections.resume(connection),
        connections.remove(hub, connection),
        event_secrets.remove(hub, store, "one"),
    ]
    for each in tried:
        with pytest.raises(NotFoundError):
            await each
    assert await AuditEntry.all().count() == entries
    assert await Connection.filter(removed_at__isnull=False, is_paused=True, credentials="").count() == 3
    assert not await ReturnMethod.exists(name="UPS label")


async def test_a_key_that_was_refused_pauses_nothing_once_another_was_entered(hub: Hub, store: Store) -> None:
    shop = await platforms.add(hub, store, "shop", SHOP, should_check=False)
    refusal = AuthError("poll", why="401")
    async with client_session() as http, claim(shop.id, "test", hub.clock) as held:
        assert held is not None
        opened = open_platform(hub, await platforms.get(store, "shop"), http, held)
        await platforms.edit(hub, shop, {"api_key": "the right key"})
        await failed(hub, opened, refusal)
        assert not (await platforms.get(store, "shop")).is_paused
        await failed(hub, open_platform(hub, shop, http, held), refusal)
        assert (await platforms.get(store, "shop")).is_paused


async def test_what_a_poll_and_a_check_found_with_an_old_key_says_nothing_of_the_new_one(
    ready: Environment,
) -> None:
    async with open_stage(ready) as stage:
        hub, row, fresh = stage.hub, await stage.connection(), await stage.connection()
        await connections.edit(hub, fresh, {"api_key": "wrong"})
        await connections.check(hub, row)  # with the right one, as it was read before
        now_is = await stage.connection()
        assert (now_is.checked_at, now_is.connect_report, now_is.last_success_at) == (None, None, None)
        right = hub.sealer.open(row.credentials, row=f"connection/{row.id}")
        async with client_session() as http, claim(row.id, "test", hub.clock) as held:
            assert held is not None
            opened = open_connection(hub, now_is, http, held)
            await connections.edit(hub, fresh, {"api_key": json.loads(right)["api_key"]})
            with pytest.raises(AuthError):
                await poll(hub, opened, held)
        assert not (await stage.connection()).is_paused
        await connections.check(hub, await stage.connection())
        assert (await stage.connection()).checked_at is not None


async def test_a_check_goes_on_with_what_a_person_has_changed_meanwhile(ready: Environment) -> None:
    async with open_stage(ready) as stage:
        row, checks = await stage.connection(), Checks(stage.hub)
        await connections.edit(stage.hub, await stage.connection(), {"api_key": "wrong"})
        checks.start(row)  # as it was read before
        await checks.wait()
        assert isinstance(checks.error(row), AuthError)


async def test_a_method_that_points_elsewhere_by_now_is_left_there(
    hub: Hub, store: Store, connection: Connection
) -> None:
    seen = await methods.get(store, "UPS label")
    values = {**ERP, "username": "other"}
    other = (await connections.add(hub, store, "cin7_omni", "other", values, should_check=False)).row
    await methods.point_at(seen, other, "3")
    await methods.do_not_update(seen, only_from=connection)
    held = await methods.get(store, "UPS label")
    assert (held.connection_id, held.location_id) == (other.id, "3")
    await methods.do_not_update(seen, only_from=other)
    assert (await methods.get(store, "UPS label")).connection_id is None
