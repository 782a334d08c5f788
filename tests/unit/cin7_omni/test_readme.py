"""The connector's page may not drift from its code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connectors.cin7_omni.config import Settings
from connectors.cin7_omni.mapping import compile_mapping
from connectors.cin7_omni.rules import DEFAULT_RULES
from hub.mapping.document import parse_mapping
from hub.mapping.functions import FUNCTIONS

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "connectors/cin7_omni/README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_every_function_is_described_in_its_own_words() -> None:
    for function in FUNCTIONS.values():
        reading = " *(our reading)*" if function.is_reading else ""
        assert f"| `{function.name}` | {function.gives}{reading} | {function.source} |" in PAGE


def test_every_setting_is_described_in_its_own_words() -> None:
    for name, field in Settings.model_fields.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        assert str(field.description).replace("\n", " ") in row


def test_the_default_rules_are_those_of_the_code() -> None:
    assert Settings.model_validate({"rules": BLOCKS[0]}).rules == DEFAULT_RULES
    assert len(Settings.model_validate({"rules": BLOCKS[1]}).rules) == 2


def test_the_mapping_on_the_page_is_one_that_is_taken() -> None:
    mapping = parse_mapping(BLOCKS[2])
    assert json.loads(BLOCKS[2]) == mapping
    assert compile_mapping(mapping).line_fields


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:connectors|hub|tests)/[\w/.]+)`", PAGE))))
def test_every_path_on_the_page_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


def test_every_setting_of_the_last_table_exists() -> None:
    rows = PAGE.split("## Not verified")[1].splitlines()
    named = {
        name for row in rows if row.count("|") == 4 for name in re.findall(r"`(\w+)`", row.split("|")[3])
    }
    assert named
    assert named <= set(Settings.model_fields)
