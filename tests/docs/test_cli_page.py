"""docs/cli.md is what the commands' help says now."""

from __future__ import annotations

import re

from cli.main import app
from tests.docs import cli_page, commands, pages


def test_the_page_is_what_make_docs_would_write() -> None:
    current = cli_page.PAGE.read_text(encoding="utf-8") if cli_page.PAGE.exists() else ""
    assert current == cli_page.render(app), "docs/cli.md is out of date: run `make docs` and commit it"


def examples(command: commands.Command) -> list[list[str]]:
    """The calls a command's help shows: in its epilog, after ``Example:``, or in backticks."""
    text = f"{command.node.help or ''}\n{command.node.epilog or ''}"
    shown = re.findall(r"^Examples?: (.+)$", text, re.MULTILINE) + pages.code_spans(text)
    return [words for line in shown for words in commands.calls(line)]


def test_every_command_shows_an_example_of_itself() -> None:
    leaves = [command for command in commands.walk(commands.root(app)) if not command.children]
    without = [
        " ".join(command.words)
        for command in leaves
        if not any(words[0] == "hub" for words in examples(command))
    ]
    assert without == []


def test_every_example_in_a_help_is_a_call_the_program_takes() -> None:
    hub = commands.root(app)
    wrong = [
        f"{' '.join(command.words)}: {problem}"
        for command in commands.walk(hub)
        for words in examples(command)
        if (problem := commands.problem(hub, words[1:], is_whole=False))
    ]
    assert wrong == []
