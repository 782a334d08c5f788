"""Every route, walked: nobody gets in without what it needs, and no merchant into another store."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.access.principal import Scope
from hub.inbound.accept import accept
from hub.merchant import connections, mappings, methods
from hub.rma import MethodType
from hub.store.models import Delivery
from hub.web import guard
from hub.web.guard import NEEDS, Need
from hub.web.server import make_app
from tests.docs import pages
from tests.support.documents import METHODS, event, rma

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.store.models import Store
    from tests.integration.access.site import Answer, Browser, Site

OPEN = {
    "GET /healthz",
    "GET /readyz",
    "POST /v1/events",  # signed
    "POST /v1/hooks/returngo/{token}",  # an address nobody guesses, and what it says is only a hint
    "GET /static/{name}",
    "GET /login",
    "POST /login",
    "GET /welcome/{link}",
    "POST /welcome/{link}",
    "GET /openapi.json",
}
"""What is open on purpose. A route that is not here and lets a stranger in fails the tests below."""

PARAMETERS = {"link": "no-such-link", "token": "no-such-token"}
"""A value for each parameter that stands in an open route."""
ELSEWHERE = {"name": "main", "id": "0", "rma_id": "1", "delivery_id": "0", "version": "1", "connector": "x"}
"""A value for each parameter of any other route, where it does not matter what is there."""


def routes(site: Site, *needs: Need) -> Iterator[tuple[str, str]]:
    """Method and path of every route, without the HEAD that comes with each GET."""
    for (method, path), need in site.app[NEEDS].items():
        if method != "HEAD" and (not needs or need in needs):
            yield method, path


def filled(path: str, values: dict[str, str]) -> str:
    """A path with a value in the place of each parameter."""
    return re.sub(r"{(\w+)(?::[^}]*)?}", lambda match: values[match[1]], path)


async def ask(browser: Browser, method: str, path: str) -> Answer:
    if method == "POST":
        return await browser.send(path)
    return await browser._ask(method, path, None, {})  # noqa: SLF001 - a method that no form has


async def test_a_stranger_gets_in_nowhere_but_where_it_is_meant(site: Site) -> None:
    let_in = []
    for method, path in routes(site):
        answer = await ask(site.browser(), method, filled(path, PARAMETERS | ELSEWHERE))
        is_sent_to_sign_in = answer.status == 303 and answer.location.startswith("/login?next=")
        is_local = path == "/metrics"  # this test is a program on this machine
        if (
            f"{method} {path}" not in OPEN
            and not is_local
            and not is_sent_to_sign_in
            and answer.status not in {401, 403}
        ):
            let_in.append((method, path, answer.status))
    assert let_in == []


async def test_what_is_open_is_exactly_what_is_meant_to_be(site: Site) -> None:
    found = {f"{method} {path}" for method, path in routes(site, Need.OPEN, Need.VISITOR)}
    assert found <= OPEN


async def of_another_store(site: Site) -> tuple[Store, dict[str, str]]:
    """A store with something of everything; and for each parameter the name or id of what it has."""
    store = await site.store("theirs")
    values = {"username": "shop", "api_key": "a secret key", "base_url": "http://127.0.0.1:9/api"}
    added = await connections.add(site.hub, store, "cin7_omni", "main", values, should_check=False)
    await mappings.store(site.hub, added.row, "{}", by="somebody")
    for name, (_, kind) in METHODS.items():
        await methods.add(store, name, MethodType(kind))
    document = rma("41501000")
    await accept(site.hub.clock, store, event(document), source="test")
    delivery = await Delivery.get(rma__store_id=store.id)
    names = {"rma_id": "41501000", "delivery_id": delivery.id, "id": delivery.id}
    return store, {**ELSEWHERE, **names}


async def seen_of_another_store(site: Site) -> list[tuple[str, str, int]]:
    """What a merchant and their token are answered by routes about a thing, unless it is 404."""
    theirs, values = await of_another_store(site)
    mine = await site.store("mine")
    browser = await site.signed_in("ada", store=mine)
    token = await site.token(Scope.READ, Scope.WRITE, store=mine)
    found = []
    for needs, headers in (((Need.PAGE, Need.ADMIN), {}), ((Need.READ, Need.WRITE), token)):
        for method, path in routes(site, *needs):
            if "{" not in path:
                continue
            browser.headers = headers
            for query in ("", f"?store={theirs.name}"):
                answer = await ask(browser, method, filled(path, values) + query)
                if answer.status not in (
                    {403, 404} if site.app[NEEDS][method, path] is Need.ADMIN else {404}
                ):
                    found.append((method, path + query, answer.status))
    return found


async def test_a_merchant_finds_nothing_of_another_store(site: Site) -> None:
    assert await seen_of_another_store(site) == []


async def test_administrators_pages_are_not_for_merchants(site: Site) -> None:
    browser = await site.signed_in("ada", store=await site.store("mine"))
    for method, path in routes(site, Need.ADMIN):
        assert (await ask(browser, method, filled(path, ELSEWHERE))).status in {403, 404}


async def test_a_token_does_only_what_its_scopes_say(site: Site) -> None:
    browser = site.browser()
    browser.headers = await site.token(Scope.METRICS)
    for method, path in routes(site, Need.READ, Need.WRITE):
        assert (await ask(browser, method, filled(path, ELSEWHERE))).status == 403
    assert (await browser.get("/metrics")).status == 200
    browser.headers = await site.token(Scope.READ, name="reader")
    for method, path in routes(site, Need.WRITE, Need.METRICS):
        assert (await ask(browser, method, filled(path, ELSEWHERE))).status == 403


async def test_the_page_about_access_has_every_route_and_what_it_needs(site: Site) -> None:
    text = (pages.REPOSITORY / "docs" / "access.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^(\| `[A-Z]+ /[^`]*` \| \w+ \|)", text, re.MULTILINE))
    rows = {f"| `{method} {path}` | {site.app[NEEDS][method, path].value} |" for method, path in routes(site)}
    assert told == rows, "put these rows in:\n" + "\n".join(sorted(rows - told))


async def careless(_: web.Request) -> web.Response:
    return web.Response()


async def careful(request: web.Request) -> web.Response:
    store = await guard.store_of(request)
    connection = await connections.get(store, request.match_info["name"])
    return web.Response(text=connection.name)


async def test_a_route_that_does_not_say_what_it_needs_keeps_the_hub_from_starting(site: Site) -> None:
    app = make_app(site.hub, is_local=True)
    app.router.add_get("/forgotten", careless)
    with pytest.raises(RuntimeError, match="GET /forgotten"):
        await TestServer(app).start_server()


async def test_the_walk_sees_a_route_that_forgets_to_look_at_the_store(site: Site) -> None:
    """The tests above would prove little if a careless route did not fail them."""
    app = make_app(site.hub, is_local=True)
    guard.add_routes(
        app, Need.PAGE, [web.get("/careless/{name}", careless), web.get("/careful/{name}", careful)]
    )
    async with TestServer(app) as server:
        with_both = replace(site, app=app, base=server.make_url("/"))
        assert {path.partition("?")[0] for _, path, _ in await seen_of_another_store(with_both)} == {
            "/careless/{name}"
        }
        boss = await with_both.signed_in("boss")
        assert (await boss.get("/careful/main?store=theirs")).text == "main"
        assert (await boss.get("/careful/main?store=mine")).status == 404
