"""What somebody else does to the credit notes of a sandbox that a hub is connected to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.wire import authorization

if TYPE_CHECKING:
    from hub.store.models import Delivery
    from tests.support.stage import Stage


async def make_note(stage: Stage, **fields: Any) -> None:
    """Writes a note into the account, over its API."""
    record = {"salesReference": "#1", "taxStatus": "Incl", "lineItems": [{"code": "SKU-001", "qty": -1}]}
    await _write(stage, "POST", "CreditNotes", {**record, **fields})


async def make_order(stage: Stage, reference: str, *lines: dict[str, Any], **fields: Any) -> int:
    """Places a sales order in the account, over its API. Gives its id."""
    sold = [{"qty": 1, "unitPrice": 10, **line} for line in lines or ({"code": "SKU-001"},)]
    record = {"reference": reference, "taxStatus": "Incl", "currencyCode": "EUR", "lineItems": sold}
    return await _write(stage, "POST", "SalesOrders", {**record, **fields})


async def void_order(stage: Stage, order_id: int) -> None:
    """Cancels a sales order, over its API."""
    await _write(stage, "PUT", "SalesOrders", {"id": order_id, "isVoid": True})


async def _write(stage: Stage, method: str, resource: str, record: dict[str, Any]) -> int:
    base = json.loads((await stage.connection()).settings)["base_url"]
    headers = {"Authorization": authorization("sandbox", "sandbox-key")}
    call = stage.http.request(method, f"{base}/v1/{resource}", json=[record], headers=headers)
    async with call as answer:
        (written,) = await answer.json()
    assert written["success"], written
    return int(written["id"])


def note_of(stage: Stage, row: Delivery) -> dict[str, Any]:
    """The sandbox's own record of a delivery's note, to be changed behind everyone's back."""
    return stage.sandbox._books.get("CreditNotes", int(row.document_id or 0)) or {}  # noqa: SLF001
