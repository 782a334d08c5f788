"""Products and services: the wizard from nothing to the first credit note, and looking after a connection."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.dispatch.http import client_session
from hub.dispatch.work import work
from hub.inbound.accept import accept
from hub.merchant import connections, health, platforms, reports, stores
from hub.platform.returngo.sandbox import ReturnGoSandbox
from hub.store.models import Connection, Delivery, ReturnMethod
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from hub.web.checks import CHECKS
from tests.integration.access.conftest import open_site
from tests.support.documents import event, rma
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from hub.environment import Environment
    from tests.integration.access.site import Browser, Site
    from tests.integration.pages.conftest import Desk


@dataclass(kw_only=True)
class Fresh:
    """A hub that nobody has set up yet, a sandbox to connect, and an administrator's browser."""

    site: Site
    browser: Browser
    sandbox: Cin7Sandbox
    url: str
    http: aiohttp.ClientSession

    @property
    def form(self) -> dict[str, str]:
        values = {**self.sandbox.settings(self.url), **self.sandbox.credentials}
        return {"name": "main", "approve": "true", "check_double_credit": "true", **values}

    async def send(self, path: str, form: dict[str, str] | None = None) -> str:
        """Sends a form that is carried out; gives where it leads."""
        answer = await self.browser.send(path, form)
        assert answer.status == 303, answer.text
        return answer.location

    async def checked(self) -> str:
        """The page of the check once it has ended."""
        await self.site.app[CHECKS].wait()
        return (await self.browser.get("/integrations/main/check")).text

    async def work(self) -> None:
        await work(self.site.hub, self.http, (await self.connection()).id, owner="test")

    async def connection(self) -> Connection:
        return await connections.get(await stores.get(), "main")

    @property
    def writes(self) -> list[str]:
        return [str(call["path"]) for call in self.sandbox.calls() if call["is_write"]]


@asynccontextmanager
async def open_fresh(environment: Environment) -> AsyncIterator[Fresh]:
    async with open_site(environment) as site, client_session() as http:
        sandbox = Cin7Sandbox(7, site.time.now, quota=())
        async with SandboxServer(sandbox) as server:
            browser = await site.signed_in("boss")
            yield Fresh(site=site, browser=browser, sandbox=sandbox, url=server.url, http=http)


@pytest.fixture
async def fresh(ready: Environment) -> AsyncIterator[Fresh]:
    async with open_fresh(ready) as opened:
        yield opened


async def connected(fresh: Fresh) -> None:
    await fresh.send("/integrations/add/cin7_omni", fresh.form)
    await fresh.site.app[CHECKS].wait()


async def test_from_nothing_to_the_first_credit_note_without_script(fresh: Fresh) -> None:
    assert "/integrations/add/cin7_omni" in (await fresh.browser.get("/integrations/add")).text
    username = f"  {fresh.form['username']}\u200b"
    to = await fresh.send("/integrations/add/cin7_omni", {**fresh.form, "username": username})
    assert to == "/integrations/main/check"
    page = (await fresh.browser.get(to)).text
    assert "Blanks around API username were removed." in page
    page = await fresh.checked()
    assert re.search(r"CreditNotes.*?read.*?create", page, re.DOTALL)
    assert "cannot be proved without writing" in page
    assert "Main Warehouse" in page
    assert "Continue: mapping" in page
    assert "the default" in (await fresh.browser.get("/integrations/main/mapping")).text
    method = {"method": "UPS label", "type": "ship_with_prepaid_label", "location": ""}
    assert await fresh.send("/integrations/main/methods/add", method) == "/integrations/main/methods"
    row = await ReturnMethod.get(name="UPS label")
    branch = reports.last(await fresh.connection()).locations[1].location_id  # type: ignore[union-attr]
    ticked = {f"use-{row.id}": "1", f"location-{row.id}": branch}
    assert await fresh.send("/integrations/main/methods", ticked) == "/integrations/main/on"
    review = (await fresh.browser.get("/integrations/main/on")).text
    assert "restocked at Returns Centre" in review
    assert fresh.writes == []
    assert await fresh.send("/integrations/main/on") == "/integrations/main"
    to = await fresh.send("/integrations/main/trial")
    await fresh.work()
    assert len(fresh.sandbox.documents()) == 1
    assert "Credited" in (await fresh.browser.get(to)).text


async def test_nothing_is_sent_before_the_connection_is_switched_on(fresh: Fresh) -> None:
    await connected(fresh)
    method = {"method": "UPS label", "type": "ship_with_prepaid_label"}
    await fresh.send("/integrations/main/methods/add", method)
    await accept(fresh.site.hub.clock, await stores.get(), event(rma("901")), source="test")
    await fresh.work()
    assert fresh.writes == []
    assert "Being set up" in (await fresh.browser.get("/integrations")).text
    (problem,) = (await health.health(fresh.site.hub, await fresh.connection())).problems
    assert "finish it under Integrations" in problem, "for hub doctor"
    assert "1 return, sent as soon as it is on" in (await fresh.browser.get("/integrations/main/on")).text
    # Not by the button of a paused connection either: that leads to the review.
    assert await fresh.send("/integrations/main/resume") == "/integrations/main/on"
    await fresh.send("/integrations/main/on")
    await fresh.work()
    assert len(fresh.sandbox.documents()) == 1


