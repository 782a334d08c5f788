"""The pages of this repository, and what their text names: code blocks, links, paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>[\w-]*).*$")
_CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*#*$")

# What a path of this repository starts with, whether or not the rest of it exists.
_FOLDER = r"(?:hub|cli|connectors|tests|docs|benchmarks|\.ci)/[\w.*/-]*"
_FILE = r"Makefile|constraints\.txt|pyproject\.toml|(?:README|CONTRIBUTING|CHANGELOG)\.md"
_PATH = re.compile(f"{_FOLDER}|{_FILE}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One fenced block: its language (empty when none is given) and its lines without the fence."""

    language: str
    lines: tuple[str, ...]


def pages() -> list[Path]:
    """Every page a reader may open: those at the top, in ``docs/``, and each connector's."""
    found = [
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "connectors").rglob("*.md"),
    ]
    return sorted(found)


def name_of(page: Path) -> str:
    """The page's path from the top of the repository; used to name test cases."""
    return page.relative_to(REPOSITORY).as_posix()


def split(text: str) -> tuple[str, list[Block]]:
    """The text outside the fenced blocks, and the blocks, in order."""
    prose: list[str] = []
    blocks: list[Block] = []
    fence = language = ""
    lines: list[str] = []
    for line in text.splitlines():
        match = _FENCE.match(line)
        if not fence and match:
            fence, language, lines = match["fence"], match["language"], []
        elif fence and line.strip() == fence:
            blocks.append(Block(language=language, lines=tuple(lines)))
            fence = ""
        elif fence:
            lines.append(line)
        else:
            prose.append(line)
    if fence:
        msg = f"the fenced block that holds {lines[:1]} is never closed"
        raise ValueError(msg)
    return "\n".join(prose), blocks


def code_spans(prose: str) -> list[str]:
    """What stands in single backticks."""
    return _CODE_SPAN.findall(prose)


def links(prose: str) -> list[str]:
    """Targets of links that stay within the repository, as written: ``../README.md#try-it``."""
    targets = _LINK.findall(_CODE_SPAN.sub("", prose))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Anchors GitHub gives the headings of a page: lower case, words joined by hyphens."""
    found: set[str] = set()
    for line in split(text)[0].splitlines():
        if match := _HEADING.match(line):
            words = re.sub(r"[^\w\- ]", "", match[1].replace("`", "").lower())
            slug = unique = words.replace(" ", "-")
            number = 0
            while unique in found:
                number += 1
                unique = f"{slug}-{number}"
            found.add(unique)
    return found


def is_repository_path(text: str) -> bool:
    """Whether the text looks like a path of this repository; ``*`` stands for any name."""
    return _PATH.fullmatch(text) is not None


def exists(path: str) -> bool:
    """Whether a path of the repository exists; with ``*``, whether anything fits it."""
    return any(REPOSITORY.glob(path.rstrip("/"))) if "*" in path else (REPOSITORY / path).exists()
