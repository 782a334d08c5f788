"""The wizard as somebody goes through it who connects Cin7 Omni."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.documents import rma, unit, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.place import Place
    from tests.e2e.visitor import Visitor
    from tests.support.processes import SandboxProcess


def connect(visitor: Visitor, sandbox: SandboxProcess, name: str) -> None:
    """To a connection whose credentials are checked, and which is not switched on yet."""
    visitor.go("/integrations")
    visitor.follow("Add product or service")
    visitor.follow("Cin7 Omni")
    visitor.fill("API username", sandbox.credentials["username"])
    visitor.fill("API key", sandbox.credentials["api_key"])
    visitor.fill("What you call it", name)
    visitor.open("More settings")
    visitor.fill("Base address", sandbox.settings["base_url"])
    visitor.press("Connect")
    visitor.wait_for_check()


def switch_on(visitor: Visitor, name: str, method: str) -> None:
    """From there to a connection that sends what is returned by a new return method."""
    visitor.follow("Continue: mapping")
    visitor.follow("Continue with the default")
    visitor.fill("Name, as your returns platform spells it", method)
    visitor.press("Add it")
    visitor.sees(f"Returns by {method} use {name}")
    visitor.press("Continue: review")
    visitor.press("Switch it on")
    visitor.sees(f"{name} is on")


def credit(visitor: Visitor, place: Place, folder: Path, number: int, method: str) -> None:
    """An approved return comes in, and its credit note is seen."""
    document = rma(str(number), unit(number * 100, method=method), order_name=f"#{number}")
    place.ok("rmas", "submit", str(write(folder, document)), "--wait", "120")
    visitor.go("/returns")
    visitor.follow(str(number))
    expect(visitor.main.locator(".stands .badge").first).to_have_text("Credited")
