"""docs/errors.md leaves out no code, no exit code and no verdict."""

from __future__ import annotations

import re

import pytest
import typer

from cli.running import fail
from hub import errors
from hub.outcomes import Verdict
from tests.docs import pages

TEXT = (pages.REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
INTERFACE = {*range(10), 130}


def codes() -> set[str]:
    """Every code that the sources of the hub give an error."""
    found: set[str] = set()
    for path in (pages.REPOSITORY / "hub").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        found.update(re.findall(r'^ +code(?:: ClassVar\[str\])? = "(\w+)"', source, re.MULTILINE))
        found.update(re.findall(r'"code": "(\w+)"', source))
    return found


def test_each_code_has_its_heading_and_no_other() -> None:
    assert len(codes()) > 12
    assert set(re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)) == codes()
    assert codes() <= pages.anchors(TEXT)


def test_each_error_of_the_tree_stands_at_its_exit_code() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| [^|]+ \|([^|]*)\|$", TEXT, re.MULTILINE))
    assert {int(number) for number in rows} == INTERFACE
    for kind in vars(errors).values():
        if not (isinstance(kind, type) and issubclass(kind, errors.HubError)):
            continue
        assert f"`{kind.code}`" in rows[str(kind.exit_code)], kind


def test_each_error_a_connector_may_raise_is_named_below_its_code() -> None:
    for kind in errors.ConnectorError.__subclasses__():
        section = TEXT.partition(f"### `{kind.code}`\n")[2].partition("\n#")[0]
        assert f"`{kind.__name__}`" in section


def test_each_verdict_has_its_row_and_no_other() -> None:
    table = TEXT.partition("## Verdicts\n")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Verdict)


def test_an_error_is_printed_as_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block for block in pages.split(TEXT)[1] if block.language == "text")
    what, why, fix = (line.partition(": ")[2] for line in shown.lines)
    error = errors.NotFoundError(what.removesuffix(" [not_found]"), why=why, fix=fix)
    with pytest.raises(typer.Exit):
        fail(error)
    assert tuple(capsys.readouterr().err.splitlines()) == shown.lines