async def test_a_connection_that_no_check_has_proved_is_not_switched_on(fresh: Fresh) -> None:
    await fresh.send("/integrations/add/cin7_omni", {**fresh.form, "api_key": "no such key"})
    page = await fresh.checked()
    assert "Correct the credentials" in page
    assert "no such key" not in page
    answer = await fresh.browser.send("/integrations/main/on")
    assert answer.status == 409
    assert "Its credentials are not proved" in answer.text
    edited = {**fresh.form, "approve": "true"}
    assert await fresh.send("/integrations/main/edit", edited) == "/integrations/main/check"
    assert "Continue: mapping" in await fresh.checked()


async def test_what_is_wrong_stands_at_its_field_and_no_secret_comes_back(fresh: Fresh) -> None:
    wrong = {**fresh.form, "base_url": "http://erp.example", "poll_interval_s": "soon", "username": ""}
    answer = await fresh.browser.send("/integrations/add/cin7_omni", wrong)
    assert answer.status == 422
    assert re.search(
        r'id="base_url".*?aria-invalid="true".*?[Mm]ust start with https', answer.text, re.DOTALL
    )
    assert re.search(r'id="username".*?This is needed', answer.text, re.DOTALL)
    assert 'value="soon"' in answer.text
    assert fresh.form["api_key"] not in answer.text
    answer = await fresh.browser.send("/integrations/add/cin7_omni", {**fresh.form, "name": "Add"})
    assert re.search(r'id="name".*?Choose another one', answer.text, re.DOTALL)
    assert not await Connection.exists()


async def test_a_second_connection_to_one_account_is_refused_beside_the_form(fresh: Fresh) -> None:
    await connected(fresh)
    answer = await fresh.browser.send("/integrations/add/cin7_omni", {**fresh.form, "name": "second"})
    assert answer.status == 409
    assert "uses this account" in answer.text
    assert 'value="second"' in answer.text


async def test_any_connector_has_a_form_of_its_own(fresh: Fresh) -> None:
    page = (await fresh.browser.get("/integrations/add/peoplevox_stub")).text
    for name in ("client_id", "username", "password", "base_url", "completed_states"):
        assert f'name="{name}"' in page
    assert re.search(r'name="password"[^>]*type="password"', page)
    assert "hub sandbox peoplevox_stub" in page
    assert (await fresh.browser.get("/integrations/add/nothing")).status == 404


async def test_a_check_can_be_watched_while_it_runs(fresh: Fresh) -> None:
    fresh.sandbox.inject(parse_fault("slow:seconds=1000,on=Stock"))
    await fresh.send("/integrations/add/cin7_omni", fresh.form)
    fragment = ""

    async def is_at_contacts() -> bool:
        nonlocal fragment
        fragment = (await fresh.browser.get("/integrations/main/check", X_Fragment="1")).text
        return "Contacts" in fragment

    await until(is_at_contacts)
    assert "<html" not in fragment
    assert "/api/v1/Branches" in fragment
    fresh.sandbox.clear_faults()
    assert "Continue: mapping" in await fresh.checked()


async def test_a_shop_on_the_platform_is_connected_and_a_wrong_key_is_told(fresh: Fresh) -> None:
    returngo = ReturnGoSandbox(7, fresh.site.time.now, quota=())
    async with SandboxServer(returngo) as server:
        form = {"name": "shop", **returngo.settings(server.url), **returngo.credentials}
        answer = await fresh.browser.send("/integrations/add/returngo", {**form, "api_key": "x" * 20})
        assert answer.status == 502
        assert 'class="problem"' in answer.text
        assert await platforms.every(await stores.get()) == []
        assert await fresh.send("/integrations/add/returngo", form) == "/sources/shop"
        page = (await fresh.browser.get("/sources/shop")).text
        assert "/v1/hooks/returngo/" in page
        assert form["api_key"] not in page
        assert await fresh.send("/sources/shop/poll") == "/sources/shop"
        assert await fresh.send("/sources/shop/edit", {**form, "api_key": "", "poll_interval_s": "600"})
        assert await fresh.send("/sources/shop/pause")
        assert await fresh.send("/sources/shop/resume")
        assert await fresh.send("/sources/shop/check")
        assert (await fresh.browser.send("/sources/shop/remove", {"typed": "main"})).status == 400
        assert await fresh.send("/sources/shop/remove", {"typed": "shop"}) == "/integrations"


