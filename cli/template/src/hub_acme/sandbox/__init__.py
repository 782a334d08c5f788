"""A stand-in of the ERP for demos and tests: its API over real HTTP, and the warehouse's door into it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigError
from hub.sandbox import STANDARD_FAULTS, SandboxSpec

from hub_acme.sandbox.books import Books, describe
from hub_acme.sandbox.faults import FaultBox
from hub_acme.sandbox.server import Server
from hub_acme.wire import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from hub.rma import Rma
    from hub.sandbox import Fault

_REFUSES_FOR_S = 2.0


def spec() -> SandboxSpec:
    """How the hub makes one."""
    return SandboxSpec(make=Sandbox)


class Sandbox:
    """An account of invented data; see :class:`hub.sandbox.Sandbox` for what each method promises."""

    def __init__(self, seed: int, clock: Callable[[], datetime]) -> None:
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.credentials: Mapping[str, str] = {"api_key": "sandbox-key"}
        self.faults: Mapping[str, str] = STANDARD_FAULTS
        self.page_size = PAGE
        self.on_refuse: Callable[[float], None] | None = None
        self._books = Books(dice.randrange(1_000, 9_000), clock)
        self._faults = FaultBox(dice)
        self._server = Server(self._books, self._faults, self.credentials["api_key"], clock)
        self._orders: list[dict[str, Any]] = []
        self.app = self._server.app

    def settings(self, url: str) -> Mapping[str, str]:
        """Points at this sandbox."""
        return {"base_url": url}

    def inject(self, fault: Fault) -> None:
        """Orders a fault; ``refuse`` acts at once, through whoever serves the app."""
        if fault.name != "refuse":
            self._faults.add(fault)
        elif self.on_refuse is None:
            raise ConfigError("the sandbox is not served", fix="serve it with hub.testing.serving")
        else:
            self.on_refuse(_REFUSES_FOR_S if fault.seconds is None else fault.seconds)

    def clear_faults(self) -> None:
        """Behaves well again, at once."""
        self._faults.clear()
        if self.on_refuse is not None:
            self.on_refuse(0)

    def documents(self) -> list[dict[str, Any]]:
        """Every memo, oldest first."""
        return [describe(memo) for memo in self._books.memos.values()]

    def receive(
        self,
        document: str,
        quantities: Mapping[str, Decimal] | None = None,
        *,
        is_complete: bool = True,
        is_quantity_known: bool = True,
    ) -> dict[str, Any]:
        """The warehouse books goods in."""
        memo = self._books.find(document)
        self._books.receive(memo, quantities, is_complete=is_complete, is_quantity_known=is_quantity_known)
        return describe(memo)

    def enter(self, reference: str, quantities: Mapping[str, Decimal]) -> dict[str, Any]:
        """Somebody else makes a memo."""
        lines = [
            {"sku": sku, "quantity": str(units), "unit_price": "1.00"} for sku, units in quantities.items()
        ]
        record = {"external_ref": reference, "order_ref": "", "warehouse": None, "currency": "EUR"}
        return describe(self._books.add({**record, "note": "by hand", "lines": lines}))

    def sell(self, rma: Rma) -> dict[str, Any]:
        """The shop places an order. Acme checks no memo against it."""
        order = {"id": len(self._orders) + 1, "reference": rma.order_name or rma.rma_id}
        self._orders.append(order)
        return order

    def void(self, document: str) -> dict[str, Any]:
        """Cancels a memo by hand."""
        memo = self._books.find(document)
        self._books.cancel(memo)
        return describe(memo)

    def calls(self) -> list[dict[str, Any]]:
        """Every call it was sent, oldest first."""
        return [dict(call) for call in self._server.calls]
