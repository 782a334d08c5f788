"""Which lines of an ERP's document are about which items of an RMA. Pure.

The platform and the ERP name one product alike at best. What the request was made with comes first: the
product that the ERP itself found for an item. Then the exact SKU; then the SKU without case and outer blanks,
where that leaves no choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.outcomes import ReceiptLine
    from hub.rma import Item


@dataclass(kw_only=True, slots=True)
class Group:
    """Items that are one product to the ERP, with the document's lines of it.

    Attributes:
        sku: what people call it: as on the first item.
        units: the items.
        lines: none when the document has none for them.
    """

    sku: str
    units: list[Item] = field(default_factory=list)
    lines: list[ReceiptLine] = field(default_factory=list)


def match_lines(
    items: Sequence[Item], lines: Sequence[ReceiptLine], products: Mapping[str, str]
) -> tuple[list[Group], list[ReceiptLine]]:
    """Groups the items by the document's lines.

    Args:
        items: the credited ones, in the RMA's order.
        lines: the document's.
        products: ``returned_item_id`` → the ERP's product, as far as it is known.

    Returns:
        The groups, and the lines that are about no item. An item that could belong to several products of the
        document stands in a group without lines.
    """
    of_sku: dict[str, set[str]] = {}
    for line in lines:
        of_sku.setdefault(line.sku.strip(), set()).update([line.product] if line.product is not None else [])
    by_key: dict[tuple[str, str], list[ReceiptLine]] = {}
    for line in lines:
        by_key.setdefault(_key(line, of_sku[line.sku.strip()]), []).append(line)
    by_product = {line.product: ("product", line.product) for line in lines if line.product is not None}
    folds: dict[str, list[tuple[str, str]]] = {}
    for key, of_key in by_key.items():
        for fold in dict.fromkeys(_fold(line.sku) for line in of_key):
            folds.setdefault(fold, []).append(key)
    groups: dict[tuple[str, str], Group] = {}
    for item in items:
        sku = (item.sku or "").strip()
        key = _key_of(sku, by_product.get(products.get(item.returned_item_id, "")), folds, by_key)
        group = groups.setdefault(key, Group(sku=sku, lines=by_key.get(key, [])))
        group.units.append(item)
    strange = [line for key, of_key in by_key.items() if key not in groups for line in of_key]
    return list(groups.values()), strange


def _key_of(
    sku: str,
    linked: tuple[str, str] | None,
    folds: Mapping[str, Sequence[tuple[str, str]]],
    by_key: Mapping[tuple[str, str], Sequence[ReceiptLine]],
) -> tuple[str, str]:
    """The product of the document that an item is; one of its own when there is none or a choice."""
    if linked is not None:
        return linked
    candidates = folds.get(_fold(sku), [])
    if len(candidates) == 1:
        return candidates[0]
    exact = [key for key in candidates if any(line.sku.strip() == sku for line in by_key[key])]
    return exact[0] if len(exact) == 1 else ("none", sku)


def _key(line: ReceiptLine, products: set[str]) -> tuple[str, str]:
    """What makes lines one product: the ERP's own name of it, else the SKU as it is written.

    Args:
        line: the line.
        products: those that the document's lines of its SKU name; a line that names none is of the only one.
    """
    product = line.product if line.product is not None or len(products) != 1 else next(iter(products))
    return ("product", product) if product is not None else ("sku", line.sku.strip())


def _fold(sku: str) -> str:
    return sku.strip().casefold()
