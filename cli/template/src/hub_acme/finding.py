"""What an earlier attempt may have left in the ERP, pure: what to ask for, and how to judge what comes back.

Our sign on a memo is the marker: the delivery's and the return's id at the start of ``note``, which the ERP
keeps as it is. A memo is ours when it starts with the marker or when the hub knows its id.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.outcomes import Document, Sighting, SightingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.hookspecs import Delivery

    from hub_acme.models import Memo

_MARKER = re.compile(r"\[hub:(?P<delivery_id>\S+) rma:(?P<rma_id>[^\]]+)\]")


def marker(delivery_id: str, rma_id: str) -> str:
    """The sign of one delivery's memo."""
    return f"[hub:{delivery_id} rma:{rma_id}]"


def read_marker(note: str) -> tuple[str, str] | None:
    """The delivery's and the return's id; None on a memo that no hub made."""
    found = _MARKER.match(note.lstrip())
    return (found["delivery_id"], found["rma_id"]) if found else None


def filters(deliveries: Sequence[Delivery]) -> list[tuple[str, str]]:
    """What to ask for: every name ever used, every known id, and the returns' numbers in notes."""
    asked: list[tuple[str, str]] = []
    for delivery in deliveries:
        asked += [("ref", name) for name in sorted(_names(delivery))]
        asked.append(("text", f"rma:{delivery.rma.rma_id}]"))
        if delivery.document_id is not None:
            asked.append(("id", delivery.document_id))
    return asked


def judge(delivery: Delivery, memos: Iterable[Memo]) -> Sighting:
    """What there is for one delivery. There may be more than was asked for, so each memo is checked."""
    ours: list[Memo] = []
    others: list[Memo] = []
    for memo in memos:
        signed = read_marker(memo.note)
        if str(memo.id) == delivery.document_id or signed == (delivery.delivery_id, delivery.rma.rma_id):
            ours.append(memo)
        elif memo.external_ref in _names(delivery) or (signed and signed[1] == delivery.rma.rma_id):
            others.append(memo)
    found = ours or others
    documents = tuple(Document(document_id=str(memo.id), reference=memo.external_ref) for memo in found)
    kind, reason, is_of_this_rma = SightingKind.ABSENT, "", False
    if len(ours) > 1:
        kind, reason = SightingKind.SEVERAL, f"there are {len(ours)} memos of this return"
    elif ours and ours[0].state == "cancelled":
        kind, reason = SightingKind.VOID, f"memo {ours[0].id} of this return was cancelled"
    elif ours:
        kind = SightingKind.OURS
    elif others:
        kind, reason = SightingKind.FOREIGN, f"memo {others[0].id} has our name or return, not our marker"
        # Made for this very return by a hub that forgot it, as after a restored backup?
        is_of_this_rma = len(others) == 1 and _is_forgotten(delivery, others[0])
    return Sighting(
        delivery_id=delivery.delivery_id,
        kind=kind,
        documents=documents,
        reason=reason,
        is_of_this_rma=is_of_this_rma,
    )


def _names(delivery: Delivery) -> set[str]:
    return {*delivery.references, *([delivery.prepared.reference] if delivery.prepared else [])}


def _is_forgotten(delivery: Delivery, memo: Memo) -> bool:
    signed = read_marker(memo.note)
    if signed is None or signed[1] != delivery.rma.rma_id or delivery.prepared is None:
        return False
    lines = json.loads(delivery.prepared.request)["lines"]
    asked = Counter((line["sku"], Decimal(line["quantity"])) for line in lines)
    return memo.state != "cancelled" and asked == Counter((line.sku, line.quantity) for line in memo.lines)
