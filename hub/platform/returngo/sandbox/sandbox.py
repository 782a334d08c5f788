"""The stand-in put together, and the doors by which people act in it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigError, UsageError
from hub.platform.returngo.config import SCHEMA
from hub.platform.returngo.sandbox.books import Books
from hub.platform.returngo.sandbox.faults import DEFAULT_SECONDS, FAULTS, FaultBox, check_fault
from hub.platform.returngo.sandbox.hooks import Hooks
from hub.platform.returngo.sandbox.samples import invent
from hub.platform.returngo.sandbox.server import Quota, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hub.hookspecs import QuotaWindow
    from hub.platform.returngo.sandbox.books import Document
    from hub.sandbox import Fault

MOST_AT_ONCE = 10_000


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ReturnGoSandbox:
    """A shop on ReturnGO, empty at first; implements :class:`hub.sandbox.StandIn`.

    Args:
        seed: of every random choice.
        clock: aware UTC; stamps changes and counts the quota.
        quota: call limits; empty for none.
        has_full_rows: True lists whole RMAs (whether ReturnGO does is unknown, U).

    Attributes:
        on_refuse: closes the listening socket for that many seconds, or with 0 opens it; set by whoever
            serves the app.
        books: the returns it holds.
        hooks: its webhooks.
        doors: what a person can do in it, by name; each takes and gives JSON.
    """

    def __init__(
        self,
        seed: int = 0,
        clock: Callable[[], datetime] = _utc_now,
        *,
        quota: Iterable[QuotaWindow] = SCHEMA.quota,
        has_full_rows: bool = False,
    ) -> None:
        self.credentials: Mapping[str, str] = {"api_key": "sandbox-key"}
        self.faults: Mapping[str, str] = FAULTS
        self.on_refuse: Callable[[float], None] | None = None
        self.books = Books(has_full_rows=has_full_rows)
        self.doors: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "rma": self._show,
            "add": self._add,
            "invent": self._invent,
            "approve": self._approve,
            "status": self._status,
            "webhook": self._webhook,
        }
        self._clock = clock
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._invented = 0
        self._faults = FaultBox(self._dice)
        self.hooks = Hooks(self._faults)
        self._shop = "shop.example.com"
        headers = {"x-api-key": self.credentials["api_key"], "x-shop-name": self._shop}
        self._server = Server(
            self.books, self.hooks, self._faults, Quota(quota), headers=headers, clock=clock
        )
        self.app = self._server.app

    def settings(self, url: str) -> Mapping[str, str]:
        """Values for a connection's settings that point here."""
        return {"base_url": url.rstrip("/"), "shop_name": self._shop}

    def inject(self, fault: Fault) -> None:
        """Orders a fault; ``refuse`` acts at once, the others on the next call or webhook they fit.

        Raises:
            ConfigError: it is unknown, could never hit anything, or nobody can close the socket.
        """
        check_fault(fault)
        if fault.name != "refuse":
            self._faults.add(fault)
        elif self.on_refuse is None:
            raise ConfigError(
                "refuse needs someone to close the socket",
                fix="serve it with hub.testing.serving.SandboxServer",
            )
        else:
            self.on_refuse(DEFAULT_SECONDS["refuse"] if fault.seconds is None else fault.seconds)

    def clear_faults(self) -> None:
        """Behaves well again at once: opens a closed socket and answers what is slow."""
        self._faults.clear()
        self._server.lift()
        if self.on_refuse is not None:
            self.on_refuse(0)

    def documents(self) -> list[dict[str, Any]]:
        """Every return, in the shape of :meth:`hub.sandbox.Sandbox.documents`."""
        return [_describe(each) for each in self.books.all()]

    def calls(self) -> list[dict[str, Any]]:
        """Every call, oldest first; see :meth:`hub.sandbox.Sandbox.calls`."""
        return [dict(call) for call in self._server.calls]

    def add(self, document: Mapping[str, Any]) -> Document:
        """A customer asks for a return. Raises ConflictError when there is one of its number."""
        rma = self.books.add(document, self._clock())
        self.hooks.tell("RMA_CREATED", str(rma["rmaSummary"]["rmaId"]))
        return rma

    def set_status(self, rma_id: str, status: str) -> Document:
        """A person moves a return to a status. Raises NotFoundError."""
        rma = self.books.set_status(rma_id, status, self._clock())
        self.hooks.tell("RMA_STATUS_UPDATED", rma_id)
        return rma

    def _show(self, given: Mapping[str, Any]) -> Document:
        return self.books.need(_text(given, "rma"))

    def _add(self, given: Mapping[str, Any]) -> dict[str, Any]:
        document = given.get("document")
        if not isinstance(document, dict) or "rmaSummary" not in document:
            raise UsageError("document is no RMA", fix="send the document of GET /rma/{id}")
        status = given.get("status")
        if isinstance(status, str):
            summary = {**document["rmaSummary"], "status": status, "events": []}
            document = {**document, "rmaSummary": summary}
        return _describe(self.add(document))

    def _invent(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        count = given.get("count", 1)
        if not isinstance(count, int) or not 1 <= count <= MOST_AT_ONCE:
            raise UsageError("count is no number of returns", fix=f"give 1 to {MOST_AT_ONCE}")
        made = []
        for _ in range(count):
            made.append(_describe(self.add(invent(self._invented, self._dice))))
            self._invented += 1
        return made

    def _approve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return _describe(self.set_status(_text(given, "rma"), "Approved"))

    def _status(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return _describe(self.set_status(_text(given, "rma"), _text(given, "status")))

    def _webhook(self, given: Mapping[str, Any]) -> dict[str, Any]:
        url = _text(given, "url")
        return {"id": self.hooks.add(url), "url": url}


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} is missing", fix=f'send {{"{name}": "…"}}')
    return value


def _describe(rma: Document) -> dict[str, Any]:
    summary, items = rma["rmaSummary"], rma["items"]
    units = Counter(str(each.get("sku") or "-") for each in items)
    prices = [each.get("paidPrice") or {} for each in items]
    statuses = [f"{each['shipmentId']} {each['status']}" for each in rma.get("shipments", ())]
    total = sum((Decimal(str(each.get("amount") or 0)) for each in prices), Decimal(0))
    return {
        "id": str(summary["rmaId"]),
        "reference": ", ".join(statuses) or str(summary.get("order_name") or ""),
        "sales_reference": summary.get("order_name"),
        "status": summary["status"],
        "currency": prices[0].get("currency") if prices else None,
        "total": format(total, "f"),
        "lines": [
            {"sku": sku, "quantity": str(count), "received": None} for sku, count in sorted(units.items())
        ],
        "raw": rma,
    }
