"""`hub worker`: the engine as a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.running import Json, out, print_json, with_hub

if TYPE_CHECKING:
    from hub.core import Hub


def worker(
    concurrency: Annotated[
        int, typer.Option(min=1, max=200, help="How many connections to work on at once.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Send and poll for a hub on PostgreSQL. Run as many as you like, on any machine.

    Prints one line when it is ready. Stops with Ctrl-C or SIGTERM, and finishes what is under way first.
    On SQLite `hub serve` does this itself.
    """

    async def work(hub: Hub) -> None:
        from hub.engine.workers import work_until_told

        def ready() -> None:
            if as_json:
                print_json({"status": "ready", "concurrency": concurrency})
            else:
                out(f"worker is ready, {concurrency} connections at once")

        await work_until_told(hub, concurrency=concurrency, on_ready=ready)

    with_hub(work, lambda _: None, as_json=False, should_migrate=True)
