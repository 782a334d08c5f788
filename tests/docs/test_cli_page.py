"""docs/cli.md is what the commands' help says now."""

from __future__ import annotations

import re

from cli.main import app
from tests.docs import cli_page, commands, pages


def test_the_page_is_what_make_docs_would_write() -> None:
    current = cli_page.PAGE.read_text(encoding="utf-8") if cli_page.PAGE.exists() else ""
    assert current == cli_page.render(app), "docs/cli.md is out of date: run `make docs` and commit it"


HUB = commands.root(app)


def help_of(command: commands.Command) -> str:
    return f"{command.node.help or ''}\n{command.node.epilog or ''}"


def examples(command: commands.Command) -> list[list[str]]:
    """The calls that the command's help shows after ``Example:``."""
    lines = re.findall(r"^Example: (.+)$", help_of(command), re.MULTILINE)
    return [words for line in lines for words in commands.calls(line)]


def test_every_command_shows_an_example_of_itself() -> None:
    leaves = [command for command in commands.walk(HUB) if not command.children]
    assert [" ".join(command.words) for command in leaves if not examples(command)] == []


def test_every_example_in_a_help_is_a_call_the_program_takes() -> None:
    found = [words for command in commands.walk(HUB) for words in examples(command)]
    assert [problem for words in found if (problem := commands.problem(HUB, words[1:]))] == []


def test_every_command_that_a_help_mentions_exists() -> None:
    spans = [span for command in commands.walk(HUB) for span in pages.code_spans(help_of(command))]
    found = [words for span in spans for words in commands.calls(span)]
    assert [problem for words in found if (problem := commands.problem(HUB, words[1:], is_whole=False))] == []
