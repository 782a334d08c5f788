"""What stands before every route: forms, cookies, headers, tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.access import api_tokens
from hub.access.principal import Scope, current
from hub.access.tokens import form_token
from hub.merchant import stores
from hub.store.people import ApiToken, AuditEntry, Session
from hub.web import guard
from hub.web.guard import Need
from hub.web.server import make_app
from tests.integration.access.conftest import open_site
from tests.integration.access.site import PASSWORD, tokens_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.integration.access.site import Site


@pytest.fixture
async def behind_proxy(ready: Environment) -> AsyncIterator[Site]:
    async with open_site(ready.model_copy(update={"behind_proxy": True}), is_local=False) as opened:
        yield opened


async def test_a_form_without_its_token_is_refused_and_changes_nothing(site: Site) -> None:
    browser, other = await site.signed_in("ada"), await site.signed_in("bob")
    others = form_token(other.cookies["hub_session"])
    for form in ({}, {"form_token": ""}, {"form_token": "é"}, {"form_token": others}):
        assert (await browser.post("/account/sessions/end", form)).status == 403
    assert await Session.all().count() == 2
    mine = tokens_in((await browser.get("/account")).text)
    assert mine == {form_token(browser.cookies["hub_session"])}
    assert (await browser.post("/account/sessions/end", {}, X_Form_Token=mine.pop())).status == 303


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
async def test_a_form_from_another_sites_page_is_refused(site: Site, origin: str) -> None:
    browser = await site.signed_in("ada")
    assert (await browser.send("/logout", Origin=origin)).status == 403
    assert await Session.all().count() == 1


async def test_the_sign_in_form_is_a_form_like_any_other(site: Site) -> None:
    browser = site.browser()
    form = {"name": "ada", "password": PASSWORD}
    assert (await browser.post("/login", form)).status == 403
    shown = await browser.get("/login")
    assert tokens_in(shown.text) == {form_token(browser.cookies["hub_visitor"])}
    assert (await browser.send("/login", form)).status == 401
    assert (await browser.send("/login", form, Origin="https://evil.example")).status == 403


async def test_every_answer_has_the_headers_that_keep_a_browser_strict(site: Site) -> None:
    browser = await site.signed_in("ada")
    for path in ("/account", "/login", "/nowhere", "/healthz", "/v1/nowhere", "/static/hub.css", "/metrics"):
        headers = (await browser.get(path)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")
        assert "Server" not in headers
        assert "Strict-Transport-Security" not in headers


async def test_a_pages_error_is_a_page_and_the_apis_a_problem(site: Site) -> None:
    browser = await site.signed_in("ada")
    page = await browser.get("/welcome/none")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "leads nowhere" in page.text
    assert (await browser.get("/nowhere")).headers["Content-Type"].startswith("text/html")
    problem = await browser.get("/welcome/none", Accept="application/json")
    assert problem.headers["Content-Type"].startswith("application/problem+json")
    stranger = await site.browser().get("/account", Sec_Fetch_Mode="cors", Accept="application/json")
    assert (stranger.status, "nobody is signed in" in stranger.text) == (401, True)


async def test_cookies_are_for_https_only_where_there_is_https(behind_proxy: Site) -> None:
    browser = behind_proxy.browser()
    base = str(behind_proxy.base).rstrip("/").replace("http:", "https:")
    browser.headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "1.1.1.1, 203.0.113.7",
        "Origin": base,
    }
    shown = await browser.get("/login")
    assert shown.headers["Strict-Transport-Security"]
    cookie = shown.headers["Set-Cookie"]
    assert cookie.startswith("__Host-hub_visitor=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    token = tokens_in(shown.text).pop()
    form = {"name": "ada", "password": PASSWORD, "form_token": token}
    assert (await browser.post("/login", form)).status == 401
    assert (await browser.post("/login", form, Origin=base.replace("https", "http"))).status == 403
    # What a program on this machine may see, a proxy on it may not hand out.
    assert (await browser.get("/metrics")).status == 401


async def test_what_a_proxy_says_is_believed_only_when_there_is_one(site: Site, behind_proxy: Site) -> None:
    del behind_proxy
    browser = site.browser()
    browser.headers = {"X-Forwarded-Proto": "https"}
    cookie = (await browser.get("/login")).headers["Set-Cookie"]
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie
    assert (await browser.get("/metrics")).status == 401


async def test_no_password_is_asked_for_where_others_can_listen(site: Site) -> None:
    answer = await site.browser().get("/login", Host="hub.example")
    assert (answer.status, "not encrypted" in answer.text, 'type="password"' in answer.text) == (
        403,
        True,
        False,
    )
    # Nor does a page that points its own name at this machine read what a program here may.
    assert (await site.browser().get("/metrics", Host="hub.example")).status == 401
    assert (await site.browser().get("/metrics")).status == 200


async def test_a_token_opens_until_it_ends_and_its_use_is_noted(site: Site) -> None:
    row, token = await api_tokens.add(
        site.hub.clock, "t", [Scope.METRICS], store=None, expires_at=site.hub.clock.now() + timedelta(days=1)
    )
    browser = site.browser()

    async def status(value: str) -> int:
        return (await browser.get("/metrics", Authorization=value)).status

    assert token not in str([dict(each) for each in await ApiToken.all().values()])
    assert await status(f"Bearer {token}") == await status(f"bearer  {token} ") == 200
    assert (await ApiToken.get(id=row.id)).last_used_at is not None
    for wrong in (token, "Bearer", "Bearer hub_", f"Bearer {token}x", f"Basic {token}", "Bearer hub_\u00e9"):
        assert await status(wrong) == 401, wrong
    site.time.set_forward(timedelta(days=1))
    assert await status(f"Bearer {token}") == 401
    _, other = await api_tokens.add(site.hub.clock, "u", [Scope.METRICS], store=None, expires_at=None)
    assert await status(f"Bearer {other}") == 200
    await api_tokens.revoke(site.hub.clock, "U")
    assert await status(f"Bearer {other}") == 401


async def test_a_change_is_put_down_to_whoever_asked_and_elsewhere_to_the_command(site: Site) -> None:
    async def change(request: web.Request) -> web.Response:
        await stores.edit(
            (await guard.store_of(request)).name, url="https://shop.example", customer_support_url=None
        )
        return web.Response(text=current().who)

    app = make_app(site.hub, is_local=True)
    guard.add_routes(app, Need.PAGE, [web.post("/change", change)])
    guard.add_routes(app, Need.WRITE, [web.put("/v1/change", change)])
    mine = await site.store("mine")
    browser = await site.signed_in("ada", store=mine)
    async with TestServer(app) as server:
        browser.site = site.__class__(
            hub=site.hub, app=app, base=server.make_url("/"), http=site.http, time=site.time
        )
        assert (await browser.send("/change")).text == "ada"
        browser.headers = await site.token(Scope.WRITE, store=mine, name="program")
        assert (await browser._ask("PUT", "/v1/change", None, {})).text == "program"  # noqa: SLF001
    await stores.edit("mine", url="", customer_support_url=None)
    entries = await AuditEntry.filter(action="store.edited").order_by("id")
    assert [(each.actor, each.source, each.address) for each in entries[:2]] == [
        ("ada", "page", "127.0.0.1"),
        ("program", "api", "127.0.0.1"),
    ]
    assert (entries[2].source, entries[2].address, bool(entries[2].actor)) == ("cli", "", True)
    assert (entries[2].before, entries[2].after) == ('{"url": "https://shop.example"}', '{"url": ""}')
