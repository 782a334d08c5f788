"""Every command line on a page is one the program takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest
import typer

from cli.main import app
from tests.docs import commands, pages

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [pytest.param(page, id=pages.name_of(page)) for page in pages.pages()]
HUB = commands.root(app)


def wrong_with(words: list[str], *, is_whole: bool = True) -> str | None:
    if words[0] == "hub":
        return commands.problem(HUB, words[1:], is_whole=is_whole)
    unknown = [word for word in words[1:] if "=" not in word and word not in commands.make_targets()]
    return f"the Makefile has no target {' '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_code_block_parses_and_its_files_exist(page: Path) -> None:
    _, blocks = pages.split(page.read_text(encoding="utf-8"))
    problems = []
    for line in (line for block in blocks for line in commands.lines_in(block)):
        for words in commands.calls(line):
            if problem := wrong_with(words):
                problems.append(f"{line}: {problem}")
            missing = [w for w in words if pages.is_repository_path(w) and not pages.exists(w)]
            problems += [f"{line}: {path} does not exist" for path in missing]
    assert problems == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_named_in_a_sentence_exists(page: Path) -> None:
    prose, _ = pages.split(page.read_text(encoding="utf-8"))
    problems = []
    for span in pages.code_spans(prose):
        if span.startswith(("hub ", "make ")):
            # A sentence may show what is optional: `hub poll [NAME]…`.
            (words,) = commands.calls(span.translate(str.maketrans("", "", "[]…")))
            if problem := wrong_with(words, is_whole=False):
                problems.append(f"{span}: {problem}")
    assert problems == []


@pytest.fixture
def small() -> commands.Command:
    """A program of its own, so that these tests do not change with the CLI."""
    program, things = typer.Typer(), typer.Typer()
    program.add_typer(things, name="things")

    @program.command()
    def start(*, port: int = 80) -> None:
        """Starts on a port."""

    @things.command()
    def show(name: str, *, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        """Shows one."""

    @things.command()
    def add(names: list[str]) -> None:
        """Adds some."""

    return commands.root(program)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hub start --port 81", None),
        ("hub start --port=81", None),
        ("hub things show one --json", None),
        ("hub things add one two three", None),
        ("hub things --help", None),
        ("hub stop", "hub has no command stop"),
        ("hub things", "hub things needs a command after it"),
        ("hub start --host x", "hub start has no option --host"),
        ("hub start --port", "--port lacks its value"),
        ("hub things show", "hub things show needs more arguments"),
        ("hub things show one two", "hub things show takes fewer arguments"),
    ],
)
def test_a_wrong_command_line_is_told_from_a_right_one(
    small: commands.Command, line: str, expected: str | None
) -> None:
    (words,) = commands.calls(line)
    assert commands.problem(small, words[1:]) == expected


def test_a_mention_may_leave_arguments_out(small: commands.Command) -> None:
    assert commands.problem(small, ["things", "show"], is_whole=False) is None
    assert commands.problem(small, ["things"], is_whole=False) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A_B=1 .venv/bin/hub start", [["hub", "start"]]),
        ("echo x | hub things show - --json > out.json", [["hub", "things", "show", "-", "--json"]]),
        ("hub start 2> log && make test  # why", [["hub", "start"], ["make", "test"]]),
        ("hub things show <name>", [["hub", "things", "show", "PLACEHOLDER"]]),
        ("hub things show '#1 a'", [["hub", "things", "show", "#1 a"]]),
        ("hub start &", [["hub", "start"]]),
        ("the hub starts", []),
    ],
)
def test_calls_are_found_in_a_shell_line(line: str, expected: list[list[str]]) -> None:
    assert commands.calls(line) == expected


def test_in_a_block_with_prompts_the_other_lines_are_output() -> None:
    block = pages.Block(language="console", lines=("$ hub start \\", "  --port 1", "hub is ready"))
    assert [line.split() for line in commands.lines_in(block)] == [["hub", "start", "--port", "1"]]
    assert commands.lines_in(pages.Block(language="json", lines=("hub x",))) == []
