"""What preparing notes asks of Cin7: sales orders, notes on the same orders, references in use.

Calls are shared by all deliveries of a batch; each ``where`` is a list of ``OR`` as long as fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.cin7_omni import wire
from connectors.cin7_omni.config import LookUpOrders
from connectors.cin7_omni.models import CreditNoteRow, OrderRow
from connectors.cin7_omni.orders import FoundOrder, match_order, order_conditions, other_credits, same
from connectors.cin7_omni.references import candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.cin7_omni.client import Client
    from connectors.cin7_omni.config import Settings
    from connectors.cin7_omni.plans import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What Cin7 holds about one plan.

    Attributes:
        order: None when orders are not looked up.
        others: notes that may credit the same goods; empty when not checked.
        taken: notes under any of the plan's candidate references; empty unless they are numbered.
    """

    order: FoundOrder | None = None
    others: tuple[CreditNoteRow, ...] = ()
    taken: tuple[CreditNoteRow, ...] = ()


async def look_up(client: Client, settings: Settings, plans: Sequence[Plan]) -> list[Findings]:
    """Looks up what each plan needs, in shared calls. One finding for each, in order."""
    found = await _orders(client, plans) if settings.look_up_orders is not LookUpOrders.OFF else None
    orders = [found[index] if found else None for index in range(len(plans))]
    sales_references = [plan.sales_reference_for(order) for plan, order in zip(plans, orders, strict=True)]
    notes: list[CreditNoteRow] = []
    if settings.check_double_credit:
        notes = await _notes(client, order_conditions("salesReference", sales_references))
    numbered = [text for plan in plans if plan.reference.is_numbered for text in candidates(plan.reference)]
    named = await _notes(client, order_conditions("reference", numbered))
    return [
        Findings(
            order=order,
            others=other_credits(sales_reference, plan.delivery.rma.rma_id, plan.own_ids(notes), notes),
            taken=_taken(plan, named),
        )
        for plan, order, sales_reference in zip(plans, orders, sales_references, strict=True)
    ]


def _taken(plan: Plan, named: Sequence[CreditNoteRow]) -> tuple[CreditNoteRow, ...]:
    own, names = plan.own_ids(named), candidates(plan.reference)
    return tuple(
        note
        for note in named
        if str(note.id) not in own and any(same(note.reference, name) for name in names)
    )


async def _orders(client: Client, plans: Sequence[Plan]) -> list[FoundOrder]:
    """Finds all by reference, and only those that are not found by the customer's number."""
    rows = await _order_rows(client, order_conditions("reference", [plan.order_names[0] for plan in plans]))
    # A cancelled one does not end the search: the sale may stand again under the customer's number.
    living = [row for row in rows if not row.is_void]
    references = {row.reference.casefold() for row in living if row.reference is not None}
    missing = [plan.order_names for plan in plans if plan.order_names[0].casefold() not in references]
    conditions = order_conditions("customerOrderNo", [name for names in missing for name in names])
    conditions += order_conditions("reference", [name for names in missing for name in names[1:]])
    rows += await _order_rows(client, conditions)
    return [match_order(plan.order_names, rows) for plan in plans]


async def _order_rows(client: Client, conditions: Iterable[str]) -> list[OrderRow]:
    # A name too long to be asked for is one that no order has; asking would fail the whole batch.
    askable = [each for each in conditions if wire.fits(each)]
    rows = [row for where in wire.any_of(askable) for row in await client.list_all("SalesOrders", where)]
    return [order for order in map(OrderRow.read, rows) if order is not None]


async def _notes(client: Client, conditions: Iterable[str]) -> list[CreditNoteRow]:
    rows = [row for where in wire.any_of(conditions) for row in await client.list_all("CreditNotes", where)]
    notes = {note.id: note for note in map(CreditNoteRow.read, rows) if note is not None}
    return list(notes.values())
