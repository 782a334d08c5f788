"""What the hub asks a person before it credits a return, and the yes that was given.

A question is a code and its facts. An answer counts for one delivery and just these facts: when an amount, a
SKU or a count in them changes, it is asked again. The sentence that a person reads is made from them where
it is asked; nothing reads it back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class QuestionCode(StrEnum):
    """The questions of the hub itself and of the connectors in its repository.

    Other connectors ask under codes of their own, which begin with their name: ``acme.credit_limit``. What a
    person does about each stands in ``docs/runbook.md``.
    """

    TOTAL_BELOW_ZERO = "total_below_zero"
    """The fees are more than what was paid. Never accepted."""
    TOTAL_ZERO = "total_zero"
    """There are lines, and they come to nothing."""
    TOTAL_NOT_IN_CURRENCY = "total_not_in_currency"
    """The currency has no such amount: a part of a cent, or of a yen."""
    TOTAL_NOT_PAID = "total_not_paid"
    """The total is not what was paid less the fees."""
    AMOUNTS_DIFFER = "amounts_differ"
    """One price or tax is given twice in one currency, with two amounts."""
    FEES_UNCLEAR = "fees_unclear"
    """Fees of one parcel differ, or a parcel's fee stands on an item that is in no parcel."""
    TAX_UNLIKELY = "tax_unlikely"
    """The tax of an item is far from that of its order, and the price without tax depends on it."""
    ORDER_MISSING = "order_missing"
    """The ERP has no such sales order, and a setting requires it."""
    ORDER_VOID = "order_void"
    """The sale was cancelled in the ERP."""
    ORDER_OF_ANOTHER = "order_of_another"
    """The order found by its name sold other goods, or to another customer for less."""
    OTHER_CREDIT = "other_credit"
    """The ERP holds a credit for the same order that the hub did not make."""
    OVERSOLD = "oversold"
    """More units of an order's line would be credited than were sold."""
    ITEM_ELSEWHERE = "item_elsewhere"
    """The same returned item stands in another RMA."""
    MAPPING_OWNS = "mapping_owns"
    """The mapping sets what only the hub may set. Never accepted: the mapping is to be changed."""
    STATUS_UNKNOWN = "status_unknown"
    """The platform's word for the RMA's state is none the hub knows."""
    MOVED_ON = "moved_on"
    """The RMA is past its approval, and the hub never saw it approved."""
    UNREADABLE = "unreadable"
    """What the platform says of the RMA cannot be read. Never accepted: it is to be mended there."""


NEVER_ACCEPTED = frozenset(
    {QuestionCode.TOTAL_BELOW_ZERO, QuestionCode.MAPPING_OWNS, QuestionCode.UNREADABLE}
)
"""Questions that a yes does not answer: what they name has to be changed first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One thing that a person has to decide before a delivery goes on.

    Attributes:
        code: one of :class:`QuestionCode`, or a connector's own.
        facts: what the question is about, as plain JSON values: amounts as text with their currency, SKUs,
            counts as whole numbers or as text. Whatever would make the answer another one belongs in it, and
            nothing else.
    """

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def may_be_accepted(self) -> bool:
        """False when a person's yes is no answer."""
        return self.code not in NEVER_ACCEPTED

    @property
    def key(self) -> str:
        """Code and facts as one text: the same for the same question, whatever the order of its facts."""
        return json.dumps([self.code, self.facts], sort_keys=True, ensure_ascii=False)


def has_answer(question: Question, accepted: Iterable[Question]) -> bool:
    """Whether just this question, with just these facts, was answered with yes."""
    return question.key in {each.key for each in accepted}


def write_question(question: Question | None) -> str | None:
    """A question as a row holds it."""
    if question is None:
        return None
    return json.dumps({"code": question.code, "facts": question.facts}, ensure_ascii=False)


def read_question(text: str | None) -> Question | None:
    """A question from a row; None where nothing is asked."""
    if text is None:
        return None
    held = json.loads(text)
    return Question(code=held["code"], facts=held["facts"])
