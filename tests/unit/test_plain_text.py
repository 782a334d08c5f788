from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.plain_text import cell, visible, visible_json, visible_lines

STEERING = {
    "clears a terminal": ("\x1b[2J", r"\x1b[2J"),
    "the same, C1": ("\x9b2J", r"\x9b2J"),
    "sets its title": ("\x1b]0;gone\x07", r"\x1b]0;gone\x07"),
    "forges a line": ("ok\nerror: none", r"ok\nerror: none"),
    "goes back": ("bad\rgood", r"bad\rgood"),
    "rubs out": ("bad\x7f\x08", r"bad\x7f\x08"),
    "ends a line": ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
    "turns the direction": ("\u202e1001#\u2066\u200f\u061c", r"\u202e1001#\u2066\u200f\u061c"),
    "is not seen": ("a\u200bb\ufeffc\U000e0041", r"a\u200bb\ufeffc\U000e0041"),
    "is no text": ("half \ud83d", r"half \ud83d"),
}
HARMLESS = [
    "#1001 Ünï-cødé, 日本語, שלום, مرحبا",
    "👩\u200d🚀",
    "नमस्\u200cते",
    "a\u00a0b",
    r"C:\new\table",
    "",
]


@pytest.mark.parametrize("kind", STEERING)
def test_what_steers_a_terminal_is_shown(kind: str) -> None:
    text, shown = STEERING[kind]
    assert visible(text) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == visible_lines(text) == visible_json(text) == text


@given(st.text())
def test_no_control_character_is_left_of_any_text(text: str) -> None:
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(each) for each in visible(text)}
    assert not [each for each in visible(text) if unicodedata.bidirectional(each) in _EMBEDDINGS]
    visible(text).encode()


_EMBEDDINGS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_lines_of_our_own_making_stay_lines() -> None:
    assert visible_lines("Traceback:\n  \x1b[31mline\r\n") == "Traceback:\n  \\x1b[31mline\\r\n"


@given(st.recursive(st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_json_means_what_it_meant(value: object) -> None:
    for indent in (None, 2):
        told = visible_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(told) == value
        assert visible_lines(told) == told


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n"]
)
@pytest.mark.parametrize("before", ["", " ", "  "])
def test_no_cell_is_taken_for_a_formula(sign: str, before: str) -> None:
    quoted = cell(f"{before}{sign}1+1")
    assert quoted.startswith("'")
    assert visible(quoted) == quoted


def test_a_cell_stays_one_cell_where_a_semicolon_ends_one() -> None:
    for read in csv.reader(io.StringIO(cell("RMA 7;=1+1; @x")), delimiter=";"):
        assert read == ["RMA 7", "'=1+1", "' @x"]


@pytest.mark.parametrize("text", ["#1001", "RMA 7/ORDER:#1-2", "a=b", "x; y", *HARMLESS])
def test_an_ordinary_cell_stays_as_it_is(text: str) -> None:
    assert cell(text) == text
