"""`hub sandbox add|approve|rma|webhook`: what people do in the stand-in of a returns platform."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli.running import Json, finish, out
from cli.sandbox_calls import Url, call

Rma = Annotated[str, typer.Argument(metavar="RMA", help="Its number.")]


def add_to(app: typer.Typer) -> None:
    """Hangs the commands on those of `hub sandbox`."""
    app.command(epilog="Example: hub sandbox add rma.json --pending --url http://127.0.0.1:9100")(add)
    app.command(name="invent", epilog="Example: hub sandbox invent --count 3 --url http://127.0.0.1:9100")(
        invent_returns
    )
    app.command(epilog="Example: hub sandbox approve 41501000 --url http://127.0.0.1:9100")(approve)
    app.command(epilog="Example: hub sandbox rma 41501000 --url http://127.0.0.1:9100")(rma)
    app.command(
        epilog="Example: hub sandbox webhook http://127.0.0.1:8080/v1/hooks/returngo/TOKEN --url URL"
    )(webhook)


def add(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="An RMA document.")],
    url: Url,
    pending: Annotated[bool, typer.Option("--pending", help="Not approved yet, whatever it says.")] = False,
    as_json: Json = False,
) -> None:
    """Put a return into a running sandbox of a platform, as its customer would."""

    def work() -> dict[str, Any]:
        from cli.files import read_file
        from hub.inbound.event import MAX_BYTES, read_event

        event = read_event(read_file(file, MAX_BYTES))
        body = {"document": json.loads(event.text), "status": "Pending" if pending else None}
        added: dict[str, Any] = call("POST", url, "add", body)
        return added

    finish(work, _print_rma, as_json=as_json)


def invent_returns(
    url: Url,
    count: Annotated[int, typer.Option("--count", min=1, max=10_000, help="How many.")] = 1,
    as_json: Json = False,
) -> None:
    """Put invented returns into a running sandbox of a platform, not approved yet."""

    def show(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            _print_rma(row)

    finish(lambda: call("POST", url, "invent", {"count": count}), show, as_json=as_json)


def approve(rma: Rma, url: Url, as_json: Json = False) -> None:
    """Approve a return in a running sandbox of a platform, as a person there would."""
    finish(lambda: call("POST", url, "approve", {"rma": rma}), _print_rma, as_json=as_json)


def rma(rma: Rma, url: Url, as_json: Json = False) -> None:
    """Show a return as a running sandbox of a platform holds it."""

    def show(row: dict[str, Any]) -> None:
        out(f"RMA {row['rmaSummary']['rmaId']} is {row['rmaSummary']['status']}.")
        for shipment in row.get("shipments", ()):
            out(f"  shipment {shipment['shipmentId']}: {shipment['status']}")
        for comment in row.get("comments", ()):
            out(f"  comment: {comment['htmlText']}")

    finish(lambda: call("POST", url, "rma", {"rma": rma}), show, as_json=as_json)


def webhook(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where to; see `hub platforms check`.")],
    url: Url,
    as_json: Json = False,
) -> None:
    """Have a running sandbox of a platform send its webhooks to an address."""
    finish(
        lambda: call("POST", url, "webhook", {"url": address}),
        lambda row: out(f"Webhooks go to {row['url']}."),
        as_json=as_json,
    )


def _print_rma(row: dict[str, Any]) -> None:
    out(f"RMA {row['id']} of order {row['sales_reference']} is {row['status']}.")
