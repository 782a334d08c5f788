"""What the warehouse received, dealt out to the RMA's items. Pure.

An ERP counts units of a SKU; the platform validates single units and may refund on it. A wrong "returned"
moves money, so wherever the count does not say *which* unit came, the unit stays unvalidated and a person is
asked (returngo/REFERENCE.md, "The RMA").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hub.outcomes import Receipt, ReceiptVerdict, ValidationState
from hub.rma_update.lines import match_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from hub.outcomes import ReceiptLine
    from hub.rma import Item


# More units of one SKU than any return has: an ERP's sentinel or a slip.
_MOST_UNITS = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemValidation:
    """What is known of one returned unit.

    Attributes:
        is_returned: None while nobody has said.
        is_restockable: None while nobody has said; the ERP's receipt never says it.
        validated_at: when the hub, or whoever said it, learnt it.
        source: who says so: for a receipt ``document <the ERP's id>``.
        reason: why it is not returned or not restockable; None when there is nothing to explain.
    """

    is_returned: bool | None
    is_restockable: bool | None
    validated_at: datetime
    source: str
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dealt:
    """What one receipt means for an RMA.

    Attributes:
        changes: ``returned_item_id`` → its validation, for those that were not validated before.
        state: the RMA's state with ``changes`` applied; None when the receipt says nothing about goods, so
            that the state stays what it was.
        flags: one sentence for each thing a person must look at; not empty exactly when ``flagged``.
    """

    changes: Mapping[str, ItemValidation]
    state: ValidationState | None
    flags: tuple[str, ...] = ()

    @property
    def flag(self) -> str | None:
        """The flags as the RMA's story tells them; None when there are none."""
        return f"Needs a person: {'; '.join(self.flags)}." if self.flags else None


def deal(
    items: Sequence[Item],
    receipt: Receipt,
    held: Mapping[str, ItemValidation],
    products: Mapping[str, str] | None = None,
) -> Dealt:
    """Deals a receipt out to the credited items of its RMA.

    Only a ``process`` receipt validates. Each SKU is judged by itself: where its count is certain its
    units are validated, whatever is wrong with another. Nothing that is held is ever changed or taken back.
    The same receipt with what it changed held gives no changes. With ``is_rest_not_returned`` what is missing
    from a complete receipt is validated as not returned; without it a person is asked.

    Args:
        items: those on the ERP's document, in the RMA's order; never those the customer keeps.
        receipt: what the ERP says now, in whole, not what changed since last time.
        held: what is known already, by ``returned_item_id``; ids of other items are of no account.
        products: ``returned_item_id`` → the ERP's product, from when the document was made; None knows none.
    """
    if receipt.verdict is ReceiptVerdict.IGNORE:
        return Dealt(changes={}, state=None)
    if receipt.verdict is ReceiptVerdict.FLAG:
        reason = receipt.reason or "the ERP's document is in a state that needs a person"
        return Dealt(changes={}, state=ValidationState.FLAGGED, flags=(reason,))
    flags: list[str] = []
    arrived: list[Item] = []
    missing: list[Item] = []
    groups, strange = match_lines(items, receipt.lines, products or {})
    for group in groups:
        came, sentences = _deal_sku(group.sku, group.units, group.lines, held, receipt)
        arrived += came
        flags += sentences
        if receipt.is_complete and receipt.is_rest_not_returned and not sentences:
            missing += [unit for unit in group.units if unit not in came and not _is_judged(unit, held)]
    flags += [
        f"the document has a line for {f'SKU {sku}' if sku else 'no SKU'}, which no credited item has"
        for sku in dict.fromkeys(line.sku.strip() for line in strange)
    ]
    validation = ItemValidation(
        is_returned=True,
        is_restockable=None,
        validated_at=receipt.seen_at,
        source=f"document {receipt.document_id}",
        reason=None,
    )
    absence = replace(validation, is_returned=False, reason="it was not among the goods that arrived")
    changes = {item.returned_item_id: validation for item in arrived}
    changes |= {item.returned_item_id: absence for item in missing}
    state = _state(items, {**held, **changes}, is_flagged=bool(flags))
    return Dealt(changes=changes, state=state, flags=tuple(flags))


