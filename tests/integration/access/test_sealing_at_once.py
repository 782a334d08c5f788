"""A hub that seals something at the very moment of a change of the key leaves nothing under the old one."""

from __future__ import annotations

import asyncio
import ipaddress
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from hub.access import keys
from hub.core import open_hub
from hub.merchant import connections, event_secrets, platforms, stores, webhooks
from hub.store.database import KEY_LOCK
from hub.store.sealing import Sealer
from hub.webhooks.subscription import Body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hub.core import Hub
    from hub.environment import Environment
    from hub.store.models import Store

    Act = Callable[[Hub, Store], Awaitable[Any]]

WITHIN_S = 60.0
ERP = {"username": "shop", "api_key": "a secret key", "base_url": "http://127.0.0.1:9/api"}
SHOP = {"api_key": "a secret key", "shop_name": "shop.example", "base_url": "http://127.0.0.1:9"}


class Rotation:
    """Changes the key from another connection to the database, as soon as a hub has read the old one.

    Attributes:
        was_held_up: whether the change had to wait for what was being sealed.
    """

    def __init__(self, place: Environment) -> None:
        self._place = place
        self._thread = threading.Thread(target=lambda: asyncio.run(self._rotate()))
        self.was_held_up: bool | None = None

    def reread(self) -> Sequence[bytes]:
        """The keys as they were; by the time they are used they are others."""
        old = self._place.read_keys()
        if self.was_held_up is None:
            self.was_held_up = self._is_held()
            self._thread.start()
            if not self.was_held_up:
                self._thread.join(WITHIN_S)
            else:
                self._wait_for_new_key(old)
        return old

    def _is_held(self) -> bool:
        if self._place.is_sqlite:
            with closing(sqlite3.connect(self._place.database_file, timeout=0)) as database:
                try:
                    database.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return True
            return False
        with psycopg.connect(self._place.database_url) as database:
            tried = database.execute(f"SELECT pg_try_advisory_xact_lock({KEY_LOCK})").fetchone()
        return tried == (False,)

    def _wait_for_new_key(self, old: Sequence[bytes]) -> None:
        waiting = threading.Event()
        for _ in range(int(WITHIN_S / 0.01)):
            if self._place.read_keys() != old:
                return
            waiting.wait(0.01)
        raise AssertionError("the key was not changed")

    async def _rotate(self) -> None:
        async with open_hub(self._place):
            await keys.rotate(self._place)

    async def end(self) -> None:
        """Until the change has come to its end."""
        await asyncio.to_thread(self._thread.join, WITHIN_S)
        assert not self._thread.is_alive()


def _hook(hub: Hub, store: Store, name: str) -> Awaitable[Any]:
    return webhooks.add(hub, store, "https://127.0.0.1:9/hooks", name=name, events=(), body=Body.THIN)


async def _edit_erp(hub: Hub, store: Store) -> None:
    await connections.edit(hub, await connections.get(store, "main"), {"api_key": "another key"})


async def _edit_shop(hub: Hub, store: Store) -> None:
    await platforms.edit(hub, await platforms.get(store, "shop"), {"api_key": "another key"})


async def _rotate_hook(hub: Hub, store: Store) -> None:
    await webhooks.rotate(hub, await webhooks.get(store, "one"))


SEALING: dict[str, Act] = {
    "an event secret is added": lambda hub, store: event_secrets.add(hub, store, name="two"),
    "a connection is added": lambda hub, store: connections.add(
        hub, store, "cin7_omni", "other", {**ERP, "username": "other"}, should_check=False
    ),
    "a connection is edited": _edit_erp,
    "a platform is added": lambda hub, store: platforms.add(
        hub, store, "other", {**SHOP, "shop_name": "other.example"}, should_check=False
    ),
    "a platform is edited": _edit_shop,
    "a webhook is added": lambda hub, store: _hook(hub, store, "two"),
    "a webhook's secret is changed": _rotate_hook,
}


@pytest.mark.parametrize("what", SEALING)
async def test_nothing_stays_sealed_with_the_old_key(migrated: Environment, what: str) -> None:
    allowed = (ipaddress.ip_network("127.0.0.0/8"),)
    place = migrated.model_copy(update={"secret_key": None, "egress_allow": allowed})
    place.write_key()
    async with open_hub(place) as hub:
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        await connections.add(hub, store, "cin7_omni", "main", ERP, should_check=False)
        await platforms.add(hub, store, "shop", SHOP, should_check=False)
        await _hook(hub, store, "one")
        rotation = Rotation(place)
        await SEALING[what](replace(hub, sealer=Sealer(*place.read_keys(), reread=rotation.reread)), store)
        await rotation.end()
        assert rotation.was_held_up
        found = await keys.verify(Sealer(*place.read_keys()))
        assert found.problems == ()
        assert [name for name, number in found.sealed.items() if number] == [found.current]
