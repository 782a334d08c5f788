"""Runs seeds, one or many."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import structlog

from hub.webhooks import work as webhooks
from tests.simulator.drawing import draw
from tests.simulator.line import SubscriberSession
from tests.simulator.loop import PROCESS
from tests.simulator.process import SimulatedProcess
from tests.simulator.statements import kept_statements
from tests.simulator.store import origin
from tests.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from tests.simulator.schedule import Schedule
    from tests.simulator.verdict import Verdict

BUGS = {"work on a connection broke off", "connector bug", "sending an update broke off"}
"""What the hub logs when something was raised that never should be."""


def simulate(seeds: Iterable[int]) -> list[Verdict]:
    """Runs seeds; gives those that broke a promise."""
    origin().renew()
    verdicts = (live(draw(seed)) for seed in seeds)
    return [verdict for verdict in verdicts if verdict.problems]


def live(schedule: Schedule) -> Verdict:
    """Runs one schedule in a world of its own."""
    before = structlog.get_config()
    structlog.configure(processors=[_keep_logs], cache_logger_on_first_use=False)
    try:
        with kept_statements(), patch.object(webhooks, "_session", _subscriber_session):
            return World(schedule).run()
    finally:
        structlog.configure(**before)


def _subscriber_session(_hub: Any) -> SubscriberSession:
    process = PROCESS.get()
    assert isinstance(process, SimulatedProcess)
    return SubscriberSession(process, webhooks.ANSWER_WITHIN_S)


def _keep_logs(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Takes what the hub logs into the trace; a bug it tells of is a problem."""
    process = PROCESS.get()
    if isinstance(process, SimulatedProcess) and not process.is_dead:
        world, what = process.world, event["event"]
        world.tell(f"{process.name} logs {what}: {event.get('error', event.get('reason', ''))}")
        why = traceback.format_exc() if sys.exc_info()[0] else str(event.get("traceback", ""))
        # A locked database is no bug: the work is taken up again.
        if what in BUGS and "database is locked" not in why:
            world.problems.append(f"the hub has a bug: {what} {why}")
    raise structlog.DropEvent
