"""docs/runbook.md leaves out no status, no verdict, no finding and no metric."""

from __future__ import annotations

import re

from hub.merchant.findings import FindingKind
from hub.outcomes import Status, Verdict
from tests.docs import pages

TEXT = (pages.REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")


def rows(heading: str) -> set[str]:
    """The first cells of the table below a heading."""
    below = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` ", below, re.MULTILINE))


def test_each_status_verdict_and_finding_has_its_row_and_no_other() -> None:
    assert rows("By status") == set(Status)
    assert rows("By verdict of the last attempt") == set(Verdict)
    assert rows("What reconcile finds") == set(FindingKind)


def test_each_metric_is_named_as_the_hub_names_it() -> None:
    source = (pages.REPOSITORY / "hub" / "web" / "metrics.py").read_text(encoding="utf-8")
    assert set(re.findall(r"`(hub_\w+)`", TEXT)) == set(re.findall(r'"(hub_\w+)"', source))
