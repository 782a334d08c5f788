"""Takes the pictures in docs/pictures/ anew: ``python -m tests.e2e.pictures``; pngquant makes them small."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tests.e2e import full
from tests.e2e.conftest import MISSING, find_chromium
from tests.e2e.place import open_place
from tests.e2e.visitor import Visitor
from tests.support.processes import wait_for

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = ViewportSize(width=1200, height=1000)


def take() -> None:
    """Starts a hub at work, looks at three of its pages, and keeps what is seen."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(MISSING)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_place(Path(folder)) as place,
        full.fill(place, Path(folder)),
        sync_playwright() as playwright,
    ):
        place.ok("connections", "resume", "main")
        wait_for(lambda: place.home.count("delivery", "status = 'pending'") == 0, lambda: "some still wait")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport=SIZE).new_page()
        visitor = Visitor(page=page, base=place.hub.url)
        visitor.welcome(place.link, "Grace")
        visitor.sees("Latest returns")
        visitor.go("/")
        page.screenshot(path=PICTURES / "home.png")
        visitor.go(f"/returns/{full.CREDITED}")
        page.screenshot(path=PICTURES / "return.png")
        visitor.go("/integrations/main/mapping")
        choice = page.get_by_label("Try it on")
        choice.select_option(index=choice.locator("option").count() - 2)
        visitor.press("Show the exact request")
        page.locator(".request .value").first.focus()
        page.screenshot(path=PICTURES / "mapping.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    take()
