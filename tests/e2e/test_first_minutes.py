"""Someone who has never seen the hub comes to their first credit note, with what it shows them alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.visitor import PASSWORD
from tests.e2e.wizard import connect, credit, switch_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.place import Place
    from tests.e2e.visitor import Visitor

MOST_STEPS = 24
"""As many as somebody takes in a minute who reads what stands there; the hub makes nobody wait."""


def test_from_the_first_link_to_the_first_credit_note_in_as_many_steps_as_fit_in_a_minute(
    place: Place, arrive: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = arrive()
    visitor.welcome(place.link, "boss")
    visitor.sees("Three steps to your first credit note")
    visitor.follow("Connect Cin7 Omni")
    connect(visitor, place.sandbox, "main")
    switch_on(visitor, "main", "UPS label")
    credit(visitor, place, tmp_path, 901, "UPS label")
    assert visitor.steps <= MOST_STEPS
    [document] = place.sandbox.documents()
    visitor.sees(document["reference"])


def test_link_works_once_and_a_wrong_password_is_told(place: Place, arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    made = place.ok("users", "add", "ada")
    visitor.welcome(made["link"]["path"], "ada")
    visitor.page.get_by_text("ada", exact=True).click()
    visitor.page.get_by_role("button", name="Sign out").click()
    assert visitor.go(made["link"]["path"]) >= 400
    visitor.go("/returns?q=901")
    visitor.fill("Name", "ada")
    visitor.fill("Password", "not the password")
    visitor.press("Sign in")
    visitor.page.get_by_role("alert").wait_for()
    visitor.fill("Password", PASSWORD)
    time.sleep(1.1)  # after one wrong password the next try may have to wait
    visitor.press("Sign in")
    expect(visitor.page.get_by_label("Return number")).to_have_value("901")
