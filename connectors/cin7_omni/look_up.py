"""What Cin7 said of a return's sales order, as it is kept with the frozen request. Pure."""

from __future__ import annotations

import json
from decimal import Decimal

from connectors.cin7_omni.models import OrderRow
from connectors.cin7_omni.orders import FoundOrder
from hub.mapping.exact_json import write_json


def write_look_up(found: FoundOrder | None) -> str | None:
    """The answer as text; None when orders are not looked up."""
    if found is None:
        return None
    return write_json(
        {
            "order": found.order.kept if found.order is not None else None,
            "warning": found.warning,
            "void": [order.kept for order in found.void],
        }
    )


def read_look_up(text: str | None) -> FoundOrder | None:
    """The answer from its text; None when there was none, or none was kept."""
    if text is None:
        return None
    held = json.loads(text, parse_float=Decimal)
    void = (OrderRow.read(each) for each in held["void"])
    return FoundOrder(
        order=OrderRow.read(held["order"]) if held["order"] is not None else None,
        warning=held["warning"],
        void=tuple(order for order in void if order is not None),
    )
