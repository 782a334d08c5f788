"""Each test that docs/promises.md names exists."""

from __future__ import annotations

import re

from tests.docs import pages

PAGE = pages.REPOSITORY / "docs" / "promises.md"


def missing(text: str) -> list[str]:
    """Tests named as ``path::name`` that are not there."""
    found = []
    for path, name in re.findall(r"`([\w/.]+)::(\w+)`", text):
        file = pages.REPOSITORY / path
        if not file.exists() or not re.search(rf"def {name}\(", file.read_text(encoding="utf-8")):
            found.append(f"{path}::{name}")
    return found


def test_every_test_that_backs_a_promise_exists() -> None:
    assert missing(PAGE.read_text(encoding="utf-8")) == []


def test_a_promise_without_its_test_is_seen() -> None:
    text = "`tests/docs/test_promises.py::test_nothing` and `tests/nowhere.py::test_a`"
    assert missing(text) == ["tests/docs/test_promises.py::test_nothing", "tests/nowhere.py::test_a"]


def test_every_row_of_the_tables_names_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = [row for row in rows if "backed by" not in row and "---" not in row]
    assert len(told) > 20
    assert [row for row in told if "::" not in row] == []
