from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tortoise.migrations.autodetector import MigrationAutodetector

from hub.core import open_hub
from hub.errors import ConfigError
from hub.store.database import client, configuration, migrate, open_database, pending_migrations
from hub.store.models import Store
from hub.web import health
from hub.web.server import make_app

FROM_THE_FUTURE = """
INSERT INTO tortoise_migrations (app, name, applied_at)
VALUES ('hub', '9999_from_the_future', '2030-01-01 00:00:00')
"""

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.environment import Environment


async def test_empty_database_is_brought_up_to_date_once(place: Environment) -> None:
    async with open_database(place):
        pending = await pending_migrations()
        assert pending
        assert await migrate(place) == pending
        assert await migrate(place) == []
        assert await pending_migrations() == []
        assert await Store.all().count() == 0


async def test_migrating_again_keeps_every_row(hub: Hub) -> None:
    async with open_hub(hub.environment, should_migrate=True):
        assert [store.name for store in await Store.all()] == ["default"]
    assert [store.name for store in await Store.all()] == ["default"]


async def test_database_that_lacks_a_migration_is_refused_until_init(place: Environment) -> None:
    async with open_database(place):
        pass
    with pytest.raises(ConfigError) as caught:
        async with open_hub(place):
            raise AssertionError("it was opened")
    assert "hub init" in caught.value.fix


@pytest.mark.parametrize("should_migrate", [True, False])
async def test_database_of_newer_code_is_refused(place: Environment, should_migrate: bool) -> None:
    async with open_database(place):
        await migrate(place)
        await client().execute_script(FROM_THE_FUTURE)
        # A newer version has other tables too.
        await client().execute_script("ALTER TABLE connection RENAME COLUMN settings TO options")
    with pytest.raises(ConfigError, match="newer than this hub") as caught:
        async with open_hub(place, should_migrate=should_migrate):
            raise AssertionError("it was opened")
    assert "9999_from_the_future" in caught.value.why
    assert caught.value.fix


async def test_a_hub_that_runs_while_a_newer_one_changes_the_database_is_not_ready(
    place: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_S", 0.0)  # each asks the database anew
    async with (
        open_hub(place, should_migrate=True) as hub,
        TestClient(TestServer(make_app(hub, is_local=True))) as asking,
    ):
        assert (await asking.get("/readyz")).status == 200
        await client().execute_script(FROM_THE_FUTURE)
        answer = await asking.get("/readyz")
        assert (answer.status, "newer than this hub" in await answer.text()) == (503, True)


async def test_migrations_say_what_the_models_say(place: Environment) -> None:
    async with open_database(place) as context:
        assert context.apps is not None
        detector = MigrationAutodetector(context.apps, configuration(place)["apps"])
        changes = [writer.name for writer in await detector.changes()]
    assert changes == [], "run `make migration NAME=…`"
