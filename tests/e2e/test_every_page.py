"""Every page, found by following links: anybody can use it, in light and dark, wide and narrow.

Each run finds a page of every route, and looks at one of each kind. `make prove` looks at all of them, also
at those that show something else while there is nothing to show.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from hub.core import open_hub
from hub.environment import Environment
from hub.web.guard import NEEDS
from hub.web.server import make_app
from tests.e2e import full
from tests.e2e.visitor import NARROW, WIDE
from tests.e2e.wizard import connect
from tests.support.migrated import run_beside
from tests.support.processes import Home, SandboxProcess
from tests.support.slower import is_asked_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.place import Place
    from tests.e2e.visitor import Visitor

IS_THOROUGH = is_asked_for("prove")
EMPTY = ("/", "/returns", "/desk", "/integrations", "/credited", "/settings/methods")
"""Pages that show something else while there is nothing to show."""
MORE = {
    "/returns/{rma_id}": len(full.FIRST),
    "/integrations/add/{connector}": 3,
    "/integrations/{name}": 2,
    "/integrations/{name}/mapping": 2,
}
"""Of these routes so many pages are looked at, of every other one: how much a page shows can differ."""
KINDS = {
    "/": "a summary",
    "/returns": "a list",
    "/returns/{rma_id}": "one thing, with its story",
    "/desk/{id}": "something to decide",
    "/integrations/{name}/mapping": "an editor",
    "/integrations/add/{connector}": "a form",
    "/settings/users": "a list that can be changed",
}
"""Routes of which the first page is looked at in every run, and what they show."""
SEEN_OTHERWISE = {"/login", "/welcome/{link}", "/jobs/{id}", "/credited.csv"}
"""Pages that are seen before anybody is signed in, that only a button leads to, and what is no page."""


@pytest.fixture(scope="module")
def patterns(place: Place) -> dict[str, re.Pattern[str]]:
    """The route of each page that a browser can ask for, and how its addresses look."""

    async def routes() -> list[str]:
        async with open_hub(Environment(home=place.home.folder)) as hub:
            needs = make_app(hub, is_local=True)[NEEDS]
        return [path for (method, path), need in needs.items() if method == "GET" and need.is_page]

    # Where an address fits two routes, the one without a parameter is meant.
    found = sorted(run_beside(routes()), key=lambda path: path.count("{"))
    return {path: re.compile(re.sub(r"{\w+}", "[^/]+", path)) for path in found}


def crawl(
    visitor: Visitor, patterns: dict[str, re.Pattern[str]], seen: Counter[str], *first: str
) -> Iterator[list[str]]:
    """Follows links to a page of each route; tells what is wrong with each."""
    known = dict.fromkeys((*first, "/"))
    waiting = deque(known)
    while waiting:
        there = waiting.popleft()
        path = urlsplit(there).path
        route = next((route for route, each in patterns.items() if each.fullmatch(path)), None)
        if route is None:
            yield [f"{there} is linked to, and there is no such page"]
            continue
        seen[route] += 1
        if seen[route] > MORE.get(route, 1) or route in SEEN_OTHERWISE:
            continue
        if IS_THOROUGH or (route in KINDS and seen[route] == 1):
            status, links = visitor.go(there), visitor.links()
            yield look(visitor)
        else:
            status, links = visitor.read(there)
        if status != 200:
            yield [f"{there} answers {status}"]
        for href in links:
            address = urlsplit(urljoin(f"{visitor.base}{there}", href))
            plain = address._replace(scheme="", netloc="", fragment="").geturl()
            if f"{address.scheme}://{address.netloc}" == visitor.base and plain not in known:
                known[plain] = None
                waiting.append(plain)


def look(visitor: Visitor) -> list[str]:
    """What is wrong with a page as it is shown, with everything unfolded: wide, dark, narrow."""
    page = visitor.page
    visitor.unfold()
    wrong = [f"light: {each}" for each in visitor.judge()]
    page.emulate_media(color_scheme="dark")
    wrong += [f"dark: {each}" for each in visitor.judge(colours_only=True)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    wrong += [f"at 320 px: {each}" for each in visitor.sideways()]
    page.set_viewport_size(WIDE)
    return [f"{visitor.path}: {each}" for each in wrong]


@pytest.mark.prove(has_short_form=True)
def test_every_page_can_be_found_and_used_by_everybody(
    place: Place, arrive: Callable[..., Visitor], patterns: dict[str, re.Pattern[str]], tmp_path: Path
) -> None:
    visitor, seen = arrive(), Counter[str]()
    wrong = []
    for path in ("/login", place.link):
        visitor.go(path)
        wrong += look(visitor)
    visitor.welcome(place.link, "boss")
    for path in EMPTY if IS_THOROUGH else ():
        assert visitor.go(path) == 200
        wrong += look(visitor)
    with SandboxProcess(Home(tmp_path / "another")) as another:
        connect(visitor, another, "draft")
    with full.fill(place, tmp_path):
        first = [f"/returns/{each}" for each in full.FIRST]
        wrong += chain.from_iterable(crawl(visitor, patterns, seen, *first))
        visitor.go("/desk")
        visitor.follow("Deal with all 2")
        visitor.press("Try 2 returns again")
        visitor.page.wait_for_url("**/jobs/*")
        wrong += look(visitor) if IS_THOROUGH else []
        visitor.go("/nothing/of/that/name")
        wrong += look(visitor) if IS_THOROUGH else []
    assert "\n".join(wrong) == ""
    assert set(patterns) - set(seen) - SEEN_OTHERWISE == set(), "no link leads there"
    assert set(KINDS) <= set(patterns)
