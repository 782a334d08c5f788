"""What should exist against what does, in both directions. Pure.

Nothing here changes anything: a finding says what is so, and which command mends it.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.merchant.findings import Finding, FindingKind, LedgerEntry
from hub.outcomes import SightingKind, Status, ValidationState
from hub.rma_update.dealing import deal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hub.outcomes import ListedDocument, Sighting
    from hub.rma_update.dealing import Dealt


def absent(ledger: Sequence[LedgerEntry], listed: Sequence[ListedDocument]) -> list[str]:
    """Deliveries whose document is not in the list, by id: each is looked for before it counts as missing."""
    there = {document.document_id for document in listed}
    return [
        entry.delivery_id
        for entry in ledger
        if entry.is_here and entry.status is Status.DONE and entry.document_id not in there
    ]


def compare(
    connection: str,
    ledger: Sequence[LedgerEntry],
    listed: Sequence[ListedDocument],
    sightings: Mapping[str, Sighting],
) -> list[Finding]:
    """Compares the ledger with the ERP's list.

    Args:
        connection: its name, for the commands.
        ledger: deliveries that are in the time that was listed, and those that listed documents name.
        listed: the ERP's documents, whoever made them.
        sightings: what a look found for each of :func:`absent`, by delivery.

    Returns:
        By kind, in the order of :class:`FindingKind`, then by RMA.
    """
    work = _Comparison(connection, ledger, listed, sightings)
    order = list(FindingKind)
    found = [*work.absent_ones(), *work.doubles(), *work.strangers(), *work.own_ones()]
    return sorted(found, key=lambda each: (order.index(each.kind), each.rma_id or "", each.documents))


class _Comparison:
    def __init__(
        self,
        connection: str,
        ledger: Sequence[LedgerEntry],
        listed: Sequence[ListedDocument],
        sightings: Mapping[str, Sighting],
    ) -> None:
        self._connection = shlex.quote(connection)
        self._ledger = ledger
        self._listed = listed
        self._sightings = sightings
        self._by_document = {each.document_id: each for each in ledger if each.document_id is not None}
        self._by_delivery = {each.delivery_id: each for each in ledger}
        self._by_rma = {each.rma_id: each for each in ledger if each.is_of_store}
        self._live = [each for each in listed if not each.is_void]
        by_rma: dict[str | None, list[ListedDocument]] = defaultdict(list)
        for document in self._live:
            by_rma[self._rma_of(document)].append(document)
        self._several = {rma_id: each for rma_id, each in by_rma.items() if rma_id and len(each) > 1}

    def _rma_of(self, document: ListedDocument) -> str | None:
        owner = self._by_document.get(document.document_id)
        return owner.rma_id if owner is not None else document.rma_id

    # --- ours, and not in the list ---------------------------------------------------------------------

    def absent_ones(self) -> Iterator[Finding]:
        for entry in self._ledger:
            sighting = self._sightings.get(entry.delivery_id)
            if sighting is None:
                continue
            seen = tuple(each.document_id for each in sighting.documents)
            if sighting.kind is SightingKind.OURS and entry.document_id in seen:
                continue
            if sighting.kind is SightingKind.VOID:
                if entry.resolved_flag is None:
                    yield self._void(entry, seen)
            elif sighting.kind is SightingKind.SEVERAL:
                yield self._double(entry.rma_id, entry, seen)
            else:
                also = f"; the ERP holds {', '.join(seen)} for this RMA instead" if seen else ""
                yield Finding(
                    kind=FindingKind.MISSING,
                    rma_id=entry.rma_id,
                    delivery_id=entry.delivery_id,
                    documents=seen,
                    text=f"document {entry.document_id} of RMA {entry.rma_id} is gone from the ERP{also}",
                    fix=f"if it is to be there, run `hub deliveries retry {entry.delivery_id} --gone`, which "
                    "looks once more and sends it again only when there is none",
                )

    # --- several for one RMA ---------------------------------------------------------------------------

    def doubles(self) -> Iterator[Finding]:
        for rma_id, documents in self._several.items():
            ids = tuple(document.document_id for document in documents)
            yield self._double(rma_id, self._by_rma.get(rma_id), ids)

    def _double(self, rma_id: str, entry: LedgerEntry | None, documents: tuple[str, ...]) -> Finding:
        text = f"the ERP holds {len(documents)} documents for RMA {rma_id}: {', '.join(documents)}"
        fix = f"cancel all but one in the ERP; {_show(rma_id)} tells how they came about"
        if entry is not None and entry.document_id in documents:
            fix = f"keep {entry.document_id}, which the hub knows, and cancel the others in the ERP; "
            fix += f"{_show(rma_id)} tells how they came about"
        elif entry is not None:
            fix = "cancel all but one in the ERP, then run "
            fix += f"`hub deliveries resolve {entry.delivery_id} --document ID --note TEXT` with the one kept"
        return Finding(
            kind=FindingKind.DOUBLE,
            rma_id=rma_id,
            delivery_id=entry.delivery_id if entry is not None else None,
            documents=documents,
            text=text,
            fix=fix,
        )

    # --- in the list, and in no ledger -----------------------------------------------------------------

    def strangers(self) -> Iterator[Finding]:
        names = {
            name.strip().casefold(): entry
            for entry in self._ledger
            if entry.is_here
            for name in entry.references
        }
        for document in self._live:
            if document.document_id in self._by_document:
                continue
            if document.rma_id in self._several:
                continue  # told as one of several
            if document.delivery_id is not None:
                if finding := self._unknown(document):
                    yield finding
            elif entry := names.get(document.reference.strip().casefold()):
                yield self._foreign(document, entry)

    def _unknown(self, document: ListedDocument) -> Finding | None:
        name = f"document {document.document_id} ({document.reference})"
        entry = self._by_delivery.get(document.delivery_id or "")
        if entry is not None and entry.status in {Status.SENDING, Status.IN_DOUBT}:
            return None  # the hub is about to find it by itself
        if entry is not None and not entry.is_of_store:
            return None  # for that store to be told
        if entry is None:
            text = f"{name} carries the mark of a delivery that this hub does not know, for RMA"
            fix = "find out which hub made it, or whether this one was restored"
            if document.rma_id is not None:
                fix += f"; see {_show(document.rma_id)}"
        elif entry.status is Status.DONE:
            text = f"{name} carries the hub's mark, and the ledger has document {entry.document_id} for RMA"
            fix = f"keep one of them in the ERP; see `hub deliveries show {entry.delivery_id}`"
        elif entry.status is Status.PENDING:
            text = f"{name} is there already, and the hub is about to send RMA"
            fix = f"run `hub connections pause {self._connection}` and look at both before you resume it"
        else:
            text = f"{name} exists, and its delivery is {entry.status} without it, for RMA"
            fix = f"if it counts, run `hub deliveries resolve {entry.delivery_id} "
            fix += f"--document {shlex.quote(document.document_id)} --note TEXT`"
        return Finding(
            kind=FindingKind.UNKNOWN,
            rma_id=document.rma_id,
            delivery_id=entry.delivery_id if entry is not None else None,
            documents=(document.document_id,),
            text=f"{text} {document.rma_id}",
            fix=fix,
        )

    def _foreign(self, document: ListedDocument, entry: LedgerEntry) -> Finding:
        if entry.status is Status.DONE:
            fix = "cancel or rename it in the ERP if it credits the same return; "
            fix += f"see `hub deliveries show {entry.delivery_id}`"
        else:
            fix = f"if it credits this return, run `hub deliveries resolve {entry.delivery_id} --document "
            fix += f"{shlex.quote(document.document_id)} --note TEXT`; if not, rename it in the ERP"
        return Finding(
            kind=FindingKind.FOREIGN,
            rma_id=entry.rma_id,
            delivery_id=entry.delivery_id,
            documents=(document.document_id,),
            text=f"document {document.document_id} is called {document.reference}, as the hub calls that of "
            f"RMA {entry.rma_id}, and the hub did not make it",
            fix=fix,
        )

    # --- ours, and in the list -------------------------------------------------------------------------

    def own_ones(self) -> Iterator[Finding]:
        for document in self._listed:
            entry = self._by_document.get(document.document_id)
            if entry is None or not entry.is_here:
                continue
            dealt = None
            if document.receipt is not None:
                dealt = deal(entry.items, document.receipt, entry.held, entry.products)
            if document.is_void:
                if dealt is None or dealt.flag is None or dealt.flag != entry.resolved_flag:
                    yield self._void(entry, (document.document_id,))
                continue
            if difference := _difference(entry, document):
                yield self._of(
                    FindingKind.ALTERED,
                    entry,
                    f"document {document.document_id} of RMA {entry.rma_id} credits {difference}",
                    f"compare it with `hub deliveries show {entry.delivery_id}` and put it right in the ERP",
                )
            if dealt is not None and (news := _news(entry, dealt)):
                yield self._of(
                    FindingKind.UNVALIDATED,
                    entry,
                    f"document {document.document_id} of RMA {entry.rma_id}: {news}",
                    f"run `hub poll {self._connection}`",
                )

    def _void(self, entry: LedgerEntry, documents: tuple[str, ...]) -> Finding:
        return Finding(
            kind=FindingKind.VOID,
            rma_id=entry.rma_id,
            delivery_id=entry.delivery_id,
            documents=documents,
            text=f"document {entry.document_id} of RMA {entry.rma_id} was cancelled in the ERP",
            fix="if one is due, make it in the ERP; either way run "
            f"`hub deliveries resolve {entry.delivery_id} --note TEXT`",
        )

    @staticmethod
    def _of(kind: FindingKind, entry: LedgerEntry, text: str, fix: str) -> Finding:
        return Finding(
            kind=kind,
            rma_id=entry.rma_id,
            delivery_id=entry.delivery_id,
            documents=(entry.document_id,) if entry.document_id is not None else (),
            text=text,
            fix=fix,
        )


def _show(rma_id: str) -> str:
    """The command that shows an RMA, as a shell takes it whatever the platform calls the RMA."""
    return f"`hub rmas show {'-- ' if rma_id.startswith('-') else ''}{shlex.quote(rma_id)}`"


def _difference(entry: LedgerEntry, document: ListedDocument) -> str:
    """How what a document credits differs from what was sent; empty when it does not, or nobody can tell."""
    words = []
    if entry.total is not None and document.total is not None:
        sent, there = entry.total, document.total
        if (abs(sent.amount), sent.currency) != (abs(there.amount), there.currency):
            words.append(f"{there}, and {sent} was sent")
    if entry.units is not None and document.receipt is not None:
        sent_units = _by_sku(dict(entry.units).items())
        # A line of a product that an item was taken for is that item's, whatever the ERP calls it.
        skus = {
            entry.products[item.returned_item_id]: item.sku or ""
            for item in reversed(entry.items)
            if item.returned_item_id in entry.products
        }
        there_units = _by_sku(
            (skus.get(line.product or "", line.sku), line.expected) for line in document.receipt.lines
        )
        words += [
            f"{there_units.get(sku, 0):f} of SKU {sku}, and {sent_units.get(sku, 0):f} were sent"
            for sku in sorted(sent_units.keys() | there_units.keys())
            if sent_units.get(sku, 0) != there_units.get(sku, 0)
        ]
    return "; ".join(words)


def _by_sku(lines: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    units: dict[str, Decimal] = {}
    for sku, count in lines:
        # ERPs compare codes without case.
        key = sku.strip().upper()
        units[key] = units.get(key, Decimal(0)) + count
    return units


def _news(entry: LedgerEntry, dealt: Dealt) -> str:
    """What the receipt says that the RMA does not show; empty when it shows all of it."""
    if dealt.changes:
        return f"the ERP received {len(dealt.changes)} items that are not validated here"
    is_shown = entry.validation is ValidationState.FLAGGED or dealt.flag == entry.resolved_flag
    if dealt.flag is not None and not is_shown:
        return "; ".join(dealt.flags)
    return ""
