from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from connectors.cin7_omni import wire
from connectors.cin7_omni.failures import read_retry_after
from connectors.cin7_omni.wire import RecordVerdict
from hub.errors import AuthError, ConnectorError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import HttpReply

REPLIES = Path(__file__).parent / "replies"
REFERENCES = ("R1", "R2")


def reply(name: str) -> HttpReply:
    path = REPLIES / name
    return HttpReply(status=int(path.suffix[1:]), headers={}, body=path.read_bytes())


def results(name: str) -> list[tuple[RecordVerdict, int | None]]:
    read = wire.read_results(reply(name), REFERENCES, "create CreditNotes")
    return [(result.verdict, result.note_id) for result in read]


CREATED, REFUSED, UNCLEAR = RecordVerdict


def test_every_record_created_gives_its_id() -> None:
    assert results("batch_all_created.200") == [(CREATED, 101), (CREATED, 102)]


def test_a_refused_record_does_not_touch_its_neighbour() -> None:
    assert results("batch_one_refused.200") == [(CREATED, 101), (REFUSED, None)]
    read = wire.read_results(reply("batch_one_refused.200"), REFERENCES, "create CreditNotes")
    assert read[1].reason == "Reference already exists"


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("batch_result_missing.200", [CREATED, UNCLEAR]),
        ("batch_out_of_order.200", [UNCLEAR, UNCLEAR]),
        ("batch_wrong_code.200", [UNCLEAR, CREATED]),
        ("batch_wrong_types.200", [UNCLEAR, UNCLEAR]),
    ],
)
def test_a_result_that_is_not_plainly_ours_is_unclear(name: str, verdicts: list[RecordVerdict]) -> None:
    assert [verdict for verdict, _ in results(name)] == verdicts


def test_one_index_twice_is_unclear() -> None:
    body = b'[{"index":0,"success":true,"id":1,"code":"R1"},{"index":0,"success":true,"id":2,"code":"R1"}]'
    read = wire.read_results(HttpReply(status=200, headers={}, body=body), ("R1",), "create CreditNotes")
    assert read[0].verdict is UNCLEAR


@pytest.mark.parametrize(
    ("name", "on_write", "on_read"),
    [
        ("cut_off.200", InDoubtError, RetriableError),
        ("empty.200", InDoubtError, RetriableError),
        ("object_instead_of_list.200", InDoubtError, RetriableError),
        ("bare_string.200", InDoubtError, RetriableError),
        ("batch_limit.400", RejectedError, RejectedError),
        ("malformed.400", RejectedError, RejectedError),
        ("unauthorized.401", AuthError, AuthError),
        ("forbidden.403", AuthError, AuthError),
        ("not_found.404", RetriableError, RetriableError),
        ("too_large.413", RejectedError, RejectedError),
        ("limit_bare_text.429", RetriableError, RetriableError),
        ("limit_in_spec.429", RetriableError, RetriableError),
        ("unexpected.500", InDoubtError, RetriableError),
        ("object_message.500", InDoubtError, RetriableError),
        ("html_page.502", InDoubtError, RetriableError),
        ("unavailable.503", RetriableError, RetriableError),
        ("html_page.503", InDoubtError, RetriableError),
        ("timed_out.504", InDoubtError, RetriableError),
        ("redirect.302", InDoubtError, RetriableError),
    ],
)
def test_every_failure_says_what_to_do_next(
    name: str, on_write: type[ConnectorError], on_read: type[ConnectorError]
) -> None:
    with pytest.raises(ConnectorError) as written:
        wire.read_results(reply(name), REFERENCES, "create CreditNotes")
    with pytest.raises(ConnectorError) as read:
        wire.read_list(reply(name), "list CreditNotes")
    assert (type(written.value), type(read.value)) == (on_write, on_read)
    assert str(written.value).startswith("create CreditNotes: Cin7 Omni")


def test_wrong_credentials_and_a_missing_permission_get_different_advice() -> None:
    with pytest.raises(AuthError) as unauthorized:
        wire.read_list(reply("unauthorized.401"), "list CreditNotes")
    with pytest.raises(AuthError) as forbidden:
        wire.read_list(reply("forbidden.403"), "list CreditNotes")
    assert (unauthorized.value.kind, forbidden.value.kind) == ("unauthorized", "forbidden")
    assert "copy both again" in unauthorized.value.fix
    assert "tick the missing box" in forbidden.value.fix


