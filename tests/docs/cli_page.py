"""Writes docs/cli.md from what ``--help`` prints: ``make docs``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from tests.docs import commands, pages

if TYPE_CHECKING:
    import typer

PAGE = pages.REPOSITORY / "docs" / "cli.md"

_HEAD = """\
<!-- Made by `make docs` from the commands' own help; edit that. -->
# The commands of `hub`
"""
# What a terminal would say of its width and colours must not change the page.
_TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def render(app: typer.Typer) -> str:
    """The whole page: one section for each command, with its help as a reader sees it."""
    return "\n".join([_HEAD, *(_section(app, command) for command in commands.walk(commands.root(app)))])


def _section(app: typer.Typer, command: commands.Command) -> str:
    arguments = [*command.words[1:], "--help"]
    result = CliRunner().invoke(app, arguments, prog_name="hub", env=_TERMINAL, catch_exceptions=False)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", result.output)
    lines = [line.rstrip() for line in shown.strip().splitlines()]
    return "\n".join([f"## `{' '.join(command.words)}`", "", "```text", *lines, "```", ""])


if __name__ == "__main__":
    from cli.main import app

    PAGE.write_text(render(app), encoding="utf-8")
