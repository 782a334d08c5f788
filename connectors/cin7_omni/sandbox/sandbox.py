"""The sandbox itself: the stand-in's parts put together, and the doors that people have into it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox import transactions, warehouse
from connectors.cin7_omni.sandbox.books import ALL_PERMISSIONS, CREATE, Books
from connectors.cin7_omni.sandbox.faults import DEFAULT_SECONDS, FAULTS, FaultBox, check_fault
from connectors.cin7_omni.sandbox.front import Front
from connectors.cin7_omni.sandbox.quota import CIN7_WINDOWS, Quota
from connectors.cin7_omni.sandbox.seeding import seed_books
from connectors.cin7_omni.sandbox.server import Server
from connectors.cin7_omni.sandbox.writes import MAX_BATCH, apply_batch, read_batch
from hub.errors import ConfigError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from connectors.cin7_omni.sandbox.fields import Record
    from hub.hookspecs import QuotaWindow
    from hub.rma import Rma
    from hub.sandbox import Fault


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Cin7Sandbox:
    """A Cin7 Omni account of invented data; implements :class:`hub.sandbox.Sandbox`.

    Args:
        seed: of every random choice; the same seed gives the same account.
        clock: aware UTC; stamps documents and counts the quota.
        username, api_key: what it accepts; invented.
        has_unique_references: False takes several documents under one reference.
        is_moved_negative: whether *Qty Moved* of a note is negative (U in Cin7).
        quota: call limits; empty for none.
        permissions: (resource, action) pairs that are ticked, such as ``("CreditNotes", "create")``.
        seconds_to_answer: how long a good answer takes.

    Attributes:
        on_refuse: closes the listening socket for that many seconds, or with 0 opens it; set by whoever
            serves the app.
        permissions: may be changed while it runs.
    """

    def __init__(  # noqa: PLR0913 - every knob is one that a test turns
        self,
        seed: int = 0,
        clock: Callable[[], datetime] = _utc_now,
        *,
        username: str = "sandbox",
        api_key: str = "sandbox-key",
        has_unique_references: bool = True,
        is_moved_negative: bool = False,
        quota: Iterable[QuotaWindow] = CIN7_WINDOWS,
        permissions: Iterable[tuple[str, str]] = ALL_PERMISSIONS,
        seconds_to_answer: float = 0.0,
    ) -> None:
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.credentials: Mapping[str, str] = {"username": username, "api_key": api_key}
        self.faults: Mapping[str, str] = FAULTS
        self.page_size = MAX_BATCH
        self.permissions = set(permissions)
        self.on_refuse: Callable[[float], None] | None = None
        self._clock = clock
        self._books = Books(
            dice.randrange(10_000, 90_000),
            has_unique_references=has_unique_references,
            is_moved_negative=is_moved_negative,
        )
        seed_books(self._books, dice, clock())
        self._faults = FaultBox(dice)
        front = Front(self._books, username=username, api_key=api_key, permissions=self.permissions)
        self._server = Server(
            front,
            Quota(quota),
            self._faults,
            clock=clock,
            dice=dice,
            seconds_to_answer=seconds_to_answer,
        )
        self.app = self._server.app

    def settings(self, url: str) -> Mapping[str, str]:
        """See :meth:`hub.sandbox.Sandbox.settings`."""
        return {"base_url": f"{url.rstrip('/')}/api"}

    def inject(self, fault: Fault) -> None:
        """Orders a fault; ``refuse`` acts at once, the others on the next call they fit.

        Raises:
            ConfigError: it is unknown, could never hit anything, or nobody can close the socket.
        """
        check_fault(fault)
        if fault.name != "refuse":
            self._faults.add(fault)
            return
        if self.on_refuse is None:
            raise ConfigError(
                "refuse needs someone to close the socket",
                fix="serve it with hub.testing.serving.SandboxServer",
            )
        self.on_refuse(DEFAULT_SECONDS["refuse"] if fault.seconds is None else fault.seconds)

    def clear_faults(self) -> None:
        """Behaves well again at once: opens a closed socket, applies what is late, answers what is slow.

        A call that hangs already keeps hanging.
        """
        self._faults.clear()
        self._server.lift()
        if self.on_refuse is not None:
            self.on_refuse(0)

    def documents(self) -> list[dict[str, Any]]:
        """Every credit note, oldest first; see :meth:`hub.sandbox.Sandbox.documents`."""
        return [warehouse.describe(note) for note in self._books.records(warehouse.NOTES)]

    def receive(
        self,
        document: str,
        quantities: Mapping[str, Decimal] | None = None,
        *,
        is_complete: bool = True,
        is_quantity_known: bool = True,
    ) -> dict[str, Any]:
        """Books goods in; see :func:`~.warehouse.receive` for corrections and errors."""
        note = warehouse.find_note(self._books, document)
        warehouse.receive(
            self._books,
            note,
            quantities,
            self._clock(),
            is_complete=is_complete,
            is_quantity_known=is_quantity_known,
        )
        return warehouse.describe(note)

    def void(self, document: str) -> dict[str, Any]:
        """Cancels a credit note in the UI. Raises NotFoundError when there is none."""
        note = warehouse.find_note(self._books, document)
        warehouse.void(self._books, note, self._clock())
        return warehouse.describe(note)

    def delete(self, document: str) -> None:
        """Deletes a credit note in the UI: a 404 by id from now on (I). Raises NotFoundError."""
        self._books.remove(warehouse.NOTES, warehouse.find_note(self._books, document)["id"])

    def bulk_touch(self, ids: Iterable[int]) -> None:
        """Edits credit notes in bulk: all get one identical ``modifiedDate``. Raises NotFoundError."""
        warehouse.touch(self._books, ids, self._clock())

    def calls(self) -> list[dict[str, Any]]:
        """Every call, oldest first; besides what the contract asks for, ``fault``: which one it met, or None.

        ``at`` is ISO 8601 UTC, ``query`` is decoded, ``status`` is None when no answer went out.
        """
        return [dict(call) for call in self._server.calls]

    def records(self, resource: str) -> list[Record]:
        """Copies of every record of a resource (``Branches``), in id order, as the API shows them."""
        return [dict(record) for record in self._books.records(resource)]

    def enter(self, reference: str, quantities: Mapping[str, Decimal]) -> dict[str, Any]:
        """See :meth:`hub.sandbox.Sandbox.enter`. Raises ConflictError when Cin7 would refuse it."""
        lines = [{"code": sku, "qty": -units} for sku, units in quantities.items()]
        values = {"reference": reference, "salesReference": f"order of {reference}", "lineItems": lines}
        try:
            note = transactions.create(self._books, transactions.CREDIT_NOTE, values, self._clock())
        except transactions.RefusedError as error:
            raise ConflictError(f"credit note {reference} was refused", why=str(error)) from error
        return warehouse.describe(note)

    def sell(self, rma: Rma) -> dict[str, Any]:
        """See :meth:`hub.sandbox.Sandbox.sell`. Gross prices, in the shop's currency."""
        units: Counter[tuple[str, Decimal]] = Counter()
        for item in rma.items:
            tax = Decimal(0) if item.is_tax_included else item.tax.shop.amount
            units[item.sku or "", item.paid.shop.amount + tax] += 1
        return self.add_sales_order(
            rma.order_name or f"RMA {rma.rma_id}",
            [{"code": sku, "qty": count, "unitPrice": price} for (sku, price), count in units.items()],
            currency=rma.items[0].paid.shop.currency if rma.items else transactions.ACCOUNT_CURRENCY,
            member_email=(rma.customer.email if rma.customer else None) or "",
        )

    def add_sales_order(
        self,
        reference: str,
        lines: Sequence[Mapping[str, Any]],
        *,
        currency: str = transactions.ACCOUNT_CURRENCY,
        member_email: str = "",
        branch_id: int | None = None,
        customer_order_no: str = "",
        tax_status: str = "Incl",
    ) -> Record:
        """Places an order.

        Args:
            reference: what credit notes will name as ``salesReference``.
            lines: in Cin7's spelling, such as ``{"code": "SKU-001", "qty": 2}``; without a
                ``unitPrice`` the catalogue's.
            currency: ISO 4217.
            member_email: of the customer; linked when a contact has it.
            branch_id: None for the main branch.
            customer_order_no: the customer's own number.
            tax_status: ``Incl`` or ``Excl``.

        Returns:
            The order as the API shows it.

        Raises:
            ConflictError: Cin7 would refuse it.
        """
        order = {
            "reference": reference,
            "lineItems": [dict(line) for line in lines],
            "currencyCode": currency,
            "memberEmail": member_email,
            "branchId": branch_id,
            "customerOrderNo": customer_order_no,
            "taxStatus": tax_status,
        }
        readings = read_batch("SalesOrders", [order])
        (result,) = apply_batch(self._books, "SalesOrders", CREATE, readings, self._clock())
        made = self._books.get("SalesOrders", result["id"])
        if made is None:
            raise ConflictError(f"sales order {reference} was refused", why="; ".join(result["errors"]))
        return dict(made)
