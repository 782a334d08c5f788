"""The `hub` command."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import (
    connections,
    connectors,
    deliveries,
    mapping,
    methods,
    operating,
    polling,
    reconciling,
    rmas,
    sandboxes,
    stores,
    watching,
)
from cli.running import flags

app = typer.Typer(
    name="hub",
    help="Returns hub: one approved return, exactly one credit note in the ERP.",
    epilog="Start with `hub demo`, which needs nothing. Then `hub init`, `hub serve`, `hub connections add`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Returns hub: one approved return, exactly one credit note in the ERP."""
    flags.debug = debug


operating.add_to(app)
app.command("poll", epilog="Example: hub poll main")(polling.poll)
app.command("reconcile", epilog="Example: hub reconcile main --since 2026-03-01")(reconciling.reconcile)
watching.add_to(app)
app.add_typer(stores.app, name="stores")
app.add_typer(connectors.app, name="connectors")
app.add_typer(connections.app, name="connections")
app.add_typer(mapping.app, name="mapping")
app.add_typer(methods.app, name="methods")
app.add_typer(rmas.app, name="rmas")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(sandboxes.app, name="sandbox")


def run() -> None:
    """Entry point of the `hub` script."""
    app()
