"""What an earlier attempt may have left in Cin7 Omni, pure: what to ask, and how to judge what is seen.

A row that came back is never trusted to match: Cin7 drops some predicates silently, and how it treats
quotes is not known. Every row is compared again here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.cin7_omni import wire
from connectors.cin7_omni.marker import is_marked
from hub.outcomes import Document, Sighting, SightingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.cin7_omni.models import CreditNoteRow
    from hub.hookspecs import Delivery


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """What names one delivery's note, whoever renamed it meanwhile.

    Attributes:
        references: every reference ever used.
        sales_reference: of the frozen request; None when there is none to go by.
        note_id: as far as the ledger knows it.
    """

    delivery_id: str
    rma_id: str
    references: frozenset[str]
    sales_reference: str | None
    note_id: str | None


def sought(delivery: Delivery) -> Sought:
    """Gathers what names a delivery's note."""
    references = set(delivery.references)
    sales_reference = delivery.rma.order_name
    if delivery.prepared is not None:
        references.add(delivery.prepared.reference)
        sales_reference = json.loads(delivery.prepared.request).get("salesReference", sales_reference)
    return Sought(
        delivery_id=delivery.delivery_id,
        rma_id=delivery.rma.rma_id,
        references=frozenset(references),
        sales_reference=(sales_reference or "").strip() or None,
        note_id=delivery.document_id,
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
    ours: dict[int, CreditNoteRow] = {}
    foreign: dict[int, CreditNoteRow] = {}
    for note in notes:
        marked = is_marked(note.internal_comments, seeking.delivery_id, seeking.rma_id)
        if str(note.id) == seeking.note_id or marked:
            ours[note.id] = note
        elif note.reference is not None and _is_one_of(note.reference, seeking.references):
            foreign[note.id] = note
    if len(ours) > 1:
        numbers = ", ".join(str(note_id) for note_id in sorted(ours))
        reason = f"Cin7 Omni holds {len(ours)} credit notes of this return: ids {numbers}"
        return _sighting(seeking, SightingKind.SEVERAL, ours, reason)
    if ours:
        (note,) = ours.values()
        if note.is_void:
            reason = f"credit note {note.reference or note.id} of this return was voided in Cin7 Omni"
            return _sighting(seeking, SightingKind.VOID, ours, reason)
        return _sighting(seeking, SightingKind.OURS, ours, "")
    if foreign:
        names = ", ".join(f"{note.reference} (id {note.id})" for note in foreign.values())
        reason = f"Cin7 Omni already holds a credit note named like ours that the hub did not make: {names}"
        return _sighting(seeking, SightingKind.FOREIGN, foreign, reason)
    return Sighting(delivery_id=seeking.delivery_id, kind=SightingKind.ABSENT)


def _is_one_of(reference: str, references: frozenset[str]) -> bool:
    # Cin7's database is likely to compare without case; a name that differs only in case would collide.
    return reference.casefold() in {each.strip().casefold() for each in references}


def _sighting(seeking: Sought, kind: SightingKind, notes: dict[int, CreditNoteRow], reason: str) -> Sighting:
    documents = tuple(
        Document(document_id=str(note.id), reference=note.reference or "")
        for _, note in sorted(notes.items())
    )
    return Sighting(delivery_id=seeking.delivery_id, kind=kind, documents=documents, reason=reason)
