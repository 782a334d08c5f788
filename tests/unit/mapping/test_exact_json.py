from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.exact_json import write_json


def test_a_decimal_is_a_number_with_its_own_digits() -> None:
    assert write_json(
        {"a": Decimal("14.50"), "b": Decimal(-3), "c": Decimal("1E+3"), "d": Decimal("0.10")}
    ) == ('{"a":14.50,"b":-3,"c":1000,"d":0.10}')


def test_other_values_are_written_compactly() -> None:
    when = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    assert write_json(["Zoë \u2028\n", None, True, 3, when, {}]) == (
        '["Zoë \u2028\\n",null,true,3,"2026-03-01T10:30:00Z",{}]'
    )
    assert write_json(datetime(2026, 3, 1, tzinfo=UTC)) == '"2026-03-01T00:00:00Z"'


def test_half_of_a_surrogate_pair_does_not_stop_the_text() -> None:
    assert write_json("a\ud800b").encode() == b'"a?b"'


@pytest.mark.parametrize("value", [1.5, {"a": 1.5}, object(), {1, 2}])
def test_a_float_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        write_json(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_a_number_that_is_none_is_refused(value: Decimal) -> None:
    with pytest.raises(ValueError, match="number"):
        write_json(value)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.decimals(allow_nan=False, allow_infinity=False, places=4)
)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner)))
def test_whatever_is_written_reads_back_the_same(value: Any) -> None:
    assert json.loads(write_json(value), parse_float=Decimal) == value
