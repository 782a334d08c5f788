"""`hub connectors`: which ERPs this hub can talk to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import conformance
from cli.running import Json, facts, finish, out, print_json, spelled, table, with_hub

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hub.core import Hub
    from hub.registry import Connector

app = typer.Typer(help="Connectors: the ERPs this hub can talk to.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A connector's name, as `hub connectors list` shows it.")
]


@app.command("list", epilog="Example: hub connectors list")
def list_(as_json: Json = False) -> None:
    """List what is installed, also what is broken, and why."""

    def work() -> list[dict[str, Any]]:
        from hub.merchant import connectors
        from hub.registry import Registry

        registry = Registry()
        rows = connectors.listed(registry)
        asyncio.run(conformance.add_recorded(registry, rows))
        return rows

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["name"],
                row["title"],
                row["status"],
                row["distribution"],
                row["contract_version"],
                conformance.counted(row["conformance"]),
            ]
            for row in rows
        ]
        head = ["NAME", "TITLE", "STATUS", "FROM", "CONTRACT", "CONFORMANCE"]
        table(lines, head, empty="no connectors are installed")
        for row in rows:
            if row["problem"]:
                out(f"{row['name']} is disabled: {row['problem']}. {row['fix'].capitalize()}.")

    finish(work, show, as_json=as_json)


@app.command(epilog='Example: hub connectors disable cin7_omni --reason "upgrading tonight"')
def disable(
    name: Name,
    reason: Annotated[str, typer.Option(help="For whoever asks why; shown where its connections are.")] = "",
    as_json: Json = False,
) -> None:
    """Switch a connector off: its connections neither send nor poll, and what comes for them waits.

    A running `hub serve` notices at once. What is on its way to the ERP comes to its end first.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import connectors

        row = await connectors.disable(hub, name, reason)
        return {"name": row.name, "is_disabled": True, "reason": row.reason or None}

    def show(_: dict[str, Any]) -> None:
        out(f"{name} is off: its connections wait until `hub connectors enable {name}`.")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub connectors enable cin7_omni")
def enable(name: Name, as_json: Json = False) -> None:
    """Switch a connector on again: its connections go on where they were, without a restart."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import connectors

        await connectors.enable(name)
        return {"name": name, "is_disabled": False, "reason": None}

    def show(_: dict[str, Any]) -> None:
        out(f"{name} is on: its connections go on.")

    with_hub(work, show, as_json=as_json)


app.command(epilog="Example: hub connectors conformance cin7_omni")(conformance.conformance)


@app.command(epilog="Example: hub connectors show cin7_omni")
def show(name: Name, as_json: Json = False) -> None:
    """Show a connector's credentials, settings and quota."""

    def work() -> dict[str, Any]:
        from hub.registry import Registry

        return _shown(Registry().get(name))

    def print_it(row: dict[str, Any]) -> None:
        facts(
            [
                ("name", row["name"]),
                ("title", row["title"]),
                ("makes", row["document_noun"]),
                ("largest batch", row["max_batch"]),
                ("quota", ", ".join(f"{q['calls']} calls per {q['seconds']:g} s" for q in row["quota"])),
                ("sandbox", f"hub sandbox {name}" if row["has_sandbox"] else "none"),
            ]
        )
        _print_fields("Credentials", "--set/--secret", row["credentials"])
        _print_fields("Settings", "--set", row["settings"])

    finish(work, print_it, as_json=as_json)


def _print_fields(title: str, option: str, fields: list[dict[str, Any]]) -> None:
    out()
    out(f"{title} ({option} name=value)")
    for field in fields:
        default = "required" if field["is_required"] else f"default {spelled(field['default']) or 'empty'}"
        secret = ", secret" if field["is_secret"] else ""
        out(f"  {field['name']}  ({default}{secret})")
        if field["description"]:
            out(f"      {field['description']}")


@app.command(epilog="Example: hub connectors schema cin7_omni > cin7.schema.json")
def schema(name: Name, as_json: Json = False) -> None:
    """Print the JSON Schemas of a connector's credentials, settings and mapping, for editors and forms."""

    def work() -> dict[str, Any]:
        from hub.merchant import shown
        from hub.registry import Registry

        return shown.connector_schema(Registry().get(name))

    finish(work, print_json, as_json=as_json)


@app.command(epilog="Example: hub connectors new acme")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the new connector, like acme.")],
    into: Annotated[str, typer.Option(metavar="DIR", help="Make the new folder in this one.")] = ".",
    as_json: Json = False,
) -> None:
    """Write a connector's package to start from: it passes its tests at once."""

    def work() -> dict[str, Any]:
        from pathlib import Path

        from cli.scaffold import write_connector

        return write_connector(name, Path(into))

    def show(made: dict[str, Any]) -> None:
        out(f"{made['folder']} is a connector for an invented ERP. Put yours in its place:")
        out(f"  cd {made['folder']}")
        out("  python -m pip install --editable '.[dev]'")
        out("  pytest")
        out("A `hub serve` that is running finds it once started again.")

    finish(work, show, as_json=as_json)


def _shown(connector: Connector) -> dict[str, Any]:
    described = connector.schema
    return {
        "name": described.name,
        "title": described.title,
        "document_noun": described.document_noun,
        "location_noun": described.location_noun,
        "max_batch": described.max_batch,
        "quota": [{"calls": w.calls, "seconds": w.per.total_seconds()} for w in described.quota],
        "spacing_s": described.spacing.total_seconds(),
        "has_sandbox": connector.sandbox() is not None,
        "credentials": _fields(described.credentials),
        "settings": _fields(described.settings),
    }


def _fields(model: type[BaseModel]) -> list[dict[str, Any]]:
    from pydantic import SecretStr

    defaults = model.model_construct().model_dump(mode="json")
    return [
        {
            "name": name,
            "title": field.title or name,
            "description": " ".join((field.description or "").split()),
            "is_required": field.is_required(),
            "is_secret": field.annotation is SecretStr,
            "default": None if field.is_required() else defaults.get(name),
        }
        for name, field in model.model_fields.items()
    ]
