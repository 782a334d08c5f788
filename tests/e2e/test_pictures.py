"""The pictures on the pages for readers show a hub at work; `make pictures` takes them anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import ViewportSize

from tests.docs import pages
from tests.e2e import full
from tests.e2e.visitor import Visitor
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.e2e.place import Place

SHOWN = "docs/pictures"
SIZE = ViewportSize(width=1200, height=1000)


def test_three_pages_of_a_hub_at_work_are_pictured(place: Place, browser: Browser, tmp_path: Path) -> None:
    into = Path(os.environ.get("PICTURES") or tmp_path)
    with full.fill(place, tmp_path):
        place.ok("connections", "resume", "main")
        wait_for(lambda: place.home.count("delivery", "status = 'pending'") == 0, lambda: "some still wait")
        context = browser.new_context(viewport=SIZE)
        page = context.new_page()
        visitor = Visitor(page=page, base=place.hub.url)
        visitor.welcome(place.link, "Grace")
        visitor.sees("Latest returns")
        visitor.go("/")
        page.screenshot(path=into / "home.png")
        visitor.go(f"/returns/{full.CREDITED}")
        page.screenshot(path=into / "return.png")
        visitor.go("/integrations/main/mapping")
        choice = page.get_by_label("Try it on")
        choice.select_option(index=choice.locator("option").count() - 2)
        visitor.press("Show the exact request")
        page.locator(".request .value").first.focus()
        page.screenshot(path=into / "mapping.png", full_page=True)
        context.close()
    assert visitor.complaints == []
    readme = (pages.REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [each for each in into.glob("*.png") if f"{SHOWN}/{each.name}" not in readme] == []
    assert len(list(into.glob("*.png"))) == 3
