"""A return authorisation as rows: what is written for a delivery, and whose the rows are that are seen. Pure.

The RMA number is both the name we choose and Peoplevox's key; a second id is not known. The columns of the
save templates are not known (``peoplevox/REFERENCE.md``); ``connect`` compares ours with the account's.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.peoplevox_stub.wire import read_rows, write_rows
from hub.mapping.exact_json import write_json
from hub.mapping.values import read_value, work_out
from hub.outcomes import Document, Prepared, Rejected, Sighting, SightingKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from hub.hookspecs import Delivery

RETURNS = "Return authorisations"
ITEMS = "Return authorisation items"
"""Template to write with and report to read by: that one name does for both is our guess."""
NUMBER, LINE, SKU, QUANTITY, COMMENTS = (
    "RMA number",
    "RMA item line number",
    "Item code",
    "Quantity",
    "Comments",
)
COLUMNS = {
    RETURNS: (NUMBER, "Sales order number", COMMENTS),
    ITEMS: (NUMBER, LINE, SKU, QUANTITY, COMMENTS),
}
STATUS, RETURNED_AT, CONDITION = "RMA status", "Return date", "Return condition"

_MARKER = re.compile(r"\s*\[hub:(?P<delivery_id>\S+) rma:(?P<rma_id>[^\]]+)\]")

Row = dict[str, str]


def marker(delivery_id: str, rma_id: str) -> str:
    """The sign of one delivery's rows: its comments start with it."""
    return f"[hub:{delivery_id} rma:{rma_id}]"


def read_marker(comments: str) -> tuple[str, str] | None:
    """The delivery's and the return's id; None when no hub wrote the row."""
    match = _MARKER.match(comments)
    return (match["delivery_id"], match["rma_id"]) if match else None


# --- what is written ----------------------------------------------------------------------------------


def prepare(delivery: Delivery) -> Prepared | Rejected:
    """The rows of one delivery, as CSV text that goes out as it stands."""
    rma = delivery.rma
    if not rma.rma_id.isprintable() or any(each in rma.rma_id for each in '"\\]'):
        reason = f"the return's number {rma.rma_id!r} cannot stand in a search of Peoplevox"
        return _rejected(delivery, reason, "write the return authorisation by hand: hub deliveries resolve")
    units = Counter((item.sku or "").strip() for item in delivery.items)
    for sku in units:
        if not sku or not sku.isprintable():
            reason = f"an item has {f'the SKU {sku!r}, which cannot be written' if sku else 'no SKU'}"
            fix = "give the product a SKU in the shop, then send the return again: hub deliveries retry"
            return _rejected(delivery, reason, fix)
    number = f"RMA {rma.rma_id}"
    order = " ".join((rma.order_name or "").split())
    comments = marker(delivery.delivery_id, rma.rma_id)
    origins = {RETURNS: "the return", ITEMS: "the return's items, one row for each SKU"}
    warnings = [] if order else ["the return names no order, so the sales order number is empty"]
    if delivery.location_id is not None:
        warnings.append(f"the return method's location {delivery.location_id} is not used")
    if (raw := delivery.mapping.get("comments")) is not None:
        worked = work_out(read_value(raw), delivery)
        comments += f" {' '.join(str(worked.value or '').split())}".rstrip()
        origins[COMMENTS] = worked.origin
        warnings += [f"{name} is empty in the mapping for this return" for name in worked.empty]
    lines = [
        (number, str(line), sku, str(count), comments) for line, (sku, count) in enumerate(units.items(), 1)
    ]
    rows = {RETURNS: write_rows([(number, order, comments)]), ITEMS: write_rows(lines)}
    return Prepared(
        delivery_id=delivery.delivery_id,
        reference=number,
        request=write_json(rows),
        origins=origins,
        warnings=tuple(warnings),
        units={sku: Decimal(count) for sku, count in units.items()},
    )


def _rejected(delivery: Delivery, reason: str, fix: str) -> Rejected:
    return Rejected(delivery_id=delivery.delivery_id, reason=reason, fix=fix)


def batch(template: str, deliveries: Iterable[Delivery]) -> str:
    """The CSV of one save: the header, and each delivery's frozen rows."""
    rows = [json.loads(each.prepared.request)[template] for each in deliveries if each.prepared is not None]
    return write_rows([COLUMNS[template]]) + "".join(rows)


# --- whose it is --------------------------------------------------------------------------------------


