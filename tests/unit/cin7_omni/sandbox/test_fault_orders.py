from __future__ import annotations

import pytest

from connectors.cin7_omni.sandbox.faults import FAULTS
from hub.errors import ConfigError
from hub.sandbox import Fault
from hub.testing.serving import parse_fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hang", Fault(name="hang")),
        ("hang:", Fault(name="hang")),
        (
            "drop_after_write:times=2,on=POST,chance=0.1,seconds=3",
            Fault(name="drop_after_write", times=2, on="POST", chance=0.1, seconds=3.0),
        ),
        ("unavailable : times = all , seconds=0", Fault(name="unavailable", times=None, seconds=0.0)),
    ],
)
def test_order_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text, FAULTS) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":times=1",
        "hang:times",
        "hang:times=0",
        "hang:times=1.5",
        "hang:times=",
        "hang:times=1,times=2",
        "hang:chance=2",
        "hang:chance=nan",
        "hang:seconds=-1",
        "hang:seconds=soon",
        "hang:on=",
        "hang:name=slow",
        "hang;times=1",
    ],
)
def test_order_that_cannot_be_read_says_what_to_do(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fault(text, FAULTS)
    assert caught.value.fix


def test_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fault("explode", FAULTS)
    assert "drop_after_write" in caught.value.fix
    assert parse_fault("explode") == Fault(name="explode")
