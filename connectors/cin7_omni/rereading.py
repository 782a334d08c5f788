"""Reads open notes again that no poll has seen for long.

Whether a partial receipt changes ``modifiedDate`` is not known, and a note deleted in Cin7 Omni never
shows in a list; so each open note is read at least about once a day, many to a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.cin7_omni.models import CreditNoteRow
from connectors.cin7_omni.validation import read_receipt, vanished
from connectors.cin7_omni.wire import ids_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from connectors.cin7_omni.client import Client
    from connectors.cin7_omni.config import Settings
    from hub.hookspecs import OpenDocument
    from hub.outcomes import Receipt

LIST_CALLS = 2
SINGLE_CALLS = 5
"""Most calls of each kind in one polling cycle; what does not fit waits for the next."""


async def reread(
    client: Client, settings: Settings, documents: Sequence[OpenDocument], now: datetime
) -> list[Receipt]:
    """Reads documents by id; one that does not come back is asked for alone, since 404 means deleted."""
    by_id = {int(each.document_id): each for each in documents if _is_number(each.document_id)}
    receipts: list[Receipt] = []
    absent: list[int] = []
    for clause, ids in ids_in(by_id)[:LIST_CALLS]:
        rows = map(CreditNoteRow.read, await client.list_all("CreditNotes", clause))
        notes = {note.id: note for note in rows if note is not None and note.id in by_id}
        receipts += [read_receipt(note, settings, now) for note in notes.values()]
        absent += [note_id for note_id in ids if note_id not in notes]
    for note_id in absent[:SINGLE_CALLS]:
        row = await client.get("CreditNotes", note_id)
        note = None if row is None else CreditNoteRow.read(row)
        if note is not None and note.id == note_id:
            receipts.append(read_receipt(note, settings, now))
        elif row is None:
            receipts.append(vanished(str(note_id), by_id[note_id].reference, now))
    return receipts


def _is_number(document_id: str) -> bool:
    return document_id.isascii() and document_id.isdigit()
