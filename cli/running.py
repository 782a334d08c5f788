"""Running a command: opening the hub, printing the result, and turning errors into three parts.

Nothing of the hub is imported before a command runs, so that `hub --help` answers at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.errors import HubError

Result = TypeVar("Result")
Item = TypeVar("Item")

MANY = 20

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
StoreName = Annotated[str, typer.Option("--store", metavar="NAME", help="Which store.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many, newest first.")]


@dataclass
class _Flags:
    debug: bool = False


flags = _Flags()
"""What was asked for before the command's name."""


def with_hub(
    work: Callable[[Hub], Awaitable[Result]],
    show: Callable[[Result], None],
    *,
    as_json: bool,
    should_migrate: bool = False,
    code: Callable[[Result], int] = lambda _: 0,
) -> None:
    """Opens the hub, does the work and prints what came of it.

    Args:
        work: gives what ``--json`` prints.
        show: prints the same for people.
        as_json: print JSON instead.
        should_migrate: bring the database up to date first.
        code: the exit code of a result.
    """

    async def opened() -> Result:
        from hub.core import open_hub
        from hub.environment import Environment

        async with open_hub(Environment.load(), should_migrate=should_migrate) as hub:
            return await work(hub)

    finish(lambda: asyncio.run(opened()), show, as_json=as_json, code=code)


def finish(
    work: Callable[[], Result],
    show: Callable[[Result], None],
    *,
    as_json: bool,
    code: Callable[[Result], int] = lambda _: 0,
) -> None:
    """Does the work of a command that needs no open hub, and prints what came of it."""
    from cli.log import log_to_stderr
    from hub.errors import HubError

    log_to_stderr()
    try:
        result = work()
    except HubError as error:
        fail(error, as_json=as_json)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(130) from None
    except Exception as error:
        if flags.debug:
            raise
        fail(_foreign(error), as_json=as_json)
    if as_json:
        print_json(result)
    else:
        show(result)
    if status := code(result):
        raise typer.Exit(status)


def _foreign(error: Exception) -> HubError:
    """What a library threw, as one of our errors."""
    from tortoise.exceptions import BaseORMException

    from hub.errors import HubError

    name = type(error).__name__
    if isinstance(error, BaseORMException):
        fix = "check the disk and the database; nothing half done was kept"
        return HubError("use the database", why=f"{name}: {error}", fix=fix)
    return HubError(
        "run the command: unexpected failure",
        why=f"{name}: {error}",
        fix="run it again as `hub --debug …` and report what it prints",
    )


def fail(error: HubError, *, as_json: bool = False) -> NoReturn:
    """Prints an error and ends with its exit code; its code is a heading of docs/errors.md."""
    if flags.debug:
        raise error
    if as_json:
        shown = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
        print_json({"error": shown})
    say(f"error: {error.what} [{error.code}]")
    if error.why:
        say(f"  why: {error.why}")
    if error.fix:
        say(f"  fix: {error.fix}")
    raise typer.Exit(error.exit_code)


def say(text: str) -> None:
    """A message for people, one line on stderr."""
    from hub.plain_text import visible

    typer.echo(visible(text), err=True)


def out(text: str = "") -> None:
    """A line of the result, on stdout."""
    from hub.plain_text import visible

    _echo(visible(text))


def out_json(text: str) -> None:
    """A text that is JSON already, as it was written, on stdout."""
    from hub.plain_text import visible_json

    _echo(visible_json(text))


def print_json(value: object) -> None:
    """The one JSON document of ``--json``."""
    out_json(json.dumps(value, ensure_ascii=False, indent=2))


def _echo(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


def table(rows: Sequence[Sequence[object]], head: Sequence[str], *, empty: str) -> None:
    """Prints columns as wide as their widest cell; a line that says what to do when there are none."""
    if not rows:
        say(empty)
        return
    from hub.plain_text import visible

    cells = [
        list(head),
        *[["-" if cell is None or cell == "" else visible(str(cell)) for cell in row] for row in rows],
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        out("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def facts(pairs: Sequence[tuple[str, object]]) -> None:
    """Prints one thing's facts, name and value."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        out(f"{name.ljust(width)}  {'-' if value is None or value == '' else value}")


def spelled(value: object) -> str:
    """A setting's value as `--set` takes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        plain = all(isinstance(each, str | int) for each in value)
        return ",".join(map(str, value)) if plain else json.dumps(value, ensure_ascii=False)
    return str(value)


def progress(rows: Sequence[Item], verb: str) -> Iterable[Item]:
    """Walks through rows; when there are many and someone watches, with a bar on stderr."""
    if len(rows) < MANY or not sys.stderr.isatty():
        return rows
    from rich.console import Console
    from rich.progress import track

    return track(rows, description=verb, console=Console(stderr=True))


def pairs_of(given: Sequence[str], option: str) -> dict[str, str]:
    """Reads ``key=value`` options.

    Raises:
        UsageError: one has no ``=``, or a key comes twice.
    """
    from hub.errors import UsageError

    values: dict[str, str] = {}
    for each in given:
        key, sign, value = each.partition("=")
        if not sign or not key or key in values:
            why = f"{key} comes twice" if key in values else "it is not of the form key=value"
            raise UsageError(f"read {option} {key}", why=why, fix=f"write {option} key=value, once for each")
        values[key] = value
    return values


def read_time(text: str) -> datetime:
    """Reads the time of ``--since``; UTC when it names no zone.

    Raises:
        UsageError: it is none.
    """
    from datetime import UTC, datetime

    from hub.errors import UsageError

    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"read --since {text}", why="it is not a date", fix="write it like 2026-03-01"
        ) from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
