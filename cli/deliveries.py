"""`hub deliveries`: the one document of each RMA, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, Limit, StoreName, facts, out, print_json, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Delivery

app = typer.Typer(
    help="Deliveries: the one document of each approved RMA, and what became of it.", no_args_is_help=True
)


class StatusName(StrEnum):
    """`hub.outcomes.Status`, without importing it for `--help`."""

    PENDING = "pending"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    ATTENTION = "attention"
    SKIPPED = "skipped"


@app.command("list", epilog="Example: hub deliveries list --status attention")
def list_(
    status: Annotated[StatusName | None, typer.Option(help="Only those.")] = None,
    rma: Annotated[str | None, typer.Option(metavar="RMA_ID", help="Only that of this RMA.")] = None,
    connection: Annotated[str | None, typer.Option(metavar="NAME", help="Only over this connection.")] = None,
    limit: Limit = 50,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """List the deliveries, newest first."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import deliveries, stores
        from hub.outcomes import Status

        rows = await deliveries.every(
            await stores.get(store),
            status=Status(status.value) if status else None,
            rma_id=rma,
            connection=connection,
            limit=limit,
        )
        return [_shown(row) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [row["id"], row["rma_id"], row["connection"], row["status"], row["reference"], row["reason"]]
            for row in rows
        ]
        head = ["DELIVERY", "RMA", "CONNECTION", "STATUS", "REFERENCE", "REASON"]
        table(lines, head, empty="no deliveries here")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub deliveries show 3f9c")
def show(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Show a delivery: the exact request, where each value came from, and every attempt."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import deliveries, stores

        row = await deliveries.get(await stores.get(store), delivery_id)
        return {**_shown(row), **_request(row), "tries": await _tries(row)}

    def print_it(row: dict[str, Any]) -> None:
        names = ("id", "rma_id", "connection", "method", "status", "verdict", "reference", "total", "reason")
        facts([(name.replace("_", " "), row[name]) for name in (*names, "fix", "next_attempt_at")])
        if row["document"]:
            out(f"document {row['document']['id']}")
        for attempt in row["tries"]:
            verdict = attempt["verdict"] or "unfinished"
            line = f"attempt {attempt['number']}  {attempt['started_at']}  {verdict}  {attempt['reason']}"
            out(line.rstrip())
        if row["request"]:
            out("\nRequest")
            print_json(row["request"])
            for field, origin in row["origins"].items():
                out(f"  {field}: {origin}")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub deliveries retry 3f9c")
def retry(
    delivery_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Which ones.")],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Hand deliveries back to the hub once their cause is mended. Never makes a second document."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.merchant import deliveries, stores

        owner = await stores.get(store)
        rows = [await deliveries.get(owner, each) for each in delivery_ids]
        return [{"id": row.id, "now": await deliveries.retry(hub.clock, row)} for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            out(f"Delivery {row['id']}: {row['now']}.")

    with_hub(work, show, as_json=as_json)


def _shown(row: Delivery) -> dict[str, Any]:
    from hub.merchant.rmas import shown_delivery, shown_time

    return {
        **shown_delivery(row),
        "rma_id": row.rma.rma_id,
        "method": row.method or None,
        "total": row.total,
        "mapping_version": row.mapping_version,
        "created_at": shown_time(row.created_at),
        "updated_at": shown_time(row.updated_at),
    }


def _request(row: Delivery) -> dict[str, Any]:
    import json

    return {
        "request": json.loads(row.request) if row.request else None,
        "origins": json.loads(row.origins),
        "warnings": json.loads(row.warnings),
    }


async def _tries(row: Delivery) -> list[dict[str, Any]]:
    from hub.merchant import deliveries
    from hub.merchant.rmas import shown_time

    return [
        {
            "number": each.number,
            "reference": each.reference,
            "mapping_version": each.mapping_version,
            "started_at": shown_time(each.started_at),
            "finished_at": shown_time(each.finished_at),
            "verdict": each.verdict.value if each.verdict else None,
            "reason": each.reason,
        }
        for each in await deliveries.attempts(row)
    ]
