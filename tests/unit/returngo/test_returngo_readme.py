"""The page about ReturnGO may not drift from its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.platform.returngo.config import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "hub/platform/returngo/README.md").read_text(encoding="utf-8")


def test_every_setting_is_described_in_its_own_words() -> None:
    for name, field in Settings.model_fields.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        assert str(field.description).replace("\n", " ") in row


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:hub|tests)/[\w/.]+\.py)`", PAGE))))
def test_every_path_on_the_page_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()
