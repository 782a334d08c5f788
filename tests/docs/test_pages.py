"""A page may name only what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs import pages

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [pytest.param(page, id=pages.name_of(page)) for page in pages.pages()]


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(pages.REPOSITORY) or not target.exists():
        return False
    return not anchor or anchor in pages.anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    prose, _ = pages.split(page.read_text(encoding="utf-8"))
    assert [link for link in pages.links(prose) if not leads_somewhere(page, link)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_named_in_backticks_exists(page: Path) -> None:
    prose, _ = pages.split(page.read_text(encoding="utf-8"))
    named = [span for span in pages.code_spans(prose) if pages.is_repository_path(span)]
    assert [path for path in named if not pages.exists(path)] == []


def test_a_dead_link_a_dead_path_and_a_dead_anchor_are_seen() -> None:
    prose, blocks = pages.split("# One two\nsee [a](b.md#c) and `hub/nowhere.py`\n```sh\nhub demo\n```\n")
    assert pages.links(prose) == ["b.md#c"]
    assert not leads_somewhere(pages.REPOSITORY / "README.md", "docs/b.md")
    assert not leads_somewhere(pages.REPOSITORY / "README.md", "docs/hooks.md#nowhere")
    assert leads_somewhere(pages.REPOSITORY / "README.md", "docs/hooks.md#the-hooks")
    assert [s for s in pages.code_spans(prose) if pages.is_repository_path(s)] == ["hub/nowhere.py"]
    assert not pages.exists("hub/nowhere.py")
    assert not pages.exists("hub/nowhere*.py")
    assert pages.exists("hub/hook*.py")
    assert pages.anchors("# One `two`, three\n# One two three\n") == {"one-two-three", "one-two-three-1"}
    assert blocks == [pages.Block(language="sh", lines=("hub demo",))]


def test_a_web_address_and_a_command_are_no_paths_of_the_repository() -> None:
    assert pages.links("[x](https://example.com/hub/errors.py)") == []
    assert not pages.is_repository_path("hub rmas show 1")
    assert not pages.is_repository_path("hub.errors")
    assert not pages.is_repository_path("/v1/events")
