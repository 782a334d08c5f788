"""Settings over HTTP: return methods, events and webhooks, the store, users, tokens and the audit log."""

from __future__ import annotations

import re
from html import unescape
from ipaddress import ip_network
from typing import TYPE_CHECKING

from hub.access import users
from hub.merchant import connections, event_secrets, methods, stores, webhooks
from tests.integration.pages.conftest import open_desk
from tests.support.documents import rma, unit
from tests.support.receiver import Receiver, status

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.integration.pages.conftest import Desk

METHODS = "/settings/methods"


async def test_a_return_method_is_pointed_at_a_branch_by_its_name(desk: Desk) -> None:
    assert (await desk.browser.get("/settings")).location == METHODS
    await connections.check(desk.stage.hub, await desk.stage.connection())
    page = await desk.text(f"{METHODS}/UPS%20label")
    assert "Return Address and Restocking Location" in page
    choice = re.search(r'<option value="([^"]+)">main: Returns Centre</option>', page)
    assert choice is not None
    assert (await desk.browser.send(f"{METHODS}/UPS%20label", {"to": choice[1]})).status == 303
    page = unescape(await desk.text(METHODS))
    assert "makes one credit note in Cin7 Omni over main, restocked at Returns Centre." in page
    assert (await desk.browser.send(f"{METHODS}/UPS%20label", {"to": ""})).status == 303
    assert "Nothing is made for its returns." in await desk.text(f"{METHODS}/UPS%20label")
    assert (await desk.browser.send(f"{METHODS}/UPS%20label", {"to": "gone:"})).status == 400


async def test_nothing_is_offered_for_goods_that_the_customer_keeps(desk: Desk) -> None:
    page = await desk.text(f"{METHODS}/Keep%20it")
    assert "<select" not in page.partition("<main")[2]
    assert "The customer keeps the goods" in page
    row = await desk.stage.connection()
    answer = await desk.browser.send(f"{METHODS}/Keep%20it", {"to": f"{row.id}:"})
    assert answer.status == 400
    assert "No Shipment Required" in answer.text


async def test_a_method_that_returns_name_is_added_with_one_press(desk: Desk) -> None:
    new = unit(1) | {"returnMethod": {"type": "Ship with any carrier", "name": "Bike courier"}}
    await desk.stage.submit(rma("901", new))
    page = await desk.text(METHODS)
    assert re.search(r'value="Bike courier">.*value="ship_with_any_carrier"', page, re.DOTALL)
    form = {"method": "Bike courier", "type": "ship_with_any_carrier"}
    assert (await desk.browser.send(METHODS, form)).status == 303
    again = await desk.browser.send(METHODS, form)
    assert again.status == 409
    assert 'value="Bike courier"' in again.text
    assert (await desk.browser.send(METHODS, {"method": "x", "type": "none"})).status == 400
    assert (await desk.browser.send(f"{METHODS}/Bike%20courier/remove")).status == 303
    assert "Bike courier" not in [each.name for each in await methods.every(desk.stage.store)]


async def test_a_secret_is_shown_once(desk: Desk) -> None:
    answer = await desk.browser.send("/settings/events/secrets", {"name": "shop"})
    secret = re.search(r"whsec_[\w+/=]+", answer.text)
    assert secret is not None
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret[0] not in await desk.text("/settings/events")
    assert (await desk.browser.send("/settings/events/secrets", {"name": "shop"})).status == 409
    assert (await desk.browser.send("/settings/events/secrets/shop/remove")).status == 303
    assert await event_secrets.every(desk.stage.store) == []


async def test_a_webhook_is_looked_after(desk: Desk) -> None:
    form = {"url": "https://93.184.216.34/hooks", "hook": "office", "kind-credit_note.created": "1"}
    answer = await desk.browser.send("/settings/webhooks", form)
    secret = re.search(r"whsec_[\w+/=]+", answer.text)
    assert secret is not None
    page = await desk.text("/settings/webhooks/office")
    assert secret[0] not in page
    assert "Nothing was sent to it yet" in page
    answer = await desk.browser.send("/settings/webhooks/office/rotate")
    assert "whsec_" in answer.text
    for action in ("pause", "resume", "replay", "remove"):
        assert (await desk.browser.send(f"/settings/webhooks/office/{action}")).status == 303
    assert await webhooks.every(desk.stage.store) == []


