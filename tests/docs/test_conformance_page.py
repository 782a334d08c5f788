"""docs/conformance.md lists the kit's rules and faults as they are."""

from __future__ import annotations

import re

from hub.sandbox import STANDARD_FAULTS
from hub.testing.rules import RULES
from tests.docs.pages import REPOSITORY

PAGE = (REPOSITORY / "docs" / "conformance.md").read_text(encoding="utf-8")


def table(head: str) -> list[tuple[str, str]]:
    """The rows under a table's head: the name in its first column, and the second column."""
    _, _, rest = PAGE.partition(f"| {head} |\n| --- | --- |\n")
    return re.findall(r"^\| `(\w+)` \| (.+) \|$", rest.partition("\n\n")[0], re.MULTILINE)


def test_page_has_every_rule_with_its_promise_in_order() -> None:
    assert table("rule | promise") == [(rule.name, rule.promise) for rule in RULES.values()]


def test_page_has_every_standard_fault() -> None:
    assert table("fault | what it does") == list(STANDARD_FAULTS.items())


def test_every_rule_says_in_its_docstring_why_it_matters() -> None:
    split = {name: rule.why.partition("\n\n") for name, rule in RULES.items()}
    assert [name for name, (promise, _, why) in split.items() if not (promise.endswith(".") and why)] == []
