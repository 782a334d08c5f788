"""The hub's SQLite client without a thread of its own, and the database that every seed starts from.

It is the hub's own client over real SQLite files; only aiosqlite's thread is missing. A statement of a
simulated process is a place where it may be interrupted, stalled or killed.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import functools
import itertools
import json
import os
import random
import sqlite3
import tempfile
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr
from tortoise.connection import ConnectionHandler
from tortoise.context import TortoiseContext

from hub.clock import Clock
from hub.core import open_hub
from hub.environment import Environment
from hub.merchant import connections, methods, platforms, stores, webhooks
from hub.registry import Registry
from hub.rma import MethodType
from hub.store.database import configuration
from hub.store.mark import mark_of, write_mark
from hub.store.sealing import Sealer
from hub.store.sqlite import ImmediateClient
from hub.webhooks.subscription import Body
from tests.support.processor import METER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hub.core import Hub
    from hub.store.models import Store
    from tests.simulator.process import SimulatedProcess
    from tests.simulator.schedule import Schedule

Result = TypeVar("Result")

BASE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When every simulation begins."""
BUSY_S = 10.0
"""How long a statement waits for another process's write, like the hub's ``busy_timeout``."""
ERP = "https://erp.example/api"
PLATFORM = "https://platform.example"
SUBSCRIBER = "https://203.0.113.7/hooks"
"""An address of the range for examples, so that no name has to be resolved."""
CREDENTIALS = {"username": "sim", "api_key": "simulated-key"}
CONNECTION = "main"
SHOP = "shop.example.com"
PLATFORM_HEADERS = {"x-api-key": "simulated-platform-key", "x-shop-name": SHOP}
HINT_TOKEN = "simulated-hint-token"
METHODS = {"UPS label": MethodType.PREPAID_LABEL, "Send it yourself": MethodType.ANY_CARRIER}
"""Both point at the one connection; the second may be set to *Do not update*."""
UNBOUND = "Store return"
"""A method set to *Do not update*."""
_KEY = bytes(range(32))
_numbers = itertools.count()


class InlineConnection:
    """What Tortoise uses of an aiosqlite connection, carried out at once in this thread."""

    def __init__(self, process: SimulatedProcess, raw: sqlite3.Connection) -> None:
        self._process = process
        self._conn = raw

    async def _do(self, what: str, call: Callable[..., Result], *given: Any) -> Result:
        await self._process.effect(what)
        waited = 0.0
        while True:
            try:
                return call(*given)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or waited >= BUSY_S:
                    raise
            waited += 0.02
            await asyncio.sleep(0.02)
            await self._process.effect(what)

    async def execute(self, sql: str, values: Iterable[Any] = ()) -> InlineCursor:
        return InlineCursor(await self._do(sql, self._conn.execute, sql, values))

    async def execute_insert(self, sql: str, values: Sequence[Any] = ()) -> tuple[int | None]:
        cursor = await self._do(sql, self._conn.execute, sql, values)
        return (cursor.lastrowid,)

    async def execute_fetchall(self, sql: str, values: Sequence[Any] | None = None) -> list[Any]:
        def fetch() -> list[Any]:
            return self._conn.execute(sql, values or ()).fetchall()

        return await self._do(sql, fetch)

    async def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> InlineCursor:
        return InlineCursor(await self._do(sql, self._conn.executemany, sql, values))

    async def commit(self) -> None:
        await self._do("COMMIT", self._conn.commit)

    async def rollback(self) -> None:
        await self._do("ROLLBACK", self._conn.rollback)

    async def close(self) -> None:
        self._conn.close()

    @property
    def total_changes(self) -> int:
        return self._conn.total_changes

    @property
    def in_transaction(self) -> bool:
        return self._conn.in_transaction


class InlineCursor:
    """What ``execute`` gives."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def close(self) -> None:
        self._cursor.close()


class InlineClient(ImmediateClient):
    """The hub's client on an :class:`InlineConnection`."""

    def __init__(self, process: SimulatedProcess, file: Path, name: str) -> None:
        super().__init__(str(file), connection_name=name)
        self._process = process
        raw = sqlite3.connect(file, timeout=0, isolation_level=None)
        raw.row_factory = sqlite3.Row
        raw.execute("PRAGMA foreign_keys=ON")
        self._connection: Any = InlineConnection(process, raw)
        self._bound_loop = process.world.loop
        process.at_death(raw.close)
        process.is_in_transaction = lambda: raw.in_transaction


