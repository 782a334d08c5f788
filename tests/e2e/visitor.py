"""A person at a browser: what they do, and everything that the browser complains about meanwhile."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import ViewportSize, expect

from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page, Response

PASSWORD = "correct horse battery staple"
SERIOUS = {"serious", "critical"}
NARROW = ViewportSize(width=320, height=640)
WIDE = ViewportSize(width=1200, height=900)
LONGEST_MS = LONGEST_S * 1000
LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"')
MOST_STOPS = 80
"""So often somebody presses the Tab key before they give up."""


expect.set_options(timeout=LONGEST_MS)


@cache
def axe() -> str:
    """The script of axe-core, which judges whether everybody can use a page."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@dataclass(kw_only=True)
class Visitor:
    """Somebody at a browser.

    Attributes:
        page: the browser's tab.
        base: the hub's address.
        complaints: what the browser complained about: errors in its console, which is also where it tells
            what the content policy kept from running, and answers that say the hub failed.
        steps: how often they typed an address or into a field, or clicked.
    """

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.page.set_default_timeout(LONGEST_MS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.path}: {error}"))
        self.page.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        # A page that refuses what was typed answers 422, and the browser tells so.
        is_answer = message.text.startswith("Failed to load resource") and "status of 4" in message.text
        if message.type in {"error", "warning"} and not is_answer:
            self.complaints.append(f"{self.path}: {message.text}")

    def _answered(self, response: Response) -> None:
        asked = response.request
        # A page may well refuse what was typed.
        least = 500 if asked.resource_type == "document" else 400
        if response.status >= least:
            self.complaints.append(f"{self.path}: {asked.method} {asked.url} answers {response.status}")

    @property
    def path(self) -> str:
        """Where they are, without the query."""
        return urlsplit(self.page.url).path

    @property
    def main(self) -> Locator:
        """What stands on the page itself, without what is on every page."""
        return self.page.get_by_role("main")

    def go(self, path: str) -> int:
        """Types an address; gives the status of the answer."""
        self.steps += 1
        response = self.page.goto(f"{self.base}{path}")
        assert response is not None
        return response.status

    def read(self, path: str) -> tuple[int, list[str]]:
        """Asks for a page without showing it; gives the status of the answer, and where the page leads to."""
        answer = self.page.request.get(f"{self.base}{path}")
        return answer.status, list(map(unescape, LINK.findall(answer.text())))

    def follow(self, name: str | re.Pattern[str]) -> None:
        """Follows a link of the page."""
        self.steps += 1
        self.main.get_by_role("link", name=name).first.click()

    def press(self, name: str | re.Pattern[str]) -> None:
        """Presses a button of the page."""
        self.steps += 1
        self.main.get_by_role("button", name=name).first.click()

    def fill(self, label: str, value: str) -> None:
        """Types into the field of a label."""
        self.steps += 1
        self.main.get_by_label(label).fill(value)

    def welcome(self, link: str, name: str) -> None:
        """Follows a one-time link and chooses a password."""
        self.go(link)
        self.fill("Name", name)
        self.fill("New password", PASSWORD)
        self.fill("The same again", PASSWORD)
        self.press("Set password and sign in")
        # A key press, unlike a click, does not wait: whoever goes on at once would break the signing in off.
        expect(self.page).not_to_have_url(f"{self.base}{link}")

    def open(self, text: str) -> None:
        """Unfolds a part of the page."""
        self.steps += 1
        self.main.locator("summary", has_text=text).first.click()

    def wait_for_check(self) -> None:
        """Waits until a connection is checked; whose browser runs no script, looks again and again."""
        connected = self.main.get_by_text("Connected", exact=True)
        again = self.main.get_by_role("link", name="Look again")
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            connected.or_(again).filter(visible=True).first.wait_for()
            if connected.is_visible():
                return
            again.click()
        raise AssertionError("it is never checked")

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Waits until a text stands on the page."""
        self.main.get_by_text(text).filter(visible=True).first.wait_for()

    def links(self) -> list[str]:
        """Where the page leads to."""
        found: list[str] = self.page.eval_on_selector_all(
            "a[href]", "all => all.map((each) => each.getAttribute('href'))"
        )
        return found

    def unfold(self) -> None:
        """Opens whatever can be opened, but the account's menu, which lies over the page."""
        self.page.eval_on_selector_all(
            "details:not(.menu)", "all => all.forEach((each) => { each.open = true; })"
        )
        expect(self.page.locator("details[data-open]:not([data-loaded])")).to_have_count(0)

    def judge(self, *, colours_only: bool = False) -> list[str]:
        """What axe finds on the page that keeps somebody from using it."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe())
        only = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if colours_only else {}
        found: Any = self.page.evaluate(
            "(options) => axe.run(document, options)", {"resultTypes": ["violations"], **only}
        )
        return [
            f"{each['impact']} {each['id']}: {node['html'][:160]}: {node.get('failureSummary', '')}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    def sideways(self) -> list[str]:
        """What makes the page scroll sideways, outermost first; empty when nothing does."""
        found: list[str] = self.page.evaluate(
            """() => {
              const wide = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= wide) return [];
              const isBeyond = (each) => each.getBoundingClientRect().right > wide + 1;
              const found = [...document.body.querySelectorAll("*")].filter(isBeyond).slice(0, 5);
              return ["wider than the window", ...found.map((each) => each.outerHTML.slice(0, 160))];
            }"""
        )
        return found


@dataclass(kw_only=True)
class KeyboardVisitor(Visitor):
    """Somebody without a mouse, who can see where the focus is."""

    def follow(self, name: str | re.Pattern[str]) -> None:
        self._reach(self.main.get_by_role("link", name=name).first)
        self.page.keyboard.press("Enter")

    def press(self, name: str | re.Pattern[str]) -> None:
        self._reach(self.main.get_by_role("button", name=name).first)
        self.page.keyboard.press("Enter")

    def open(self, text: str) -> None:
        self._reach(self.main.locator("summary", has_text=text).first)
        self.page.keyboard.press("Space")

    def fill(self, label: str, value: str) -> None:
        self._reach(self.main.get_by_label(label))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(value)

    def _reach(self, wanted: Locator) -> None:
        # Found once: to look for it by what it says after each key takes longer than all else.
        element = wanted.element_handle()
        for _ in range(MOST_STOPS):
            self.page.keyboard.press("Tab")
            if element.evaluate("(each) => each === document.activeElement"):
                ring = element.evaluate("(each) => getComputedStyle(each).outlineStyle")
                assert ring != "none", f"{wanted}: nothing shows that the focus is on it"
                return
        raise AssertionError(f"the Tab key never comes to {wanted}")
