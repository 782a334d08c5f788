"""What the stand-in account holds: every record of every resource, and how to find one. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.sandbox.fields import load_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.cin7_omni.sandbox.fields import Field, Record

READ, CREATE, UPDATE = "read", "create", "update"
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource of the API.

    Attributes:
        name: as in the path.
        record: its record in the field table.
        actions: what this sandbox does of it; Cin7 has more (DELETE of contacts and payments, for one).
    """

    name: str
    record: str
    actions: frozenset[str] = frozenset({READ})

    @property
    def table(self) -> Mapping[str, Field]:
        """Its fields."""
        return load_tables()[self.record]


_ALL = (
    Resource(name="CreditNotes", record="CreditNote", actions=frozenset({READ, CREATE, UPDATE})),
    Resource(name="SalesOrders", record="SalesOrder", actions=frozenset({READ, CREATE, UPDATE})),
    Resource(name="Contacts", record="Contact", actions=frozenset({READ, CREATE})),
    Resource(name="Payments", record="Payment", actions=frozenset({READ, CREATE})),
    Resource(name="Branches", record="Branch"),
    Resource(name="Products", record="Product"),
    Resource(name="ProductOptions", record="ProductOption"),
    Resource(name="ProductCategories", record="ProductCategory"),
    Resource(name="Stock", record="StockUnit"),
)
RESOURCES: Mapping[str, Resource] = {resource.name: resource for resource in _ALL}
ALL_PERMISSIONS = frozenset((resource.name, action) for resource in _ALL for action in resource.actions)
"""Every (resource, action) that an API connection can have ticked here."""


class Books:
    """The account's records.

    Args:
        first_id: ids count up from here, one row of numbers for everything, so an id names one record.
        has_unique_references: whether a second document under a reference is refused (D).
        is_moved_negative: whether *Qty Moved* of a credit note is shown negative, like its ``qty``; which
            Cin7 does is unknown (U).
    """

    def __init__(
        self, first_id: int = 1, *, has_unique_references: bool = True, is_moved_negative: bool = False
    ) -> None:
        self.has_unique_references = has_unique_references
        self.is_moved_negative = is_moved_negative
        self._ids = itertools.count(first_id)
        self._records: dict[str, dict[int, Record]] = {name: {} for name in RESOURCES}
        self._by_reference: dict[tuple[str, str], set[int]] = {}
        self._options: dict[tuple[str, str], Record] = {}
        self._stock: dict[tuple[int, int], Record] = {}

    def new_id(self) -> int:
        """A number never given before."""
        return next(self._ids)

    def records(self, resource: str) -> Iterable[Record]:
        """Everything of one resource, in id order."""
        return self._records[resource].values()

    def get(self, resource: str, record_id: int) -> Record | None:
        """One record; None when there is none."""
        return self._records[resource].get(record_id)

    def add(self, resource: str, record: Record) -> None:
        """Takes in a new record whose ``id`` came from :meth:`new_id`."""
        self._records[resource][record["id"]] = record
        self._index_reference(resource, record)
        if resource == "ProductOptions":
            self._options["code", record["code"].casefold()] = record
            self._options["barcode", record["barcode"].casefold()] = record

    def replace(self, resource: str, record: Record) -> None:
        """Puts a changed record in the place of the one with its id."""
        self._forget_reference(resource, self._records[resource][record["id"]])
        self._records[resource][record["id"]] = record
        self._index_reference(resource, record)

    def remove(self, resource: str, record_id: int) -> None:
        """Forgets a record; its reference is free again (I)."""
        self._forget_reference(resource, self._records[resource].pop(record_id))

    def holders(self, resource: str, reference: str) -> set[int]:
        """Ids of the documents under a reference, void ones too; compared without case."""
        return self._by_reference.get((resource, reference.casefold()), set())

    def find_option(self, line: Record) -> Record | None:
        """The product option that a line names by ``productOptionId``, ``code`` or ``barcode`` (D)."""
        if line.get("productOptionId"):
            return self.get("ProductOptions", line["productOptionId"])
        keys = [(name, str(line.get(name) or "").casefold()) for name in ("code", "barcode")]
        return next((self._options[key] for key in keys if key[1] and key in self._options), None)

    def find_contact(self, email: str) -> Record | None:
        """The contact with an e-mail address, compared without case; None when there is none."""
        wanted = email.casefold()
        return next((each for each in self.records("Contacts") if each["email"].casefold() == wanted), None)

    def main_branch_id(self) -> int:
        """Where stock goes when a document names no branch (D): the oldest branch."""
        return next(iter(self._records["Branches"]))

    def add_stock(self, record: Record) -> None:
        """Takes in the stock row of one option in one branch."""
        key = (record["productOptionId"], record["branchId"])
        self._stock[key] = record
        self._records["Stock"][len(self._stock)] = record

    def move_stock(self, option_id: int, branch_id: int, units: Decimal) -> None:
        """Changes what is on hand; an option that is not in the catalogue has no stock to change."""
        row = self._stock.get((option_id, branch_id))
        if row is not None:
            row["stockOnHand"] += units
            row["available"] += units

    def _index_reference(self, resource: str, record: Record) -> None:
        if "reference" in record:
            key = (resource, record["reference"].casefold())
            self._by_reference.setdefault(key, set()).add(record["id"])

    def _forget_reference(self, resource: str, record: Record) -> None:
        self.holders(resource, record.get("reference", "")).discard(record["id"])
