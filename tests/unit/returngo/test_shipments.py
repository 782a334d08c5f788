"""A shipment is set to Validated along allowed moves only, and only when all of it is back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.inbound.document import parse_rma
from hub.platform.returngo.sandbox.books import BadRequestError, Books
from hub.platform.returngo.shipments import MOVES, VALIDATED, may_move, to_validate
from tests.support.documents import rma, unit
from tests.support.times import HeldTime

STATUSES = [*MOVES, "received", "Teleported", ""]


def document(statuses: list[str], items: list[tuple[int, bool]]) -> dict[str, Any]:
    """Shipments by status, and items by (which shipment, whether the customer keeps it)."""
    shipments = [
        {"shipmentId": f"S{index}", "status": status, "isOutbound": 0, "carrierName": "UPS", "labelURL": None}
        for index, status in enumerate(statuses)
    ]
    units = [
        unit(number, method="Keep it" if is_kept else "UPS label") | {"shipmentId": f"S{where}"}
        for number, (where, is_kept) in enumerate(items)
    ]
    return rma("901", *units, shipments=shipments)


@settings(max_examples=40)
@given(
    statuses=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3),
    items=st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
    returned=st.sets(st.integers(0, 5)),
)
def test_every_move_is_allowed_and_of_a_whole_shipment(
    statuses: list[str], items: list[tuple[int, bool]], returned: set[int]
) -> None:
    given_document = document(statuses, items)
    read = parse_rma(given_document)
    moves, left = to_validate(read, {str(each) for each in returned})
    time = HeldTime()
    books = Books()
    books.add(given_document, time.now())
    for move in moves:
        place = int(move.shipment_id[1:])
        assert may_move(statuses[place], VALIDATED)
        expected = {n for n, (where, is_kept) in enumerate(items) if where == place and not is_kept}
        assert expected
        assert expected <= returned
        assert move.body == {"status": VALIDATED, "carrierName": "UPS"}
        if statuses[place] in MOVES:
            try:
                books.move_shipment(move.shipment_id, move.body, time.now())
            except BadRequestError as error:
                raise AssertionError("the platform refuses it") from error
    already = sum(1 for status in statuses if status == VALIDATED)
    assert len(moves) + len(left) + already == len(statuses)


def test_validated_is_terminal_and_backward_moves_are_refused() -> None:
    assert not any(may_move(VALIDATED, status) for status in MOVES)
    assert may_move("shipped", "Received")
    assert not may_move("Received", "Shipped")
    assert not may_move("Teleported", VALIDATED)


def test_outbound_shipment_is_never_touched() -> None:
    given_document = document(["Shipped"], [(0, False)])
    given_document["shipments"][0]["isOutbound"] = 1
    assert to_validate(parse_rma(given_document), {"0"}) == ([], [])
