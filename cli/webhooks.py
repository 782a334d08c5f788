"""`hub webhooks`: addresses that are told what became of RMAs."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.running import Json, Limit, StoreName, facts, out, read_time, say, table, with_hub

if TYPE_CHECKING:
    from enum import StrEnum

    from hub.core import Hub
    from hub.merchant.webhooks import Message

app = typer.Typer(
    help="Webhooks: signed messages to an address of yours about what became of RMAs.", no_args_is_help=True
)

Kind = TypeVar("Kind", bound="StrEnum")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The webhook's name.")]
Secret = Annotated[
    str | None,
    typer.Option(metavar="@FILE|-|env:VAR", help="A secret that the receiver made, whsec_…"),
]


@app.command(
    epilog="Example: hub webhooks add --url https://example.com/hooks --event rma.credit_note.created"
)
def add(
    url: Annotated[str, typer.Option("--url", help="Where to; https.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What you call it; the address's host when left out.")
    ] = None,
    events: Annotated[
        list[str] | None, typer.Option("--event", help="A type to send; repeat it. All when left out.")
    ] = None,
    body: Annotated[str, typer.Option("--body", help="thin: which RMA. full: what is known of it.")] = "full",
    secret: Secret = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Subscribe an address to a store's updates, and print the secret that signs them, this once.

    It is told what happens from now on, and nothing old.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.secrets import read_secret
        from hub.merchant import shown, stores, webhooks
        from hub.telling import UpdateKind
        from hub.webhooks.subscription import Body

        given = None if secret is None else read_secret(secret)
        row, text = await webhooks.add(
            hub,
            await stores.get(store),
            url,
            name=name,
            events=[_one_of(UpdateKind, each, "--event") for each in events or ()],
            body=_one_of(Body, body, "--body"),
            secret=given,
        )
        # What the receiver made is known to whoever gave it, and need not be shown again.
        state = shown.webhook(row, await webhooks.standing(hub, row))
        return {**state, "secret": text if given is None else None}

    def show(row: dict[str, Any]) -> None:
        if row["secret"]:
            out(row["secret"])
            say("Give the secret to the receiver now: it is not shown again.")
        say(f"Webhook {row['name']!r} is told from now on. Try it: hub webhooks test {row['name']}")

    with_hub(work, show, as_json=as_json)


@app.command("list", epilog="Example: hub webhooks list --json")
def list_(store: StoreName = "default", as_json: Json = False) -> None:
    """List the webhooks and how they are."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.merchant import shown, stores, webhooks

        rows = await webhooks.every(await stores.get(store))
        return [shown.webhook(row, await webhooks.standing(hub, row)) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [row["name"], row["url"], row["health"], row["pending"], row["failed"], row["last_success_at"]]
            for row in rows
        ]
        head = ["NAME", "URL", "HEALTH", "WAITING", "GIVEN UP", "LAST SUCCESS"]
        table(lines, head, empty="no webhooks yet: add one with `hub webhooks add --url URL`")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub webhooks show example.com")
