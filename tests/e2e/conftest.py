"""A real browser, a real hub and a real sandbox, one of each for the tests of a module."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.e2e.place import Place, open_place
from tests.e2e.visitor import WIDE, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "no Chromium was found: install it (Debian: apt install chromium), "
    "or set HUB_TEST_CHROMIUM to where one is"
)


def find_chromium() -> str | None:
    """Where the browser is; None when there is none."""
    return os.environ.get("HUB_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is. Without one these tests are skipped, and in CI they fail."""
    found = find_chromium()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A hub that serves, and a sandbox of Cin7 Omni beside it."""
    with open_place(tmp_path_factory.mktemp("place")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(chromium: str, place: Place) -> Iterator[Browser]:
    """The browser. It ends before the hub does; what runs in its thread has no event loop of its own."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def arrive(browser: Browser, place: Place) -> Iterator[Callable[..., Visitor]]:
    """Lets somebody come with a browser that knows nothing of others; nobody's browser may complain."""
    visitors: list[Visitor] = []

    def come(kind: type[Visitor] = Visitor, *, java_script_enabled: bool = True) -> Visitor:
        context = browser.new_context(viewport=WIDE, java_script_enabled=java_script_enabled)
        visitors.append(kind(page=context.new_page(), base=place.hub.url))
        return visitors[-1]

    yield come
    for each in visitors:
        each.page.context.close()
    assert [complaint for each in visitors for complaint in each.complaints] == []
