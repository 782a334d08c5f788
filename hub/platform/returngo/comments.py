"""The comments the hub writes into an RMA's timeline on ReturnGO, and how it knows them again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.rma import Rma
    from hub.sending.contract import OutgoingUpdate


def is_there(rma: Rma, update: OutgoingUpdate) -> bool:
    """Whether an earlier try left its comment: some comment carries the update's mark."""
    mark = _mark(update)
    comments = rma.document.get("comments")
    return any(
        mark in str(text)
        for each in (comments if isinstance(comments, list | tuple) else ())
        if isinstance(each, Mapping)
        for text in each.values()
    )


def of_credit_note(update: OutgoingUpdate) -> str:
    """Tells that the credit note exists. The platform shows comments as HTML, so everything is escaped."""
    document: Mapping[str, Any] = update.facts.get("document") or {}
    total: Mapping[str, Any] = update.facts.get("total") or {}
    text = f"Credit note {document.get('reference') or document.get('id')}"
    if total:
        text += f" over {total['amount']} {total['currency']}"
    return _signed(f"{text} is in the ERP ({update.facts.get('connection') or 'by hand'}).", update)


def of_goods(update: OutgoingUpdate) -> str:
    """Tells what the warehouse received, item by item."""
    back = [each for each in update.facts["items"] if each["is_returned"]]
    absent = [each for each in update.facts["items"] if not each["is_returned"]]
    facts = update.facts
    text = f"Received by the warehouse: {_listed(back) or 'nothing'}."
    if absent:
        text += f" Did not arrive: {_listed(absent)}."
    text += f" In all {facts['returned']} of {facts['credited']} items are back."
    return _signed(text, update)


def _listed(items: list[Mapping[str, Any]]) -> str:
    units: dict[str, int] = {}
    for each in items:
        name = each["sku"] or f"item {each['returned_item_id']}"
        units[name] = units.get(name, 0) + 1
    return ", ".join(f"{count} x {name}" for name, count in units.items())


def _signed(text: str, update: OutgoingUpdate) -> str:
    return f"{escape(text)} {_mark(update)}"


def _mark(update: OutgoingUpdate) -> str:
    return f"[hub {update.key}]"
