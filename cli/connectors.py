"""`hub connectors`: which ERPs this hub can talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, facts, finish, out, print_json, spelled, table

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hub.registry import Connector, Found

app = typer.Typer(help="Connectors: the ERPs this hub can talk to.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A connector's name, as `hub connectors list` shows it.")
]


@app.command("list", epilog="Example: hub connectors list")
def list_(as_json: Json = False) -> None:
    """List what is installed, also what is broken, and why."""

    def work() -> list[dict[str, Any]]:
        from hub.registry import Registry

        return [_listed(found) for found in Registry().found]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [[row["name"], row["title"], row["status"], row["distribution"]] for row in rows]
        table(lines, ["NAME", "TITLE", "STATUS", "FROM"], empty="no connectors are installed")
        for row in rows:
            if row["problem"]:
                out(f"{row['name']} is disabled: {row['problem']}. {row['fix'].capitalize()}.")

    finish(work, show, as_json=as_json)


def _listed(found: Found) -> dict[str, Any]:
    connector, problem = found.connector, found.problem
    return {
        "name": found.name,
        "title": connector.schema.title if connector else None,
        "status": "ready" if connector else "disabled",
        "distribution": found.distribution,
        "problem": str(problem) if problem else None,
        "fix": problem.fix if problem else None,
    }


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
    out(f"\n{title} ({option} name=value)")
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
        from hub.registry import Registry

        described = Registry().get(name).schema
        return {
            "name": described.name,
            "title": described.title,
            "credentials": described.credentials.model_json_schema(),
            "settings": described.settings.model_json_schema(),
            "mapping": described.mapping.model_json_schema(),
        }

    finish(work, print_json, as_json=as_json)


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
