from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import EventError
from hub.inbound.strict_json import MAX_DEPTH, canonical, load, shown

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | DECIMALS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def refusal(raw: bytes) -> EventError:
    with pytest.raises(EventError) as caught:
        load(raw)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        (b"", 400, "it is empty"),
        (b" \r\n\t", 400, "it is empty"),
        (b"\xef\xbb\xbf", 400, "it is empty"),
        (b'{"a": "\xff"}', 400, "not UTF-8 text (byte 8)"),
        ('{"a": 1}'.encode("utf-16"), 400, "not UTF-8"),
        (b'{"a": 1,\n "b" 2}', 400, "line 2, column 6"),
        (b'{"a": 1} trailing', 400, "line 1, column 10"),
        (b'{"a": NaN}', 400, "NaN"),
        (b'{"a": -Infinity}', 400, "-Infinity"),
        (b'{"a": {"rmaId": "1", "x": 0, "rmaId": "2"}}', 400, "has the key 'rmaId' twice"),
        (b"[" * 100_000 + b"]" * 100_000, 400, f"more than {MAX_DEPTH} levels"),
        (b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, 400, f"more than {MAX_DEPTH} levels"),
        (b"1" * 5000, 400, "5000 characters"),
        (b"0." + b"1" * 5000, 400, "characters"),
        (b"1e99999999999999999999999", 400, "beyond all bounds"),
        (b'["\\ud800"]', 422, "cannot be stored"),
        (b'{"\\u0000": 1}', 422, "cannot be stored"),
    ],
)
def test_what_cannot_be_read_without_guessing_is_refused(raw: bytes, status: int, says: str) -> None:
    error = refusal(raw)
    assert error.status == status
    assert says in str(error)
    assert error.fix
    str(error).encode()


def test_a_byte_order_mark_is_tolerated() -> None:
    assert load(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_the_deepest_document_that_is_read_can_be_written_again() -> None:
    raw = b"[" * (MAX_DEPTH - 1) + b"1" + b"]" * (MAX_DEPTH - 1)
    assert canonical(load(raw)).encode() == raw


def test_numbers_keep_every_digit() -> None:
    assert canonical(load(b'{"b": 375.850, "a": 0.1, "c": 100000000000000000000.1}')) == (
        '{"a":0.1,"b":375.850,"c":100000000000000000000.1}'
    )
    assert isinstance(load(b"0.1"), Decimal)


def test_many_keys_with_one_twice_are_refused_quickly() -> None:
    members = ", ".join(f'"k{n}": 0' for n in range(200_000))
    assert "'k0' twice" in str(refusal(f'{{{members}, "k0": 1}}'.encode()))


@pytest.mark.parametrize("value", [0.5, Decimal("NaN"), object(), {"a": [1.5]}])
def test_canonical_json_of_what_no_reader_gives_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="no canonical JSON"):
        canonical(value)


@given(VALUES)
def test_canonical_json_is_json_and_reads_back_the_same(value: object) -> None:
    text = canonical(value)
    json.loads(text)
    assert load(text.encode()) == value
    assert canonical(load(text.encode())) == text


@given(st.dictionaries(TEXT, st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(members: dict[str, int]) -> None:
    assert canonical(members) == canonical(dict(reversed(members.items())))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_value_or_an_event_error(raw: bytes) -> None:
    try:
        value = load(raw)
    except EventError:
        return
    canonical(value).encode()


def test_a_value_in_a_message_is_short_and_printable() -> None:
    assert shown("x" * 10_000).endswith("…")
    assert len(shown("x" * 10_000)) < 70
    assert "\n" not in shown("a\nb")
    assert shown({"a": 1}) == "an object"
    assert shown(None) == "null"
