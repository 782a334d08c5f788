"""`hub stores`: whose returns they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, facts, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Store

app = typer.Typer(help="Stores: whose connections, return methods and RMAs they are.", no_args_is_help=True)

Url = Annotated[str | None, typer.Option("--url", help="Address of the shop.")]
SupportUrl = Annotated[
    str | None, typer.Option("--customer-support-url", help="Where the shop's customers find help.")
]


@app.command("list", epilog="Example: hub stores list --json")
def list_(as_json: Json = False) -> None:
    """List the stores."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import stores

        return [_shown(store) for store in await stores.every()]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [[row["name"], row["url"], row["customer_support_url"]] for row in rows]
        table(lines, ["NAME", "URL", "CUSTOMER SUPPORT"], empty="no stores yet: run `hub init`")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub stores add outlet --url https://outlet.example.com")
def add(name: str, url: Url = None, customer_support_url: SupportUrl = None, as_json: Json = False) -> None:
    """Add a store."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import stores

        return _shown(
            await stores.add(
                name, hub.clock.now(), url=url or "", customer_support_url=customer_support_url or ""
            )
        )

    with_hub(work, _show_one, as_json=as_json)


@app.command(epilog="Example: hub stores edit default --url https://shop.example.com")
def edit(name: str, url: Url = None, customer_support_url: SupportUrl = None, as_json: Json = False) -> None:
    """Change a store; what is not given stays."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import stores

        return _shown(await stores.edit(name, url=url, customer_support_url=customer_support_url))

    with_hub(work, _show_one, as_json=as_json)


@app.command(epilog="Example: hub stores contested --json")
def contested(as_json: Json = False) -> None:
    """List return numbers that several stores have or want documents for.

    Each store that signs an event for a number has a row of its own, and reads of no other. Where the
    platform shows the return, it is confirmed. Look which document counts, cancel the others in the ERP, and
    close the delivery of the store that it belongs to with `hub deliveries resolve`.
    """

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import contested as numbers

        return [
            {
                "rma_id": each.rma_id,
                "store": party.store,
                "is_confirmed": party.is_confirmed,
                "delivery": party.delivery_id,
                "status": party.status.value if party.status else None,
                "connection": party.connection,
                "document": party.document_id,
            }
            for each in await numbers.every()
            for party in each.parties
        ]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["rma_id"],
                row["store"],
                "confirmed" if row["is_confirmed"] else "signed",
                row["delivery"] or "",
                row["status"] or "",
                row["connection"] or "",
                row["document"] or "",
            ]
            for row in rows
        ]
        heads = ["RMA", "STORE", "KNOWN BY", "DELIVERY", "STATUS", "CONNECTION", "DOCUMENT"]
        table(lines, heads, empty="no return number is contested")

    with_hub(work, show, as_json=as_json)


def _shown(store: Store) -> dict[str, Any]:
    return {"name": store.name, "url": store.url, "customer_support_url": store.customer_support_url}


def _show_one(row: dict[str, Any]) -> None:
    facts([("name", row["name"]), ("url", row["url"]), ("customer support", row["customer_support_url"])])
