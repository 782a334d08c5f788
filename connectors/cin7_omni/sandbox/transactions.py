"""Makes and changes the two documents: credit notes and sales orders. Pure.

What Cin7 fills in by itself: reference, member, branch, totals, status, the products behind the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.sandbox import warehouse
from connectors.cin7_omni.sandbox.books import RESOURCES, ZERO
from connectors.cin7_omni.sandbox.fields import blank_record, format_time, missing_fields

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.cin7_omni.sandbox.books import Books
    from connectors.cin7_omni.sandbox.fields import Record

ACCOUNT_CURRENCY = "USD"
ACCOUNT_TAX_STATUS = "Excl"
"""What the account uses where a document says nothing (D that there is a default; which one is ours)."""

MAX_TAX_RATE = 100
_CENT = Decimal("0.01")


class RefusedError(Exception):
    """One record cannot be taken.

    Attributes:
        problems: what its ``errors`` will say; the texts are unknown (U).
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How one of the two documents differs from the other.

    Attributes:
        prefix: of the references that Cin7 makes itself; the real form is unknown.
        sign: of ``qty`` where goods move the document's own way: returned stock is negative (D).
        moved: the date that moves the stock.
        number, numbered: the number that Cin7 gives once a date is there (D for orders, I for notes).
    """

    resource: str
    prefix: str
    sign: int
    moved: str
    number: str
    numbered: str


CREDIT_NOTE = Kind(
    resource="CreditNotes",
    prefix="CRN",
    sign=-1,
    moved="completedDate",
    number="creditNoteNumber",
    numbered="creditNoteDate",
)
SALES_ORDER = Kind(
    resource="SalesOrders",
    prefix="SO",
    sign=1,
    moved="dispatchedDate",
    number="invoiceNumber",
    numbered="invoiceDate",
)
KINDS = {kind.resource: kind for kind in (CREDIT_NOTE, SALES_ORDER)}


def create(
    books: Books, kind: Kind, values: Record, now: datetime, *, is_duplicate_allowed: bool = False
) -> Record:
    """Adds a document. ``values`` are those of a :class:`~.fields.Reading` without problems.

    Raises:
        RefusedError: nothing was added.
    """
    draft = blank_record(RESOURCES[kind.resource].table) | {
        "id": books.new_id(),
        "createdDate": format_time(now),
        "isApproved": True,
        "currencyRate": Decimal(1),
        "source": "API",
        "accountingAttributes": {"importDate": None, "accountingImportStatus": "NotImported"},
    }
    problems = ["id is given by Cin7."] if values.get("id") else []
    draft |= {name: value for name, value in values.items() if name not in {"id", "lineItems"}}
    draft["reference"] = draft["reference"].strip() or f"{kind.prefix}-{draft['id']}"
    draft["lineItems"] = _build_lines(books, kind, values.get("lineItems", []), draft, now, problems)
    _finish(books, kind, draft, values, now, problems, is_duplicate_allowed=is_duplicate_allowed)
    books.add(kind.resource, draft)
    if draft[kind.moved]:
        warehouse.move_everything(books, draft, kind.sign)
    return draft


def update(
    books: Books, kind: Kind, values: Record, now: datetime, *, is_duplicate_allowed: bool = False
) -> Record:
    """Changes a document: what is absent stays, "" clears (D). ``lineItems`` replaces all lines (U).

    Raises:
        RefusedError: nothing was changed.
    """
    held = books.get(kind.resource, values.get("id", 0))
    if held is None:
        raise RefusedError(["id was not found."])
    if held["status"] == "VOID":
        raise RefusedError(["A void transaction cannot be changed."])  # I
    problems: list[str] = []
    draft = held | {name: value for name, value in values.items() if name != "lineItems"}
    draft["reference"] = draft["reference"].strip() or held["reference"]
    if "lineItems" in values:
        draft["lineItems"] = _build_lines(books, kind, values["lineItems"], held, now, problems)
    _finish(books, kind, draft, values, now, problems, is_duplicate_allowed=is_duplicate_allowed)
    books.replace(kind.resource, draft)
    if draft[kind.moved] and not held[kind.moved]:
        warehouse.move_everything(books, draft, kind.sign)
    return draft


def _finish(
    books: Books,
    kind: Kind,
    draft: Record,
    values: Record,
    now: datetime,
    problems: list[str],
    *,
    is_duplicate_allowed: bool,
) -> None:
    """Fills in what Cin7 works out, and refuses what does not hold together."""
    problems += missing_fields(RESOURCES[kind.resource].table, draft)
    others = books.holders(kind.resource, draft["reference"]) - {draft["id"]}
    if others and books.has_unique_references and not is_duplicate_allowed:
        problems.append(f"Reference '{draft['reference']}' already exists.")
    _link_member(books, draft, values, problems)
    draft["branchId"] = draft["branchId"] or books.main_branch_id()
    draft["currencyCode"] = draft["currencyCode"] or ACCOUNT_CURRENCY
    draft["taxStatus"] = draft["taxStatus"] or ACCOUNT_TAX_STATUS
    if books.get("Branches", draft["branchId"]) is None:
        problems.append(f"Branch {draft['branchId']} was not found.")  # I
    if len(draft["currencyCode"]) != len("USD"):
        problems.append("currencyCode must have three letters.")
    if not 0 <= draft["taxRate"] <= MAX_TAX_RATE:
        problems.append(f"taxRate must be from 0 to {MAX_TAX_RATE}.")
    if problems:
        raise RefusedError(problems)
    _add_up(draft, kind.sign)
    is_void = draft.get("isVoid", False)
    draft["status"] = "VOID" if is_void else "APPROVED" if draft["isApproved"] else "DRAFT"
    if draft[kind.numbered] and not draft[kind.number]:
        draft[kind.number] = draft["id"]
    draft["modifiedDate"] = format_time(now)


def _link_member(books: Books, draft: Record, values: Record, problems: list[str]) -> None:
    """``memberId`` or ``memberEmail`` links the customer (D).

    An id nobody has can only be a mistake, so it is refused. What Cin7 does with an address it does not
    know is unknown: here the document keeps the address and stays without a member.
    """
    if values.get("memberId"):
        contact = books.get("Contacts", values["memberId"])
        if contact is None:
            problems.append(f"Member {values['memberId']} was not found.")
        else:
            draft["memberEmail"] = contact["email"]
    elif values.get("memberEmail"):
        contact = books.find_contact(values["memberEmail"])
        draft["memberId"] = contact["id"] if contact else 0


def _build_lines(
    books: Books, kind: Kind, given: list[Record], document: Record, now: datetime, problems: list[str]
) -> list[Record]:
    held = {line["id"]: line for line in document["lineItems"]}
    table = RESOURCES[kind.resource].table["lineItems"].children
    lines = []
    for position, values in enumerate(given):
        line = held.get(values.get("id", 0))
        if line is None:
            line = blank_record(table) | {"id": books.new_id(), "createdDate": format_time(now)}
            # Nothing moved yet. Whether Cin7 shows null or 0 then is unknown.
            line |= {"transactionId": document["id"], "sort": position + 1, "qtyShipped": None}
        path = f"lineItems[{position}]"
        if "qty" not in values and line["id"] not in held:
            problems.append(f"{path}.qty is required.")
        line = line | {name: value for name, value in values.items() if name != "id"}
        _link_product(books, line, values, path, problems)
        lines.append(line)
    return lines


def _link_product(books: Books, line: Record, values: Record, path: str, problems: list[str]) -> None:
    """Fills in what the catalogue knows.

    A code that is in no catalogue is taken as it is, with ``productOptionId`` 0 (U): it moves no stock.
    """
    option = books.find_option(line)
    if option is None:
        if line["productOptionId"]:
            problems.append(f"{path}.productOptionId {line['productOptionId']} was not found.")
        elif not (line["code"] or line["barcode"] or line["name"]):
            problems.append(f"{path} needs a code, productOptionId, barcode or name.")
        return
    product = books.get("Products", option["productId"]) or {}
    line |= {
        "productId": option["productId"],
        "productOptionId": option["id"],
        "code": option["code"],
        "barcode": option["barcode"],
        "styleCode": product.get("styleCode", ""),
        "name": line["name"] or product.get("name", ""),
    }
    if "unitPrice" not in values and not line["unitPrice"]:
        line["unitPrice"] = option["retailPrice"]


def _add_up(draft: Record, sign: int) -> None:
    """Works out the totals.

    Our reading (U): a note's total is what is credited, as a positive amount. A line credits
    ``-qty * unitPrice - discount``, so returned units (negative ``qty``) credit, and a line with a positive
    ``qty`` charges. With ``taxStatus`` Incl prices are gross; with Excl tax comes on top.
    """
    lines = draft["lineItems"]
    products = sum((sign * line["qty"] * line["unitPrice"] - line["discount"] for line in lines), ZERO)
    net = products - draft["discountTotal"] + draft["freightTotal"] + draft["surcharge"]
    tax = ZERO
    if draft["taxStatus"] == "Excl":
        tax = (net * draft["taxRate"] / 100).quantize(_CENT, ROUND_HALF_UP)
    draft["productTotal"] = products
    draft["total"] = net + tax
