"""What a connector may not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hub.outcomes import Receipt, ReceiptVerdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def receipt(*, received_at: datetime | None, seen_at: datetime) -> Receipt:
    return Receipt(
        document_id="1",
        reference="RMA 1",
        verdict=ReceiptVerdict.PROCESS,
        reason="goods were booked in",
        is_complete=True,
        received_at=received_at,
        lines=(),
        seen_at=seen_at,
    )


def test_receipt_with_a_time_without_an_offset_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="received_at has no offset: 2026-03-01T12:00:00"):
        receipt(received_at=naive, seen_at=NOON)
    with pytest.raises(ValueError, match="seen_at has no offset"):
        receipt(received_at=None, seen_at=naive)
    sydney = NOON.astimezone(timezone(timedelta(hours=11)))
    assert receipt(received_at=sydney, seen_at=NOON).received_at == NOON
