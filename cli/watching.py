"""`hub quota` and `hub doctor`: how everything is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, say, table, with_hub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core import Hub
    from hub.dispatch.quota import Usage
    from hub.merchant.health import Health
    from hub.merchant.platforms import PlatformHealth
    from hub.merchant.webhooks import Standing
    from hub.store.models import Connection


def add_to(app: typer.Typer) -> None:
    """Hangs the commands on the main one."""
    app.command("quota", epilog="Example: hub quota main")(quota)
    app.command("doctor", epilog="Example: hub doctor --json")(doctor)


def quota(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A connection or platform; all when left out.")
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Show how much of each quota is used, and when what waits for an ERP will be through."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.merchant import connections, health, platforms, stores

        owner = await stores.get(store)
        if name and (platform := await platforms.find(owner, name)):
            return [_shown_platform(await platforms.health(hub, platform))]
        rows = [await connections.get(owner, name)] if name else await connections.every(owner)
        found = [_shown(await health.health(hub, row)) for row in rows]
        sources = [] if name else await platforms.every(owner)
        return found + [_shown_platform(await platforms.health(hub, row)) for row in sources]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [row["connection"], f"{w['seconds']:g} s", w["used"], w["left"], w["calls"], w["free_at"]]
            for row in rows
            for w in row["windows"]
        ]
        head = ["CONNECTION", "WINDOW", "USED", "LEFT", "OF", "NEXT CALL FREE AT"]
        table(lines, head, empty="no connection has a quota")
        for row in rows:
            if row.get("through_at"):
                waiting = sum(row["waiting"].values())
                out(f"{row['connection']}: {waiting} deliveries wait, through at about {row['through_at']}")

    with_hub(work, show, as_json=as_json)


def doctor(as_json: Json = False) -> None:
    """Look for anything wrong: the engine, connectors, and every connection of every store."""

    def show(result: dict[str, Any]) -> None:
        for problem in result["problems"]:
            say(f"problem: {problem}")
        if result["is_healthy"]:
            out("All is well.")

    with_hub(examine, show, as_json=as_json, code=lambda result: 0 if result["is_healthy"] else 1)


async def examine(hub: Hub) -> dict[str, Any]:
    """What `hub doctor` finds."""
    from hub.access import keys
    from hub.engine.embedded import is_engine_running
    from hub.merchant import connections, contested, health, platforms, stores, webhooks

    environment = hub.environment
    found = []
    if environment.is_sqlite and not is_engine_running(environment):
        found.append("the engine is not running: nothing is sent until `hub serve` runs")
    if not environment.is_sqlite:
        from hub.engine.workers import living_workers
        from hub.store.server import server_faults

        found += [f"{each.what}: {each.why}; {each.fix}" for each in await server_faults()]
        if not await living_workers():
            found.append("no worker is running: nothing is sent until `hub worker` runs")
    found += [f"{each.problem}" for each in hub.registry.found if each.problem]
    found += [f"secret of {each}" for each in (await keys.verify(hub.sealer)).problems]
    if unplaced := await health.unplaced():
        found.append(
            f"{unplaced} returns lead to no connection and need a person: "
            "`hub deliveries list --status attention` has them, `hub deliveries show` what to do"
        )
    if numbers := await contested.every():
        found.append(
            f"{len(numbers)} returns have documents of one store, and another store has or wants one for the "
            "same number: `hub stores contested` lists them"
        )
    shown = [
        {"store": store.name, **_without_secrets(hub, row, _shown(await health.health(hub, row)))}
        for store in await stores.every()
        for row in await connections.every(store)
    ]
    sources = [
        {"store": store.name, **_without_secrets(hub, row, _shown_platform(await platforms.health(hub, row)))}
        for store in await stores.every()
        for row in await platforms.every(store)
    ]
    subscribers = [
        {
            "store": store.name,
            **_without_secrets(hub, row, _shown_webhook(row, await webhooks.standing(hub, row))),
        }
        for store in await stores.every()
        for row in await webhooks.every(store)
    ]
    everything = [*shown, *sources, *subscribers]
    problems = found + [f"{row['connection']}: {p}" for row in everything for p in row["problems"]]
    return {
        "is_healthy": not problems,
        "problems": problems,
        "connections": shown,
        "platforms": sources,
        "webhooks": subscribers,
    }


def _without_secrets(hub: Hub, row: Connection, shown: dict[str, Any]) -> dict[str, Any]:
    """What earlier versions kept may hold a secret in a spelling that they did not know."""
    from hub.dispatch.opening import redactor_of

    if not shown["problems"] and not shown.get("refused"):
        return shown
    redactor = redactor_of(hub, row)
    shown["problems"] = [redactor.text(each) for each in shown["problems"]]
    if "refused" in shown:
        shown["refused"] = {rma_id: redactor.text(reason) for rma_id, reason in shown["refused"].items()}
    return shown


def _shown(health: Health) -> dict[str, Any]:
    from hub.merchant.rmas import shown_time

    return {
        "connection": health.row.name,
        "waiting": {status.value: count for status, count in health.waiting.items()},
        "oldest_waiting_at": shown_time(health.oldest_waiting_at),
        "oldest_unsent_age_s": round(health.unsent_for.total_seconds()) if health.unsent_for else None,
        "polled_at": shown_time(health.row.polled_at),
        "last_poll_age_s": round(health.not_polled_for.total_seconds()) if health.not_polled_for else None,
        "needs_person": health.needs_person,
        "flagged": health.flagged,
        "through_at": shown_time(health.through_at),
        "problems": list(health.problems),
        "windows": _windows(health.usage),
    }


def _shown_webhook(row: Connection, standing: Standing) -> dict[str, Any]:
    return {
        "connection": row.name,
        "to_tell": standing.pending,
        "not_told": standing.failed,
        "problems": list(standing.problems),
    }


def _shown_platform(health: PlatformHealth) -> dict[str, Any]:
    from hub.merchant.rmas import shown_time

    return {
        "connection": health.row.name,
        "to_read": health.to_read,
        "refused": dict(health.refused),
        "to_tell": health.to_tell,
        "not_told": health.not_told,
        "polled_at": shown_time(health.row.polled_at),
        "last_poll_age_s": round(health.not_polled_for.total_seconds()),
        "problems": list(health.problems),
        "windows": _windows(health.usage),
    }


def _windows(usage: Sequence[Usage]) -> list[dict[str, Any]]:
    from hub.merchant.rmas import shown_time

    return [
        {
            "calls": each.window.calls,
            "seconds": each.window.per.total_seconds(),
            "used": each.used,
            "left": max(0, each.window.calls - each.used),
            "free_at": shown_time(each.free_at),
        }
        for each in usage
    ]
