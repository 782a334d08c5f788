"""Prepares a batch: plans, look-ups in shared calls, then each note by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.cin7_omni.look_up import read_look_up
from connectors.cin7_omni.look_ups import Findings, look_up
from connectors.cin7_omni.note import build_note
from connectors.cin7_omni.plans import Plan, make_plan
from connectors.cin7_omni.prices import RefusalError
from connectors.cin7_omni.references import pick
from hub.outcomes import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.cin7_omni.client import Client
    from connectors.cin7_omni.config import Settings
    from hub.hookspecs import Delivery
    from hub.outcomes import Prepared


async def prepare_batch(
    client: Client, settings: Settings, deliveries: Sequence[Delivery]
) -> list[Prepared | Rejected]:
    """One element for each delivery, in order; one that is refused does not stop its neighbours."""
    planned = [_plan(delivery, settings) for delivery in deliveries]
    plans = [plan for plan in planned if isinstance(plan, Plan)]
    findings = iter(await look_up(client, settings, plans))
    names = _Names()
    return [
        _build(plan, next(findings), settings, names) if isinstance(plan, Plan) else plan for plan in planned
    ]


def prepare_again(settings: Settings, delivery: Delivery, look_up: str | None) -> Prepared | Rejected:
    """What a batch of this one delivery would give, had Cin7 said ``look_up`` and nothing else."""
    plan = _plan(delivery, settings)
    if isinstance(plan, Rejected):
        return plan
    try:
        return build_note(
            plan, Findings(order=read_look_up(look_up)), settings, plan.reference.text, is_asking=False
        )
    except RefusalError as refusal:
        return _rejected(delivery, refusal)


class _Names:
    """References given out in this batch, so that two of its notes never get one."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def pick(self, plan: Plan, findings: Findings) -> str:
        taken = {note.reference.casefold() for note in findings.taken if note.reference is not None}
        return pick(plan.reference, lambda text: text.casefold() in taken | self._given)

    def give(self, reference: str) -> None:
        self._given.add(reference.casefold())


def _plan(delivery: Delivery, settings: Settings) -> Plan | Rejected:
    try:
        return make_plan(delivery, settings)
    except RefusalError as refusal:
        return _rejected(delivery, refusal)


def _build(plan: Plan, findings: Findings, settings: Settings, names: _Names) -> Prepared | Rejected:
    try:
        reference = names.pick(plan, findings)
        prepared = build_note(plan, findings, settings, reference)
    except RefusalError as refusal:
        return _rejected(plan.delivery, refusal)
    names.give(reference)
    return prepared


def _rejected(delivery: Delivery, refusal: RefusalError) -> Rejected:
    return Rejected(
        delivery_id=delivery.delivery_id,
        reason=refusal.reason,
        fix=refusal.fix,
        question=refusal.question,
    )