async def test_a_test_message_tells_whether_the_receiver_listens(ready: Environment) -> None:
    inside = ready.model_copy(update={"egress_allow": (ip_network("127.0.0.0/8"),)})
    async with open_desk(inside) as desk, Receiver() as receiver:
        await desk.browser.send("/settings/webhooks", {"url": receiver.url, "hook": "office"})
        answer = await desk.browser.send("/settings/webhooks/office/test")
        assert answer.status == 303
        assert "office took a test message: it answered 200." in await desk.text(answer.location)
        assert receiver.kinds() == ["hub.test"]
        receiver.answer = lambda _: status(500)
        answer = await desk.browser.send("/settings/webhooks/office/test")
        assert answer.status == 400
        assert "The receiver answered 500." in answer.text
        await desk.stage.submit(rma("901"))
        await desk.stage.settle()
        page = await desk.text("/settings/webhooks/office")
        assert "The credit note exists" in page
        assert "Waiting" in page


async def test_a_webhook_that_leads_inside_is_refused_with_what_was_typed(desk: Desk) -> None:
    answer = await desk.browser.send("/settings/webhooks", {"url": "https://127.0.0.1/hooks", "hook": "in"})
    assert answer.status == 422
    assert "It is not a public address" in answer.text
    assert 'value="https://127.0.0.1/hooks"' in answer.text


async def test_the_stores_facts_are_changed(desk: Desk) -> None:
    await desk.browser.send("/settings/store", {"url": " https://shop.example ", "customer_support_url": ""})
    assert (await stores.get()).url == "https://shop.example"
    assert 'value="https://shop.example"' in await desk.text("/settings/store")


async def test_an_administrator_invites_and_keeps_out_but_never_themselves(desk: Desk) -> None:
    answer = await desk.browser.send("/settings/users", {"name": "ada", "store": "default"})
    link = re.search(r"http://[^<]*(/welcome/[\w-]+)", answer.text)
    assert link is not None
    assert (await desk.site.browser().get(link[1])).status == 200
    assert (await desk.browser.send("/settings/users", {"name": "ada", "store": ""})).status == 409
    assert "/welcome/" in (await desk.browser.send("/settings/users/ada/link")).text
    for action in ("disable", "enable", "remove"):
        assert (await desk.browser.send(f"/settings/users/ada/{action}")).status == 303
    for action in ("disable", "remove"):
        answer = await desk.browser.send(f"/settings/users/ana/{action}")
        assert answer.status == 400
        assert "You would lock yourself out" in answer.text
    assert [each.name for each in await users.every()] == ["ana"]


async def test_a_token_is_shown_once_and_revoked(desk: Desk) -> None:
    form = {"name": "warehouse", "scope-read": "1", "store": "default", "days": "30"}
    answer = await desk.browser.send("/settings/tokens", form)
    token = re.search(r">(hub_[\w-]+)<", answer.text)
    assert token is not None
    page = await desk.text("/settings/tokens")
    assert token[1] not in page
    assert "warehouse" in page
    assert (await desk.browser.send("/settings/tokens", {"name": "idle"})).status == 400
    assert (await desk.browser.send("/settings/tokens/warehouse/revoke")).status == 303
    assert "No API token yet" in await desk.text("/settings/tokens")


async def test_the_audit_log_is_filtered_and_turned_over(desk: Desk) -> None:
    for number in range(52):
        await desk.browser.send("/settings/store", {"url": f"https://{number}.example"})
    page = unescape(await desk.text("/settings/audit"))
    assert "https://50.example → https://51.example" in page
    earlier = re.search(r'href="(/settings/audit\?[^"]*below=\d+)"', page)
    assert earlier is not None
    assert "https://0.example" in await desk.text(earlier[1])
    assert "store edited" in await desk.text("/settings/audit?target=default&of=default")
    assert "Nobody changed anything here." in await desk.text("/settings/audit?target=nothing")
    assert (await desk.browser.get("/settings/audit?since=yesterday")).status == 400
    assert (await desk.browser.get(f"/settings/audit?below={'9' * 40}")).status == 200


async def test_a_merchant_has_no_door_to_what_administrators_do(desk: Desk) -> None:
    browser = await desk.site.signed_in("ada", store=desk.stage.store)
    page = (await browser.get(METHODS)).text
    for area in ("stores", "users", "tokens", "audit"):
        assert f"/settings/{area}" not in page
        assert (await browser.get(f"/settings/{area}")).status == 403
    assert (await browser.get("/settings/store")).status == 200
