"""`hub deliveries`: the one document of each RMA, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.bulk import on_many
from cli.running import (
    Json,
    Limit,
    StoreName,
    facts,
    out,
    print_json,
    say,
    table,
    with_hub,
)

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Delivery

app = typer.Typer(help="Deliveries: the one document of each approved RMA.", no_args_is_help=True)


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
        from hub.merchant import deliveries, shown, stores
        from hub.outcomes import Status

        rows = await deliveries.every(
            await stores.get(store),
            status=Status(status.value) if status else None,
            rma_id=rma,
            connection=connection,
            limit=limit,
        )
        return [shown.delivery_listed(row) for row in rows]

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
    """Show a delivery: its request, field by field, and its attempts."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import deliveries, shown, stores

        row = await deliveries.get(await stores.get(store), delivery_id)
        return await shown.delivery(row)

    def print_it(row: dict[str, Any]) -> None:
        names = ("id", "rma_id", "connection", "method", "status", "verdict", "reference", "total", "reason")
        facts([(name.replace("_", " "), row[name]) for name in (*names, "fix", "next_attempt_at")])
        if row["document"]:
            out(f"document {row['document']['id']}")
        for call in row["calls"]:
            answer = call["status"] or call["error"] or "no answer"
            out(f"call {call['at']}  {call['method']} {call['url']}  {answer}")
        for attempt in row["tries"]:
            verdict = attempt["verdict"] or "unfinished"
            line = f"attempt {attempt['number']}  {attempt['started_at']}  {verdict}  {attempt['reason']}"
            out(line.rstrip())
        for title, name in _REQUESTS.items():
            if row[name]:
                out()
                out(f"{title}")
                print_json(row[name])
        for field, origin in row["origins"].items():
            out(f"  {field}: {origin}")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub deliveries groups")
def groups(store: StoreName = "default", as_json: Json = False) -> None:
    """Group what needs a person by its cause, with what to do about each."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import desk, stores
        from hub.merchant.rmas import shown_time

        return [
            {
                "cause": group.cause,
                "connection": group.connection,
                "count": len(group.deliveries),
                "first_at": shown_time(group.first_at),
                "last_at": shown_time(group.last_at),
                "example": group.example,
                "fix": group.fix,
                "rmas": [row.rma.rma_id for row in group.deliveries],
                "deliveries": [row.id for row in group.deliveries],
            }
            for group in await desk.groups(await stores.get(store))
        ]

    def show(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            over = f" over {row['connection']}" if row["connection"] else ""
            out(f"{row['count']} x{over}: {row['example']}")
            if row["fix"]:
                out(f"  to mend it: {row['fix']}")
            out(f"  since {row['first_at']}, last {row['last_at']}")
            more = f" and {row['count'] - _NAMED} more" if row["count"] > _NAMED else ""
            out(f"  RMAs {', '.join(row['rmas'][:_NAMED])}{more}")
            out(f"  deliveries {' '.join(row['deliveries'][:_NAMED])}{more}")
        if not rows:
            say("nothing needs a person")

    with_hub(work, show, as_json=as_json)


_NAMED = 5

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Which ones.")]
Cause = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="All that need a person and whose reason holds this text."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before changing many.")]


@app.command(epilog="Example: hub deliveries retry 3f9c")
def retry(
    delivery_ids: Ids = None,
    cause: Cause = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Prepare the request again when no earlier document is found.")
    ] = False,
    gone: Annotated[
        bool, typer.Option("--gone", help="Also one that is done, when its document is gone from the ERP.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", help="Answer the question of this code with yes, for the facts it has now."
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="With --accept: why; it stays in the audit log.")] = "",
    yes: Yes = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Hand deliveries back to the hub once their cause is mended. Never makes a second document."""

    async def each(hub: Hub, row: Delivery) -> str:
        from hub.merchant import deliveries
        from hub.merchant.answers import Answer

        answer = Answer(code=accept, note=note) if accept is not None else None
        return await deliveries.retry(hub.clock, row, prepare_anew=anew, is_gone=gone, answer=answer)

    on_many(each, "retry", delivery_ids, cause, store, yes=yes, as_json=as_json)


@app.command(epilog="Example: hub deliveries edit 3f9c --request request.json")
def edit(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    request: Annotated[
        str,
        typer.Option(
            "--request",
            metavar="FILE|-",
            help="The whole request, in the form `hub deliveries show ID` prints it.",
        ),
    ],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Send a request written by hand in place of the one that was prepared.

    Only for a delivery that needs a person or was skipped. What may have been sent before is looked for
    first. The prepared request stays beside the edited one.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.files import read_file
        from hub.errors import ConfigError
        from hub.merchant import deliveries, stores

        row = await deliveries.get(await stores.get(store), delivery_id)
        try:
            text = read_file(request, _LARGEST_REQUEST).decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"read {request}", why="it is not UTF-8", fix="save it as UTF-8") from error
        return {"id": row.id, "now": await deliveries.edit(hub, row, text)}

    def show(result: dict[str, Any]) -> None:
        out(f"Delivery {result['id']}: {result['now']}.")

    with_hub(work, show, as_json=as_json)


_LARGEST_REQUEST = 1_000_000


@app.command(epilog="Example: hub deliveries resolve 3f9c --note 'credited by hand' --document 60761")
def resolve(
    delivery_ids: Ids = None,
    note: Annotated[str, typer.Option("--note", help="What was done; it stays in the RMA's story.")] = "",
    document: Annotated[
        str | None, typer.Option(metavar="ID", help="The ERP's id of the document that counts.")
    ] = None,
    cause: Cause = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Do not ask: neither before changing many, nor where a document may exist."
        ),
    ] = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Close what a person has dealt with: no document is due, or this one counts, or a flag is settled.

    While it is not known whether a document was made, closing without one is asked about first.
    """

    async def each(hub: Hub, row: Delivery) -> str:
        from hub.merchant import deliveries

        # Asked by now: what it risks was told of the delivery in this version, and no other is closed.
        return await deliveries.resolve(hub.clock, row, note, document, is_without_document=True)

    def risk(row: Delivery) -> str | None:
        from hub.merchant.documents import risk_of_none

        return risk_of_none(row) if document is None else None

    on_many(each, "resolve", delivery_ids, cause, store, yes=yes, as_json=as_json, risk=risk)


_REQUESTS = {
    "Request before it was edited or prepared anew": "original_request",
    "Request written by a person, sent once a look has found no earlier document": "edited_request",
    "Request": "request",
}
