"""RMA documents to spoil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.inbound.strict_json import load

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def document() -> dict[str, Any]:
    """Two units of one SKU, in the platform's spelling; a copy of its own for each test."""
    read = load((SAMPLES / "one_item.json").read_bytes())
    assert isinstance(read, dict)
    return read
