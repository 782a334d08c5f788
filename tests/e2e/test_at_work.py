"""What a merchant does on a working day: change the mapping, mend what failed, enter a new key, look on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.full import NO_BRANCH
from tests.support.documents import rma, unit, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.place import Place
    from tests.e2e.visitor import Visitor


@pytest.fixture(scope="module")
def connected(place: Place) -> Place:
    place.connect()
    return place


@pytest.fixture
def boss(connected: Place, arrive: Callable[..., Visitor], request: pytest.FixtureRequest) -> Visitor:
    """An administrator who is signed in."""
    visitor = arrive()
    connected.person(visitor, request.node.name[:40], "--admin")
    return visitor


def submit(place: Place, folder: Path, number: int, *, method: str = "UPS label") -> None:
    document = rma(str(number), unit(number * 100, method=method), order_name=f"#{number}")
    place.ok("rmas", "submit", str(write(folder, document)))


def test_mapping_is_checked_while_typing_tried_kept_and_put_back(boss: Visitor) -> None:
    boss.go("/integrations/main/mapping")
    boss.fill("Mapping (JSON)", '{\n  "internalComments": {"template": "A {rma_id}"}\n  "x": 1\n}')
    problem = boss.page.get_by_role("button", name=re.compile("Line 3, column 3"))
    problem.click()
    area = boss.page.get_by_label("Mapping (JSON)")
    assert area.evaluate("each => each.value.slice(each.selectionStart)").startswith('"x"')
    area.fill('{"internalComments": {"template": "A {rma_id}"}}')
    boss.sees("This mapping is valid")
    boss.press("Show the exact request")
    request = boss.page.get_by_label("The request", exact=True)
    expect(request).to_contain_text(re.compile("A [0-9]+"))
    boss.fill("Mapping (JSON)", '{"internalComments": {"template": "B {rma_id}"}}')
    boss.press("Show the exact request")
    expect(request).to_contain_text(re.compile("B [0-9]+"))
    boss.press("Save as a new version")
    boss.sees("Version 1 of the mapping is in use")
    boss.fill("Mapping (JSON)", '{"internalComments": {"template": "C {rma_id}"}}')
    boss.press("Save as a new version")
    boss.follow("Versions and differences")
    expect(boss.page.locator(".compare .out")).to_contain_text("B {rma_id}")
    expect(boss.page.locator(".compare .in")).to_contain_text("C {rma_id}")
    boss.page.get_by_role("row", name="Version 1").get_by_role("button", name="Use it again").click()
    boss.sees("Version 1 is in use again, as version 3")
    assert "B {rma_id}" in boss.page.get_by_label("Mapping (JSON)").input_value()


def test_refused_note_is_edited_and_tried_again_and_seen_without_reloading(
    boss: Visitor, connected: Place, tmp_path: Path
) -> None:
    connected.ok("methods", "set", "Store return", "--connection", "main", "--location", NO_BRANCH)
    boss.go("/")
    boss.page.evaluate("window.isTheSamePage = true")
    submit(connected, tmp_path, 902, method="Store return")
    boss.main.get_by_role("link", name=re.compile("1 ?Needs you")).wait_for()
    assert boss.page.evaluate("window.isTheSamePage"), "it was loaded again"
    boss.page.get_by_role("navigation", name="Main").get_by_role("link", name="Needs you").click()
    boss.follow("902")
    boss.follow("Edit and try again")
    request = boss.page.get_by_label("The request", exact=True)
    request.fill("{")
    boss.press("Check, keep and send")
    boss.page.get_by_role("alert").wait_for()
    assert request.input_value() == "{", "what was typed is kept"
    boss.page.get_by_role("link", name="Leave it as it is").click()
    boss.follow("Edit and try again")
    text = request.input_value()
    request.fill(re.sub(r'"branchId": *"?[0-9]+"?,?', "", text))
    boss.press("Check, keep and send")
    boss.page.evaluate("window.isTheSamePage = true")
    expect(boss.main.locator(".stands .badge").first).to_have_text("Credited")
    assert boss.page.evaluate("window.isTheSamePage"), "it was loaded again"
    assert [each["sales_reference"] for each in connected.sandbox.documents()].count("#902") == 1


def test_key_is_entered_again_after_the_erp_refused_it(
    boss: Visitor, connected: Place, tmp_path: Path
) -> None:
    connected.sandbox.fault(name="unauthorized", times=None)
    submit(connected, tmp_path, 903)
    boss.go("/integrations/main")
    boss.sees("It is paused")
    connected.sandbox.clear_faults()
    boss.fill("API key", f"  {connected.sandbox.credentials['api_key']} ")
    boss.press("Keep the new key and check it")
    boss.sees("Blanks around")
    boss.press("Resume, and send 1 return")
    boss.sees("main goes on")
    boss.go("/returns/903")
    expect(boss.main.locator(".stands .badge").first).to_have_text("Credited")


def test_merchant_finds_nothing_of_another_store(
    connected: Place, arrive: Callable[..., Visitor], tmp_path: Path
) -> None:
    submit(connected, tmp_path, 904)
    connected.ok("stores", "add", "outlet")
    ada = arrive()
    connected.person(ada, "ada", "--store", "outlet")
    ada.sees("Three steps to your first credit note")
    told = {}
    for path in ("/returns/904", "/returns/905", "/integrations/main", "/integrations/other", "/quota/main"):
        assert ada.go(path) == 404, path
        told[path] = ada.main.inner_text()
        assert ada.go(f"{path}?store=default") == 404, path
    # A return of another store looks like one that is not there at all; so does a connection.
    assert told["/returns/904"].replace("904", "905") == told["/returns/905"]
    assert told["/integrations/main"].replace("main", "other") == told["/integrations/other"]
    assert ada.go("/settings/users") == 403
    ada.go("/returns")
    ada.sees("No return has arrived yet")
