"""Which items of an RMA are credited, and over which connection. Pure.

The return method sits on each item; a connection is bound to the method's name, since several methods may
share a type. One RMA has one method, except that No Shipment Required may mix with another: those items stay
off the credit note (returngo/REFERENCE.md, "Return methods").
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from hub.rma import Item, MethodType, Rma

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.questions import Question

# ReturnGO API page: the statuses before approval or without one, and those after it.
_NOT_APPROVED = frozenset({"pending", "rejected", "canceled"})
_PAST_APPROVAL = frozenset({"received", "validated", "done"})

_ITEMS_NAMED = 5


class Decision(StrEnum):
    """What is to be done about an RMA the hub has no delivery for yet."""

    NONE = "none"
    """Not approved: there is no delivery."""
    SKIP = "skip"
    """Nothing is to be credited, and the reason is known."""
    SEND = "send"
    """The items go to the connection."""
    ATTENTION = "attention"
    """A person must look; nothing is sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodBinding:
    """A return method as the merchant set it up in the hub.

    Attributes:
        name: as the merchant wrote it.
        kind: its type.
        connection_id: where its RMAs are credited; None for *Do not update*.
        location_id: where the goods are restocked, in the ERP's ids; None when the method names none.
    """

    name: str
    kind: MethodType
    connection_id: str | None
    location_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """What becomes of one RMA.

    Attributes:
        decision: see :class:`Decision`.
        items: those to credit, in the document's order; for ``attention`` those that would be.
        kept: each item that stays off, with the reason in one sentence.
        method: the name of the bound method the items go by; None unless exactly one is known.
        connection_id: where they go; None unless ``send``.
        location_id: where they are restocked; None unless ``send``, or when the method names none.
        reason: why it is not ``send``, in one sentence for the merchant; empty for ``send``.
        fix: what the person should do; empty when there is nothing to do.
        is_unconfirmed: True when it would be ``send``, were the RMA not another store's: see
            :func:`hold_unconfirmed`.
        question: what the person may answer with yes; None when something has to be changed instead.
    """

    decision: Decision
    items: tuple[Item, ...] = ()
    kept: tuple[tuple[Item, str], ...] = ()
    method: str | None = None
    connection_id: str | None = None
    location_id: str | None = None
    reason: str = ""
    fix: str = ""
    is_unconfirmed: bool = False
    question: Question | None = None


def is_past_approval(rma: Rma) -> bool:
    """True when the platform says that it was approved and has gone on since."""
    return rma.status.strip().casefold() in _PAST_APPROVAL


def is_not_approved(status: str) -> bool:
    """True when the platform says that the RMA is not approved, not yet or no longer."""
    return status.strip().casefold() in _NOT_APPROVED


def is_known_status(status: str) -> bool:
    """True when the hub knows what the platform's word for an RMA's state means."""
    return status.strip().casefold() in {"approved", *_NOT_APPROVED, *_PAST_APPROVAL}


def items_to_credit(rma: Rma, methods: Mapping[str, MethodBinding]) -> tuple[Item, ...]:
    """The items that the customer does not keep, in the document's order, wherever their methods lead."""
    return tuple(item for item in rma.items if not _why_kept(item, methods))


def name_key(name: str) -> str:
    """What return method names are compared by: without case, runs of blanks as one."""
    return " ".join(name.casefold().split())