def show(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Show a webhook; its secrets stay hidden."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import shown, stores, webhooks
        from hub.merchant.rmas import shown_time
        from hub.webhooks.subscription import read_credentials

        row = await webhooks.get(await stores.get(store), name)
        secrets = read_credentials(hub, row).active(hub.clock.now())
        times = [
            {"created_at": shown_time(each.created_at), "expires_at": shown_time(each.expires_at)}
            for each in secrets
        ]
        return {**shown.webhook(row, await webhooks.standing(hub, row)), "secrets": times}

    def print_it(row: dict[str, Any]) -> None:
        hidden = ("secrets", "problems", "is_paused")
        shown = {**row, "events": ", ".join(row["events"]) or "all"}
        facts([(key.replace("_", " "), value) for key, value in shown.items() if key not in hidden])
        for each in row["secrets"]:
            until = f", signs until {each['expires_at']}" if each["expires_at"] else ""
            out(f"secret of {each['created_at']}{until}")
        for problem in row["problems"]:
            say(f"problem: {problem}")

    with_hub(work, print_it, as_json=as_json)


@app.command("test", epilog="Example: hub webhooks test example.com")
def try_(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Send a signed message of type hub.test now. Exit code 7 when it is not taken."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import stores, webhooks
        from hub.webhooks.work import send_test

        row = await webhooks.get(await stores.get(store), name)
        reply = await send_test(hub, row, owner=f"test {os.getpid()}")
        is_taken = 200 <= reply.status < 300  # noqa: PLR2004 - HTTP's own numbers
        return {"name": row.name, "status": reply.status, "is_taken": is_taken}

    def print_it(row: dict[str, Any]) -> None:
        taken = "took it" if row["is_taken"] else "did not take it"
        out(f"{row['name']} {taken}: it answered {row['status']}.")

    with_hub(work, print_it, as_json=as_json, code=lambda row: 0 if row["is_taken"] else 7)


@app.command(epilog="Example: hub webhooks replay example.com --failed")
def replay(
    name: Name,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="This message, msg_…; repeat it.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="All from this time on, ISO 8601; UTC without a zone.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Send messages again, under the same ids."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import stores, webhooks

        row = await webhooks.get(await stores.get(store), name)
        begin = read_time(since) if since else None
        count = await webhooks.replay(hub, row, ids=ids or (), since=begin, is_failed_only=failed)
        return {"name": row.name, "messages": count, "is_paused": row.is_paused}

    def print_it(row: dict[str, Any]) -> None:
        out(f"Messages that go again to {row['name']}: {row['messages']}.")
        if row["is_paused"]:
            say(f"It is paused: `hub webhooks resume {shlex.quote(row['name'])}`.")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub webhooks rotate example.com")
def rotate(name: Name, secret: Secret = None, store: StoreName = "default", as_json: Json = False) -> None:
    """Change the secret, and print the new one, this once. The old one signs as well for 24 hours."""

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.secrets import read_secret
        from hub.merchant import stores, webhooks

        given = None if secret is None else read_secret(secret)
        row = await webhooks.get(await stores.get(store), name)
        text = await webhooks.rotate(hub, row, given)
        return {"name": row.name, "secret": text if given is None else None}

    def print_it(row: dict[str, Any]) -> None:
        if row["secret"]:
            out(row["secret"])
        say(f"Messages to {row['name']} are signed with the new secret, for 24 hours also with the old one.")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub webhooks pause example.com")
def pause(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Stop sending; what comes meanwhile waits."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import stores, webhooks

        row = await webhooks.get(await stores.get(store), name)
        await webhooks.pause(row)
        return {"name": row.name, "is_paused": True}

    with_hub(work, lambda row: out(f"Webhook {row['name']!r} is paused."), as_json=as_json)


@app.command(epilog="Example: hub webhooks resume example.com")
def resume(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Go on at once with what has piled up, also with what failed before."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import stores, webhooks

        row = await webhooks.get(await stores.get(store), name)
        return {"name": row.name, "is_paused": False, "waiting": await webhooks.resume(hub, row)}

    def print_it(row: dict[str, Any]) -> None:
        out(f"Webhook {row['name']!r} goes on; updates that wait for it: {row['waiting']}.")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub webhooks remove example.com")
def remove(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """End a webhook and destroy its secrets. What was sent stays on record; what waits is not sent."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import stores, webhooks

        row = await webhooks.get(await stores.get(store), name)
        return {"name": row.name, "missed": await webhooks.remove(hub, row)}

    def print_it(row: dict[str, Any]) -> None:
        out(f"Webhook {row['name']!r} is removed. Updates it was not told: {row['missed']}.")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub webhooks log example.com --limit 20")
def log(name: Name, limit: Limit = 50, store: StoreName = "default", as_json: Json = False) -> None:
    """List messages, newest first, with every call that carried them."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import stores, webhooks

        row = await webhooks.get(await stores.get(store), name)
        return [_shown_message(each) for each in await webhooks.log(row, limit=limit)]

    def print_it(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["id"],
                row["type"],
                row["rma_id"],
                row["status"],
                row["attempts"],
                ", ".join(str(call["status"] or "no answer") for call in row["calls"]),
                row["next_attempt_at"],
                row["reason"],
            ]
            for row in rows
        ]
        head = ["ID", "TYPE", "RMA", "STATUS", "TRIES", "ANSWERS", "NEXT TRY", "REASON"]
        table(lines, head, empty="nothing was sent to it yet")

    with_hub(work, print_it, as_json=as_json)


def _shown_message(message: Message) -> dict[str, Any]:
    from hub.merchant.rmas import shown_time
    from hub.webhooks.message import ID_PREFIX

    sending = message.sending
    return {
        "id": f"{ID_PREFIX}{sending.update.key}",
        "type": sending.update.kind,
        "rma_id": sending.rma.rma_id,
        "at": shown_time(sending.update.created_at),
        "status": sending.status.value,
        "attempts": sending.attempts,
        "next_attempt_at": shown_time(sending.next_attempt_at),
        "ended_at": shown_time(sending.ended_at),
        "reason": sending.reason or None,
        "calls": [
            {
                "at": shown_time(call.at),
                "status": call.status,
                "error": call.error or None,
                "reply": call.reply_body or None,
            }
            for call in message.calls
        ],
    }


def _one_of(kinds: type[Kind], text: str, option: str) -> Kind:
    from hub.errors import UsageError

    try:
        return kinds(text)
    except ValueError:
        raise UsageError(
            f"read {option} {text}", why=f"it is one of {', '.join(kinds)}", fix="choose one of those"
        ) from None
