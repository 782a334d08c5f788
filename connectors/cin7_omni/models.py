"""Rows of the Cin7 Omni API in its own spelling, read with forgiveness.

Only what the connector uses is read. A field that is absent, null or of another type than documented
becomes None: a remote that changes a detail must not stop everything. Field names and types:
https://api.cin7.com/api/Help (``fields.json`` beside this file).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAX_STATUS = {"incl": False, "1": False, "excl": True, "2": True}
"""Undefined, 0, and Exempt, 3, say nothing about the prices (a production client's table)."""
_LARGEST_ID = 2**63 - 1
_DIGITS_OF_A_COUNT = 15
_LAST_YEAR_OF_NO_DATE = 1900


def read_text(row: Mapping[str, Any], name: str) -> str | None:
    """A string field; numbers become text; blanks become None."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def read_id(row: Mapping[str, Any], name: str) -> int | None:
    """A positive whole number, also one written as text; anything else is None."""
    value = row.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS_OF_A_COUNT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST_ID:
        return None
    return value


def read_number(row: Mapping[str, Any], name: str) -> Decimal | None:
    """A finite number of a size that a quantity or an amount can have; anything else is None."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS_OF_A_COUNT:
        return None
    return number


def read_when(row: Mapping[str, Any], name: str) -> datetime | None:
    """A date as aware UTC. Cin7 writes ``yyyy-MM-ddTHH:mm:ssZ``; without a zone it is UTC all the same."""
    value = row.get(name)
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value.strip())
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # An unset date of the platform Cin7 runs on prints as the year 1, and must not count as "received".
    return when if when.year > _LAST_YEAR_OF_NO_DATE else None


def read_rows(row: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects; what is not an object in it is left out."""
    value = row.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeRow:
    """One size of a line in an account with size ranges; ``sizes`` is undocumented and was seen live."""

    code: str | None
    barcode: str | None
    qty: Decimal | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Reads one element of a line's ``sizes``."""
        return cls(
            code=read_text(row, "code"), barcode=read_text(row, "barcode"), qty=read_number(row, "qty")
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteLine:
    """One line of a credit note or a sales order.

    Attributes:
        code: the SKU; in accounts with size ranges the style; None on money-only lines.
        qty: signed as Cin7 gives it: negative on a credit note brings stock back.
        qty_shipped: shown as *Qty Moved*; None when Cin7 does not say. Its sign on a note is unknown.
        is_child: True for a part of a bundle, which its parent line already stands for.
        sizes: what an account with size ranges keeps under a line; empty in all others.
    """

    code: str | None
    qty: Decimal | None
    qty_shipped: Decimal | None
    product_option_id: int | None
    is_child: bool
    barcode: str | None = None
    unit_price: Decimal | None = None
    sizes: tuple[SizeRow, ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Reads one element of ``lineItems``."""
        return cls(
            code=read_text(row, "code"),
            qty=read_number(row, "qty"),
            qty_shipped=read_number(row, "qtyShipped"),
            product_option_id=read_id(row, "productOptionId"),
            is_child=read_id(row, "parentId") is not None,
            barcode=read_text(row, "barcode"),
            unit_price=read_number(row, "unitPrice"),
            sizes=tuple(SizeRow.read(each) for each in read_rows(row, "sizes")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CreditNoteRow:
    """A credit note as a list or a look by id shows it.

    Attributes:
        status: in capitals: ``DRAFT, APPROVED, VOID`` were seen; None when absent.
        internal_comments: where our marker stands; empty when there are none.
    """

    id: int
    reference: str | None
    sales_reference: str | None
    status: str | None
    internal_comments: str
    created_at: datetime | None
    modified_at: datetime | None
    completed_at: datetime | None
    logistics_status: int | None
    lines: tuple[NoteLine, ...]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self | None:
        """Reads one row; None when it has no id, so that nothing can be said about it."""
        note_id = read_id(row, "id")
        if note_id is None:
            return None
        comments = row.get("internalComments")
        logistics_status = row.get("logisticsStatus")
        is_number = isinstance(logistics_status, int) and not isinstance(logistics_status, bool)
        status = read_text(row, "status")
        return cls(
            id=note_id,
            reference=read_text(row, "reference"),
            sales_reference=read_text(row, "salesReference"),
            status=status.upper() if status else None,
            internal_comments=comments if isinstance(comments, str) else "",
            created_at=read_when(row, "createdDate"),
            modified_at=read_when(row, "modifiedDate"),
            completed_at=read_when(row, "completedDate"),
            logistics_status=logistics_status if is_number else None,
            lines=tuple(NoteLine.read(each) for each in read_rows(row, "lineItems")),
        )

    @property
    def is_void(self) -> bool:
        """True when somebody cancelled the note in Cin7."""
        return self.status == "VOID"


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchRow:
    """A branch: a place that holds stock."""

    id: int
    company: str
    is_active: bool

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self | None:
        """Reads one row; None when it has no id."""
        branch_id = read_id(row, "id")
        if branch_id is None:
            return None
        company = read_text(row, "company") or f"branch {branch_id}"
        return cls(id=branch_id, company=company, is_active=row.get("isActive") is not False)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderRow:
    """A sales order.

    Attributes:
        customer_order_no: the customer's own number for it.
        currency_code: three capitals; None when absent.
        emails: the buyer's and the linked customer's, which may differ; as far as the order has them.
        name: the buyer's first and last name, else the company; None when absent.
        is_net: True where the lines' prices are without tax (``taxStatus`` Excl); None when it does not say.
        kept: those fields of the row that are read here, in Cin7's spelling: read again, they give the same.
    """

    id: int
    reference: str | None
    customer_order_no: str | None
    member_id: int | None
    branch_id: int | None
    currency_code: str | None
    is_void: bool
    lines: tuple[NoteLine, ...]
    emails: tuple[str, ...] = ()
    name: str | None = None
    is_net: bool | None = None
    kept: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self | None:
        """Reads one row; None when it has no id."""
        order_id = read_id(row, "id")
        if order_id is None:
            return None
        currency = read_text(row, "currencyCode")
        return cls(
            id=order_id,
            reference=read_text(row, "reference"),
            customer_order_no=read_text(row, "customerOrderNo"),
            member_id=read_id(row, "memberId"),
            branch_id=read_id(row, "branchId"),
            currency_code=currency.upper() if currency else None,
            is_void=row.get("isVoid") is True or (read_text(row, "status") or "").upper() == "VOID",
            lines=tuple(NoteLine.read(each) for each in read_rows(row, "lineItems")),
            emails=tuple(filter(None, (read_text(row, "email"), read_text(row, "memberEmail")))),
            name=" ".join(filter(None, (read_text(row, "firstName"), read_text(row, "lastName"))))
            or read_text(row, "company"),
            is_net=_TAX_STATUS.get((read_text(row, "taxStatus") or "").casefold()),
            kept={name: row[name] for name in _ORDER_FIELDS if row.get(name) is not None}
            | {"lineItems": [_kept_line(each) for each in read_rows(row, "lineItems")]},
        )


_ORDER_FIELDS = (
    *("id", "reference", "customerOrderNo", "memberId", "branchId", "currencyCode", "isVoid", "status"),
    *("email", "memberEmail", "firstName", "lastName", "company", "taxStatus"),
)
_LINE_FIELDS = (
    *("code", "qty", "qtyShipped", "productOptionId", "parentId", "barcode", "unitPrice", "sizes"),
)


def _kept_line(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _LINE_FIELDS if row.get(name) is not None}
