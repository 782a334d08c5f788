"""SOAP and CSV, read and written."""

from __future__ import annotations

from datetime import timedelta
from xml.etree.ElementTree import ParseError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.peoplevox_stub import wire
from hub.errors import AuthError, ConnectorError, InDoubtError, RejectedError, RetriableError
from hub.hookspecs import HttpReply

GOOD = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><SaveDataResponse><SaveDataResult>'
    b"<ResponseId>%s</ResponseId><TotalCount>2</TotalCount><Detail>%s</Detail>"
    b"</SaveDataResult></SaveDataResponse></s:Body></s:Envelope>"
)
LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY x "ha">'
    + b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10) for n in range(1, 9))
    + b"]><a>&x8;</a>"
)


def reply(body: bytes, status: int = 200, **headers: str) -> HttpReply:
    return HttpReply(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)


@pytest.mark.parametrize(
    "body", [LAUGHS, b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>', b"<!DOCTYPE a><a/>"]
)
def test_document_type_is_refused_before_an_entity_is_read(body: bytes) -> None:
    with pytest.raises(ParseError, match="document type"):
        wire.parse(body)


def test_encoding_nobody_knows_is_no_bug() -> None:
    with pytest.raises(ParseError):
        wire.parse(b'<?xml version="1.0" encoding="klingon"?><a/>')


def test_answer_gives_its_detail_and_count() -> None:
    assert wire.read_answer(reply(GOOD % (b"0", b"a&amp;b")), "GetReportData x") == wire.Answer(
        detail="a&b", total=2
    )


@pytest.mark.parametrize(
    ("operation", "is_write", "error"),
    [
        ("Authenticate", False, AuthError),
        ("SaveData x", True, RejectedError),
        ("GetReportData x", False, RetriableError),
    ],
)
def test_error_inside_a_200_means_what_was_asked(
    operation: str, is_write: bool, error: type[ConnectorError]
) -> None:
    with pytest.raises(error) as raised:
        wire.read_answer(reply(GOOD % (b"-1", b"No\n such item")), operation, is_write=is_write)
    assert raised.value.why == "No such item"


@pytest.mark.parametrize(
    ("status", "of_read", "of_write"),
    [
        (301, RetriableError, RetriableError),
        (400, RetriableError, RejectedError),
        (401, AuthError, AuthError),
        (403, AuthError, AuthError),
        (404, RetriableError, RetriableError),
        (408, RetriableError, InDoubtError),
        (429, RetriableError, RetriableError),
        (500, RetriableError, InDoubtError),
        (502, RetriableError, InDoubtError),
        (503, RetriableError, RetriableError),
        (504, RetriableError, InDoubtError),
    ],
)
def test_status_means_the_error_that_says_what_to_do(
    status: int, of_read: type[ConnectorError], of_write: type[ConnectorError]
) -> None:
    for error, is_write in ((of_read, False), (of_write, True)):
        with pytest.raises(ConnectorError) as raised:
            wire.read_answer(reply(b"<html>no</html>", status), "SaveData x", is_write=is_write)
        assert type(raised.value) is error
        assert raised.value.why == "a page of HTML"


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", timedelta(seconds=7)), ("999999999999", timedelta(days=2)), ("soon", None), ("", None)],
)
def test_time_to_wait_is_taken_as_far_as_it_makes_sense(header: str, wait: timedelta | None) -> None:
    with pytest.raises(RetriableError) as raised:
        wire.read_answer(reply(b"", 429, retry_after=header), "GetReportData x")
    assert raised.value.retry_after == wait


@settings(max_examples=60)
@given(body=st.binary(max_size=60) | st.just(GOOD % (b"0", b"x")).map(lambda b: b[:-9]), write=st.booleans())
def test_whatever_comes_back_is_a_value_or_an_error_of_ours(body: bytes, write: bool) -> None:
    try:
        wire.read_answer(reply(body), "SaveData x", is_write=write)
    except ConnectorError as error:
        assert isinstance(error, InDoubtError if write else RetriableError)  # noqa: PT017 - which, not whether


@settings(max_examples=60)
@given(st.lists(st.lists(st.text(max_size=8).filter(lambda t: "\r" not in t), min_size=2, max_size=2)))
def test_rows_that_were_written_are_read_again(rows: list[list[str]]) -> None:
    read = wire.read_rows(wire.write_rows([["a", "b"], *rows]), "GetReportData x")
    assert [list(row.values()) for row in read] == rows


@pytest.mark.parametrize("text", ["a,b\n1\n", "a,b\n1,2,3\n", 'a,b\n"1,2\n'])
def test_row_that_does_not_fit_its_header_is_worth_asking_again(text: str) -> None:
    with pytest.raises(RetriableError):
        wire.read_rows(text, "GetReportData x")


def test_report_without_anything_has_no_rows() -> None:
    assert wire.read_rows("", "GetReportData x") == wire.read_rows("a,b\n", "GetReportData x") == []


def test_request_escapes_its_texts_and_leaves_out_what_xml_cannot_carry() -> None:
    root = wire.parse(wire.envelope("SaveData", {"CsvData": "<a>&\x00b\n"}, {"SessionId": "s<1"}))
    texts = {each.tag.rpartition("}")[2]: each.text for each in root.iter()}
    assert (texts["CsvData"], texts["SessionId"], texts["UserId"]) == ("<a>& b\n", "s<1", "0")
