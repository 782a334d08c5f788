"""Polls that miss nothing, and receipts that claim nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.errors import HubError
from hub.hookspecs import OpenDocument
from hub.outcomes import ReceiptVerdict
from hub.testing.bench import MOST_PAGES, POLL_EVERY
from hub.testing.ruling import BrokenError, ExemptError, require, rule
from hub.testing.samples import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from hub.outcomes import Receipt
    from hub.testing.bench import Bench

CYCLES = 3
"""In how many polls every change must have been reported; the first should do."""
SKU, SKU_OF_ONE = "SKU-001", "SKU-002"
ASKED = Decimal(2)
_SECOND = timedelta(seconds=1)


class _Reader:
    """Reads polls as the hub does: the last receipt of a document counts, and open ones are handed over."""

    def __init__(self, bench: Bench, documents: Iterable[Mapping[str, Any]]) -> None:
        self._bench = bench
        self._made = {each["id"]: (each["reference"], bench.time.now()) for each in documents}
        self._received: dict[str, dict[str, Decimal | None]] = {}
        self._seen_at: dict[str, datetime] = {}
        self.cursor: str | None = None

    @property
    def open_documents(self) -> list[OpenDocument]:
        return [
            OpenDocument(
                document_id=document_id,
                reference=reference,
                created_at=at,
                last_seen_at=self._seen_at.get(document_id),
            )
            for document_id, (reference, at) in self._made.items()
        ]

    def take(self, receipts: Iterable[Receipt]) -> None:
        for each in receipts:
            self._received[each.document_id] = {line.sku: line.received for line in each.lines}
            self._seen_at[each.document_id] = each.seen_at

    async def cycle(self) -> None:
        receipts, self.cursor = await self._bench.poll_all(self.cursor, self.open_documents)
        self.take(receipts)

    def missing(self) -> int:
        """How many documents changed since a receipt last told of them."""
        held = {each["id"]: _received(each) for each in self._bench.sandbox.documents()}
        return sum(1 for each in self._made if self._received.get(each) != held[each])


def _received(document: Mapping[str, Any]) -> dict[str, Decimal | None]:
    lines = {line["sku"]: line["received"] for line in document["lines"]}
    return {sku: None if units is None else Decimal(units) for sku, units in lines.items()}


async def _more_than_a_page(bench: Bench) -> tuple[list[dict[str, Any]], _Reader]:
    """Documents for a little more than a page of a poll, all known to the hub, and one cycle read."""
    if not hasattr(bench.sandbox, "page_size"):
        raise ExemptError("its sandbox does not tell its page_size")
    made = [bench.enter(f"K{number}", {SKU: ASKED}) for number in range(bench.sandbox.page_size + 3)]
    reader = _Reader(bench, made)
    bench.time.set_forward(POLL_EVERY)
    await reader.cycle()
    bench.time.set_forward(POLL_EVERY)
    return made, reader


async def _told_in_time(bench: Bench, reader: _Reader, what: str) -> None:
    for _ in range(CYCLES):
        if not reader.missing():
            return
        bench.time.set_forward(POLL_EVERY)
        await reader.cycle()
    raise BrokenError(f"{what}, and {reader.missing()} of the changes were never told")


@rule
async def poll_takes_equal_times(bench: Bench) -> None:
    """A poll misses nothing when more documents than a page holds changed in one and the same moment.

    A bulk edit stamps a thousand documents with one time. A watermark of times alone stands still before
    them, or steps over those that did not fit on the page.
    """
    made, reader = await _more_than_a_page(bench)
    for each in made:
        bench.sandbox.receive(each["id"])
    bench.time.set_forward(_SECOND)
    await reader.cycle()
    await _told_in_time(bench, reader, f"{len(made)} documents changed in one moment")


@rule
async def poll_survives_edits_in_mid_walk(bench: Bench) -> None:
    """A poll misses nothing when documents change while it turns the pages.

    An edited document leaves its place, and everything behind it moves up by one: whoever turns to the second
    page by its number steps over as many as were edited.
    """
    made, reader = await _more_than_a_page(bench)
    for each in made:
        bench.time.set_forward(_SECOND)
        bench.sandbox.receive(each["id"], {SKU: Decimal(1)}, is_complete=False)
    for number in range(MOST_PAGES):
        page = await bench.poll(reader.cursor, reader.open_documents)
        reader.take(page.receipts)
        reader.cursor = page.cursor
        if not page.more:
            break
        for each in made[number * 5 : number * 5 + 5]:
            bench.time.set_forward(_SECOND)
            bench.sandbox.receive(each["id"])
    else:
        raise BrokenError(f"a poll did not end after {MOST_PAGES} pages")
    if not number:
        raise ExemptError(f"it read {len(made)} documents in one page, so that there is no mid-walk")
    await _told_in_time(bench, reader, "documents changed while the pages were turned")


@rule
async def poll_survives_restarts(bench: Bench) -> None:
    """A page that was asked for and never stored is told again: nothing lives but in the cursor.

    The hub may die between a page and the commit that stores it, and goes on in another process with the
    cursor before. A connector that remembers what it gave would not give it again.
    """
    made, reader = await _more_than_a_page(bench)
    for each in made:
        bench.time.set_forward(_SECOND)
        bench.sandbox.receive(each["id"])
    for _ in range(MOST_PAGES):
        await bench.poll(reader.cursor, reader.open_documents)  # lost: the process dies here
        page = await bench.poll(reader.cursor, reader.open_documents)
        reader.take(page.receipts)
        reader.cursor = page.cursor
        if not page.more:
            break
    await _told_in_time(bench, reader, "each page was lost once before it was stored")


@rule
async def first_poll_looks_back(bench: Bench) -> None:
    """The first poll tells of goods that came before it, for every open document.

    A connection may be paused, or its first answer in doubt, while the parcel arrives.
    """
    (delivery,) = await bench.sent()
    document = bench.has_one(delivery)
    reader = _Reader(bench, [document])
    bench.sandbox.receive(document["id"])
    bench.time.set_forward(timedelta(hours=2))
    await reader.cycle()
    require(not reader.missing(), "goods that came two hours before the first poll are not told")


@rule
async def full_receipt_is_told(bench: Bench) -> None:
    """When everything has arrived the receipt says so, unit for unit, and that nothing more will come.

    The refund waits for this. A document that never counts as complete is polled for ever.
    """
    receipt = await _receipt(bench, None, is_complete=True)
    require(
        receipt.verdict is ReceiptVerdict.PROCESS,
        f"a full receipt comes as {receipt.verdict}: {receipt.reason}",
    )
    told = {line.sku: line.received for line in receipt.lines}
    require(told == UNITS, f"of {UNITS} units that arrived it tells {told}")
    require(receipt.is_complete, "the warehouse is done, and the receipt says that more may come")


@rule
async def partial_receipt_claims_no_more(bench: Bench) -> None:
    """When some units have arrived the receipt claims those and no others.

    A unit that is said to be back is never taken back: the customer's refund may follow at once.
    """
    receipt = await _receipt(bench, {SKU: Decimal(1)}, is_complete=False)
    _claims_at_most(receipt, {SKU: Decimal(1), SKU_OF_ONE: Decimal(0)})
    require(not receipt.is_complete, "one of three units has arrived, and the receipt says it is complete")


@rule
async def over_receipt_is_told_as_counted(bench: Bench) -> None:
    """When more arrived than was asked for the receipt says how many, or lets a person look.

    Cut down to what was expected, the surplus is nobody's, and a mix-up of two parcels looks like a success.
    """
    receipt = await _receipt(bench, {SKU: Decimal(3), SKU_OF_ONE: Decimal(1)}, is_complete=True)
    told = {line.sku: line.received for line in receipt.lines}
    is_told = told.get(SKU) == Decimal(3) or receipt.verdict is ReceiptVerdict.FLAG
    require(
        is_told, f"three units arrived of two, and the receipt tells {told.get(SKU)} and does not flag it"
    )


@rule
async def unknown_receipt_is_never_all(bench: Bench) -> None:
    """A receipt without quantities validates nothing: what the ERP does not say is None, never "all".

    A warehouse that closes a document without counting has not said that anything came back.
    """
    receipt = await _receipt(bench, None, is_complete=True, is_quantity_known=False)
    counted = [line for line in receipt.lines if line.received]
    is_believed = receipt.verdict is ReceiptVerdict.PROCESS and counted
    require(not is_believed, "a receipt without quantities is told as counted and to be believed")
    require(receipt.verdict is not ReceiptVerdict.IGNORE, "a receipt without quantities is passed over")


async def _receipt(
    bench: Bench,
    quantities: Mapping[str, Decimal] | None,
    *,
    is_complete: bool,
    is_quantity_known: bool = True,
) -> Receipt:
    """What a poll tells of a document after the warehouse booked goods in."""
    (delivery,) = await bench.sent()
    document = bench.has_one(delivery)
    opened = OpenDocument(
        document_id=document["id"], reference=document["reference"], created_at=bench.time.now()
    )
    _, cursor = await bench.poll_all(None, [opened])
    bench.time.set_forward(POLL_EVERY)
    try:
        bench.sandbox.receive(
            document["id"], quantities, is_complete=is_complete, is_quantity_known=is_quantity_known
        )
    except HubError as error:
        raise ExemptError(f"its sandbox does not book goods in like this: {error}") from error
    bench.time.set_forward(POLL_EVERY)
    receipts, _ = await bench.poll_all(cursor, [opened])
    ours = [each for each in receipts if each.document_id == document["id"]]
    if not ours:
        raise BrokenError("goods were booked in, and the next poll says nothing of their document")
    marked = {each.delivery_id for each in ours} - {None, delivery.delivery_id}
    require(not marked, "a receipt names another delivery")
    return ours[-1]


def _claims_at_most(receipt: Receipt, arrived: Mapping[str, Decimal]) -> None:
    for line in receipt.lines:
        most = arrived.get(line.sku, Decimal(0))
        is_fair = line.received is None or line.received <= most or receipt.verdict is ReceiptVerdict.FLAG
        require(is_fair, f"of {line.sku} {most} arrived, and the receipt claims {line.received}")
    told = {line.sku: line.received for line in receipt.lines}
    is_told = all(told.get(sku) == units for sku, units in arrived.items() if units)
    require(is_told or receipt.verdict is not ReceiptVerdict.PROCESS, f"of {arrived} it tells {told}")
