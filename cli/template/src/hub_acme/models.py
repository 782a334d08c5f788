"""What Acme answers, in its own spelling. Unknown keys are ignored: more may be added."""

from __future__ import annotations

from decimal import Decimal

from pydantic import AwareDatetime, BaseModel


class Warehouse(BaseModel):
    """A place where stock comes back."""

    id: str
    name: str
    is_active: bool


class Account(BaseModel):
    """The account behind an API key; permissions are an open set, so they stay text."""

    permissions: list[str]
    warehouses: list[Warehouse]


class Line(BaseModel):
    """One SKU of a memo; ``received`` is None until the warehouse has counted."""

    sku: str
    quantity: Decimal
    received: Decimal | None


class Memo(BaseModel):
    """A credit memo; ``state`` is ``open``, ``received`` or ``cancelled``, and an open set."""

    id: int
    external_ref: str
    note: str
    state: str
    currency: str
    total: Decimal
    modified_at: AwareDatetime
    received_at: AwareDatetime | None
    lines: list[Line]


class MemoList(BaseModel):
    """One page of a list."""

    memos: list[Memo]


class Result(BaseModel):
    """What became of one record of a batch: an id, or an error."""

    external_ref: str
    id: int | None = None
    error: str | None = None


class ResultList(BaseModel):
    """One result for each record, in the order sent."""

    results: list[Result]
