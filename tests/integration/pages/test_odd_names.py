"""Names and ids are what others make of them: every link with one leads where it says."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from hub.access import api_tokens
from hub.access.principal import Scope
from hub.merchant import connections, methods, stores
from hub.outcomes import ValidationState
from hub.rma import MethodType
from hub.store.models import Connection, Rma, Role
from hub.store.people import SignInLink
from hub.web.segments import segment
from hub.webhooks.subscription import Credentials, Settings, sealed
from tests.support.documents import rma, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.pages.conftest import Desk

ODD = (
    "R/1",
    "a/../b",
    "..",
    ".",
    "//x",
    "a?b=c&d#e",
    "100%",
    "%2F",
    "a b+c",
    "a\\b",
    "<i>\"é'",
    ";a=b",
    "~",
    "-x",
)
NOBODYS = {"type": "x", "name": "Nobody's / way?"}
_LINKS = re.compile(r'(?:href|action|formaction|data-live|data-open|data-validate)="([^"]*)"')
_TOO_COSTLY = ("/jobs", "/static", "/logout", "/credited.csv")
PAGES = (
    "/",
    "/returns",
    "/desk",
    "/integrations",
    "/settings/methods",
    "/settings/events",
    "/settings/tokens",
    "/settings/users",
)


@pytest.fixture
async def odd(desk: Desk) -> Desk:
    """Everything that has a name or an id from outside, oddly called."""
    hub, store = desk.stage.hub, desk.stage.store
    row = await desk.stage.connection()
    for number, name in enumerate(ODD):
        unknown = unit(number) | {"returnMethod": NOBODYS}
        await desk.stage.submit(rma(name, unknown if number % 3 == 0 else unit(number)))
        await methods.point_at(await methods.add(store, name, MethodType.ANY_CARRIER), row, None)
        values = {"username": f"user {number}", "api_key": "x", "base_url": "http://127.0.0.1:9/api"}
        added = await connections.add(hub, store, "cin7_omni", name, values, should_check=False)
        await connections.pause(added.row, "tired")
        await api_tokens.add(hub.clock, name, [Scope.READ], store=None, expires_at=None)
        await desk.site.person(name)
        await _hook(desk, name)
    # With a second store every page has a form to choose another one.
    await stores.add("outlet", hub.clock.now())
    await desk.stage.settle()
    await Rma.filter(rma_id__in=ODD[::4]).update(validation=ValidationState.FLAGGED)
    await SignInLink.all().delete()
    return desk


async def _hook(desk: Desk, name: str) -> None:
    clock = desk.stage.hub.clock
    row = Connection(
        id=clock.new_id(),
        store=desk.stage.store,
        name=name,
        name_key=f"webhook:{name.casefold()}",
        role=Role.WEBHOOK,
        connector="",
        settings=Settings(url="https://a.example").model_dump_json(),
        created_at=clock.now(),
    )
    row.credentials = sealed(desk.stage.hub, row, Credentials(secrets=()))
    await row.save()


def as_a_browser_asks(link: str) -> str:
    """An address as a browser sends it (https://url.spec.whatwg.org/#path-state)."""
    path, sign, query = unescape(link).partition("#")[0].partition("?")
    kept: list[str] = []
    parts = path.replace("\\", "/").split("/")[1:]
    for number, part in enumerate(parts):
        plain = re.sub("%2e", ".", part, flags=re.IGNORECASE)
        is_last = number == len(parts) - 1
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(part)
            continue
        if is_last:
            kept.append("")
    return f"/{'/'.join(kept)}{sign}{query}"


def _links(text: str) -> Iterator[str]:
    for link in _LINKS.findall(text):
        if link.startswith("/") and not link.startswith(_TOO_COSTLY):
            yield as_a_browser_asks(link)


async def test_every_link_of_every_page_leads_somewhere(odd: Desk) -> None:
    seen, left = set[str](), list(PAGES)
    while left:
        path = left.pop()
        answer = await odd.browser.get(path)
        # What is only a form's address takes no GET; where nothing is, nobody takes anything.
        assert answer.status in {200, 303, 405}, f"{path} answered {answer.status}"
        new = set(_links(answer.text)) - seen if answer.status == 200 else set()
        seen |= new
        left += new
    shown = {unquote(urlsplit(link).path) for link in seen}
    for place in ("/returns", "/integrations", "/quota", "/settings/methods", "/settings/webhooks"):
        for name in ODD:
            assert f"{place}/{unquote(segment(name))}" in shown, (place, name)


async def test_a_return_is_shown_and_acted_on_and_its_neighbour_is_not(odd: Desk) -> None:
    for name in ODD:
        place = f"/returns/{segment(name)}"
        text = await odd.text(f"{place}?store=default")
        assert f"<title>Return {name}" in unescape(text)
        version = re.search(r'name="version" value="(\d+)"', text)
        assert version is not None
        acted = await odd.browser.send(f"{place}/resolve", {"version": version[1], "note": "n"})
        assert acted.status == 303
        onward = as_a_browser_asks(acted.location)
        assert unquote(onward) == unquote(place)
        assert f"<title>Return {name}" in unescape(await odd.text(onward))


def test_a_path_keeps_every_name() -> None:
    for name in ODD:
        path = as_a_browser_asks(f"/returns/{segment(name)}/edit")
        _, _, part, end = path.split("/")
        assert (unquote(part).removesuffix("\u00ad"), end) == (name, "edit")
