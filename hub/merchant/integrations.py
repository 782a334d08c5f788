"""The products and services a store is connected to, as a merchant looks after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.dispatch.disabling import disabled_names
from hub.errors import ConflictError
from hub.merchant import connections, platforms
from hub.merchant.erp_accounts import check_held
from hub.merchant.overview import Strip, strip
from hub.outcomes import Status
from hub.store.models import Connection, Delivery, Exchange, ReturnMethod

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.errors import PluginError
    from hub.merchant.platforms import PlatformHealth
    from hub.store.models import Store

UNSETTLED = (Status.PENDING, Status.SENDING, Status.IN_DOUBT)
MOST_CALLS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """A connector as people choose it.

    Attributes:
        name: the connector's.
        title: what a merchant calls the ERP; the name when the connector is broken.
        distribution: the package it came from, with its version; empty when unknown.
        why_not: why it cannot be chosen; empty when it can.
    """

    name: str
    title: str
    distribution: str
    why_not: str = ""


async def products(hub: Hub) -> list[Product]:
    """Every installed connector, also those that are broken or switched off."""
    off = await disabled_names()
    made = []
    for found in hub.registry.found:
        why_not = _problem(found.problem) if found.problem else "it is switched off" * (found.name in off)
        made.append(
            Product(
                name=found.name,
                title=found.connector.schema.title if found.connector else found.name,
                distribution=found.distribution,
                why_not=why_not,
            )
        )
    return made


def _problem(problem: PluginError) -> str:
    return f"it is broken: {problem.why or problem.what}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Integration:
    """A connection with its product.

    Attributes:
        is_draft: True while it is being set up and was never switched on.
        methods: names of the return methods that point at it.
    """

    strip: Strip
    product: Product
    is_draft: bool
    methods: Sequence[str]

    @property
    def row(self) -> Connection:
        """The connection itself."""
        return self.strip.row


async def every(hub: Hub, store: Store) -> list[Integration]:
    """A store's connections, by name."""
    known = {each.name: each for each in await products(hub)}
    return [await _of(hub, row, known) for row in await connections.every(store)]


async def one(hub: Hub, row: Connection) -> Integration:
    """One connection."""
    return await _of(hub, row, {each.name: each for each in await products(hub)})


async def _of(hub: Hub, row: Connection, known: dict[str, Product]) -> Integration:
    gone = Product(name=row.connector, title=row.connector, distribution="", why_not="it is not installed")
    return Integration(
        strip=await strip(hub, row),
        product=known.get(row.connector, gone),
        is_draft=is_draft(row),
        methods=await methods_at(row),
    )


def is_draft(row: Connection) -> bool:
    """True while a connection is being set up and was never switched on."""
    return row.is_paused and row.pause_reason == connections.DRAFT


async def sources(hub: Hub, store: Store) -> list[PlatformHealth]:
    """A store's returns platforms and how they are, by name."""
    return [await platforms.health(hub, row) for row in await platforms.every(store)]


async def methods_at(row: Connection) -> list[str]:
    """Names of the return methods that point at a connection."""
    names = (
        await ReturnMethod.filter(connection_id=row.id).order_by("name_key").values_list("name", flat=True)
    )
    return [str(name) for name in names]


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """What removing a connection would leave behind.

    Attributes:
        methods: return methods that would become *Do not update*.
        unsettled: credit notes that still wait for it, which keep it from being removed.
        open: credit notes whose goods are still to come, of which the hub would hear nothing more.
    """

    methods: Sequence[str]
    unsettled: int
    open: int


async def removal(row: Connection) -> Removal:
    """What removing a connection would leave behind."""
    return Removal(
        methods=await methods_at(row),
        unsettled=await waiting(row),
        open=await Delivery.filter(connection_id=row.id, is_open=True).count(),
    )


async def waiting(row: Connection) -> int:
    """How many credit notes wait for a connection."""
    return await Delivery.filter(connection_id=row.id, status__in=UNSETTLED).count()


async def calls_since(row: Connection, since: datetime) -> list[Exchange]:
    """The calls a connection has made since a time, oldest first; at most :data:`MOST_CALLS`."""
    mine = Exchange.filter(connection_id=row.id, at__gte=since)
    return await mine.order_by("id").limit(MOST_CALLS)


async def switch_on(row: Connection) -> int:
    """Ends the setting up of a connection: from now on it sends.

    Returns:
        How many deliveries have waited for it.

    Raises:
        ConflictError: no check of it has gone well, or another connection had proved its account before.
    """
    if row.checked_at is None or row.proved_at is None:
        raise ConflictError(
            f"switch {row.name} on: no check of it has gone well yet",
            why="its credentials are not proved",
            fix="check it, and mend what the check says",
        )
    check_held(row, f"switch {row.name} on")
    return await connections.resume(row)
