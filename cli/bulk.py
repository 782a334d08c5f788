"""Doing one thing to many deliveries: counted first, watched while it runs, told apart at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from cli.running import out, progress, say, with_hub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hub.core import Hub
    from hub.store.models import Delivery


def on_many(
    each: Callable[[Hub, Delivery], Awaitable[str]],
    verb: str,
    delivery_ids: list[str] | None,
    cause: str | None,
    store: str,
    *,
    yes: bool,
    as_json: bool,
    risk: Callable[[Delivery], str | None] | None = None,
) -> None:
    """Does one thing to several deliveries; those that refuse are named, and the others are done.

    Args:
        each: does it to one, and says what it is now.
        verb: what it is called, for people.
        delivery_ids: which; None when ``cause`` chooses.
        cause: those that need a person and whose reason holds this text; None when ids choose.
        store: whose.
        yes: True asks nobody.
        as_json: print JSON.
        risk: what it risks to do it to one, in a clause; None where that needs no question.
    """

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.errors import HubError

        rows = await _chosen(delivery_ids, cause, store)
        risks = {row.id: told for row in rows if risk and (told := risk(row))}
        if (cause or risks) and not yes:
            _confirm(verb, len(rows), risks)
        done: list[dict[str, Any]] = []
        for row in progress(rows, verb):
            try:
                done.append({"id": row.id, "now": await each(hub, row), "error": None, "exit_code": 0})
            except HubError as error:
                if len(rows) == 1:
                    raise
                done.append({"id": row.id, "now": None, "error": str(error), "exit_code": error.exit_code})
        return done

    with_hub(work, _show, as_json=as_json, code=_code)


def _show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["error"]:
            say(f"Delivery {row['id']}: {row['error']}")
        else:
            out(f"Delivery {row['id']}: {row['now']}.")


def _code(rows: list[dict[str, Any]]) -> int:
    failed = [row["exit_code"] for row in rows if row["error"]]
    if not failed:
        return 0
    return failed[0] if len(failed) == len(rows) else 8


async def _chosen(delivery_ids: list[str] | None, cause: str | None, store: str) -> list[Delivery]:
    from hub.errors import NotFoundError, UsageError
    from hub.merchant import deliveries, desk, stores

    owner = await stores.get(store)
    if bool(delivery_ids) == bool(cause):
        raise UsageError(
            "choose deliveries",
            why="it takes either their ids or --cause TEXT",
            fix="see `hub deliveries groups`",
        )
    if delivery_ids:
        return [await deliveries.get(owner, each) for each in delivery_ids]
    wanted = (cause or "").casefold()
    rows = [
        row
        for group in await desk.groups(owner)
        for row in group.deliveries
        if wanted in (row.reason or "").casefold()
    ]
    if not rows:
        raise NotFoundError(
            f"find deliveries whose reason holds {cause!r}: none needs a person",
            fix="see `hub deliveries groups`",
        )
    return rows


def _confirm(verb: str, count: int, risks: Mapping[str, str]) -> None:
    from hub.errors import UsageError

    counted = "1 delivery" if count == 1 else f"{count} deliveries"
    if not sys.stdin.isatty():
        told = [f"delivery {each}: {risks[each]}" for each in risks]
        raise UsageError(
            f"{verb} {counted}",
            why="; ".join([*told, "there is no terminal to ask on"]),
            fix="add --yes if you mean it" if risks else "add --yes if you mean all",
        )
    for each, risked in risks.items():
        say(f"Delivery {each}: {risked}.")
    typer.confirm(f"{verb} {counted}?", abort=True, err=True)
