"""What was approved before a platform was connected is not credited by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.inbound.document import parse_rma
from hub.routing import Decision, Route, hold_back
from tests.support.documents import rma

CUT = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE, AFTER = (CUT - timedelta(days=1)).isoformat(), (CUT + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("approved", "created", "is_newly_approved", "decision"),
    [
        (AFTER, BEFORE, False, Decision.SEND),
        (CUT.isoformat(), BEFORE, False, Decision.SEND),
        (BEFORE, BEFORE, False, Decision.SKIP),
        (BEFORE, AFTER, False, Decision.SKIP),
        (None, AFTER, False, Decision.SEND),
        (None, BEFORE, False, Decision.ATTENTION),
        (None, None, False, Decision.ATTENTION),
        (BEFORE, BEFORE, True, Decision.SEND),
    ],
)
def test_cut_off(
    approved: str | None, created: str | None, is_newly_approved: bool, decision: Decision
) -> None:
    document = rma("901", createdAt=created)
    if approved:
        document["rmaSummary"]["events"] = [{"eventName": "RMA_APPROVED", "eventDate": approved}]
    sent = Route(decision=Decision.SEND, connection_id="c", location_id="l")
    held = hold_back(sent, parse_rma(document), CUT, is_newly_approved=is_newly_approved)
    assert held.decision is decision
    assert bool(held.reason and held.fix) is (decision is not Decision.SEND)
    assert (held.connection_id is None) is (decision is not Decision.SEND)


def test_what_is_not_approved_is_not_held_back() -> None:
    none = Route(decision=Decision.NONE)
    assert hold_back(none, parse_rma(rma("901")), CUT, is_newly_approved=False) == none
