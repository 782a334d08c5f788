"""What a return costs of the day's 2,000 calls is what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hub
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from hub.environment import Environment

PAGE = (Path(hub.__file__).parent / "platform/returngo/README.md").read_text(encoding="utf-8")
POLLS = 288
DAY = 2_000
COMMENTS = ("comment", "comment_on_validation")
OFF = {"comment": "off", "comment_on_validation": "off", "update_shipment": "off"}
CASES = {
    "all on (default)": {},
    "`comment=off`": {"comment": "off"},
    "`comment=off`, `comment_on_validation=off`": {"comment": "off", "comment_on_validation": "off"},
    "`comment=off`, `comment_on_validation=off`, `update_shipment=off`": OFF,
    "the same, `list_rows=full`": OFF | {"list_rows": "full"},
}


def told(case: str) -> tuple[int, int]:
    found = re.search(rf"^\| {re.escape(case)} \| (\d+) \| ([\d,]+)", PAGE, re.MULTILINE)
    assert found is not None
    return int(found[1]), int(found[2].replace(",", ""))


@pytest.mark.parametrize("case", CASES)
async def test_calls_for_one_return_are_those_of_the_page(ready: Environment, case: str) -> None:
    settings = CASES[case]
    async with open_shop(ready, {"has_full_rows": "list_rows" in settings}, **settings) as shop:
        shop.add(status="Approved")
        await shop.poll()
        await shop.settle()
        await shop.poll()
        document_id = (await shop.stage.delivery("901")).document_id
        shop.stage.sandbox.receive(str(document_id))
        await shop.stage.poll()
        await shop.settle()
        await shop.poll()
        assert len(shop.comments()) == sum(settings.get(each) != "off" for each in COMMENTS)
        assert len(shop.calls("PUT")) == (settings.get("update_shipment") != "off")
        singly = [call for call in shop.returngo.calls() if call["path"] != "/rmas"]
        assert len(singly) == told(case)[0]
        if singly:
            assert (DAY - POLLS) // len(singly) == told(case)[1]
