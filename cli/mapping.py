"""`hub mapping`: what goes into the credit note, per connection."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, out_json, print_json, say, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Connection

app = typer.Typer(
    help="Mappings: what goes into the document an ERP gets, as JSON, per connection.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection's name.")]
File = Annotated[str, typer.Argument(metavar="FILE|-", help="The mapping document, or - for stdin.")]


@app.command(epilog="Example: hub mapping show main > mapping.json")
def show(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Print the mapping in use, as it was uploaded; `{}` while none was."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import mappings, shown

        newest = await mappings.current(await _connection(store, name))
        return shown.mapping_version(newest) if newest else {"version": mappings.BUILT_IN, "text": "{}"}

    with_hub(work, lambda row: out_json(row["text"]), as_json=as_json)


@app.command("set", epilog="Example: hub mapping set main mapping.json")
def set_(name: Name, file: File, store: StoreName = "default", as_json: Json = False) -> None:
    """Check a mapping and put it to use as a new version. Notes prepared already stay as they are."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import mappings, shown

        row = await _connection(store, name)
        return shown.mapping_version(await mappings.store(hub, row, _text(file), by=getpass.getuser()))

    with_hub(work, lambda row: out(f"Version {row['version']} is in use."), as_json=as_json)


@app.command(epilog="Example: hub mapping validate main mapping.json")
def validate(name: Name, file: File, store: StoreName = "default", as_json: Json = False) -> None:
    """Check a mapping; change nothing."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import mappings

        document = mappings.validate(hub, await _connection(store, name), _text(file))
        return {"is_valid": True, "fields": sorted(document)}

    with_hub(work, lambda row: out(f"It is valid; it sets {len(row['fields'])} fields."), as_json=as_json)


@app.command(epilog="Example: hub mapping preview main --rma rma.json --mapping new-mapping.json")
def preview(
    name: Name,
    rma: Annotated[str, typer.Option("--rma", metavar="FILE|-", help="An RMA document to try it on.")],
    mapping: Annotated[
        str | None, typer.Option("--mapping", metavar="FILE", help="A mapping to try; else the one in use.")
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Show the exact request an RMA would make, with where each value comes from. Writes nothing."""

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.files import read_file
        from hub.inbound.event import MAX_BYTES, read_event
        from hub.merchant import mappings, shown

        event = read_event(read_file(rma, MAX_BYTES))
        row = await _connection(store, name)
        return shown.preview(await mappings.preview(hub, row, event.rma, _text(mapping) if mapping else None))

    def print_it(row: dict[str, Any]) -> None:
        if row["rejected"]:
            say(f"It would need a person: {row['rejected']}")
            say(f"  fix: {row['fix']}")
            return
        print_json(row["request"])
        out()
        out("Where each value comes from")
        table(sorted(row["origins"].items()), ["FIELD", "ORIGIN"], empty="")
        out()
        out(f"Total {row['total']}")
        for warning in row["warnings"]:
            say(f"warning: {warning}")

    with_hub(work, print_it, as_json=as_json, code=lambda row: 3 if row["rejected"] else 0)


@app.command(epilog="Example: hub mapping history main")
def history(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """List every version, newest first, with who uploaded it and when."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import mappings, shown

        return [shown.mapping_version(row) for row in await mappings.history(await _connection(store, name))]

    def print_it(rows: list[dict[str, Any]]) -> None:
        lines = [[row["version"], row["created_at"], row["created_by"], len(row["text"])] for row in rows]
        table(lines, ["VERSION", "WHEN", "WHO", "CHARACTERS"], empty="the built-in empty mapping is in use")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub mapping restore main 3")
def restore(
    name: Name,
    version: Annotated[int, typer.Argument(min=0, help="Which version; 0 is the built-in empty one.")],
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Put an old version to use again, as a new version."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import mappings, shown

        row = await _connection(store, name)
        return shown.mapping_version(await mappings.restore(hub, row, version, by=getpass.getuser()))

    def print_it(row: dict[str, Any]) -> None:
        out(f"Version {version} is in use again, as version {row['version']}.")

    with_hub(work, print_it, as_json=as_json)


async def _connection(store: str, name: str) -> Connection:
    from hub.merchant import connections, stores

    return await connections.get(await stores.get(store), name)


def _text(file: str) -> str:
    from cli.files import read_file
    from hub.errors import ConfigError
    from hub.mapping.document import MAX_CHARACTERS

    # A character takes at most four bytes.
    raw = read_file(file, 4 * MAX_CHARACTERS)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"read {file}", why=f"it is not UTF-8: {error}", fix="save it as UTF-8") from error
