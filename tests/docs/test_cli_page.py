"""docs/cli.md is what the commands' help says now."""

from __future__ import annotations

from cli.main import app
from tests.docs import cli_page, commands


def test_the_page_is_what_make_docs_would_write() -> None:
    current = cli_page.PAGE.read_text(encoding="utf-8") if cli_page.PAGE.exists() else ""
    assert current == cli_page.render(app), "docs/cli.md is out of date: run `make docs` and commit it"


def test_every_command_says_what_it_does_and_shows_an_example() -> None:
    silent = []
    for command in commands.walk(commands.root(app)):
        text = " ".join([command.node.help or "", command.node.epilog or ""])
        if "hub " not in text:
            silent.append(" ".join(command.words))
    assert silent == []
