"""No bytes whatever make the wire format raise anything outside the error tree."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.cin7_omni import wire
from connectors.cin7_omni.checking import read_locations
from connectors.cin7_omni.config import Settings
from connectors.cin7_omni.models import CreditNoteRow, OrderRow
from connectors.cin7_omni.validation import read_receipt
from hub.errors import HubError
from hub.hookspecs import HttpReply
from tests.support.cin7 import APPROVED_AT

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "index",
        "success",
        "id",
        "code",
        "errors",
        "reference",
        "salesReference",
        "internalComments",
        "status",
        "modifiedDate",
        "completedDate",
        "lineItems",
        "qty",
        "qtyShipped",
        "parentId",
        "sizes",
        "company",
        "currencyCode",
    ]
)
ROWS = st.lists(st.dictionaries(NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON), max_size=3)), max_size=4)
BODIES = st.binary() | JSON.map(json.dumps).map(str.encode) | ROWS.map(json.dumps).map(str.encode)
REPLIES = st.builds(
    HttpReply,
    status=st.integers(100, 599) | st.just(200),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=40)),
    body=BODIES,
)


@given(REPLIES)
@example(HttpReply(status=200, headers={}, body=b"[" * 100_000))
@example(HttpReply(status=200, headers={}, body=b'[{"id":1e999999999}]'))
@example(HttpReply(status=200, headers={}, body=b'[{"id":1e9999999999999999999999}]'))
@example(HttpReply(status=200, headers={}, body=b'[{"id":' + b"9" * 10_000 + b"}]"))
@example(HttpReply(status=200, headers={}, body=b'[{"qty":NaN}]'))
@example(HttpReply(status=200, headers={}, body=b'[{"reference":"\\ud800\\u0000","id":1}]'))
@example(HttpReply(status=500, headers={}, body=b"[" * 100_000))
@example(HttpReply(status=200, headers={}, body=b"\xff\xfe[\x00]\x00"))
@example(HttpReply(status=429, headers={"retry-after": "Mon, 99 Foo 99999 99:99:99 +9999"}, body=b""))
def test_no_answer_raises_anything_outside_the_error_tree(reply: HttpReply) -> None:
    settings = Settings()
    with suppress(HubError):
        wire.read_results(reply, ("R1", "R2"), "create CreditNotes")
    with suppress(HubError):
        wire.read_one(reply, "get CreditNotes/1")
    with suppress(HubError):
        rows: list[dict[str, Any]] = wire.read_list(reply, "list CreditNotes")
        read_locations(rows)
        for row in rows:
            OrderRow.read(row)
            note = CreditNoteRow.read(row)
            if note is not None:
                told = repr(read_receipt(note, settings, APPROVED_AT))
                told.encode()
                assert "\\x00" not in told
                assert "\\ud8" not in told
