"""Deliveries to give the Cin7 Omni connector, and a connection to a sandbox over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from connectors.cin7_omni.config import Credentials, Settings
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.errors import InDoubtError, RetriableError
from hub.hookspecs import Connection, Delivery, HttpReply, StoreInfo
from hub.rma import Address, Item, Money, Price, Rma, Shipment
from hub.testing.serving import SandboxServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

APPROVED_AT = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def price(amount: str, currency: str = "AUD", shop: str | None = None, shop_currency: str = "") -> Price:
    """An amount; the shop's is the same unless given."""
    customer = Money(amount=Decimal(amount), currency=currency)
    return Price(
        customer=customer,
        shop=Money(amount=Decimal(shop or amount), currency=shop_currency or currency),
    )


def item(number: int = 1, **others: Any) -> Item:
    """One returned unit of SKU-001 for 10.00 AUD, tax included, unless told otherwise."""
    given: dict[str, Any] = {
        "returned_item_id": f"i{number}",
        "sku": "SKU-001",
        "name": "Thing",
        "paid": price("10.00"),
        "tax": price("1.00"),
        "is_tax_included": True,
        "method": None,
        **others,
    }
    return Item(**given)


def rma(rma_id: str = "41515515", order_name: str | None = "#1001", **others: Any) -> Rma:
    """A return of one unit."""
    given: dict[str, Any] = {
        "rma_id": rma_id,
        "status": "Approved",
        "order_name": order_name,
        "order_id": "5001",
        "items": (item(),),
        "shipments": (
            Shipment(shipment_id="s1", customer=Address(name="Ann Van Buren", email="ann@example.com")),
        ),
        **others,
    }
    return Rma(**given)


def delivery(number: int = 1, returned: Rma | None = None, **others: Any) -> Delivery:
    """A delivery of a return."""
    returned = returned or rma()
    given: dict[str, Any] = {
        "delivery_id": f"d{number}",
        "rma": returned,
        "items": returned.items,
        "store": StoreInfo(
            name="Test store", url="https://shop.example", customer_support_url="https://help.example"
        ),
        "location_id": None,
        "approved_at": APPROVED_AT,
        **others,
    }
    return Delivery(**given)


class Http:
    """The least :class:`~hub.hookspecs.HttpSession`: no quota, no log but a list of calls."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.calls: list[str] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_write: bool = False,
        is_reply_secret: bool = False,
    ) -> HttpReply:
        del is_reply_secret
        address = f"{url}?{query}" if query else url
        self.calls.append(f"{method} {address}")
        try:
            async with self._session.request(
                method, URL(address, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as response:
                return HttpReply(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=await response.read(),
                )
        except aiohttp.ClientConnectorError as error:
            raise RetriableError("no connection") from error
        except aiohttp.ClientError as error:
            if is_write:
                raise InDoubtError("the answer was lost") from error
            raise RetriableError("the answer was lost") from error

    def hide(self, secret: str) -> None:
        """It keeps no log."""


class Canned:
    """Answers every call with one reply, or with each of several in turn."""

    def __init__(self, *replies: HttpReply) -> None:
        self._replies: Sequence[HttpReply] = replies
        self.calls: list[tuple[str, str, str, bytes | None]] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_write: bool = False,
        is_reply_secret: bool = False,
    ) -> HttpReply:
        del headers, is_write, is_reply_secret
        self.calls.append((method, url, query, body))
        return self._replies[min(len(self.calls), len(self._replies)) - 1]

    def hide(self, secret: str) -> None:
        """It keeps no log."""


def connection(http: Any, now: Callable[[], datetime] | None = None, settings: Any = None) -> Connection:
    """A connection with a session."""
    return Connection(
        name="main",
        credentials=Credentials.model_validate({"username": "sandbox", "api_key": "sandbox-key"}),
        settings=Settings(**settings or {}),
        http=http,
        now=now or (lambda: datetime.now(UTC)),
    )


@asynccontextmanager
async def open_sandbox(
    sandbox: Cin7Sandbox | None = None, **settings: Any
) -> AsyncIterator[tuple[Cin7Sandbox, Connection, Http]]:
    """A sandbox served on loopback without a quota, and a connection to it."""
    sandbox = sandbox or Cin7Sandbox(quota=())
    async with SandboxServer(sandbox) as server, aiohttp.ClientSession() as session:
        http = Http(session)
        yield sandbox, connection(http, settings={**sandbox.settings(server.url), **settings}), http