async def test_a_key_entered_anew_after_a_401_lets_what_waited_go(desk: Desk) -> None:
    desk.stage.fault("unauthorized")
    await desk.stage.submit(rma("901"))
    await desk.stage.work()
    assert (await desk.stage.connection()).is_paused
    page = await desk.text("/integrations/main")
    assert "1 return waits" in page
    assert 'name="api_key"' in page
    empty = await desk.browser.send("/integrations/main/key", {"api_key": " "})
    assert empty.status == 400
    key = desk.stage.sandbox.credentials["api_key"]
    assert (await desk.browser.send("/integrations/main/key", {"api_key": key})).status == 303
    await desk.site.app[CHECKS].wait()
    page = await desk.text("/integrations/main/check")
    assert "Resume, and send 1 return" in page
    assert (await desk.browser.send("/integrations/main/resume")).status == 303
    assert desk.rung
    await desk.stage.settle()
    assert len(desk.stage.notes) == 1
    assert key not in page


async def test_removing_tells_what_is_left_behind_and_asks_for_the_name(desk: Desk) -> None:
    await desk.stage.submit(rma("901"))
    page = await desk.text("/integrations/main/remove")
    assert "1 return still waits for it" in page
    assert "Remove it" not in page
    assert (await desk.browser.send("/integrations/main/remove", {"typed": "main"})).status == 409
    await desk.stage.settle()
    page = await desk.text("/integrations/main/remove")
    assert "Send it yourself, Store return, UPS label" in page
    assert "Of 1 credit note the goods are still to come" in page
    answer = await desk.browser.send("/integrations/main/remove", {"typed": "mian"})
    assert answer.status == 400
    assert (await desk.browser.send("/integrations/main/remove", {"typed": "main"})).status == 303
    assert (await desk.browser.get("/integrations/main")).status == 404
    assert "Nothing is connected yet" in await desk.text("/integrations")


async def test_a_connection_is_paused_asked_and_resumed_by_its_buttons(desk: Desk) -> None:
    assert (await desk.browser.send("/integrations/main/pause")).status == 303
    assert "a person paused it" in (await desk.text("/integrations/main")).lower()
    assert (await desk.browser.send("/integrations/main/resume")).status == 303
    await desk.stage.submit(rma("901"))
    await desk.stage.settle()
    answer = await desk.browser.send("/integrations/main/poll")
    assert answer.status == 303
    desk.stage.fault("unavailable:times=9")
    answer = await desk.browser.send("/integrations/main/poll")
    assert answer.status == 503
    assert 'class="problem"' in answer.text


async def test_settings_are_edited_and_an_emptied_one_is_its_default(desk: Desk) -> None:
    form = {
        "username": "sandbox",
        "api_key": "",
        "approve": "true",
        "credited_resolutions": "Refund, Exchange",
    }
    base = {**form, **desk.stage.sandbox.settings(str(desk.stage.sandbox.settings("")["base_url"]))}
    page = await desk.text("/integrations/main/edit")
    base["base_url"] = re.search(r'name="base_url"[^>]*value="([^"]+)"', page)[1]  # type: ignore[index]
    assert (await desk.browser.send("/integrations/main/edit", base)).status == 303
    shown = connections.shown_values(
        desk.stage.hub.registry.get("cin7_omni").schema, await desk.stage.connection(), desk.stage.hub
    )[0]
    assert shown["credited_resolutions"] == ["Refund", "Exchange"]
    assert shown["check_double_credit"] is False  # its box was not ticked
    assert shown["doubt_looks"] == [5, 60, 300]
    await desk.browser.send("/integrations/main/edit", {**base, "credited_resolutions": ""})
    shown = connections.shown_values(
        desk.stage.hub.registry.get("cin7_omni").schema, await desk.stage.connection(), desk.stage.hub
    )[0]
    assert shown["credited_resolutions"] == []


async def test_a_name_with_a_slash_has_a_page_too(fresh: Fresh) -> None:
    to = await fresh.send("/integrations/add/cin7_omni", {**fresh.form, "name": "a/b c"})
    assert to == "/integrations/a%2Fb%20c/check"
    assert "a/b c" in (await fresh.browser.get("/integrations/a%2Fb%20c")).text
    assert 'href="/integrations/a%2Fb%20c"' in (await fresh.browser.get("/integrations")).text


async def test_a_merchant_sees_no_connection_of_another_store(fresh: Fresh) -> None:
    await connected(fresh)
    mine = await fresh.site.store("mine")
    browser = await fresh.site.signed_in("ada", store=mine)
    assert "Nothing is connected yet" in (await browser.get("/integrations")).text
    for page in ("", "/check", "/edit", "/methods", "/on", "/remove", "/mapping", "/mapping/versions"):
        assert (await browser.get(f"/integrations/main{page}")).status == 404
    assert (await browser.send("/integrations/main/trial")).status == 404
    assert not await Delivery.exists()
