"""What the API answers, against what the commands print and what INTERFACE.md lists."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from hub.access import audit
from hub.access.principal import Scope
from hub.inbound.signature import new_secret
from hub.mapping.exact_json import write_json
from hub.merchant import platforms, stores
from hub.platform.returngo.opening import read_credentials
from hub.store.models import Connection, Delivery, ReturnMethod
from hub.store.people import AuditEntry
from hub.web.segments import segment
from tests.integration.api.conftest import open_program
from tests.support.documents import rma, unit
from tests.support.processes import Home

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.integration.api.program import Program

KIND = "rma.validation.cleared"


async def printed(api: Program, *arguments: str) -> Any:
    """What a command prints with ``--json``; in a thread, since it has a loop of its own."""
    key = api.stage.hub.environment.secret_key
    assert key is not None
    home = Home(api.stage.hub.environment.home, HUB_SECRET_KEY=key.get_secret_value())
    return await asyncio.to_thread(home.ok, *arguments)


async def needing_person(api: Program, rma_id: str) -> str:
    """The path of a delivery that was sent once, refused for its branch, and waits for a person."""
    told = await api.ask(
        "PUT", "/v1/return-methods/UPS%20label", {"connection": "main", "location": "999999"}
    )
    assert told.status == 200
    await api.stage.submit(rma(rma_id))
    await api.stage.settle()
    (found,) = (await api.get(f"/v1/deliveries?rma={rma_id}&status=attention&connection=MAIN"))["items"]
    return f"/v1/deliveries/{found['id']}"


async def test_what_is_answered_is_what_the_commands_print(api: Program) -> None:
    for number in (900, 901, 902):
        await api.stage.submit(rma(str(number)))
    await api.stage.settle()
    delivery = (await api.stage.delivery("901")).id
    same: dict[str, tuple[str, ...]] = {
        "/v1/rmas/900": ("rmas", "show", "900"),
        "/v1/connections/main": ("connections", "show", "main"),
        f"/v1/deliveries/{delivery}": ("deliveries", "show", delivery),
        "/v1/connectors/cin7_omni/schema": ("connectors", "schema", "cin7_omni"),
        "/v1/return-methods/UPS%20label": ("methods", "show", "UPS label"),
    }
    for path, command in same.items():
        assert await api.get(path) == await printed(api, *command), path
    for path, noun in (("rmas", "rmas"), ("deliveries", "deliveries"), ("return-methods", "methods")):
        page = {"items": await printed(api, noun, "list"), "next_cursor": None}
        assert await api.get(f"/v1/{path}") == page
    assert (await api.get("/v1/connectors"))["items"] == await printed(api, "connectors", "list")
    (listed,) = (await api.get("/v1/connections"))["items"]
    (told,) = await printed(api, "connections", "list")
    assert listed.keys() == told.keys()
    assert (listed["name"], listed["health"]) == ("main", "ok")
    shown = await api.get("/v1/rmas/900")
    assert shown["items"][0]["validation"] == dict.fromkeys(shown["items"][0]["validation"])
    assert [each["document"]["reference"] for each in shown["deliveries"]] == ["RMA 900/ORDER:#900"]


async def test_a_list_is_walked_page_by_page_and_misses_nothing(api: Program) -> None:
    wanted = [str(number) for number in range(907, 899, -1)]
    for number in reversed(wanted):
        await api.stage.submit(rma(number))
    for path, field in (("/v1/rmas", "rma_id"), ("/v1/deliveries", "rma_id")):
        seen: list[str] = []
        cursor = ""
        for _ in range(9):
            page = await api.get(f"{path}?limit=3{cursor}")
            seen += [each[field] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            # What comes meanwhile is newer, and moves nothing.
            await api.stage.submit(rma(str(800 + len(seen))))
            cursor = f"&cursor={page['next_cursor']}"
        assert seen[-len(wanted) :] == wanted
        assert len(set(seen)) == len(seen)
    assert (await api.ask("GET", "/v1/rmas?cursor=none")).status == 400
    assert (await api.ask("GET", "/v1/deliveries?cursor=none")).status == 400
    assert [each["rma_id"] for each in (await api.get("/v1/deliveries?rma=905"))["items"]] == ["905"]
    assert (await api.get("/v1/rmas?status=approved&validation=full"))["items"] == []


async def test_a_connection_lives_from_made_to_removed(api: Program) -> None:
    sandbox = api.stage.sandbox
    (row,) = await Connection.all()
    base_url = json.loads(row.settings)["base_url"]
    new = {
        "connector": "cin7_omni",
        "name": "second shop",
        "settings": {"base_url": base_url, "approve": False},
        "credentials": dict(sandbox.credentials),
    }
    refused = await api.ask("POST", "/v1/connections", new)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    made = await api.ask("POST", "/v1/connections", {**new, "allow_same_account": True})
    assert (made.status, made.headers["Location"]) == (201, "/v1/connections/second%20shop")
    assert made.json["check"]["missing"] == []
    path = made.headers["Location"]
    shown = await api.ask("GET", path)
    assert (shown.json["settings"]["approve"], shown.json["credentials"]["api_key"]) == (False, "********")
    assert shown.tag == made.tag
    changed = await api.ask("PATCH", path, {"settings": {"approve": True}}, If_Match=shown.tag)
    assert (changed.status, changed.json["settings"]["approve"]) == (200, True)
    stale = await api.ask("PATCH", path, {"settings": {"approve": False}}, If_Match=shown.tag)
    assert (stale.status, stale.json["code"]) == (412, "request_refused")
    assert (await api.get(path))["settings"]["approve"] is True
    # Without If-Match the last one wins; a poll and a pause in between are no edits.
    assert (await api.ask("POST", f"{path}/pause")).json == {"name": "second shop", "is_paused": True}
    tagged = await api.ask("PATCH", path, {"settings": {"approve": False}}, If_Match=changed.tag)
    assert tagged.status == 200
    resumed = {"name": "second shop", "is_paused": False, "waiting": 0}
    assert (await api.ask("POST", f"{path}/resume")).json == resumed
    assert "branch" in (await api.ask("POST", f"{path}/check")).json["location_noun"]
    polled = await api.ask("POST", f"{path}/poll")
    assert polled.json == {"connection": "second shop", "documents": 0, "rmas": []}
    assert (await api.ask("DELETE", path)).json == {"name": "second shop", "methods": 0}
    assert (await api.ask("GET", path)).status == 404
    told = [(each.actor, each.source, each.action) for each in reversed(await audit.every(limit=6))]
    assert told == [
        ("shop", "api", f"connection.{done}")
        for done in ("added", "edited", "paused", "edited", "resumed", "removed")
    ]
    assert len(api.rung) == 8


async def test_wrong_credentials_are_told_and_kept_by_nobody(api: Program) -> None:
    (row,) = await Connection.all()
    base_url = json.loads(row.settings)["base_url"]
    new = {
        "connector": "cin7_omni",
        "name": "wrong",
        "settings": {"base_url": base_url},
        "credentials": {"username": "somebody", "api_key": "canary-key-1"},
    }
    told = await api.ask("POST", "/v1/connections", new)
    assert (told.status, told.json["code"]) == (502, "auth_failed")
    assert told.json["type"] == "/docs/errors.md#auth_failed"
    assert [each["name"] for each in (await api.get("/v1/connections"))["items"]] == ["main"]
    for body in (
        {**new, "settings": {"mode": "canary-key-2", "base_url": base_url}},
        {**new, "credentials": {"username": "somebody", "api_key": {"canary-key-3": 1}}},
        {**new, "api_key": "canary-key-4"},
        {**new, "name": 7, "credentials": "canary-key-5"},
    ):
        told = await api.ask("POST", "/v1/connections", body)
        assert told.status in {400, 422}, told
        assert "canary-key" not in json.dumps(told.json).replace("canary-key-3", "")
    assert await Connection.filter(removed_at=None).count() == 1


async def test_a_mapping_is_put_as_it_is_with_its_version_as_tag(api: Program) -> None:
    path = "/v1/connections/main/mapping"
    first = await api.ask("GET", path)
    assert (first.json, first.tag) == ({}, '"0"')
    text = b'{\n  "internalComments": "A {rmaId}"\n}'
    assert (await api.ask("PUT", path, text, If_Match='"0"')).tag == '"1"'
    assert (await api.ask("PUT", path, b"{}", If_Match='"0"')).status == 412
    assert (await api.ask("GET", path)).json == {"internalComments": "A {rmaId}"}
    assert (await printed(api, "mapping", "show", "main"))["text"].encode() == text
    assert (await api.ask("POST", f"{path}/validate", text)).json == {
        "is_valid": True,
        "fields": ["internalComments"],
    }
    wrong = await api.ask("POST", f"{path}/validate", b'{\n  "a": 1,\n  "a": 2}')
    assert (wrong.status, "line 3, column 3" in wrong.json["detail"]) == (422, True)
    unknown = await api.ask("PUT", path, {"no_such_field": 1})
    assert (unknown.status, unknown.json["code"]) == (422, "config_invalid")
    reference = {"prefix": "X ", "content": "rmaId"}
    body = write_json({"rma": rma("950", unit(1, amount="19.90")), "mapping": {"reference": reference}})
    tried = await api.ask("POST", f"{path}/preview", body.encode())
    assert (tried.status, tried.json["reference"], tried.json["total"]) == (200, "X 950", "19.90 EUR")
    assert tried.json["origins"]
    assert await Delivery.all().count() == 0


async def test_a_return_method_is_made_and_pointed_elsewhere(api: Program) -> None:
    path = "/v1/return-methods/By%20courier"
    assert (await api.ask("PUT", path, {"connection": "main"})).status == 400
    made = await api.ask(
        "PUT", path, {"type": "ship_with_any_carrier", "connection": "main", "location": "3"}
    )
    assert made.json == {
        "name": "By courier",
        "type": "ship_with_any_carrier",
        "connection": "main",
        "location": "3",
    }
    assert (await api.ask("GET", path)).tag == made.tag
    for wrong, status in (
        ({"type": "ship_with_prepaid_label"}, 409),
        ({"connection": "no such one"}, 404),
        ({"location": "3"}, 400),
        ({"type": "by pigeon"}, 400),
    ):
        assert (await api.ask("PUT", path, wrong)).status == status, wrong
    assert (await api.ask("PUT", path, {}, If_Match='"old"')).status == 412
    assert (await api.ask("PUT", path, {}, If_Match=made.tag)).json["connection"] is None
    # Nothing is half made: the type stands for it, and the connection is not there.
    other = await api.ask("PUT", "/v1/return-methods/X", {"type": "ship_with_any_carrier", "connection": "?"})
    assert (other.status, (await api.ask("GET", "/v1/return-methods/X")).status) == (404, 404)


async def test_a_return_method_that_many_put_at_one_moment_is_made_once(migrated: Environment) -> None:
    async with open_program(migrated) as api:
        body = {"type": "ship_with_any_carrier", "connection": "main", "location": "3"}
        puts = [api.ask("PUT", "/v1/return-methods/By%20courier", body) for _ in range(10)]
        assert [told.status for told in await asyncio.gather(*puts)] == [200] * 10
        assert await ReturnMethod.filter(name="By courier").count() == 1
        assert await AuditEntry.filter(action="method.added", target="By courier").count() == 1
        deletes = [api.ask("DELETE", "/v1/return-methods/By%20courier") for _ in range(10)]
        assert sorted(told.status for told in await asyncio.gather(*deletes)) == [200] + [404] * 9


async def test_an_id_is_one_part_of_a_path_whatever_it_is_made_of(api: Program) -> None:
    for number, name in enumerate(("R/1", "a?b#c", "..", "100%", "x y")):
        await api.stage.submit(rma(name, unit(number)))
        assert (await api.get(f"/v1/rmas/{segment(name)}"))["rma_id"] == name
        body = {"type": "ship_with_any_carrier", "connection": "main"}
        assert (await api.ask("PUT", f"/v1/return-methods/{segment(name)}", body)).json["name"] == name
        made = await api.ask(
            "POST",
            "/v1/connections",
            {
                "connector": "cin7_omni",
                "name": name,
                "settings": {"base_url": "http://127.0.0.1:9/api"},
                "credentials": {"username": f"user {number}", "api_key": "x"},
                "check": False,
            },
        )
        assert (await api.get(made.headers["Location"]))["name"] == name


async def test_what_needs_a_person_is_retried_edited_and_resolved(api: Program) -> None:
    path = await needing_person(api, "900")
    delivery = path.rpartition("/")[2]
    shown = await api.ask("GET", path)
    assert (await api.ask("POST", f"{path}/retry", If_Match='"0"')).status == 412
    retried = await api.ask("POST", f"{path}/retry", {"anew": True}, If_Match=shown.tag)
    assert (retried.status, retried.json["id"]) == (200, delivery)
    again = await api.ask("POST", f"{path}/retry")
    assert (again.status, again.json["code"]) == (409, "conflict")
    await api.stage.settle()
    assert [each["verdict"] for each in (await api.get(path))["tries"]] == ["rejected", "rejected"]

    wrong = await api.ask("POST", f"{path}/edit", {"request": {"lineItems": 1}})
    assert (wrong.status, wrong.json["code"]) == (422, "config_invalid")
    # Amounts go on with every digit that was written.
    by_hand = b"""{"request": {"reference": "by hand", "salesReference": "#900", "currencyCode": "EUR",
      "taxStatus": "Incl",
      "lineItems": [{"code": "SKU-001", "name": "Thing", "qty": -1, "unitPrice": 9.90}]}}"""
    edited = await api.ask("POST", f"{path}/edit", by_hand)
    assert (edited.status, "by hand" in edited.json["now"]) == (200, True)
    row = await Delivery.get(id=delivery)
    assert '"unitPrice":9.90' in (row.edited_request or "").replace("\\", "")
    await api.stage.settle()
    assert (await api.get(path))["document"]["reference"] == "by hand"

    path = await needing_person(api, "902")
    assert (await api.ask("POST", f"{path}/resolve", {"note": ""})).status == 400
    closed = await api.ask("POST", f"{path}/resolve", {"note": "credited by hand"})
    assert closed.json == {"id": path.rpartition("/")[2], "now": "it is skipped"}
    assert "credited by hand" in (await api.get("/v1/rmas/902"))["timeline"][-1]["text"]


async def test_one_in_doubt_is_closed_without_a_document_only_by_who_says_so(api: Program) -> None:
    api.stage.fault("drop_after_write:times=1,on=POST")
    await api.stage.submit(rma("900"))
    await api.stage.work(most_batches=1)
    (doubtful,) = (await api.get("/v1/deliveries?status=in_doubt"))["items"]
    path = f"/v1/deliveries/{doubtful['id']}/resolve"
    refused = await api.ask("POST", path, {"note": "nothing is due"})
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "not known whether its document was made" in refused.json["detail"]
    assert "without_document" in refused.json["fix"]
    closed = await api.ask("POST", path, {"note": "nothing is due", "without_document": True})
    assert closed.json == {"id": doubtful["id"], "now": "it is skipped"}


async def test_a_token_of_one_store_sees_that_store(api: Program) -> None:
    await api.stage.submit(rma("900"))
    mine = await stores.add("mine", api.stage.hub.clock.now())
    merchant = await api.other(Scope.READ, Scope.WRITE, store=mine)
    assert (await merchant.get("/v1/rmas"))["items"] == []
    for path in ("/v1/rmas/900", "/v1/rmas?store=default", "/v1/connections/main", "/v1/rmas?cursor=900"):
        assert (await merchant.ask("GET", path)).status in {400, 404}, path
    assert (await api.get("/v1/rmas?store=mine"))["items"] == []
    made = await merchant.ask("PUT", "/v1/return-methods/A", {"type": "ship_with_any_carrier"})
    assert (made.status, (await api.ask("GET", "/v1/return-methods/A")).status) == (200, 404)


async def test_a_webhook_lives_from_made_to_removed_and_its_secret_is_never_answered(
    allowing_api: Program,
) -> None:
    api = allowing_api
    secret = new_secret()
    new = {"url": "http://127.0.0.1:9/hooks", "secret": secret, "name": "my shop", "events": [KIND]}
    made = await api.ask("POST", "/v1/webhooks", new, Idempotency_Key="hook-1")
    assert (made.status, made.headers["Location"]) == (201, "/v1/webhooks/my%20shop")
    assert (await api.ask("POST", "/v1/webhooks", new, Idempotency_Key="hook-1")).json == made.json
    assert (await api.ask("POST", "/v1/webhooks", new)).status == 409
    path = made.headers["Location"]
    shown = await api.get(path)
    assert (shown["events"], shown["body"], shown["health"]) == ([KIND], "full", "ok")
    assert (await api.get("/v1/webhooks"))["items"] == [shown] == await printed(api, "webhooks", "list")
    assert (await api.ask("POST", f"{path}/pause")).json == {"name": "my shop", "is_paused": True}
    assert (await api.get(path))["health"] == "paused"
    resumed = {"name": "my shop", "is_paused": False, "waiting": 0}
    assert (await api.ask("POST", f"{path}/resume")).json == resumed
    assert secret not in json.dumps([made.json, shown])
    assert (await api.ask("DELETE", path)).json == {"name": "my shop", "missed": 0}
    assert (await api.ask("GET", path)).status == 404


@pytest.mark.parametrize(
    "wrong",
    [{"secret": "short"}, {"url": "ftp://example.com"}, {"events": ["rma.nothing"]}, {"secret": None}],
)
async def test_a_webhook_that_cannot_be_is_refused(allowing_api: Program, wrong: dict[str, Any]) -> None:
    new = {"url": "http://127.0.0.1:9/hooks", "secret": new_secret()}
    told = await allowing_api.ask("POST", "/v1/webhooks", new | wrong)
    assert told.status in {400, 422}
    assert told.json["fix"]
    assert (await allowing_api.get("/v1/webhooks"))["items"] == []


async def test_a_platform_is_shown_paused_and_resumed(api: Program) -> None:
    values = {"shop_name": "shop.example.com", "api_key": "k-123456"}
    await platforms.add(api.stage.hub, api.stage.store, "shop", values, should_check=False)
    assert (await api.get("/v1/platforms"))["items"] == await printed(api, "platforms", "list")
    shown = await api.get("/v1/platforms/shop")
    assert (shown["settings"]["shop_name"], shown["credentials"]["api_key"]) == (
        "shop.example.com",
        "********",
    )
    token = read_credentials(api.stage.hub, await Connection.get(name="shop")).hint_token.get_secret_value()
    assert token not in json.dumps(shown), "whoever knows the address of its webhooks can make the hub look"
    assert (await api.ask("POST", "/v1/platforms/shop/pause")).json == {"name": "shop", "is_paused": True}
    assert (await api.get("/v1/platforms/shop"))["health"] == "paused"
    assert (await api.ask("POST", "/v1/platforms/shop/resume")).json == {"name": "shop", "is_paused": False}
    assert (await api.ask("GET", "/v1/platforms/other")).status == 404
    reader = await api.other(Scope.READ)
    assert (await reader.ask("POST", "/v1/platforms/shop/pause")).status == 403


async def test_a_return_method_is_forgotten(api: Program) -> None:
    path = "/v1/return-methods/UPS%20label"
    assert (await api.ask("DELETE", path)).json == {"name": "UPS label"}
    assert (await api.ask("GET", path)).status == 404
    assert (await api.ask("DELETE", path)).status == 404
