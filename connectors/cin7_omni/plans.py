"""What a delivery asks for, before anything is looked up, pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.cin7_omni.mapping import CompiledMapping, MappingProblemsError, compile_mapping
from connectors.cin7_omni.marker import is_marked, marked_rma
from connectors.cin7_omni.prices import RefusalError
from connectors.cin7_omni.references import Name, name_note, name_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.cin7_omni.config import Settings
    from connectors.cin7_omni.models import CreditNoteRow
    from connectors.cin7_omni.orders import FoundOrder
    from hub.hookspecs import Delivery
    from hub.rma import Item


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One delivery with its mapping read, its names worked out and its items chosen.

    Attributes:
        items: those whose resolution is credited; never empty.
        left_off: ``returned_item_id`` → why, for each item that is not.
    """

    delivery: Delivery
    mapping: CompiledMapping
    reference: Name
    sales_reference: Name
    items: tuple[Item, ...]
    left_off: Mapping[str, str]

    @property
    def order_names(self) -> tuple[str, ...]:
        """What the sales order may be called, most likely first."""
        order_name = " ".join((self.delivery.rma.order_name or "").split())
        return tuple(dict.fromkeys(name for name in (self.sales_reference.text, order_name) if name))

    def sales_reference_for(self, found: FoundOrder | None) -> str:
        """The sales reference once the order is known.

        An order found by the customer's number has a reference of its own, and only that links the note
        to it; what the mapping says stays.
        """
        order = None if found is None else found.order
        if order is not None and order.reference is not None and self.sales_reference.is_built_in:
            return order.reference
        return self.sales_reference.text

    def own_ids(self, notes: Iterable[CreditNoteRow]) -> set[str]:
        """Ids of notes that this very delivery made, or may have made before the hub forgot it."""
        delivery = self.delivery
        own = {
            str(note.id)
            for note in notes
            if is_marked(note.internal_comments, delivery.delivery_id, delivery.rma.rma_id)
            or (delivery.is_looked_for_first and marked_rma(note.internal_comments) == delivery.rma.rma_id)
        }
        return own | ({delivery.document_id} if delivery.document_id is not None else set())


def make_plan(delivery: Delivery, settings: Settings) -> Plan:
    """Reads the mapping, works out the names and chooses the items.

    Raises:
        RefusalError: something a person must change.
    """
    try:
        mapping = compile_mapping(delivery.mapping)
    except MappingProblemsError as error:
        raise RefusalError(
            f"the connection's mapping is wrong: {error}", "correct it with hub mapping set, then retry"
        ) from None
    items, left_off = _choose(delivery.items, settings.credited_resolutions)
    if not items:
        raise RefusalError(
            "no item of the return has a resolution that is credited",
            "add the resolution to the connection's setting credited_resolutions, or resolve the delivery",
        )
    return Plan(
        delivery=delivery,
        mapping=mapping,
        reference=name_note(delivery, mapping),
        sales_reference=name_order(delivery, mapping),
        items=items,
        left_off=left_off,
    )


def _choose(items: tuple[Item, ...], credited: tuple[str, ...]) -> tuple[tuple[Item, ...], dict[str, str]]:
    if not credited:
        return items, {}
    wanted = {each.strip().casefold() for each in credited}
    chosen: list[Item] = []
    left_off: dict[str, str] = {}
    for item in items:
        resolutions = {
            text.strip().casefold() for text in (item.resolution_name, item.resolution_type) if text
        }
        if resolutions & wanted:
            chosen.append(item)
        else:
            resolution = item.resolution_name or item.resolution_type or "none"
            left_off[item.returned_item_id] = (
                f"item {item.returned_item_id} is left off: its resolution ({resolution}) is not credited"
            )
    return tuple(chosen), left_off
