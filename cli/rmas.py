"""`hub rmas`: submitting returns and looking at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, Limit, StoreName, facts, out, say, table, with_hub

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.core import Hub
    from hub.inbound.arriving import Accepted
    from hub.store.models import Store

app = typer.Typer(help="RMAs: submit approved returns and see what came of them.", no_args_is_help=True)

SOURCE = "cli"
POLL_S = 0.1
SETTLED = {"done", "attention", "skipped"}


@app.command(epilog="Example: hub rmas submit rma.json --wait 20")
def submit(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The RMA document, or - for stdin.")],
    wait: Annotated[
        float | None,
        typer.Option("--wait", metavar="SECONDS", help="Wait so long for the outcome."),
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Accept one RMA. Submitting it again changes nothing."""

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.files import read_file
        from hub.inbound.accept import accept
        from hub.inbound.event import MAX_BYTES, read_event
        from hub.merchant import stores

        owner = await stores.get(store)
        accepted = await accept(
            hub.clock, owner, read_event(read_file(file, MAX_BYTES)), source=SOURCE, registry=hub.registry
        )
        if wait is not None and accepted.delivery_id:
            await _settled(hub, accepted.delivery_id, wait)
        return await _submitted(hub, owner, accepted)

    with_hub(work, _show_submitted, as_json=as_json)


async def _settled(hub: Hub, delivery_id: str, seconds: float) -> None:
    from hub.store.models import Delivery

    waited = 0.0
    while waited < seconds:
        if (await Delivery.get(id=delivery_id)).status in SETTLED:
            return
        await hub.clock.sleep(POLL_S)
        waited += POLL_S


async def _submitted(hub: Hub, owner: Store, accepted: Accepted) -> dict[str, Any]:
    from hub.merchant import rmas

    shown = await rmas.shown(owner, await rmas.get(owner, accepted.rma_id))
    return {
        "event_id": accepted.event_id,
        "rma_id": accepted.rma_id,
        "duplicate": accepted.duplicate,
        "status": shown["status"],
        "delivery": shown["deliveries"][0] if shown["deliveries"] else None,
        "last": shown["timeline"][-1]["text"],
        "is_engine_running": _is_engine_running(hub),
    }


def _is_engine_running(hub: Hub) -> bool | None:
    """None where no file tells: on PostgreSQL workers run anywhere."""
    from hub.engine.embedded import is_engine_running

    return is_engine_running(hub.environment) if hub.environment.is_sqlite else None


def _show_submitted(row: dict[str, Any]) -> None:
    known = " It was known already; nothing new was stored." if row["duplicate"] else ""
    out(f"RMA {row['rma_id']} is accepted ({row['status']}).{known}")
    delivery = row["delivery"]
    if delivery is None:
        out(row["last"])
        return
    out(f"Delivery {delivery['id']}: {_summary(delivery)}")
    if delivery["fix"]:
        out(f"To mend it: {delivery['fix']}.")
    if delivery["status"] in {"pending", "sending", "in_doubt"} and row["is_engine_running"] is False:
        say("note: nothing is sent until `hub serve` runs")


def _summary(delivery: dict[str, Any]) -> str:
    if delivery["document"]:
        return f"{delivery['status']}, document {delivery['document']['id']} ({delivery['reference']})"
    reason = f": {delivery['reason']}" if delivery["reason"] else ""
    return f"{delivery['status']}{reason}"


@app.command("import", epilog="Example: hub rmas import returns.jsonl")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="One RMA document on each line.")],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Accept many RMAs. Lines that are wrong are named, and the others are kept."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.errors import ConfigError
        from hub.merchant import stores

        owner = await stores.get(store)
        try:
            with file.open("rb") as lines:
                result = await _accept_lines(hub, owner, lines)
        except OSError as error:
            raise ConfigError(
                f"read {file}", why=error.strerror or str(error), fix="check the name"
            ) from error
        return {**result, "is_engine_running": _is_engine_running(hub)}

    def show(result: dict[str, Any]) -> None:
        counted = f"{result['accepted']} accepted, {result['duplicates']} known already"
        out(f"{counted}, {len(result['refused'])} refused")
        for each in result["refused"]:
            say(f"line {each['line']}: {each['reason']}")
        if result["accepted"] and result["is_engine_running"] is False:
            say("note: nothing is sent until `hub serve` runs")

    def code(result: dict[str, Any]) -> int:
        if not result["refused"]:
            return 0
        return 8 if result["accepted"] or result["duplicates"] else 1

    with_hub(work, show, as_json=as_json, code=code)


async def _accept_lines(hub: Hub, owner: Store, lines: Iterable[bytes]) -> dict[str, Any]:
    from hub.errors import EventError
    from hub.inbound.accept import accept
    from hub.inbound.event import read_event

    counts = {"accepted": 0, "duplicates": 0}
    refused: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            accepted = await accept(hub.clock, owner, read_event(line), source=SOURCE, registry=hub.registry)
            counts["duplicates" if accepted.duplicate else "accepted"] += 1
        except EventError as error:
            refused.append({"line": number, "reason": str(error), "fix": error.fix})
    return {**counts, "refused": refused}


@app.command("list", epilog="Example: hub rmas list --validation flagged")
def list_(
    status: Annotated[str | None, typer.Option(help="Only this state, as the platform writes it.")] = None,
    validation: Annotated[str | None, typer.Option(help="none, partial, full or flagged.")] = None,
    limit: Limit = 50,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """List the RMAs, newest first."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import rmas, shown, stores

        owner = await stores.get(store)
        rows = await rmas.every(owner, status=status, validation=validation, limit=limit)
        return [shown.rma_listed(row) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["rma_id"],
                row["order_name"],
                row["status"],
                row["delivery"],
                row["document"],
                row["validation"],
            ]
            for row in rows
        ]
        head = ["RMA", "ORDER", "STATUS", "DELIVERY", "DOCUMENT", "VALIDATION"]
        table(lines, head, empty="no RMAs: submit one with `hub rmas submit FILE`")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub rmas show 41515515")
def show(
    rma_id: Annotated[str, typer.Argument(metavar="RMA_ID", help="The platform's RMA number.")],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Show an RMA: its delivery, its items and its whole story."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import rmas, stores

        owner = await stores.get(store)
        return await rmas.shown(owner, await rmas.get(owner, rma_id))

    with_hub(work, _show_rma, as_json=as_json)


def _show_rma(row: dict[str, Any]) -> None:
    facts(
        [
            ("RMA", row["rma_id"]),
            ("order", row["order_name"]),
            ("status", row["status"]),
            ("validation", row["validation"]),
            *[("delivery", f"{each['id']} {_summary(each)}") for each in row["deliveries"]],
        ]
    )
    out()
    out("Items")
    lines = [
        [
            item["returned_item_id"],
            item["sku"],
            item["return_method"],
            _returned(item),
            item["validation"]["reason"],
        ]
        for item in row["items"]
    ]
    table(lines, ["ITEM", "SKU", "METHOD", "RETURNED", "NOTE"], empty="the RMA has no items")
    out()
    out("Story")
    for each in row["timeline"]:
        out(f"  {each['at'][:19].replace('T', ' ')}  {each['text']}")


def _returned(item: dict[str, Any]) -> str:
    if not item["is_credited"]:
        return "stays with the customer"
    answer = item["validation"]["is_returned"]
    return "not validated yet" if answer is None else "yes" if answer else "no"