def route(rma: Rma, methods: Mapping[str, MethodBinding]) -> Route:
    """Decides over an RMA that has no delivery yet, or one that still waits for a person.

    Args:
        rma: as the platform shows it now. Its state decides, never an event of its history: an RMA that was
            approved and set back to Pending is not approved.
        methods: the store's return methods by :func:`name_key` of their names.

    Returns:
        The decision. An item is kept when its own method type is No Shipment Required, whatever the hub's
        settings say, or when the method it names is set up as that.
    """
    status = rma.status.strip().casefold()
    if is_not_approved(rma.status):
        return Route(decision=Decision.NONE, reason=f"the RMA is {rma.status}, not approved")
    kept = tuple((item, reason) for item in rma.items if (reason := _why_kept(item, methods)))
    kept_ids = {item.returned_item_id for item, _ in kept}
    items = tuple(item for item in rma.items if item.returned_item_id not in kept_ids)
    if status != "approved":
        return _not_seen_approved(rma, items, kept)
    if not items:
        reason = (
            "the customer keeps every item, so there is nothing to credit" if kept else "the RMA has no items"
        )
        return Route(decision=Decision.SKIP, kept=kept, reason=reason)
    return _by_method(items, kept, methods)


def asks_for_nothing(rma: Rma, methods: Mapping[str, MethodBinding]) -> bool:
    """True when an RMA has nothing to credit, wherever its methods lead: no item, or none that comes back."""
    return all(_why_kept(item, methods) for item in rma.items)


def hold_back(
    decided: Route, rma: Rma, credit_from: datetime, *, is_newly_approved: bool, is_asked: bool = False
) -> Route:
    """Keeps what was approved before a platform was connected from being credited now.

    Args:
        decided: what :func:`route` gave.
        rma: as the platform shows it.
        credit_from: the platform's cut-off.
        is_newly_approved: True when the hub itself saw the RMA before its approval, and since the cut-off.
        is_asked: True when it waits for a person already: it is not skipped behind their back.
    """
    if decided.decision is Decision.NONE or is_newly_approved:
        return decided
    since = rma.approved_at or rma.created_at
    if since is not None and since >= credit_from:
        return decided
    cut_off = (
        f"{credit_from:%Y-%m-%d %H:%M} UTC, from when on this platform's returns are credited (credit_from)"
    )
    held = replace(decided, connection_id=None, location_id=None)
    if rma.approved_at is not None:
        reason = f"it was approved on {rma.approved_at:%Y-%m-%d %H:%M} UTC, before {cut_off}"
        fix = "if it is to be credited all the same, run `hub deliveries retry <id>`"
        is_question = is_asked and decided.decision is not Decision.SKIP
        decision = Decision.ATTENTION if is_question else Decision.SKIP
        return replace(held, decision=decision, reason=reason, fix=fix)
    return replace(
        held,
        decision=Decision.ATTENTION,
        reason=f"it does not say when it was approved, and it was not created after {cut_off}",
        fix="look for its credit in the ERP; if there is one, or none is due, run "
        "`hub deliveries resolve <id> --note TEXT`; if not, run `hub deliveries retry <id>`",
    )


UNCONFIRMED = "only an event told of this return, and its platform does not show it in a shop of this store"
"""Why a return is not credited that the platform shows in a shop of another store, which goes unnamed."""
CONFIRMING = (
    "if it is this store's, connect its shop under Integrations: what the platform shows there counts"
)


def hold_unconfirmed(decided: Route) -> Route:
    """Keeps an RMA from being credited that the platform shows in a shop of another store."""
    if decided.decision is not Decision.SEND:
        return decided
    return replace(
        decided,
        decision=Decision.SKIP,
        connection_id=None,
        location_id=None,
        reason=UNCONFIRMED,
        fix=CONFIRMING,
        is_unconfirmed=True,
    )


def _why_kept(item: Item, methods: Mapping[str, MethodBinding]) -> str:
    """Why the item stays off; empty when it does not."""
    method = item.method
    if method is None:
        return ""
    bound = methods.get(name_key(method.name))
    if method.kind is not MethodType.NO_SHIPMENT_REQUIRED and (
        bound is None or bound.kind is not MethodType.NO_SHIPMENT_REQUIRED
    ):
        return ""
    named = f"return method '{method.name}'" if method.name else "its return method"
    return f"the customer keeps {_label(item)}: {named} is of type No Shipment Required"


