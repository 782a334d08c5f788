"""Every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.merchant import connections, methods, stores
from hub.rma import MethodType
from tests.support.documents import METHODS
from tests.support.times import HeldTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.core import Hub
    from hub.environment import Environment
    from hub.store.models import Connection, Store


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, environment: Environment) -> AsyncIterator[Environment]:
    """Where an empty database is."""
    if request.param == "sqlite":
        yield environment
        return
    async with request.getfixturevalue("postgres").database() as url:
        yield environment.model_copy(update={"database_url": url})


@pytest.fixture
def time() -> HeldTime:
    return HeldTime()


@pytest.fixture
async def hub(migrated: Environment, time: HeldTime) -> AsyncIterator[Hub]:
    """An open hub with a store."""
    async with open_hub(migrated, clock=time.clock) as opened:
        await stores.ensure_default(opened.clock)
        yield opened


@pytest.fixture
async def store(hub: Hub) -> Store:
    return await stores.get()


@pytest.fixture
async def connection(hub: Hub, store: Store) -> Connection:
    """``main``, with every return method but *Keep it* pointing at it. Nothing listens at its address."""
    values = {"username": "shop", "api_key": "a secret key", "base_url": "http://127.0.0.1:9/api"}
    added = await connections.add(hub, store, "cin7_omni", "main", values, should_check=False)
    for name, (_, kind) in METHODS.items():
        method = await methods.add(store, name, MethodType(kind))
        if kind != MethodType.NO_SHIPMENT_REQUIRED:
            await methods.point_at(method, added.row, None)
    return added.row
