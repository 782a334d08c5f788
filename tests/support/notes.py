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
    base = json.loads((await stage.connection()).settings)["base_url"]
    record = {"salesReference": "#1", "taxStatus": "Incl", "lineItems": [{"code": "SKU-001", "qty": -1}]}
    headers = {"Authorization": authorization("sandbox", "sandbox-key")}
    body = [{**record, **fields}]
    async with stage.http.post(f"{base}/v1/CreditNotes", json=body, headers=headers) as answer:
        assert (await answer.json())[0]["success"]


def note_of(stage: Stage, row: Delivery) -> dict[str, Any]:
    """The sandbox's own record of a delivery's note, to be changed behind everyone's back."""
    return stage.sandbox._books.get("CreditNotes", int(row.document_id or 0)) or {}  # noqa: SLF001
