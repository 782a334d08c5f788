from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.mapping.document import MAX_CHARACTERS, parse_mapping, place_of


def test_numbers_keep_their_digits_and_blank_text_is_empty() -> None:
    assert parse_mapping('\ufeff{"freightTotal": 14.50, "logisticsStatus": 1}') == {
        "freightTotal": Decimal("14.50"),
        "logisticsStatus": 1,
    }
    assert parse_mapping(" \n") == {}


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ('{\n  "a": 1,\n  "a": 2\n}', "line 3, column 3", 'the key "a" stands twice'),
        ('{"x": {"a": 1, "\\u0061": 2}}', "line 1, column 16", 'the key "a" stands twice'),
        ('{"a": NaN}', "line 1, column 7", "NaN is not JSON"),
        ('{"a": -Infinity}', "line 1, column 7", "-Infinity is not JSON"),
        ('{"a": 1, // why\n "b": 2}', "line 1, column 10", "comments are not JSON"),
        ('{"a": 1,\n /* why */ "b": 2}', "line 2, column 2", "comments are not JSON"),
        ('{\n# why\n"b": 2}', "line 2, column 1", "comments are not JSON"),
        ("{'a': 1}", "line 1, column 2", "text stands in double quotes"),
        ('{"a": 1,}', "line 1, column 9", "expecting property name"),
        ('{"a": 1', "line 1, column 8", "expecting"),
        ('{"a": 1} x', "line 1, column 10", "behind the end"),
        ('["a"]', "line 1, column 1", "not an object"),
        ('{"a": ' + "9" * 50 + "}", "line 1, column 7", "too long"),
        ('{"a": 1e99999999999999999999}', "line 1, column 1", "cannot be read"),
        ('{"a": "\\ud800"}', "line 1, column 1", "cannot be stored"),
        ('{"a":' * 30 + "1" + "}" * 30, "line 1, column 101", "nested"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_column(text: str, place: str, why: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_mapping(text)
    assert place in error.value.what
    assert why.casefold() in error.value.why.casefold()


def test_a_huge_document_is_refused() -> None:
    with pytest.raises(ConfigError, match="characters"):
        parse_mapping('{"a": "' + "x" * MAX_CHARACTERS + '"}')


def test_a_key_may_stand_in_two_objects_and_as_a_value() -> None:
    assert parse_mapping('{"a": {"a": "a"}, "b": [{"a": 1}, {"a": 2}]}')["b"] == [{"a": 1}, {"a": 2}]


@given(st.text(alphabet='{}[]:,"\\ab01 .eE-/*#NaN\n', max_size=40) | st.text(max_size=40))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    try:
        value = parse_mapping(text)
    except ConfigError:
        return
    assert isinstance(value, dict)


@given(
    st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5) | st.booleans(), max_size=4)
)
def test_what_json_writes_is_read_back(value: dict[str, object]) -> None:
    text = json.dumps(value)
    if "\\u0000" in text or "\\ud" in text:
        return
    assert parse_mapping(text) == value


NESTED = '\ufeff{"a": 1,\n "lineItems": {"qty": 2,\n   "x": {"function": "y"}},\n "l": [1, {"b": "a"}]}'


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (["a"], (1, 2)),
        (["lineItems", "x"], (3, 4)),
        (["lineItems", "x", "function"], (3, 10)),
        (["l", 1, "b"], (4, 12)),
        (["lineItems", "gone"], (2, 2)),  # its parent's
        (["gone"], (1, 1)),
        ([], (1, 1)),
    ],
)
def test_a_part_of_a_mapping_is_found_in_its_text(path: list[str | int], place: tuple[int, int]) -> None:
    assert place_of(NESTED, path) == place
