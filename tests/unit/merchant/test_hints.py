"""A command that tells what to do is one that a shell takes, whatever names stand in it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from hub.merchant.reconciling import compare
from hub.outcomes import ListedDocument

if TYPE_CHECKING:
    from hub.merchant.findings import Finding

ODD = ["R/1", "two words", "it's", "-x", "$(reboot)", "; ls", "#5"]


def _words(text: str) -> list[str]:
    (command,) = re.findall(r"`(hub [^`]*)`", text)
    return shlex.split(command)


def _found(rma_id: str, number: int) -> list[Finding]:
    listed = [
        ListedDocument(document_id=f"d {n}", reference=f"CN {n}", rma_id=rma_id, delivery_id=f"{n}")
        for n in range(number)
    ]
    return compare("main", [], listed, {})


@pytest.mark.parametrize("rma_id", ODD)
def test_an_rma_is_shown_by_the_command_that_names_it(rma_id: str) -> None:
    for number in (1, 2):
        (found,) = _found(rma_id, number)
        words = _words(found.fix)
        assert words[:3] == ["hub", "rmas", "show"]
        assert words[-1] == rma_id
        assert ("--" in words) is rma_id.startswith("-")
