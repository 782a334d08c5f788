from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hub.core import open_hub
from hub.dispatch.quota import LONGEST_WAIT, reserve
from hub.errors import RetriableError
from hub.hookspecs import ConnectorSchema, QuotaWindow
from hub.merchant import connections
from hub.store.models import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core import Hub
    from hub.store.models import Connection, Store

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def schema_with(hub: Hub, *quota: QuotaWindow, spacing: timedelta = timedelta(0)) -> ConnectorSchema:
    return replace(hub.registry.get("cin7_omni").schema, quota=quota, spacing=spacing)


async def take(hub: Hub, connection: Connection, schema: ConnectorSchema, now: datetime | None = None) -> Any:
    return await reserve(
        connection.id, schema, now or hub.clock.now(), method="GET", url="http://x", request_body=""
    )


def most_in(window: timedelta, times: Sequence[datetime]) -> int:
    """The most calls in any stretch of that length, its end not counted."""
    return max(sum(1 for at in times if first <= at < first + window) for first in times)


async def test_concurrent_reservers_never_exceed_a_window(hub: Hub, connection: Connection) -> None:
    windows = (QuotaWindow(calls=3, per=SECOND), QuotaWindow(calls=8, per=timedelta(seconds=5)))
    schema = schema_with(hub, *windows)

    async def reserver() -> list[datetime]:
        # A hub of its own has a database connection of its own, as another process would.
        async with open_hub(hub.environment, clock=hub.clock):
            return [(await take(hub, connection, schema)).at for _ in range(10)]

    times = [at for taken in await asyncio.gather(reserver(), reserver()) for at in taken]
    assert len(times) == 20
    for window in windows:
        assert most_in(window.per, times) == window.calls
    assert sorted(times) == sorted(row.at for row in await Exchange.all())


async def test_calls_are_spaced_from_the_end_of_one_to_the_start_of_the_next(
    hub: Hub, connection: Connection
) -> None:
    schema = schema_with(hub, spacing=timedelta(milliseconds=350))
    now = hub.clock.now()
    first = await take(hub, connection, schema, now)
    assert first.at == now
    first.finished_at = now + 2 * SECOND
    await first.save()
    second = await take(hub, connection, schema, now + 2 * SECOND)
    assert second.at == now + 2 * SECOND + timedelta(milliseconds=350)
    second.finished_at = second.at
    await second.save()
    third = await take(hub, connection, schema, now + 3 * SECOND)
    assert third.at == now + 3 * SECOND


async def test_call_of_a_process_that_died_may_have_ended_just_now(hub: Hub, connection: Connection) -> None:
    schema = schema_with(hub, spacing=timedelta(milliseconds=350))
    now = hub.clock.now()
    await take(hub, connection, schema, now)
    following = await take(hub, connection, schema, now + 3 * SECOND)
    assert following.at == now + 3 * SECOND + timedelta(milliseconds=350)


async def test_spent_quota_is_given_back_as_a_wait_and_takes_no_place(
    hub: Hub, connection: Connection
) -> None:
    schema = schema_with(hub, QuotaWindow(calls=2, per=DAY))
    now = hub.clock.now()
    await take(hub, connection, schema, now)
    await take(hub, connection, schema, now + MINUTE)
    with pytest.raises(RetriableError) as caught:
        await take(hub, connection, schema, now + 2 * MINUTE)
    assert caught.value.retry_after == DAY - 2 * MINUTE
    assert await Exchange.all().count() == 2
    just_near_enough = now + DAY - LONGEST_WAIT
    assert (await take(hub, connection, schema, just_near_enough)).at == now + DAY


async def test_each_connection_has_a_quota_of_its_own(hub: Hub, connection: Connection) -> None:
    schema = schema_with(hub, QuotaWindow(calls=1, per=DAY))
    now = hub.clock.now()
    await take(hub, connection, schema, now)
    other = await type(connection).create(
        id="other",
        store_id=connection.store_id,
        name="other",
        name_key="other",
        connector="cin7_omni",
        settings="{}",
        credentials="",
        created_at=now,
    )
    assert (await take(hub, other, schema, now)).at == now


async def test_account_added_again_goes_on_counting(hub: Hub, store: Store, connection: Connection) -> None:
    schema = schema_with(hub, QuotaWindow(calls=1, per=DAY))
    now = hub.clock.now()
    await take(hub, connection, schema, now)
    await connections.remove(hub, connection)
    values = {"username": "shop", "api_key": "a secret key", "base_url": "http://127.0.0.1:9/api"}
    added = await connections.add(hub, store, "cin7_omni", "again", values, should_check=False)
    with pytest.raises(RetriableError):
        await take(hub, added.row, schema, now + MINUTE)