def _deal_sku(
    sku: str,
    units: Sequence[Item],
    lines: Sequence[ReceiptLine],
    held: Mapping[str, ItemValidation],
    receipt: Receipt,
) -> tuple[Sequence[Item], list[str]]:
    """Gives the units of one SKU that are newly back, and what a person must look at."""
    received, problem = _count(sku, units, lines)
    if received is None:
        return (), [problem]
    back = sum(1 for unit in units if _is_back(unit, held))
    if received < back:
        fewer = f"the ERP says that {received} of SKU {sku} arrived, but {back} are validated already"
        return (), [f"{fewer}; none was taken back"]
    flags = []
    if receipt.is_complete and not receipt.is_rest_not_returned and received < len(units):
        flags.append(
            f"only {received} of {len(units)} of SKU {sku} arrived, and the warehouse is done; "
            "the missing ones are not validated"
        )
    new = received - back
    candidates = [unit for unit in units if not _is_judged(unit, held)]
    if new > len(candidates):
        flags.append(
            f"the ERP says that {received} of {len(units)} of SKU {sku} arrived, but some of these "
            "are held as not returned; those were left so"
        )
        return (), flags
    if 0 < new < len(candidates) and len({_terms(unit) for unit in candidates}) > 1:
        # The first wording is as it always was: what a person closed is known again by it.
        is_alike_but_for_parcel = len({_terms(unit)[1:] for unit in candidates}) == 1
        differ = "are in different parcels" if is_alike_but_for_parcel else "differ in price or resolution"
        flags.append(
            f"{received} of {len(units)} of SKU {sku} arrived, and they {differ}, so the count cannot tell "
            "which ones"
        )
        return (), flags
    return candidates[:new], flags


def _count(
    sku: str, units: Sequence[Item], lines: Sequence[ReceiptLine]
) -> tuple[int, str] | tuple[None, str]:
    """How many units of a SKU arrived, or None and the sentence that says why that is not certain."""
    problem = _unreadable(sku, units, lines)
    if problem:
        return None, problem
    expected = sum(int(line.expected) for line in lines)
    received = sum(int(line.received) for line in lines if line.received is not None)
    if expected != len(units):
        return None, f"the document asks for {expected} of SKU {sku}, but the RMA has {len(units)}"
    if received > expected:
        return None, f"{received} of SKU {sku} arrived, more than the {expected} that were to come"
    return received, ""


def _unreadable(sku: str, units: Sequence[Item], lines: Sequence[ReceiptLine]) -> str:
    """Why the lines of a SKU give no count at all; empty when they do."""
    if not sku:
        ids = ", ".join(unit.returned_item_id for unit in units)
        return f"item {ids} has no SKU, so the ERP's count cannot be matched to it"
    if not lines:
        return f"the document has no line for SKU {sku}, of which {len(units)} were to come"
    if any(line.received is None for line in lines):
        return f"the ERP does not say how many of SKU {sku} arrived"
    quantities = [quantity for line in lines for quantity in (line.expected, line.received)]
    if not all(quantity is None or _is_count(quantity) for quantity in quantities):
        return f"the ERP's quantity of SKU {sku} is not a whole number of units"
    return ""


def _is_count(quantity: Decimal) -> bool:
    return quantity.is_finite() and 0 <= quantity <= _MOST_UNITS and quantity % 1 == 0


def _is_back(unit: Item, held: Mapping[str, ItemValidation]) -> bool:
    validation = held.get(unit.returned_item_id)
    return validation is not None and validation.is_returned is True


def _is_judged(unit: Item, held: Mapping[str, ItemValidation]) -> bool:
    validation = held.get(unit.returned_item_id)
    return validation is not None and validation.is_returned is not None


def _terms(unit: Item) -> tuple[object, ...]:
    """What validating this unit may set off: units with equal terms are as good as one another.

    The parcel is one of them: it counts as received once its own units are validated.
    """
    return (
        unit.shipment_id,
        (unit.sku or "").strip(),
        unit.paid,
        unit.tax,
        unit.is_tax_included,
        unit.restocking_fee,
        unit.return_fee,
        unit.shipment_fee,
        unit.resolution_type,
        unit.resolution_name,
    )


def _state(
    items: Sequence[Item], known: Mapping[str, ItemValidation], *, is_flagged: bool
) -> ValidationState:
    if is_flagged:
        return ValidationState.FLAGGED
    back = sum(1 for item in items if _is_back(item, known))
    if back == 0:
        return ValidationState.NONE
    return ValidationState.FULL if back == len(items) else ValidationState.PARTIAL
