"""The commands of the CLI as a reader of the pages meets them: walked, and compared with written lines."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.main import get_command

from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typer.core import TyperArgument, TyperCommand, TyperOption

_SHELL_LANGUAGES = {"", "sh", "bash", "shell", "console"}
_OPERATORS = {"|", "||", "&", "&&", ";"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One command or group: the words that call it, ``("hub", "rmas", "show")``, and what it takes."""

    words: tuple[str, ...]
    node: TyperCommand | TyperGroup

    def below(self, words: Sequence[str]) -> tuple[Command, Sequence[str]] | None:
        """What words after this group's call, and the words left; None when nothing is called so.

        The group itself decides, since it may take more words than its help lists.
        """
        if not isinstance(self.node, TyperGroup):
            return None
        try:
            name, node, left = self.node.resolve_command(typer.Context(self.node), list(words))
        except typer.TyperException:
            return None
        return Command(words=(*self.words, str(name)), node=node), left  # type: ignore[arg-type]

    @property
    def children(self) -> list[Command]:
        """Commands below a group, as its help lists them; hidden ones are left out."""
        if not isinstance(self.node, TyperGroup):
            return []
        names = self.node.list_commands(typer.Context(self.node))
        found = [below[0] for name in names if (below := self.below([name]))]
        return [command for command in found if not command.node.hidden]

    @property
    def options(self) -> dict[str, int]:
        """Each spelling of each option → how many values follow it."""
        found = {}
        for parameter in self.node.get_params(typer.Context(self.node)):
            if parameter.param_type_name == "option":
                option: TyperOption = parameter  # type: ignore[assignment]
                values = 0 if option.is_flag or option.count else option.nargs
                found.update(dict.fromkeys((*option.opts, *option.secondary_opts), values))
        return found

    @property
    def arguments(self) -> list[TyperArgument]:
        """Its positional arguments, in order."""
        parameters = self.node.get_params(typer.Context(self.node))
        return [p for p in parameters if p.param_type_name == "argument"]  # type: ignore[misc]


def root(app: typer.Typer) -> Command:
    """The program itself."""
    return Command(words=("hub",), node=get_command(app))  # type: ignore[arg-type]


def walk(command: Command) -> Iterator[Command]:
    """The command and everything below it, in the order of its help."""
    yield command
    for child in command.children:
        yield from walk(child)


def lines_in(block: pages.Block) -> list[str]:
    """The shell lines of a block: those after ``$ `` where there are any, else all of a shell block."""
    text = "\n".join(block.lines).replace("\\\n", " ")
    lines = [line.strip() for line in text.split("\n")]
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    if prompted or block.language not in _SHELL_LANGUAGES:
        return prompted
    return lines


def calls(line: str) -> list[list[str]]:
    """The calls of ``hub`` and ``make`` in a shell line, as words; redirections are cut off."""
    line = re.sub(r"<[\w -]+>", "PLACEHOLDER", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in _OPERATORS:
            found.append([])
        else:
            found[-1].append(word)
    return [named for words in found if (named := _named(words))]


def _named(words: Sequence[str]) -> list[str]:
    kept = list(words)
    while kept and re.match(r"[A-Z_]+=", kept[0]):
        kept.pop(0)
    for place, word in enumerate(kept):
        if set(word) <= set("<>&"):
            kept = kept[: place - 1] if kept[place - 1].isdigit() else kept[:place]
            break
    if kept and kept[0] in {"hub", ".venv/bin/hub", "make"}:
        return [kept[0].rsplit("/", 1)[-1], *kept[1:]]
    return []


def problem(command: Command, words: Sequence[str], *, is_whole: bool = True) -> str | None:
    """Why the CLI would not take this call; None when it would.

    Args:
        command: where the words are read from; :func:`root` for a whole call.
        words: what follows the command's own words.
        is_whole: False for a mention in a sentence, which may leave arguments out.
    """
    given = 0
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith("-") and word != "-":
            name, is_joined, _ = word.partition("=")
            if name not in command.options:
                return f"{' '.join(command.words)} has no option {name}"
            if name == "--help":
                return None
            if not is_joined and command.options[name] > len(left):
                return f"{name} lacks its value"
            del left[: 0 if is_joined else command.options[name]]
        elif isinstance(command.node, TyperGroup):
            below = command.below([word, *left])
            if below is None:
                return f"{' '.join(command.words)} has no command {word}"
            return problem(below[0], below[1], is_whole=is_whole)
        else:
            given += 1
    return _count_problem(command, given, is_whole=is_whole)


def _count_problem(command: Command, given: int, *, is_whole: bool) -> str | None:
    name = " ".join(command.words)
    if isinstance(command.node, TyperGroup) and is_whole and not command.node.invoke_without_command:
        return f"{name} needs a command after it"
    if not isinstance(command.node, TyperGroup):
        has_no_end = any(argument.nargs < 0 for argument in command.arguments)
        if not has_no_end and given > sum(argument.nargs for argument in command.arguments):
            return f"{name} takes fewer arguments"
        if is_whole and given < sum(argument.required for argument in command.arguments):
            return f"{name} needs more arguments"
    return None


def make_targets() -> set[str]:
    """The targets the Makefile offers."""
    text = (pages.REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
