"""What leans on the database itself, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.access import audit, keys, sessions, users
from hub.access.throttle import FREE_FOR_NAME, count_try, forgive
from hub.core import open_hub
from hub.errors import AccessError, ConfigError
from hub.merchant import event_secrets, stores
from hub.store.people import SignInTry, User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.core import Hub
    from hub.environment import Environment


@pytest.fixture
async def running(migrated: Environment) -> AsyncIterator[Hub]:
    async with open_hub(migrated) as opened:
        await stores.ensure_default(opened.clock)
        yield opened


async def test_people_their_sessions_and_what_they_did(running: Hub) -> None:
    link = await users.first_administrator(running.clock)
    assert link is not None
    again = await users.first_administrator(running.clock)
    assert again is not None
    assert (again.user.id, again.path == link.path) == (link.user.id, False)
    now = running.clock.now()
    secret = await sessions.start(link.user, now, "127.0.0.1")
    found = await sessions.find(secret, now + timedelta(minutes=2))
    assert found is not None
    assert found.user.name == users.FIRST_NAME
    assert len(await sessions.every(link.user, now)) == 1
    await event_secrets.add(running, await stores.get())
    with pytest.raises(ConfigError, match="HUB_SECRET_KEY"):
        await keys.rotate(running.environment)
    await users.remove(link.user)
    assert await sessions.find(secret, now) is None
    assert [row.action for row in await audit.every(limit=10, store=(await stores.get()).id)] == [
        "event_secret.added"
    ]
    assert (await audit.every(limit=1))[0].action == "user.removed"


async def test_many_tries_at_once_count_one_by_one(running: Hub) -> None:
    now = running.clock.now()
    tries = [count_try("ada", "203.0.113.7", now) for _ in range(FREE_FOR_NAME + 3)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(each) for each in done if each is not None] == [AccessError] * 3
    await forgive("ADA ", "203.0.113.7")
    assert [row.count for row in await SignInTry.all()] == [FREE_FOR_NAME - 1]
    await count_try("ada", "203.0.113.7", now)
    assert await User.all().count() == 0
