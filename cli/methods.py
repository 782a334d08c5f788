"""`hub methods`: which connection a return goes to, by its return method."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, facts, out, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub

app = typer.Typer(help="Return methods: where the returns of each one go.", no_args_is_help=True)


class TypeName(StrEnum):
    """The platform's four types; `hub.rma.MethodType`, without importing it for `--help`."""

    NO_SHIPMENT_REQUIRED = "no_shipment_required"
    DROP_OFF = "return_to_drop_off_location"
    ANY_CARRIER = "ship_with_any_carrier"
    PREPAID_LABEL = "ship_with_prepaid_label"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The method's name in the returns platform.")]


@app.command("list", epilog="Example: hub methods list")
def list_(store: StoreName = "default", as_json: Json = False) -> None:
    """List the return methods and where each sends its returns."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import methods, shown, stores

        return [shown.method(row) for row in await methods.every(await stores.get(store))]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [row["name"], row["type"], row["connection"] or "Do not update", row["location"]] for row in rows
        ]
        table(
            lines,
            ["NAME", "TYPE", "CONNECTION", "LOCATION"],
            empty="no return methods yet: add one with `hub methods add NAME --type TYPE`",
        )

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub methods add 'UPS label' --type ship_with_prepaid_label")
def add(
    name: Name,
    type_: Annotated[TypeName, typer.Option("--type", help="The method's type in the platform.")],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Add a return method. It starts at Do not update."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import methods, shown, stores
        from hub.rma import MethodType

        await methods.add(await stores.get(store), name, MethodType(type_.value))
        return shown.method(await methods.get(await stores.get(store), name))

    with_hub(work, _say_effect, as_json=as_json)


@app.command("set", epilog="Example: hub methods set 'UPS label' --connection main --location 3")
def set_(
    name: Name,
    connection: Annotated[str | None, typer.Option(help="Send its returns to this connection.")] = None,
    do_not_update: Annotated[bool, typer.Option("--do-not-update", help="Make nothing in any ERP.")] = False,
    location: Annotated[
        str | None,
        typer.Option(help="The ERP's id of where the goods come back (`hub connections check` lists them)."),
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Point a return method at a connection, or at Do not update."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.errors import UsageError
        from hub.merchant import connections, methods, shown, stores

        if (connection is None) != do_not_update:
            raise UsageError(
                f"set return method {name!r}",
                why="it takes either --connection NAME or --do-not-update",
                fix=f"for example `hub methods set {shlex.quote(name)} --connection main`",
            )
        owner = await stores.get(store)
        row = await methods.get(owner, name)
        if connection is None:
            await methods.do_not_update(row)
        else:
            await methods.point_at(row, await connections.get(owner, connection), location)
        return shown.method(await methods.get(owner, name))

    with_hub(work, _say_effect, as_json=as_json)


@app.command(epilog="Example: hub methods show 'UPS label'")
def show(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Show a return method and what happens to its returns."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import methods, shown, stores

        return shown.method(await methods.get(await stores.get(store), name))

    def print_it(row: dict[str, Any]) -> None:
        facts(
            [
                ("name", row["name"]),
                ("type", row["type"]),
                ("connection", row["connection"] or "Do not update"),
            ]
        )
        _say_effect(row)

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub methods remove 'Old label'")
def remove(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Forget a return method. Returns that name it will then need a person."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import methods, shown, stores

        row = await methods.get(await stores.get(store), name)
        forgotten = shown.method(row)
        await methods.remove(row)
        return forgotten

    with_hub(work, lambda row: out(f"Return method {row['name']!r} is forgotten."), as_json=as_json)


def _say_effect(row: dict[str, Any]) -> None:
    if row["connection"]:
        where = f", restocked at {row['location']}" if row["location"] else ""
        out(f"An approved return by {row['name']!r} makes one document over {row['connection']}{where}.")
    elif row["type"] == TypeName.NO_SHIPMENT_REQUIRED:
        out(f"Items returned by {row['name']!r} stay with the customer and off every document.")
    else:
        out(f"{row['name']!r} is set to Do not update: nothing is made for its returns.")
