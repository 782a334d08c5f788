"""What a credit note says about the goods, pure: one row in, one receipt out.

``completedDate`` set means that goods were received; a line's ``qtyShipped`` is its *Qty Moved*
(help.omni.cin7.com 9052641310351; the second is inferred). Its sign on a credit note is not known, so
quantities are compared without sign. Parts of a bundle are skipped: their parent stands for them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hub.outcomes import Receipt, ReceiptLine, ReceiptVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from connectors.cin7_omni.models import CreditNoteRow


def read_receipt(note: CreditNoteRow, seen_at: datetime) -> Receipt:
    """Judges the state of one credit note.

    Args:
        note: as Cin7 shows it now.
        seen_at: the hub's clock.
    """
    lines = goods(note)
    verdict, reason = _judge(note, lines)
    return Receipt(
        document_id=str(note.id),
        reference=note.reference or "",
        verdict=verdict,
        reason=reason,
        is_complete=note.is_void or note.completed_at is not None,
        received_at=note.completed_at,
        lines=lines,
        seen_at=seen_at,
    )


def vanished(document_id: str, reference: str, seen_at: datetime) -> Receipt:
    """The receipt of a note that Cin7 no longer has."""
    return Receipt(
        document_id=document_id,
        reference=reference,
        verdict=ReceiptVerdict.FLAG,
        reason=f"credit note {reference or document_id} is no longer in Cin7 Omni; somebody deleted it there",
        is_complete=False,
        received_at=None,
        lines=(),
        seen_at=seen_at,
    )


def goods(note: CreditNoteRow) -> tuple[ReceiptLine, ...]:
    """The note's goods by SKU: lines of one SKU at several prices are one.

    ``received`` is None as soon as one of a SKU's lines does not say.
    """
    expected: dict[str, Decimal] = {}
    received: dict[str, Decimal | None] = {}
    for line in note.lines:
        if line.is_child or line.code is None or line.qty is None:
            continue
        expected[line.code] = expected.get(line.code, Decimal(0)) + abs(line.qty)
        so_far = received.get(line.code, Decimal(0))
        moved = line.qty_shipped
        received[line.code] = None if so_far is None or moved is None else so_far + abs(moved)
    return tuple(
        ReceiptLine(sku=sku, expected=count, received=received[sku]) for sku, count in expected.items()
    )


def _judge(note: CreditNoteRow, lines: Sequence[ReceiptLine]) -> tuple[ReceiptVerdict, str]:
    name = f"credit note {note.reference or note.id}"
    if note.is_void:
        return ReceiptVerdict.FLAG, f"{name} was voided in Cin7 Omni"
    moved = sum((line.received for line in lines if line.received is not None), Decimal(0))
    if note.completed_at is not None:
        return _judge_completed(name, lines, moved)
    if moved:
        expected = sum((line.expected for line in lines), Decimal(0))
        return ReceiptVerdict.PROCESS, f"{_count(moved)} of {_count(expected)} units moved on {name} so far"
    return ReceiptVerdict.IGNORE, f"nothing has arrived on {name} yet"


def _judge_completed(name: str, lines: Sequence[ReceiptLine], moved: Decimal) -> tuple[ReceiptVerdict, str]:
    if not lines:
        return ReceiptVerdict.IGNORE, f"{name} is completed and holds no goods"
    if moved == 0 or any(line.received is None for line in lines):
        # A completed note that moved nothing at all was closed without counting.
        return ReceiptVerdict.FLAG, (
            f"{name} is completed in Cin7 Omni but does not say how many units arrived: quantities unknown"
        )
    expected = sum((line.expected for line in lines), Decimal(0))
    if all(line.received == line.expected for line in lines):
        return ReceiptVerdict.PROCESS, f"all {_count(expected)} units of {name} were received"
    return ReceiptVerdict.PROCESS, (
        f"{_count(moved)} of {_count(expected)} units of {name} were received, and it is completed"
    )


def _count(number: Decimal) -> str:
    return format(number.normalize(), "f")
