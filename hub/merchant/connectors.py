"""Connectors as people handle them: switched off and on again, and what the conformance kit found."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hub.access import audit
from hub.errors import ConflictError, NotFoundError
from hub.merchant.rmas import shown_time
from hub.store.database import in_transaction, naming
from hub.store.models import ConformanceResult, DisabledConnector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.clock import Clock
    from hub.core import Hub
    from hub.registry import Registry


async def disable(hub: Hub, name: str, reason: str = "") -> DisabledConnector:
    """Switches a connector off: its connections neither send nor poll, and what comes for them waits.

    Args:
        hub: the hub.
        name: of an installed connector, also a broken one.
        reason: for people to read; may be empty.

    Raises:
        NotFoundError: none of that name is installed. ConflictError: it is off already.
    """
    if name not in {found.name for found in hub.registry.found}:
        known = ", ".join(sorted(found.name for found in hub.registry.found)) or "none"
        raise NotFoundError(
            f"disable connector {name!r}", why=f"installed: {known}", fix="name one of the installed ones"
        )
    async with naming():
        if await DisabledConnector.exists(name=name):
            raise ConflictError(
                f"disable connector {name!r}: it is off already", fix=f"run `hub connectors enable {name}`"
            )
        row = await DisabledConnector.create(name=name, reason=reason.strip(), at=hub.clock.now())
        await audit.record("connector.disabled", name, store=None, after={"reason": row.reason})
    return row


async def enable(name: str) -> None:
    """Switches a connector on again; its connections go on where they were, without a restart.

    Raises:
        ConflictError: it is not off.
    """
    async with in_transaction():
        row = await DisabledConnector.get_or_none(name=name)
        if row is None or not await DisabledConnector.filter(name=name).delete():
            raise ConflictError(
                f"enable connector {name!r}: nobody has disabled it",
                fix="`hub connectors list` shows what each connector is",
            )
        await audit.record("connector.enabled", name, store=None, before={"reason": row.reason})


async def keep_result(clock: Clock, name: str, distribution: str, rules: Sequence[Any]) -> None:
    """Keeps what the conformance kit found, in place of what it found before.

    Args:
        clock: time.
        name: the connector's name.
        distribution: which package and version was tried.
        rules: the kit's results, one for each rule.
    """
    counted = [str(each.ruling) for each in rules]
    await ConformanceResult.update_or_create(
        name=name,
        defaults={
            "distribution": distribution,
            "at": clock.now(),
            "kept": counted.count("kept"),
            "broken": counted.count("broken"),
            "exempt": counted.count("exempt"),
            "rules": json.dumps([asdict(each) for each in rules]),
        },
    )


async def results(registry: Registry) -> dict[str, ConformanceResult]:
    """What the kit last found, by connector; nothing for one whose installed version was not tried."""
    installed = {found.name: found.distribution for found in registry.found}
    rows = await ConformanceResult.all()
    return {row.name: row for row in rows if row.distribution == installed.get(row.name)}


def listed(registry: Registry) -> list[dict[str, Any]]:
    """What is installed, also what is broken, and why; :func:`add_recorded` adds what the database holds."""
    return [
        {
            "name": found.name,
            "title": found.connector.schema.title if found.connector else None,
            "status": "ready" if found.connector else "disabled",
            "distribution": found.distribution,
            "contract_version": found.connector.schema.contract_version if found.connector else None,
            "problem": str(found.problem) if found.problem else None,
            "fix": found.problem.fix if found.problem else None,
            "conformance": None,
        }
        for found in registry.found
    ]


async def add_recorded(registry: Registry, rows: list[dict[str, Any]]) -> None:
    """Adds what people and the conformance kit said about connectors to rows of :func:`listed`."""
    off = {each.name: each for each in await DisabledConnector.all()}
    tried = await results(registry)
    for row in rows:
        name = row["name"]
        if name in off and row["problem"] is None:
            why = off[name].reason
            row |= {
                "status": "disabled",
                "problem": f"somebody switched it off{f' ({why})' if why else ''}",
                "fix": f"`hub connectors enable {name}` lets its connections go on",
            }
        if result := tried.get(name):
            counts = {"kept": result.kept, "broken": result.broken, "exempt": result.exempt}
            row["conformance"] = {**counts, "at": shown_time(result.at)}
