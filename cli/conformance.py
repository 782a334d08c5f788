"""`hub connectors conformance`: the contract's rules tried on a connector, and what came of them before."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, finish, out, pairs_of, say, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.registry import Registry
    from hub.testing.ruling import Result

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A connector's name, as `hub connectors list` shows it.")
]


def conformance(
    name: Name,
    exempt: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE=REASON", help="A rule that does not apply to this ERP, and why."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try a connector against its own sandbox: every rule of the contract, kept, broken or exempt.

    Touches no ERP and none of the hub's connections. `hub connectors list` shows what came of it.
    """

    def work() -> dict[str, Any]:
        from hub.registry import Registry
        from hub.testing.conformance import run
        from hub.testing.rules import RULES

        registry = Registry()
        tried = asyncio.run(run(registry.get(name), exempt=pairs_of(exempt or [], "--exempt")))
        counts = Counter(str(each.ruling) for each in tried)
        (distribution,) = [f.distribution for f in registry.found if f.name == name and f.connector]
        return {
            "connector": name,
            "distribution": distribution,
            **{ruling: counts[ruling] for ruling in ("kept", "broken", "exempt")},
            "is_recorded": asyncio.run(_record(name, distribution, tried)),
            "rules": [
                {
                    "rule": each.rule,
                    "ruling": str(each.ruling),
                    "reason": each.reason or None,
                    "promise": RULES[each.rule].promise,
                }
                for each in tried
            ],
        }

    def show(result: dict[str, Any]) -> None:
        lines = [[each["ruling"], each["rule"], each["reason"]] for each in result["rules"]]
        table(lines, ["", "RULE", "REASON"], empty="")
        out(f"{result['connector']} ({result['distribution']}): {counted(result)}")
        if result["broken"]:
            say("docs/conformance.md says of each rule why it matters")

    finish(work, show, as_json=as_json, code=lambda result: 1 if result["broken"] else 0)


async def _record(name: str, distribution: str, rules: list[Result]) -> bool:
    from hub.clock import Clock
    from hub.errors import ConfigError
    from hub.merchant import connectors

    try:
        async with _database() as is_there:
            if is_there:
                await connectors.keep_result(Clock(), name, distribution, rules)
            return is_there
    except ConfigError as error:
        say(f"note: the result cannot be recorded: {error}")
        return False


async def add_recorded(registry: Registry, rows: list[dict[str, Any]]) -> None:
    """Adds what this hub's database holds about connectors; nothing where there is no database yet."""
    from hub.errors import ConfigError
    from hub.merchant import connectors

    try:
        async with _database() as is_there:
            if is_there:
                await connectors.add_recorded(registry, rows)
    except ConfigError as error:
        say(f"note: what this hub knows about connectors cannot be shown: {error}")


@asynccontextmanager
async def _database() -> AsyncIterator[bool]:
    """Opens this hub's database; gives False where there is none, or none of this version."""
    from hub.environment import Environment
    from hub.store.database import open_database, pending_migrations

    environment = Environment.load()
    if environment.is_sqlite and not environment.database_file.exists():
        yield False
        return
    async with open_database(environment):
        yield not await pending_migrations()


def counted(result: dict[str, Any] | None) -> str:
    """A result in numbers; None where none is known."""
    if result is None:
        return "not tried"
    return f"{result['kept']} kept, {result['broken']} broken, {result['exempt']} exempt"