def named(numbers: Iterable[str]) -> str:
    """The clause that finds rows by RMA number; empty when there is none to ask for.

    How a quote is escaped is not known: a number with one is left out, and the hub writes none.
    """
    asked = sorted({each for each in numbers if each and '"' not in each})
    return " OR ".join(f'([{NUMBER}].Equals("{each}"))' for each in asked)


def names(delivery: Delivery) -> set[str]:
    """Every number that the delivery's document may have."""
    prepared = delivery.prepared
    known = {*delivery.references, prepared and prepared.reference, delivery.document_id}
    return {each for each in known if each}


def sought(deliveries: Sequence[Delivery]) -> str:
    """The clause that finds the rows of deliveries by number, and by marker whatever they are called."""
    marked = [f'([{COMMENTS}].Contains("hub:{each.delivery_id} "))' for each in deliveries]
    numbered = named(name for each in deliveries for name in names(each))
    return " OR ".join([*marked, numbered] if numbered else marked)


def by_number(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows gathered by RMA number."""
    gathered: dict[str, list[Row]] = {}
    for row in rows:
        gathered.setdefault(row.get(NUMBER, "").strip(), []).append(row)
    return gathered


def judge(delivery: Delivery, found: Mapping[str, list[Row]], cancelled: Collection[str]) -> Sighting:
    """Decides what was found for one delivery among all rows read, gathered by RMA number.

    Rows of which some are missing are ``absent``: the save broke off, and the same save completes them.
    """
    known = {each.casefold() for each in names(delivery)}
    markers = {number: {read_marker(row.get(COMMENTS, "")) for row in rows} for number, rows in found.items()}
    of_return = [
        number
        for number, those in markers.items()
        if number == delivery.document_id or any(each and each[1] == delivery.rma.rma_id for each in those)
    ]
    if not of_return:
        foreign = [number for number in found if number.casefold() in known]
        reason = "Peoplevox already holds a return authorisation of our number that the hub did not make"
        return _sighting(delivery, SightingKind.FOREIGN if foreign else SightingKind.ABSENT, foreign, reason)
    if len(of_return) > 1:
        reason = f"Peoplevox holds {len(of_return)} return authorisations of this return"
        return _sighting(delivery, SightingKind.SEVERAL, of_return, reason)
    (number,) = of_return
    if has_state(found[number], cancelled):
        reason = f"return authorisation {number} of this return was cancelled in Peoplevox"
        return _sighting(delivery, SightingKind.VOID, of_return, reason)
    is_whole, is_alike = _compare(delivery, found[number])
    if number == delivery.document_id:
        return _sighting(delivery, SightingKind.OURS, of_return)
    if (delivery.delivery_id, delivery.rma.rma_id) in markers[number]:
        return _sighting(delivery, SightingKind.OURS if is_whole else SightingKind.ABSENT, of_return)
    reason = f"Peoplevox already holds {number}, which a hub made for this return under another delivery"
    return _sighting(delivery, SightingKind.FOREIGN, of_return, reason, is_of_this_rma=is_alike)


def has_state(rows: Iterable[Row], states: Collection[str]) -> bool:
    """True when a row is in one of these states, compared without case."""
    wanted = {each.casefold() for each in states}
    return any(row.get(STATUS, "").strip().casefold() in wanted for row in rows)


def _compare(delivery: Delivery, rows: Sequence[Row]) -> tuple[bool, bool]:
    """Whether no line of the frozen rows is missing, and whether the goods are the same."""
    if delivery.prepared is None:
        return True, False
    asked = read_rows(batch(ITEMS, [delivery]), ITEMS)
    is_whole = {row[LINE] for row in asked} <= {row.get(LINE, "").strip() for row in rows}
    return is_whole, _goods(asked) == _goods(rows)


def _goods(rows: Iterable[Row]) -> Counter[tuple[str, str]]:
    return Counter((row.get(SKU, "").strip().casefold(), row.get(QUANTITY, "").strip()) for row in rows)


def _sighting(
    delivery: Delivery,
    kind: SightingKind,
    numbers: Sequence[str],
    reason: str = "",
    *,
    is_of_this_rma: bool = False,
) -> Sighting:
    is_there = kind is not SightingKind.ABSENT
    return Sighting(
        delivery_id=delivery.delivery_id,
        kind=kind,
        documents=tuple(Document(document_id=each, reference=each) for each in numbers if is_there),
        reason=reason if is_there else "",
        is_of_this_rma=is_of_this_rma,
    )
