"""`hub sandbox`: a local stand-in of an ERP or of a platform, and people's doors into it."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli import platform_doors
from cli.running import Json, finish, out, pairs_of, print_json, table
from cli.sandbox_calls import Url, call

if TYPE_CHECKING:
    from hub.sandbox import Fault, Sandbox, StandIn


class _Group(TyperGroup):
    """Takes a connector's name where a command stands: `hub sandbox cin7_omni`."""

    # Typer brings its own copy of click, whose types have no public name.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["start", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Sandboxes: `hub sandbox CONNECTOR|returngo` starts a local stand-in of an ERP or of the platform; "
    "the other commands act in a running one as its warehouse and its users would.",
    epilog="Example: hub sandbox cin7_omni --port 9100 --fault drop_after_write:times=1",
    no_args_is_help=True,
)

Document = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id or its reference.")]


@app.command(epilog="Example: hub sandbox cin7_omni --port 9100 --seed 7")
def start(
    connector: Annotated[str, typer.Argument(metavar="CONNECTOR", help="See `hub connectors list`.")],
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.")] = 9100,
    seed: Annotated[int, typer.Option(help="Seed of everything random in it.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME[:times=N|all][,on=POST][,chance=P][,seconds=S]",
            help="A misbehaviour; give --fault help to list them.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a sandbox; `hub sandbox CONNECTOR` is the same. Stops with Ctrl-C."""

    def work() -> None:
        from hub.testing.serving import parse_fault

        sandbox = _make(connector, seed)
        if fault == ["help"]:
            table(
                [[name, text] for name, text in sandbox.faults.items()], ["FAULT", "WHAT IT DOES"], empty=""
            )
            return
        faults = [parse_fault(each, sandbox.faults) for each in fault or []]
        asyncio.run(_serve(connector, sandbox, port, faults, as_json))

    finish(work, lambda _: None, as_json=False)


def _make(connector: str, seed: int) -> Sandbox | StandIn:
    from hub.clock import Clock
    from hub.errors import NotFoundError
    from hub.platform.returngo.config import NAME
    from hub.registry import Registry

    if connector == NAME:
        from hub.platform.returngo.sandbox import ReturnGoSandbox

        return ReturnGoSandbox(seed, Clock().now)
    spec = Registry().get(connector).sandbox()
    if spec is None:
        raise NotFoundError(
            f"start a sandbox of {connector}: its connector has none",
            fix="ask the connector's author for one, or try another connector",
        )
    return spec.make(seed, Clock().now)


async def _serve(
    connector: str, sandbox: Sandbox | StandIn, port: int, faults: list[Fault], as_json: bool
) -> None:
    from hub.testing.serving import SandboxServer

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SandboxServer(sandbox, port=port) as server:
        for each in faults:
            sandbox.inject(each)
        settings = dict(sandbox.settings(server.url))
        if as_json:
            print_json({"url": server.url, "credentials": dict(sandbox.credentials), "settings": settings})
        else:
            out(f"sandbox {connector} is ready on {server.url}")
            for name, value in {**settings, **sandbox.credentials}.items():
                out(f"  {name}={value}")
            out(f"connect it: {_adding(connector, sandbox, settings)}")
        await stop.wait()


def _adding(connector: str, sandbox: Sandbox | StandIn, settings: dict[str, str]) -> str:
    """The command that connects a sandbox; its secrets come from standard input."""
    from pydantic import SecretStr

    from hub.platform.returngo.config import NAME, SCHEMA
    from hub.registry import Registry

    is_platform = connector == NAME
    schema = SCHEMA if is_platform else Registry().get(connector).schema
    fields = schema.credentials.model_fields
    secret = [name for name in sandbox.credentials if fields[name].annotation is SecretStr]
    plain = {**settings, **{k: v for k, v in sandbox.credentials.items() if k not in secret}}
    given = " ".join(f"--set {name}={value}" for name, value in plain.items())
    hidden = " ".join(f"--secret {name}=- <<< {sandbox.credentials[name]}" for name in secret[:1])
    command = (
        "hub platforms add returngo --name shop"
        if is_platform
        else f"hub connections add {connector} --name main"
    )
    return f"{command} {given} {hidden}".strip()


@app.command(epilog="Example: hub sandbox documents --url http://127.0.0.1:9100")
def documents(url: Url, as_json: Json = False) -> None:
    """List the documents a running sandbox holds."""

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["id"],
                row["reference"],
                row["status"],
                f"{row['total']} {row['currency'] or ''}".strip(),
                ", ".join(f"{line['sku']} x{line['quantity']}" for line in row["lines"]),
                ", ".join(str(line["received"] or "-") for line in row["lines"]),
            ]
            for row in rows
        ]
        table(
            lines, ["ID", "REFERENCE", "STATUS", "TOTAL", "LINES", "RECEIVED"], empty="it holds no documents"
        )

    finish(lambda: call("GET", url, "documents"), show, as_json=as_json)


@app.command(epilog="Example: hub sandbox receive 1001 --url http://127.0.0.1:9100 --quantity SKU-032=1")
def receive(
    document: Document,
    url: Url,
    quantity: Annotated[
        list[str] | None,
        typer.Option("--quantity", metavar="SKU=UNITS", help="Only so many of this SKU; all when left out."),
    ] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Book goods in without declaring the document finished.")
    ] = False,
    quantities_unknown: Annotated[
        bool, typer.Option("--quantities-unknown", help="Declare it finished without saying how many came.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Book goods in, as the warehouse would."""

    def work() -> dict[str, Any]:
        body = {
            "document": document,
            "quantities": pairs_of(quantity, "--quantity") if quantity else None,
            "is_complete": not incomplete,
            "is_quantity_known": not quantities_unknown,
        }
        received: dict[str, Any] = call("POST", url, "receive", body)
        return received

    def show(row: dict[str, Any]) -> None:
        lines = ", ".join(
            f"{line['sku']} {line['received'] or '?'}/{line['quantity']}" for line in row["lines"]
        )
        out(f"Document {row['id']} ({row['reference']}): {lines}")

    finish(work, show, as_json=as_json)


@app.command(epilog="Example: hub sandbox sell rma.json --url http://127.0.0.1:9100")
def sell(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="An RMA document.")],
    url: Url,
    as_json: Json = False,
) -> None:
    """Place the sales order that an RMA's items came from, as the shop would have."""

    def work() -> dict[str, Any]:
        from cli.files import read_file
        from hub.inbound.event import MAX_BYTES, read_event

        event = read_event(read_file(file, MAX_BYTES))
        placed: dict[str, Any] = call("POST", url, "sell", json.loads(event.text))
        return placed

    finish(work, lambda row: out(f"Sales order {row['id']} ({row['reference']}) is placed."), as_json=as_json)


@app.command(epilog="Example: hub sandbox void 1001 --url http://127.0.0.1:9100")
def void(document: Document, url: Url, as_json: Json = False) -> None:
    """Cancel a document by hand, as a person would in the ERP."""
    finish(
        lambda: call("POST", url, "void", {"document": document}),
        lambda row: out(f"Document {row['id']} ({row['reference']}) is {row['status']}."),
        as_json=as_json,
    )


@app.command(epilog="Example: hub sandbox fault drop_after_write:times=1 --url http://127.0.0.1:9100")
def fault(
    spec: Annotated[str, typer.Argument(metavar="NAME[:times=N|all][,on=POST][,chance=P][,seconds=S]|none")],
    url: Url,
    as_json: Json = False,
) -> None:
    """Order a misbehaviour; `none` ends all of them."""

    def work() -> dict[str, Any]:
        if spec == "none":
            return {"name": "none", "does": "it behaves well again", **call("DELETE", url, "faults")}
        from dataclasses import asdict

        from hub.testing.serving import parse_fault

        ordered: dict[str, Any] = call("POST", url, "faults", asdict(parse_fault(spec)))
        return ordered

    finish(work, lambda row: out(f"{row['name']}: {row['does']}"), as_json=as_json)


platform_doors.add_to(app)
