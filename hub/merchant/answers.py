"""A person's yes to what a delivery asks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.access import audit
from hub.errors import ConflictError, UsageError
from hub.questions import read_question
from hub.store.timeline import tell

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.models import Delivery, Rma


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A yes.

    Attributes:
        code: of the question that is answered, as the person saw it.
        note: why, in the person's words; kept in the audit log and told in the RMA's story.
    """

    code: str
    note: str


async def keep_answer(row: Delivery, rma: Rma, answer: Answer, now: datetime) -> None:
    """Keeps a yes on a delivery, for the facts that its question has now.

    Args:
        row: the delivery, locked by the caller, who writes it.
        rma: its RMA.
        answer: what the person said.
        now: when.

    Raises:
        ConflictError: the delivery asks nothing, asks something else, or what no yes answers.
        UsageError: the note is empty.
    """
    what = f"accept {answer.code} for delivery {row.id}"
    question = read_question(row.question)
    if question is None:
        raise ConflictError(
            f"{what}: it asks nothing",
            why=row.reason or "nothing about it waits for a yes",
            fix=row.fix or "look at it with `hub deliveries show`",
        )
    if question.code != answer.code.strip():
        raise ConflictError(
            f"{what}: it asks {question.code}",
            why=row.reason or "",
            fix=f"if that is right, accept {question.code}",
        )
    if not question.may_be_accepted:
        raise ConflictError(f"{what}: no yes makes it right", why=row.reason or "", fix=row.fix)
    note = answer.note.strip()
    if not note:
        raise UsageError(what, why="the note is empty", fix="say with --note why it is right")
    given = {"code": question.code, "facts": dict(question.facts), "note": note, "at": now.isoformat()}
    row.answers = json.dumps([*json.loads(row.answers), given], ensure_ascii=False)
    await audit.record("delivery.accepted", row.id, store=rma.store_id, after={"rma_id": rma.rma_id, **given})
    text = f"A person accepted this ({question.code}: {row.reason}): {note}."
    await tell(row.rma_id, now, "delivery.accepted", text)
