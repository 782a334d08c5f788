"""What a reply means, without a network."""

from __future__ import annotations

import pytest
from hub.errors import AuthError, HubError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import HttpReply
from hub.outcomes import Prepared, Verdict

from hub_acme import wire
from hub_acme.models import Memo, MemoList, Result, ResultList


def reply(status: int, body: bytes = b"", **headers: str) -> HttpReply:
    return HttpReply(status=status, headers=headers, body=body)


@pytest.mark.parametrize(
    ("status", "after_read", "after_write"),
    [
        (400, RejectedError, RejectedError),
        (401, AuthError, AuthError),
        (403, AuthError, AuthError),
        (429, RetriableError, RetriableError),
        (500, RetriableError, InDoubtError),
        (503, RetriableError, RetriableError),
    ],
)
def test_each_status_says_what_to_do_next(
    status: int, after_read: type[HubError], after_write: type[HubError]
) -> None:
    with pytest.raises(after_read):
        wire.read(reply(status), "list memos", MemoList)
    with pytest.raises(after_write):
        wire.read(reply(status), "create memos", ResultList, is_write=True)


def test_an_unreadable_answer_to_a_write_is_in_doubt() -> None:
    for body in (b"", b"<html>", b'{"results": [{"id": 7'):
        with pytest.raises(InDoubtError):
            wire.read(reply(200, body), "create memos", ResultList, is_write=True)


def test_what_acme_adds_to_an_answer_is_ignored() -> None:
    memo = b'{"id": 7, "external_ref": "RMA 1", "note": "", "state": "open", "lines": [], "colour": "red",'
    memo += b'"currency": "EUR", "total": "20.00",'
    memo += b'"modified_at": "2026-03-01T10:00:00+00:00", "received_at": null}'
    (read,) = wire.read(reply(200, b'{"memos": [' + memo + b"]}"), "list memos", MemoList).memos
    assert isinstance(read, Memo)
    assert read.id == 7


def test_only_a_result_in_its_place_and_under_our_name_is_believed() -> None:
    sent = [Prepared(delivery_id=f"d{n}", reference=f"RMA {n}", request="{}") for n in (1, 2, 3)]
    results = [
        Result(external_ref="RMA 1", id=7),
        Result(external_ref="RMA 3", id=8),
    ]
    verdicts = [outcome.verdict for outcome in wire.read_outcomes(sent, results)]
    assert verdicts == [Verdict.CREATED, Verdict.IN_DOUBT, Verdict.IN_DOUBT]
