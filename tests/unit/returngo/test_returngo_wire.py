"""What ReturnGO says, read: lists, RMAs, hints, and refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import AuthError, EventError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import HttpReply
from hub.inbound.document import parse_rma
from hub.mapping.exact_json import write_json
from hub.platform.returngo.comments import is_there, of_credit_note, of_goods
from hub.platform.returngo.failures import raise_for_status
from hub.platform.returngo.wire import list_query, read_hint, read_list, read_rma, read_row, rma_path
from hub.sending.contract import OutgoingUpdate
from tests.support.documents import rma

MOMENT = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        {"rmaId": "901", "status": "Approved", "lastUpdated": "2026-03-01T10:00:00Z"},
        {"rma_id": 901, "status": "Approved", "rma_updated_at": "2026-03-01T10:00:00"},
        {"id": "901", "rma_status": "Approved", "updatedAt": "2026-03-01T12:00:00+02:00"},
        {"rmaSummary": {"rmaId": "901", "status": "Approved"}, "lastUpdated": "2026-03-01T10:00:00.000Z"},
    ],
)
def test_row_is_read_under_each_name_it_may_have(raw: dict[str, Any]) -> None:
    read = read_row(raw)
    assert read is not None
    assert (read.rma_id, read.status, read.updated_at) == ("901", "Approved", MOMENT)


@pytest.mark.parametrize(
    "raw", [None, 7, "901", [], {}, {"rmaId": ""}, {"rmaId": True}, {"rmaId": "x" * 101}]
)
def test_row_that_names_no_rma_is_counted_and_not_guessed(raw: object) -> None:
    assert read_row(raw) is None
    page = read_list(json.dumps({"rmas": [raw, {"rmaId": "1"}], "next_cursor": None}).encode())
    assert (len(page.rows), page.unreadable) == (1, 1)


@pytest.mark.parametrize(
    ("given_cursor", "read"), [("abc", "abc"), (7, "7"), (None, None), ("", None), (0, None)]
)
def test_cursor_of_a_list(given_cursor: object, read: str | None) -> None:
    assert read_list(json.dumps({"rmas": [], "next_cursor": given_cursor}).encode()).next_cursor == read


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"rmas": {}}', b'{"rmas": [', b'{"next_cursor": 1}']
)
def test_list_that_cannot_be_read_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(RetriableError):
        read_list(body)


def test_query_is_as_documented() -> None:
    assert list_query(since=MOMENT + timedelta(microseconds=5), cursor="a b") == (
        "pagesize=500&sort_by=rma_updated_at&rma_updated_at=gte%3A2026-03-01T10%3A00%3A00&cursor=a+b"
    )
    assert rma_path("a/b?c") == "/rma/a%2Fb%3Fc"


def test_answer_about_another_rma_is_not_taken() -> None:
    body = write_json(rma("901")).encode()
    assert read_rma(body, "901").rma.rma_id == "901"
    with pytest.raises(EventError, match="901"):
        read_rma(body, "902")
    with pytest.raises(RetriableError):
        read_rma(body[:-5], "901")


@pytest.mark.parametrize(
    ("body", "rma_id"),
    [
        (b'{"eventName": "RMA_CREATED", "rmaId": "901"}', "901"),
        (b'{"data": {"rma": {"rmaSummary": {"rmaId": 901}}}}', "901"),
        (b'{"rma_id": " 901 "}', "901"),
        (b'{"id": "evt-1"}', None),
        (b'{"a": {"b": {"c": {"d": {"rmaId": "1"}}}}}', None),
        (b"not json", None),
    ],
)
def test_hint_names_an_rma_or_nothing(body: bytes, rma_id: str | None) -> None:
    assert read_hint(body) == rma_id


@settings(max_examples=60)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["rmaId", "data", "x"]), inner, max_size=3)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_no_hint_breaks_anything(body: bytes) -> None:
    read = read_hint(body)
    assert read is None or (0 < len(read) <= 100 and read.isprintable())


@pytest.mark.parametrize(
    ("status", "is_write", "error"),
    [
        (401, False, AuthError),
        (403, True, AuthError),
        (429, True, RetriableError),
        (400, True, RejectedError),
        (404, False, RejectedError),
        (408, True, InDoubtError),
        (500, False, RetriableError),
        (500, True, InDoubtError),
        (503, True, InDoubtError),
        (302, True, InDoubtError),
    ],
)
def test_status_says_what_to_do_next(status: int, is_write: bool, error: type[Exception]) -> None:
    reply = HttpReply(status=status, headers={"retry-after": "90"}, body=b'{"message": "no\\u0007"}')
    with pytest.raises(error) as caught:
        raise_for_status(reply, "get RMA 1", is_write=is_write)
    assert str(status) in str(caught.value) or error is AuthError
    assert getattr(caught.value, "why", "") == "no"
    if status == 429:
        assert isinstance(caught.value, RetriableError)
        assert caught.value.retry_after == timedelta(seconds=90)


def update(key: str = "00ab", **facts: Any) -> OutgoingUpdate:
    return OutgoingUpdate(key=key, kind="x", rma=1, rma_id="901", facts=facts, created_at=MOMENT, attempt=1)


def test_comment_is_escaped_and_known_again_by_its_key_alone() -> None:
    sent = update(document={"id": "7", "reference": "<b>&"}, total={"amount": "1.00", "currency": "EUR"})
    text = of_credit_note(sent)
    assert text == "Credit note &lt;b&gt;&amp; over 1.00 EUR is in the ERP (by hand). [hub 00ab]"
    held = parse_rma(rma("901", comments=[{"commentType": "Internal", "htmlText": f"<p>{text}</p>"}, None]))
    assert is_there(held, sent)
    assert not is_there(held, update("00ac"))
    assert not is_there(parse_rma(rma("901", comments="none")), sent)


def test_goods_are_told_by_sku_and_what_did_not_arrive_too() -> None:
    items = [
        {"sku": "A", "returned_item_id": "1", "is_returned": True},
        {"sku": "A", "returned_item_id": "2", "is_returned": True},
        {"sku": None, "returned_item_id": "3", "is_returned": False},
    ]
    assert of_goods(update(items=items, returned=2, credited=4)) == (
        "Received by the warehouse: 2 x A. Did not arrive: 1 x item 3. "
        "In all 2 of 4 items are back. [hub 00ab]"
    )
