"""RMA documents in the platform's spelling: the samples, and small ones made to order."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hub.inbound.event import IncomingEvent, read_event
from hub.inbound.strict_json import load
from hub.mapping.exact_json import write_json

SAMPLES = Path(__file__).parents[1] / "samples"
MANY = SAMPLES / "many.jsonl"

METHODS = {
    "UPS label": ("Ship With Pre-Paid Label", "ship_with_prepaid_label"),
    "Send it yourself": ("Ship with any carrier", "ship_with_any_carrier"),
    "Store return": ("Return to Drop-Off Location", "return_to_drop_off_location"),
    "Keep it": ("No shipment required", "no_shipment_required"),
}
"""The samples' return methods: name → the platform's wording of the type, and ours."""


def sample(name: str) -> dict[str, Any]:
    """One sample file, numbers exact."""
    read = load((SAMPLES / f"{name}.json").read_bytes())
    assert isinstance(read, dict)
    return read


def many_lines(first: int = 0, count: int | None = None) -> list[str]:
    """Lines of ``many.jsonl``, each an RMA of its own."""
    lines = MANY.read_text(encoding="utf-8").splitlines()
    return lines[first : None if count is None else first + count]


def unit(number: int, *, sku: str = "SKU-001", method: str = "UPS label", amount: str = "10.00") -> Any:
    """One returned unit; ``number`` makes its id."""
    price = {"amount": Decimal(amount), "currency": "EUR"}
    price |= {"shopAmount": Decimal(amount), "shopCurrency": "EUR"}
    none = {"amount": 0, "currency": "EUR", "shopAmount": 0, "shopCurrency": "EUR"}
    return {
        "returnedItemId": str(number),
        "fullName": f"Thing {sku}",
        "sku": sku,
        "paidPrice": price,
        "paidTax": none,
        "taxIncluded": True,
        "resolutionName": "Refund",
        "resolutionType": "RefundToPaymentMethod",
        "returnMethod": {"type": METHODS[method][0], "name": method},
    }


def rma(
    rma_id: str = "900",
    *units: Any,
    status: str = "Approved",
    order_name: str = "#900",
    updated: str = "2026-03-01T10:00:00+00:00",
    **others: Any,
) -> dict[str, Any]:
    """An RMA; with one unit unless some are given."""
    return {
        "rmaSummary": {"rmaId": rma_id, "status": status, "order_name": order_name, "events": []},
        "orderDetails": {"orderId": f"5{rma_id}", "order_name": order_name},
        "shipments": [],
        "items": list(units) or [unit(int(rma_id) * 100)],
        "lastUpdated": updated,
        **others,
    }


def event(document: dict[str, Any]) -> IncomingEvent:
    """The document as it comes in over the wire."""
    return read_event(write_json(document).encode())


def write(folder: Path, document: Any, name: str = "rma.json") -> Path:
    """The document as a file for a command."""
    path = folder / name
    text = write_json(document) if isinstance(document, dict) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return path
