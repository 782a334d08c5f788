"""Times, sentences and advice as pages show them."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import escape

from hub.web.pages.words import address, advice, ago, pretty, sentence
from hub.web.segments import segment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "just now"),
        (-3, "just now"),
        (45, "45 seconds ago"),
        (-90, "in 90 seconds"),
        (180, "3 minutes ago"),
        (7_200, "2 hours ago"),
        (-172_800, "in 2 days"),
        (40 * 86_400, "2026-01-20"),
    ],
)
def test_times_are_told_as_people_say_them(seconds: int, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_sentence_is_escaped_and_shows_commands_as_code() -> None:
    assert sentence("run `hub <x>`") == "Run <code>hub &lt;x&gt;</code>."
    assert sentence("Done.") == "Done."
    assert sentence(" ") == ""


def test_advice_names_the_button_in_the_place_of_the_command() -> None:
    text = "run `hub methods add 'A'` and `hub methods set 'A'`, then run `hub deliveries retry 1f`"
    shown = advice(text, lambda path: f"{path}?store=b&c")
    assert shown == (
        'Open <a href="/settings/methods?store=b&amp;c">Settings, Return methods</a>, then press “Try again”.'
    )
    assert "/integrations/my.erp" in advice("`hub connections check my.erp`", str)
    assert advice("once mended, `hub platforms resume shop`", str) == (
        'Once mended, press <a href="/sources/shop">“Resume” at shop</a>.'
    )
    assert "/settings/webhooks/shop" in advice("run `hub webhooks replay shop --failed`", str)
    assert advice("run `hub backup x`", str) == "Run <code>hub backup x</code>."


@pytest.mark.parametrize("name", ["<script>", "{path}", "a&b", "\\1"])
def test_advice_lets_no_name_become_markup(name: str) -> None:
    shown = advice(f"run `hub connections resume {name}`", lambda path: path)
    assert "<script>" not in shown
    assert shown.startswith("Run <code>") or 'href="/integrations/' in shown


@pytest.mark.parametrize("name", ["my erp", "R/1", "a's", "<b>", "ä", "..", "100%"])
def test_advice_links_to_whatever_a_name_is_made_of(name: str) -> None:
    shown = advice(f"run `hub connections resume {shlex.quote(name)}`", str)
    assert f'<a href="/integrations/{segment(name)}">“Resume” at {escape(name)}</a>' in shown


def test_json_is_laid_out_without_touching_a_digit() -> None:
    text = '{"a":1.10,"b":[],"c":[{"d":"x, {y}: \\"z\\""},1e3],"e":{}}'
    shown = pretty(text)
    assert '"a": 1.10,' in shown
    assert "1e3" in shown
    assert json.loads(shown) == json.loads(text)
    assert pretty(shown) == shown
    assert pretty("<html>{oops") == "<html>{oops"
    assert pretty("[" * 100_000) == "[" * 100_000


def test_an_address_is_shown_without_its_host_and_readable() -> None:
    assert address("https://api.example/v1/A?where=x%3D%271%27") == "/v1/A?where=x='1'"
    assert len(address("https://api.example/?q=" + "x" * 500)) < 120
