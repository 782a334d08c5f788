"""The code in the guide for authors is that of the template; its commands are run in integration/kit."""

from __future__ import annotations

import textwrap

import pytest

from cli.scaffold import TEMPLATE
from tests.docs import pages

PAGE = pages.REPOSITORY / "docs" / "writing-a-connector.md"
PROSE, BLOCKS = pages.split(PAGE.read_text(encoding="utf-8"))
CODE = [block for block in BLOCKS if block.language in {"python", "toml"}]
FILES = [path for path in TEMPLATE.rglob("*") if path.suffix in {".py", ".toml"}]
SOURCES = [path.read_text(encoding="utf-8") for path in FILES]


def is_in_the_template(lines: tuple[str, ...]) -> bool:
    text = "\n".join(lines)
    return any(f"\n{text}\n" in source for source in SOURCES)


@pytest.mark.parametrize("block", CODE, ids=lambda block: block.lines[0].strip())
def test_every_piece_of_code_stands_so_in_the_template(block: pages.Block) -> None:
    assert is_in_the_template(block.lines), textwrap.dedent("\n".join(block.lines))


def test_code_that_has_drifted_is_seen() -> None:
    assert not is_in_the_template((*CODE[0].lines, "    # changed"))


def test_each_module_of_the_template_is_told_of() -> None:
    modules = {path.name for path in (TEMPLATE / "src" / "hub_acme").glob("*.py")} - {"__init__.py"}
    assert modules <= set(pages.code_spans(PROSE))
