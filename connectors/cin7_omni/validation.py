"""What a credit note says about the goods, pure: one row in, one receipt out.

``completedDate`` set means that goods were received; a line's ``qtyShipped`` is its *Qty Moved*
(help.omni.cin7.com 9052641310351; the second is inferred). Its sign on a credit note is not known, so
quantities are compared without sign. Parts of a bundle are skipped: their parent stands for them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.config import ShortReceipts
from connectors.cin7_omni.marker import read_marker
from connectors.cin7_omni.rules import decide
from hub.outcomes import Receipt, ReceiptLine, ReceiptVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from connectors.cin7_omni.config import Settings
    from connectors.cin7_omni.models import CreditNoteRow, NoteLine
    from connectors.cin7_omni.rules import Rule


def read_receipt(note: CreditNoteRow, settings: Settings, seen_at: datetime) -> Receipt:
    """Judges the state of one credit note.

    Args:
        note: as Cin7 shows it now.
        settings: the connection's; ``rules`` decide what a state means, ``short_receipts`` what becomes of
            units that did not arrive.
        seen_at: the hub's clock.
    """
    lines = goods(note)
    verdict, reason = _judge(note, lines, settings.rules)
    is_completed = note.completed_at is not None
    return Receipt(
        document_id=str(note.id),
        reference=note.reference or "",
        verdict=verdict,
        reason=reason,
        is_complete=note.is_void or is_completed,
        received_at=note.completed_at,
        lines=lines,
        seen_at=seen_at,
        is_rest_not_returned=(
            verdict is ReceiptVerdict.PROCESS
            and is_completed
            and settings.short_receipts is ShortReceipts.NOT_RETURNED
        ),
        delivery_id=(read_marker(note.internal_comments) or (None,))[0],
        is_void=note.is_void,
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

    ``received`` is None as soon as one of a SKU's lines does not say. On a note that is not completed a line
    without a quantity has moved nothing yet.
    """
    expected: dict[tuple[str, str | None], Decimal] = {}
    received: dict[tuple[str, str | None], Decimal | None] = {}
    for line in note.lines:
        # Of a style with sizes the product is that of the style.
        option = None if line.sizes or line.product_option_id is None else str(line.product_option_id)
        for sku, count, moved in _units(line, is_open=note.completed_at is None):
            key = (sku, option)
            expected[key] = expected.get(key, Decimal(0)) + count
            so_far = received.get(key, Decimal(0))
            received[key] = None if so_far is None or moved is None else so_far + moved
    return tuple(
        ReceiptLine(sku=sku, expected=count, received=received[sku, product], product=product)
        for (sku, product), count in expected.items()
    )


def _units(line: NoteLine, *, is_open: bool) -> list[tuple[str, Decimal, Decimal | None]]:
    """SKU, units asked for and units moved; several where a line is a style with sizes."""
    if line.is_child or line.code is None or line.qty is None:
        return []
    count = abs(line.qty)
    if line.qty > 0:
        return [(line.code, count, None)]  # takes goods out: what moved on it did not come back
    unsaid = Decimal(0) if is_open else None
    moved = unsaid if line.qty_shipped is None else abs(line.qty_shipped)
    sizes = [(size.code, abs(size.qty)) for size in line.sizes if size.code is not None and size.qty]
    if len(sizes) == 1:
        return [(sizes[0][0], count, moved)]
    if not sizes:
        return [(line.code, count, moved)]
    # Qty Moved stands on the whole line, so it says how many of each size only at nothing and at all.
    if moved == 0:
        return [(code, asked, Decimal(0)) for code, asked in sizes]
    is_whole = moved == count == sum(asked for _, asked in sizes)
    return [(code, asked, asked if is_whole else None) for code, asked in sizes]


def _judge(
    note: CreditNoteRow, lines: Sequence[ReceiptLine], rules: Sequence[Rule]
) -> tuple[ReceiptVerdict, str]:
    name = f"credit note {note.reference or note.id}"
    moved = sum((line.received for line in lines if line.received is not None), Decimal(0))
    is_known = all(line.received is not None for line in lines)
    verdict = decide(rules, note, has_moved=any(line.qty_shipped for line in note.lines if not line.is_child))
    if verdict is ReceiptVerdict.FLAG:
        return (
            verdict,
            f"{name} was voided in Cin7 Omni"
            if note.is_void
            else f"{name} {_state(note)}: flagged by a rule",
        )
    if verdict is ReceiptVerdict.IGNORE:
        return (
            verdict,
            f"nothing has arrived on {name} yet"
            if not moved
            else f"{name} {_state(note)}: ignored by a rule",
        )
    if not lines:
        return ReceiptVerdict.IGNORE, f"{name} holds no goods"
    if moved == 0 or not is_known:
        # Closed or handed over without counting: never to be read as "all".
        return ReceiptVerdict.FLAG, (
            f"{name} {_state(note)} but does not say how many units arrived: quantities unknown"
        )
    expected = sum((line.expected for line in lines), Decimal(0))
    if all(line.received == line.expected for line in lines):
        return verdict, f"all {_count(expected)} units of {name} were received"
    counts = f"{_count(moved)} of {_count(expected)} units of {name} were received"
    return verdict, f"{counts}, and it is completed" if note.completed_at is not None else f"{counts} so far"


def _state(note: CreditNoteRow) -> str:
    parts = [
        "is completed" if note.completed_at is not None else "is not completed",
        *([f"has status {note.status}"] if note.status else []),
        *([f"has logistics status {note.logistics_status}"] if note.logistics_status is not None else []),
    ]
    return " and ".join(parts)


def _count(number: Decimal) -> str:
    return format(number.normalize(), "f")