def test_an_error_quotes_their_words_on_one_short_line() -> None:
    with pytest.raises(InDoubtError) as error:
        wire.read_results(reply("html_page.502"), REFERENCES, "create CreditNotes")
    assert error.value.why == "with an HTML page: Bad gateway 502 Bad Gateway"
    body = HttpReply(status=500, headers={}, body=b"line\nline\x00" + b"x" * 9_000)
    with pytest.raises(InDoubtError) as error:
        wire.read_results(body, REFERENCES, "create CreditNotes")
    assert error.value.why.startswith("line line xx")
    assert len(error.value.why) == 200


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": " 7 "}, timedelta(seconds=7)),
        ({"retry-after": "36000"}, timedelta(hours=10)),
        ({"retry-after": "9" * 5_000}, timedelta(days=2)),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "٣"}, None),
        (
            {"retry-after": "Sun, 01 Mar 2026 10:05:00 GMT", "date": "Sun, 01 Mar 2026 10:00:00 GMT"},
            timedelta(minutes=5),
        ),
        (
            {"retry-after": "Sun, 01 Mar 2026 09:00:00 GMT", "date": "Sun, 01 Mar 2026 10:00:00 GMT"},
            timedelta(0),
        ),
        ({"retry-after": "Sun, 01 Mar 2026 10:05:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_every_form_it_comes_in(
    headers: dict[str, str], wait: timedelta | None
) -> None:
    assert read_retry_after(HttpReply(status=429, headers=headers, body=b"")) == wait


def test_numbers_keep_their_digits() -> None:
    rows = wire.read_list(HttpReply(status=200, headers={}, body=b'[{"a":0.10,"b":1}]'), "list X")
    assert rows == [{"a": Decimal("0.10"), "b": 1}]
    assert str(rows[0]["a"]) == "0.10"


def test_a_quote_in_a_literal_is_doubled_and_the_query_is_encoded() -> None:
    where = "reference=" + wire.text_literal("#10'01 50%")
    assert where == "reference='#10''01 50%'"
    query = wire.list_query(where=where, order="ModifiedDate ASC", page=3)
    assert query == ("where=reference%3D%27%2310%27%2701%2050%25%27&order=ModifiedDate%20ASC&page=3&rows=250")
    assert parse_qs(query)["where"] == [where]


def test_a_date_is_a_quoted_whole_utc_time() -> None:
    when = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    assert wire.date_literal(when) == "'2026-03-01T10:30:00Z'"
    assert wire.date_literal(when.replace(microsecond=500_000)) == "'2026-03-01T10:30:00.500Z'"


def test_or_lists_stay_under_the_query_string_limit_and_lose_nothing() -> None:
    names = [f"#STORE-{number:05}" for number in range(250)]
    clauses = wire.any_of([f"reference={wire.text_literal(name)}" for name in names * 2])
    assert all(len(wire.list_query(where=clause, page=99)) <= wire.MAX_QUERY for clause in clauses)
    asked = [part for clause in clauses for part in clause.split(" OR ")]
    assert asked == [f"reference='{name}'" for name in names]
    assert len(clauses) == 6


def test_ids_are_asked_for_alone_and_in_as_few_calls_as_fit() -> None:
    ids = list(range(1_000_000, 1_000_600))
    clauses = wire.ids_in(ids)
    assert [each for _, group in clauses for each in group] == ids
    for clause, group in clauses:
        assert len(wire.list_query(where=clause, page=99)) <= wire.MAX_QUERY
        assert clause == f"id IN ({','.join(map(str, group))})"
    assert len(clauses) == 4


def test_a_batch_is_the_frozen_texts_byte_for_byte() -> None:
    assert wire.batch_body(['{"qty":-1.50}', '{"name":"Zoë"}']) == '[{"qty":-1.50},{"name":"Zoë"}]'.encode()


def test_credentials_travel_as_basic() -> None:
    assert wire.authorization("user", "këy") == "Basic dXNlcjprw6t5"
