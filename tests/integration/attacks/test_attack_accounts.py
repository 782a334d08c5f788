"""An account is held by whoever proved its credentials, and nobody is told who else is connected here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.dispatch.quota import reserve, usage
from hub.errors import AuthError, ConflictError, HubError
from hub.hookspecs import QuotaWindow
from hub.merchant import connections, integrations, platforms
from hub.store.models import Connection, Exchange, Rma, Role
from tests.support.two_stores import open_two_stores

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.two_stores import Side, TwoStores


def account(two: TwoStores, **changes: str) -> dict[str, str]:
    """What leads to our account."""
    url = two.ours.erp_url
    return {**two.ours.erp.settings(url), **two.ours.erp.credentials, **changes}


async def attempt(side: Side, values: dict[str, str], *, name: str = "new", should_check: bool = True) -> str:
    """What somebody is told who connects an account; empty when it is connected."""
    try:
        await connections.add(side.hub, side.store, "cin7_omni", name, values, should_check=should_check)
    except HubError as error:
        return f"{type(error).__name__}: {error} {error.fix}"
    return ""


async def attempt_shop(side: Side, values: dict[str, str], *, should_check: bool = True) -> str:
    try:
        await platforms.add(side.hub, side.store, "new", values, should_check=should_check)
    except HubError as error:
        return f"{type(error).__name__}: {error} {error.fix}"
    return ""


async def holders(role: Role = Role.ERP) -> list[int]:
    """The stores whose connections hold an account."""
    rows = await Connection.filter(account_key__isnull=False, role=role).order_by("store_id")
    return [row.store_id for row in rows]


async def test_without_the_key_nobody_is_told_who_is_connected(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        theirs = two.theirs
        held = await attempt(theirs, account(two, api_key="wrong"))
        free = await attempt(theirs, account(two, api_key="wrong", username="nobody"))
        assert held == free != ""
        assert held.startswith(AuthError.__name__)
        # Nor by writing it down, nor by changing a connection to it.
        assert await attempt(theirs, account(two, api_key="wrong"), should_check=False) == ""
        await connections.edit(theirs.hub, await theirs.row(), {"username": "nobody"})
        row = (await connections.get(theirs.store, "new")).id
        assert await Connection.exists(id=row, account_key__isnull=True)


async def test_with_the_key_the_account_is_told_to_be_taken_and_by_whom_is_not(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await connections.check(ours.hub, await ours.row())
        told = await attempt(theirs, account(two))
        assert told.startswith(ConflictError.__name__)
        assert ours.store.name not in told
        assert (await ours.row()).name not in told
        assert [row.name for row in await connections.every(theirs.store)] == [(await theirs.row()).name]
        # In one's own store the connection is named.
        assert (await ours.row()).name in await attempt(ours, account(two))


async def test_account_written_down_first_goes_to_whoever_proves_it(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await connections.remove(ours.hub, await ours.row())
        assert await attempt(theirs, account(two, api_key="wrong"), should_check=False) == ""
        # As an earlier version left it.
        squatter = await connections.get(theirs.store, "new")
        await Connection.filter(id=squatter.id).update(account_key=squatter.quota_key)
        assert await attempt(ours, account(two)) == ""
        assert await holders() == [ours.store.id]
        with pytest.raises(AuthError):
            await connections.check(theirs.hub, squatter)


async def test_of_two_that_prove_an_account_at_one_moment_one_holds_it(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await connections.remove(ours.hub, await ours.row())

        async def beside(side: Side) -> str:
            async with open_hub(migrated, clock=side.hub.clock):
                return await attempt(side, account(two))

        told = await asyncio.gather(beside(ours), beside(theirs))
        assert sorted(bool(each) for each in told) == [False, True]
        assert len(await holders()) == 1


async def test_draft_of_a_taken_account_is_not_switched_on(ready: Environment) -> None:
    async with open_two_stores(ready) as two:
        ours, theirs = two.ours, two.theirs
        await connections.check(ours.hub, await ours.row())
        added = await connections.add(
            theirs.hub, theirs.store, "cin7_omni", "new", account(two), should_check=False, is_draft=True
        )
        with pytest.raises(ConflictError, match="no check"):
            await integrations.switch_on(added.row)
        await connections.check(theirs.hub, added.row)
        with pytest.raises(ConflictError, match="connected to this hub") as caught:
            await integrations.switch_on(added.row)
        assert ours.store.name not in f"{caught.value}{caught.value.fix}"


async def test_account_written_down_spends_nothing_of_its_quota_and_reads_nothing_of_it(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        schema = replace(
            ours.hub.registry.get("cin7_omni").schema, quota=(QuotaWindow(calls=2, per=timedelta(days=1)),)
        )
        await connections.check(ours.hub, await ours.row())
        # The check itself took nine places of the quota; this looks at two others.
        await Exchange.all().delete()
        await attempt(theirs, account(two, api_key="wrong"), should_check=False)
        squatter = await connections.get(theirs.store, "new")

        async def take(connection_id: str) -> None:
            now = ours.hub.clock.now()
            await reserve(connection_id, schema, now, method="GET", url="http://x", request_body="")

        async def used(connection_id: str) -> int:
            return (await usage(connection_id, schema, ours.hub.clock.now()))[0].used

        await take(ours.connection_id)
        assert await used(squatter.id) == 0
        await take(squatter.id)
        await take(squatter.id)
        assert await used(ours.connection_id) == 1
        await take(ours.connection_id)
        # Once both have proved it, it is one quota.
        await Connection.filter(id=squatter.id).update(proved_at=ours.hub.clock.now())
        assert (await used(squatter.id), await used(ours.connection_id)) == (4, 4)


async def test_shop_is_held_by_whoever_proves_it(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        shop = {**ours.returngo.settings(ours.shop_url), **ours.returngo.credentials}
        assert (await attempt_shop(theirs, shop | {"api_key": "wrong"}, should_check=False)) == ""
        squatter = await platforms.get(theirs.store, "new")
        await Connection.filter(id=squatter.id).update(account_key=squatter.quota_key)
        assert await attempt_shop(ours, shop) == ""
        assert await holders(Role.PLATFORM) == [ours.store.id]
        await platforms.remove(theirs.hub, squatter)
        told = await attempt_shop(theirs, shop)
        assert told.startswith(ConflictError.__name__)
        assert ours.store.name not in told
        held = await attempt_shop(theirs, shop | {"api_key": "wrong"})
        free = await attempt_shop(theirs, shop | {"api_key": "wrong", "shop_name": "nobody.example.com"})
        assert held == free != ""


async def test_shop_that_another_holds_is_not_read_twice(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await ours.show()
        theirs.returngo, theirs.shop_url = ours.returngo, ours.shop_url
        await theirs.connect_shop()
        with pytest.raises(ConflictError) as caught:
            await theirs.poll()
        assert ours.store.name not in f"{caught.value}{caught.value.fix}"
        row = await Connection.get(id=theirs.platform_id)
        assert row.is_paused
        assert ours.store.name not in await theirs.read()
        assert not await Rma.exists(store_id=theirs.store.id)