def _not_seen_approved(rma: Rma, items: tuple[Item, ...], kept: tuple[tuple[Item, str], ...]) -> Route:
    if is_past_approval(rma):
        reason = (
            f"the RMA is {rma.status} already, and the hub never saw it approved; it may be credited already"
        )
    else:
        reason = (
            f"the hub does not know the RMA status '{rma.status}', so it cannot tell whether it is approved"
        )
    return Route(
        decision=Decision.ATTENTION,
        items=items,
        kept=kept,
        reason=reason,
        fix="look for its credit in the ERP; if there is one, or none is due, run "
        "`hub deliveries resolve <id> --note TEXT`; if not, set the RMA to Approved in the returns platform "
        "and submit it again",
    )


def _by_method(
    items: tuple[Item, ...],
    kept: tuple[tuple[Item, str], ...],
    methods: Mapping[str, MethodBinding],
) -> Route:
    def attention(reason: str, fix: str, method: str | None = None) -> Route:
        fix = f"{fix}, then run `hub deliveries retry <id>`"
        return Route(
            decision=Decision.ATTENTION, items=items, kept=kept, method=method, reason=reason, fix=fix
        )

    without = [item for item in items if item.method is None or not name_key(item.method.name)]
    if without:
        return attention(
            f"{_labels(without)} {'names' if len(without) == 1 else 'name'} no return method, so the hub "
            "cannot tell where to credit",
            "give every item of the RMA a return method in the returns platform and submit it again",
        )
    named = {name_key(item.method.name): item for item in items if item.method is not None}
    unknown = [item for key, item in named.items() if key not in methods]
    if unknown:
        names = ", ".join(f"'{item.method.name}'" for item in unknown if item.method is not None)
        noun = "return method" if len(unknown) == 1 else "return methods"
        return attention(f"the hub does not know the {noun} {names}", _adding(unknown))
    bindings = [methods[key] for key in named]
    if all(binding.connection_id is None for binding in bindings):
        return _do_not_update(kept, bindings)
    if len(bindings) > 1:
        names = " and ".join(f"'{binding.name}'" for binding in bindings)
        return attention(
            f"the items to credit have different return methods, {names}, and one RMA is credited over one",
            "give them one return method in the returns platform and submit the RMA again",
        )
    binding = bindings[0]
    return Route(
        decision=Decision.SEND,
        items=items,
        kept=kept,
        method=binding.name,
        connection_id=binding.connection_id,
        location_id=binding.location_id,
    )


def _do_not_update(kept: tuple[tuple[Item, str], ...], bindings: Sequence[MethodBinding]) -> Route:
    names = " and ".join(f"'{binding.name}'" for binding in bindings)
    commands = ", ".join(f"`hub methods set {shlex.quote(b.name)} --connection NAME`" for b in bindings)
    return Route(
        decision=Decision.SKIP,
        kept=kept,
        method=bindings[0].name if len(bindings) == 1 else None,
        reason=f"return method {names} is set to Do not update",
        fix=f"if it is to be credited after all, run {commands}, then `hub deliveries retry <id>`",
    )


def _adding(items: Sequence[Item]) -> str:
    """The commands that make unknown methods known and point them at a connection."""
    commands = []
    for item in items:
        if item.method is None:
            continue
        name = shlex.quote(item.method.name)
        kind = item.method.kind.value if item.method.kind else "TYPE"
        commands.append(f"`hub methods add {name} --type {kind}`")
        commands.append(f"`hub methods set {name} --connection NAME`")
    return f"run {' and '.join(commands)}"


def _label(item: Item) -> str:
    return f"item {item.returned_item_id} ({item.sku})" if item.sku else f"item {item.returned_item_id}"


def _labels(items: Sequence[Item]) -> str:
    labels = ", ".join(_label(item) for item in items[:_ITEMS_NAMED])
    more = len(items) - _ITEMS_NAMED
    return f"{labels} and {more} more" if more > 0 else labels
