"""The `hub` command."""

from __future__ import annotations

import atexit
import gc
import sys
from typing import Annotated

import typer

from cli import (
    audit,
    backup,
    connections,
    connectors,
    deliveries,
    diagnostics,
    erasing,
    events,
    keys,
    mapping,
    methods,
    operating,
    platforms,
    polling,
    reconciling,
    rmas,
    sandboxes,
    stores,
    tokens,
    users,
    watching,
    webhooks,
    working,
)
from cli.log import show_traceback
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
app.command("worker", epilog="Example: hub worker --concurrency 50")(working.worker)
app.command("poll", epilog="Example: hub poll main")(polling.poll)
app.command("reconcile", epilog="Example: hub reconcile main --since 2026-03-01")(reconciling.reconcile)
watching.add_to(app)
backup.add_to(app)
app.command("audit", epilog="Example: hub audit --since 2026-03-01")(audit.audit)
app.command("diagnostics", epilog="Example: hub diagnostics > hub-diagnostics.json")(diagnostics.diagnostics)
app.add_typer(stores.app, name="stores")
app.add_typer(connectors.app, name="connectors")
app.add_typer(connections.app, name="connections")
app.add_typer(mapping.app, name="mapping")
app.add_typer(methods.app, name="methods")
rmas.app.command("erase", epilog="Example: hub rmas erase --order '#1001'")(erasing.erase)
app.add_typer(rmas.app, name="rmas")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(platforms.app, name="platforms")
app.add_typer(events.app, name="events")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(sandboxes.app, name="sandbox")
app.add_typer(users.app, name="users")
app.add_typer(tokens.app, name="tokens")
app.add_typer(keys.app, name="keys")


GARBAGE = (50_000, 20, 50)
"""How much is made before Python looks for garbage, as in ``gc.set_threshold``. Hardly any of what a start
imports and builds ever is garbage; with Python's own numbers looking for it took a quarter of `hub init`."""


def run() -> None:
    """Entry point of the `hub` script."""
    gc.set_threshold(*GARBAGE)
    # What is left at the end goes with the process.
    atexit.register(gc.freeze)
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the last place there is: shown whole, and a failure
        show_traceback(error)
        sys.exit(1)