class Origin:
    """The database before anything happened: migrated, with a store, a connection and return methods.

    Made once in each Python process. Migrations take longer than a whole simulation.

    Attributes:
        image: of the file, with one connection to an ERP.
        connected_image: the same, with a platform and a subscriber besides.
        receivers: ids of those two.
    """

    def __init__(self) -> None:
        self.environment = Environment(
            home=Path(tempfile.gettempdir()),
            secret_key=SecretStr(base64.b64encode(_KEY).decode()),
            egress_allow=(ip_network("203.0.113.0/24"),),
        )
        self.registry = Registry()
        self.sealer = Sealer(_KEY)
        self.connection_id = ""
        self.receivers: tuple[str, ...] = ()
        self._context = TortoiseContext()
        self.image, self.connected_image = asyncio.run(self._make())
        self.renew()

    async def _make(self) -> tuple[bytes, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            environment = self.environment.model_copy(update={"home": Path(folder)})
            clock = Clock(now=lambda: BASE, random=random.Random(0))  # noqa: S311 - repeatable, not secret
            async with open_hub(environment, should_migrate=True, registry=self.registry, clock=clock) as hub:
                await stores.ensure_default(clock)
                store = await stores.get()
                added = await connections.add(
                    hub,
                    store,
                    "cin7_omni",
                    CONNECTION,
                    {"base_url": ERP, **CREDENTIALS},
                    should_check=False,
                )
                self.connection_id = added.row.id
                for name, kind in METHODS.items():
                    await methods.point_at(await methods.add(store, name, kind), added.row, None)
                await methods.add(store, UNBOUND, MethodType.DROP_OFF)
                await methods.add(store, "Keep it", MethodType.NO_SHIPMENT_REQUIRED)
                image = _image(environment.database_file)
                self.receivers = await self._add_receivers(hub, store)
            return image, _image(environment.database_file)

    async def _add_receivers(self, hub: Hub, store: Store) -> tuple[str, ...]:
        given = {"api_key": PLATFORM_HEADERS["x-api-key"], "shop_name": SHOP, "base_url": PLATFORM}
        given["hint_token"] = HINT_TOKEN
        platform = await platforms.add(hub, store, "platform", given, should_check=False)
        secret = f"whsec_{base64.b64encode(_KEY).decode()}"
        subscriber, _ = await webhooks.add(
            hub, store, SUBSCRIBER, name="subscriber", events=(), body=Body.FULL, secret=secret
        )
        return platform.id, subscriber.id

    def renew(self) -> None:
        """Binds the models to this again: whoever opens a database in this Python process takes them."""
        context = self._context = TortoiseContext()
        with context:
            asyncio.run(context.init(config=configuration(self.environment)))

    def context(self, process: SimulatedProcess, file: Path) -> TortoiseContext:
        """Tortoise's state for one process: models are shared, the database connection is its own."""
        context = copy.copy(self._context)
        handler = ConnectionHandler()
        config = self._context.connections.db_config
        handler._init_config(config)  # noqa: SLF001 - Tortoise has no public door for a made client
        (name,) = config
        handler._storage_var.get()[name] = InlineClient(process, file, name)  # noqa: SLF001
        context._connections = handler  # noqa: SLF001
        context._token = None  # noqa: SLF001
        return context


def _image(file: Path) -> bytes:
    raw = sqlite3.connect(file)
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    return file.read_bytes()


@functools.cache
def origin() -> Origin:
    """The one of this Python process."""
    with METER.share("the simulator's database"):
        return Origin()


def make_file(schedule: Schedule) -> Path:
    """The database of one world, in a folder of its own."""
    home = folder() / f"hub-sim-{os.getpid()}-{next(_numbers)}"
    home.mkdir()
    file, plan = home / "hub.db", schedule.plan
    file.write_bytes(origin().connected_image if plan else origin().image)
    write_mark(mark_of(file), epoch="", attempt=0)
    raw = sqlite3.connect(file)
    changes = {"erp": {"doubt_looks": schedule.looks, **schedule.settings}}
    if plan:
        changes["platform"] = plan.settings
    for role, given in changes.items():
        held = raw.execute("SELECT settings FROM connection WHERE role = ?", (role,)).fetchone()[0]
        text = json.dumps(json.loads(held) | given)
        raw.execute("UPDATE connection SET settings = ? WHERE role = ?", (text, role))
    raw.commit()
    raw.close()
    return file


def folder() -> Path:
    """Where databases are kept: in memory where the system has a place for that."""
    shared = Path("/dev/shm")  # noqa: S108 - each file in it gets a name of its own
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
