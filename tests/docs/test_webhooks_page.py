"""What docs/webhooks.md says is so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hub.inbound.signature import new_secret, parse_secret
from hub.sending.schedule import SUBSCRIBER_WAITS
from hub.telling import UpdateKind
from hub.webhooks.message import TEST_TYPE, headers, write_body
from hub.webhooks.subscription import Body
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (pages.REPOSITORY / "docs" / "webhooks.md").read_text(encoding="utf-8")
PROSE, BLOCKS = pages.split(PAGE)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, str], bytes], bool]:
    """The page's own function, at a minute before the last at which what was sent at ``AT`` is fresh."""
    [code] = ["\n".join(block.lines) for block in BLOCKS if block.language == "python"]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is our page
    monkeypatch.setattr("time.time", lambda: AT.timestamp() + 240)
    found: Callable[[str, dict[str, str], bytes], bool] = names["verify"]
    return found


def test_the_pages_function_takes_our_messages_and_no_others(
    verify: Callable[[str, dict[str, str], bytes], bool],
) -> None:
    old, new, foreign = (new_secret() for _ in range(3))
    body = write_body("rma.item.validated", AT, {"rma_id": "1"}, Body.FULL)
    keys = [parse_secret(new), parse_secret(old)]
    sent = {name.lower(): text for name, text in headers("00ff", body, keys, AT).items()}
    assert verify(old, sent, body)
    assert verify(new, sent, body)
    assert not verify(foreign, sent, body)
    assert not verify(new, sent, body + b" ")
    late = headers("00ff", body, keys, AT - timedelta(minutes=2))
    assert not verify(new, {name.lower(): text for name, text in late.items()}, body)


def test_every_type_is_on_the_page() -> None:
    told = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith(("| `rma.", "| `hub."))}
    assert told == {*UpdateKind, TEST_TYPE}


def test_the_example_is_a_message() -> None:
    [example] = [json.loads("\n".join(block.lines)) for block in BLOCKS if block.language == "json"]
    assert list(example) == ["type", "timestamp", "data"]
    assert example["type"] in set(UpdateKind)


def test_the_schedule_is_the_pages() -> None:
    hours = [round(wait / timedelta(hours=1)) for wait in SUBSCRIBER_WAITS[3:]]
    *most, last = map(str, hours)
    assert f"5 seconds, 5 minutes, 30 minutes, {', '.join(most)} and {last} hours" in PROSE
