"""What an earlier attempt may have left in Cin7 Omni, pure: what to ask, and how to judge what is seen.

A row that came back is never trusted to match: Cin7 drops some predicates silently, and how it treats
quotes is not known. Every row is compared again here.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from connectors.cin7_omni import wire
from connectors.cin7_omni.marker import is_marked, marked_rma
from connectors.cin7_omni.models import NoteLine, read_rows
from hub.outcomes import Document, Sighting, SightingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.cin7_omni.models import CreditNoteRow
    from hub.hookspecs import Delivery

Goods: TypeAlias = Counter[tuple[str, Decimal | None]]
_Notes: TypeAlias = dict[int, "CreditNoteRow"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """What names one delivery's note, whoever renamed it meanwhile.

    Attributes:
        references: every reference ever used.
        sales_reference: of the frozen request; None when there is none to go by.
        note_id: as far as the ledger knows it.
        goods: SKU, without case, and quantity of each line of the frozen request; None before it is frozen.
    """

    delivery_id: str
    rma_id: str
    references: frozenset[str]
    sales_reference: str | None
    note_id: str | None
    goods: Goods | None = None


def sought(delivery: Delivery) -> Sought:
    """Gathers what names a delivery's note."""
    references = set(delivery.references)
    sales_reference = delivery.rma.order_name
    goods: Goods | None = None
    if delivery.prepared is not None:
        references.add(delivery.prepared.reference)
        request = json.loads(delivery.prepared.request, parse_float=Decimal)
        sales_reference = request.get("salesReference", sales_reference)
        goods = _goods(NoteLine.read(line) for line in read_rows(request, "lineItems"))
    return Sought(
        delivery_id=delivery.delivery_id,
        rma_id=delivery.rma.rma_id,
        references=frozenset(references),
        sales_reference=(sales_reference or "").strip() or None,
        note_id=delivery.document_id,
        goods=goods,
    )


def clauses(seeking: Sequence[Sought]) -> list[str]:
    """The fewest ``where`` clauses that bring every row which may bear on these."""
    conditions: list[str] = []
    ids: list[int] = []
    for each in seeking:
        conditions += [f"reference={wire.text_literal(text)}" for text in sorted(each.references)]
        if each.sales_reference is not None:
            conditions.append(f"salesReference={wire.text_literal(each.sales_reference)}")
        if each.note_id is not None and each.note_id.isascii() and each.note_id.isdigit():
            ids.append(int(each.note_id))
    return [*wire.any_of(conditions), *(clause for clause, _ in wire.ids_in(ids))]


def judge(seeking: Sought, notes: Iterable[CreditNoteRow]) -> Sighting:
    """Decides what was found for one delivery among all rows read."""
    ours: _Notes = {}
    forgotten: _Notes = {}
    foreign: _Notes = {}
    for note in notes:
        marked = is_marked(note.internal_comments, seeking.delivery_id, seeking.rma_id)
        if str(note.id) == seeking.note_id or marked:
            ours[note.id] = note
        elif marked_rma(note.internal_comments) == seeking.rma_id:
            forgotten[note.id] = note
        elif note.reference is not None and _is_one_of(note.reference, seeking.references):
            foreign[note.id] = note
    if ours or forgotten:
        return _of_this_return(seeking, ours, forgotten, foreign)
    if foreign:
        names = ", ".join(f"{note.reference} (id {note.id})" for note in foreign.values())
        reason = f"Cin7 Omni already holds a credit note named like ours that the hub did not make: {names}"
        return _sighting(seeking, SightingKind.FOREIGN, foreign, reason)
    return Sighting(delivery_id=seeking.delivery_id, kind=SightingKind.ABSENT)


def _of_this_return(seeking: Sought, ours: _Notes, forgotten: _Notes, foreign: _Notes) -> Sighting:
    """At least one note is of this return: of this delivery, or of one that this hub does not know."""
    found = ours | forgotten
    if len(found) > 1:
        numbers = ", ".join(str(note_id) for note_id in sorted(found))
        reason = f"Cin7 Omni holds {len(found)} credit notes of this return: ids {numbers}"
        return _sighting(seeking, SightingKind.SEVERAL, found, reason)
    (note,) = found.values()
    if note.is_void:
        reason = f"credit note {note.reference or note.id} of this return was voided in Cin7 Omni"
        return _sighting(seeking, SightingKind.VOID, found, reason)
    if ours:
        return _sighting(seeking, SightingKind.OURS, ours, "")
    is_alike = seeking.goods is not None and _goods(note.lines) == seeking.goods
    reason = (
        f"Cin7 Omni already holds credit note {note.reference} (id {note.id}), which a hub made for this "
        f"return under another delivery; its goods are {'those' if is_alike else 'not those'} of this one"
    )
    sighting = _sighting(seeking, SightingKind.FOREIGN, forgotten | foreign, reason)
    return replace(sighting, is_of_this_rma=is_alike and not foreign)


def _goods(lines: Iterable[NoteLine]) -> Goods:
    return Counter(((line.code or "").casefold(), line.qty) for line in lines)


def _is_one_of(reference: str, references: frozenset[str]) -> bool:
    # Cin7's database is likely to compare without case; a name that differs only in case would collide.
    return reference.casefold() in {each.strip().casefold() for each in references}


def _sighting(seeking: Sought, kind: SightingKind, notes: _Notes, reason: str) -> Sighting:
    documents = tuple(
        Document(document_id=str(note.id), reference=note.reference or "")
        for _, note in sorted(notes.items())
    )
    return Sighting(delivery_id=seeking.delivery_id, kind=kind, documents=documents, reason=reason)
