"""The merchant's table *what Cin7 says → process, flag or ignore*, pure.

Carriers and warehouses use the fields differently (one acts on ``logisticsStatus`` 10 only), so which
state means "received" is a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hub.outcomes import ReceiptVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.cin7_omni.models import CreditNoteRow


def _in_capitals(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    return [each.strip().upper() if isinstance(each, str) else each for each in value]


class Rule(BaseModel):
    """One line of the table. Conditions left out always hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    status: Annotated[tuple[str, ...], BeforeValidator(_in_capitals), Field(max_length=20)] = ()
    """The note's status is one of these: DRAFT, APPROVED, VOID."""
    logistics_status: tuple[int, ...] = Field(default=(), max_length=100)
    """The note's logisticsStatus is one of these numbers; what they mean is the carrier's."""
    completed: bool | None = None
    """Whether completedDate is set."""
    moved: bool | None = None
    """Whether a line shows moved units."""
    then: ReceiptVerdict
    """process (believe the quantities), flag (a person looks) or ignore."""


DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(status=("VOID",), then=ReceiptVerdict.FLAG),
    Rule(completed=True, then=ReceiptVerdict.PROCESS),
    Rule(moved=True, then=ReceiptVerdict.PROCESS),
)


def decide(rules: Sequence[Rule], note: CreditNoteRow, *, has_moved: bool) -> ReceiptVerdict:
    """What the first rule that holds says; ignore when none does."""
    for rule in rules:
        if _holds(rule, note, has_moved=has_moved):
            return rule.then
    return ReceiptVerdict.IGNORE


def _holds(rule: Rule, note: CreditNoteRow, *, has_moved: bool) -> bool:
    return (
        (not rule.status or (note.status or "") in rule.status)
        and (not rule.logistics_status or note.logistics_status in rule.logistics_status)
        and rule.completed in {None, note.completed_at is not None}
        and rule.moved in {None, has_moved}
    )
