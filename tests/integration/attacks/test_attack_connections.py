"""A connection that is changed, removed, poisoned or fed nonsense harms nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.engine.work import due_connections
from hub.errors import ConfigError, ConflictError, HubError, UsageError
from hub.merchant import connections, deliveries, mappings, methods
from hub.outcomes import Status, ValidationState
from hub.store.models import Connection, Exchange, Rma
from hub.testing.serving import SandboxServer
from tests.support.documents import rma
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support.stage import Stage

Answer = "Callable[[web.Request, Callable[[], Awaitable[web.Response]]], Awaitable[web.Response]]"


@asynccontextmanager
async def between(stage: Stage, answer: Answer) -> AsyncIterator[None]:  # type: ignore[valid-type]
    """A machine between the hub and Cin7 that may pass calls on."""
    row = await stage.connection()
    schema = stage.hub.registry.get(row.connector).schema
    origin = connections.shown_values(schema, row, stage.hub)[0]["base_url"].removesuffix("/api")

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()

        async def forward() -> web.Response:
            url = URL(origin + request.raw_path, encoded=True)
            headers = {"Authorization": request.headers["Authorization"]}
            async with stage.http.request(request.method, url, data=body, headers=headers) as reply:
                return web.Response(status=reply.status, body=await reply.read())

        return await answer(request, forward)  # type: ignore[misc, no-any-return]

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        await connections.edit(stage.hub, row, {"base_url": f"http://127.0.0.1:{port}/api"})
        yield
    finally:
        await runner.cleanup()


async def test_error_page_that_repeats_the_credentials_leaks_them_nowhere(stage: Stage) -> None:
    async def echo(request: web.Request, _: object) -> web.Response:
        status = 200 if request.method == "POST" else 500
        return web.Response(status=status, text=f"debug page {dict(request.headers)}")

    key = stage.sandbox.credentials["api_key"]
    pair = base64.b64encode(":".join(stage.sandbox.credentials.values()).encode()).decode()
    async with between(stage, echo):
        await stage.submit(rma("901"))
        await stage.work()
        with pytest.raises(HubError) as caught:
            await stage.poll()
    row = await stage.delivery("901")
    logged = [f"{each.url}{each.reply_body}{each.error}" for each in await Exchange.all()]
    told = [str(caught.value), row.reason, json.dumps(await stage.shown("901"))]
    told += [(await stage.connection()).last_error, *logged]
    assert "debug page" in (row.reason or "")
    assert not [text for text in told if key in (text or "") or pair[:-2] in (text or "")]


@pytest.mark.parametrize("words", ["upstream connect error or disconnect/reset before headers", ""])
async def test_503_of_a_machine_in_between_is_looked_up_before_anything_is_sent_again(
    stage: Stage, words: str
) -> None:
    stage.fault("allow_duplicate_references:times=all")
    lost: list[str] = []

    async def answer(request: web.Request, forward: Callable[[], Awaitable[web.Response]]) -> web.Response:
        reply = await forward()
        if request.method == "POST" and not lost:
            lost.append("one")
            return web.Response(status=503, text=words)
        return reply

    async with between(stage, answer):
        await stage.submit(rma("901"))
        await stage.settle()
    assert len(stage.notes) == 1
    assert (await stage.delivery("901")).status is Status.DONE


async def test_return_with_an_endless_order_name_does_not_stop_its_neighbours(stage: Stage) -> None:
    await mappings.store(stage.hub, await stage.connection(), '{"salesReference": "rma_id"}', by="test")
    await stage.submit(rma("901", order_name="#901"))
    await stage.submit(rma("902", order_name="#902 " + "é" * 350))
    await stage.settle()
    assert {(await stage.delivery(number)).status for number in ("901", "902")} == {Status.DONE}


async def test_stored_document_that_cannot_be_read_does_not_stop_its_neighbours(stage: Stage) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.submit(rma("902", order_name="#902"))
    # As after an upgrade whose reader is stricter.
    await Rma.filter(rma_id="902").update(approved_document='{"items": []}')
    await stage.work()
    assert (await stage.delivery("901")).status is Status.DONE
    unread = await stage.delivery("902")
    assert unread.status is Status.ATTENTION
    assert "cannot be read" in (unread.reason or "")


async def test_stored_document_that_cannot_be_read_does_not_stop_the_polls(stage: Stage) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.submit(rma("902", order_name="#902"))
    await stage.settle()
    for note in stage.notes:
        stage.sandbox.receive(note["id"])
    await Rma.filter(rma_id="902").update(approved_document='{"items": []}')
    await stage.poll()
    assert (await stage.shown("901"))["validation"] == "full"
    assert (await stage.shown("902"))["validation"] == "flagged"


@pytest.mark.parametrize("status", ["x" * 100, "ŉ" * 100])
async def test_unknown_status_of_any_length_goes_to_a_person(stage: Stage, status: str) -> None:
    await stage.submit(rma("901", status=status))
    assert (await stage.delivery("901")).status is Status.ATTENTION


async def test_method_is_not_pointed_at_a_connection_removed_meanwhile(stage: Stage) -> None:
    seen_before = await stage.connection()
    await connections.remove(stage.hub, await stage.connection())
    method = await methods.get(stage.store, "UPS label")
    with pytest.raises(ConflictError):
        await methods.point_at(method, seen_before, None)
    # As an older version may have left it.
    method.connection_id = seen_before.id
    await method.save()
    await stage.submit(rma("901"))
    row = await stage.delivery("901")
    assert row.status is Status.SKIPPED
    assert row.reason


async def test_removing_a_connection_tells_returns_whose_goods_are_still_to_come(stage: Stage) -> None:
    await stage.submit(rma("901"))
    await stage.settle()
    await connections.remove(stage.hub, await stage.connection())
    assert (await stage.story("901"))[-1] == "validation.unwatched"


async def test_shadow_mode_set_during_a_flush_holds_from_the_next_batch(stage: Stage) -> None:
    await Connection.all().update(batch_limit=1)
    stage.fault("slow:seconds=1000,on=POST")
    for number in range(901, 906):
        await stage.submit(rma(str(number), order_name=f"#{number}"))

    async def edit() -> None:
        await until(lambda: bool(stage.posts))
        await connections.edit(stage.hub, await stage.connection(), {"mode": "shadow"})
        stage.sandbox.clear_faults()

    await asyncio.gather(edit(), stage.settle())
    assert (len(stage.posts), len(stage.notes)) == (1, 1)


async def test_pause_while_a_batch_is_prepared_holds_it_back(stage: Stage) -> None:
    stage.fault("slow:seconds=1000,on=SalesOrders")
    await stage.submit(rma("901"))

    async def pause() -> None:
        await until(lambda: bool(stage.sandbox.calls()))
        await connections.pause(await stage.connection(), "a person paused it")
        stage.sandbox.clear_faults()

    await asyncio.gather(pause(), stage.work())
    assert (stage.posts, (await stage.delivery("901")).status) == ([], Status.PENDING)


async def test_note_of_another_account_under_our_id_validates_nothing(stage: Stage) -> None:
    await stage.submit(rma("901"))
    await stage.settle()
    other = Cin7Sandbox(7, stage.time.now, quota=())
    async with SandboxServer(other) as server:
        settings = other.settings(server.url)
        line = {"code": "SKU-001", "qty": -1, "unitPrice": 10}
        note = {"reference": "THEIRS", "salesReference": "#7", "taxStatus": "Incl", "lineItems": [line]}
        headers = {"Authorization": aiohttp.encode_basic_auth(*other.credentials.values())}
        url = f"{settings['base_url']}/v1/CreditNotes"
        async with stage.http.post(url, json=[note], headers=headers) as reply:
            assert (await reply.json())[0]["success"]
        other.receive("THEIRS")
        assert other.documents()[0]["id"] == stage.notes[0]["id"]
        await connections.edit(stage.hub, await stage.connection(), settings)
        await stage.poll()
    shown = await stage.shown("901")
    assert shown["items"][0]["validation"]["is_returned"] is None
    assert shown["validation"] == ValidationState.FLAGGED


async def test_clock_that_ran_a_year_ahead_does_not_hold_anything_up(stage: Stage) -> None:
    stage.time.set_forward(timedelta(days=365))
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    await stage.poll()
    await Connection.all().update(claim_token="dead", claim_expires_at=stage.time.now())
    stage.time.set_forward(timedelta(days=-365))
    assert await due_connections(stage.time.now()) == [stage.connection_id]
    await stage.submit(rma("902", order_name="#902"))
    await stage.work()
    assert (await stage.delivery("902")).status is Status.DONE
    assert ((await stage.connection()).next_poll_at or stage.time.now()) < stage.time.now() + timedelta(
        days=1
    )


async def test_document_that_nobody_could_watch_is_not_taken(stage: Stage) -> None:
    await methods.do_not_update(await methods.get(stage.store, "UPS label"))
    await stage.submit(rma("901"))
    row = await stage.delivery("901")
    with pytest.raises(ConflictError):
        await deliveries.resolve(stage.hub.clock, row, "by hand", "123")
    for nonsense in ("1" * 300, "  "):
        with pytest.raises(UsageError):
            await deliveries.resolve(stage.hub.clock, row, "by hand", nonsense)


async def test_line_that_takes_goods_out_is_no_return(stage: Stage) -> None:
    method = await methods.get(stage.store, "UPS label")
    await methods.point_at(method, await stage.connection(), "999999")
    await stage.submit(rma("901"))
    await stage.settle()
    row = await stage.delivery("901")
    request = json.loads(row.request or "")
    request["lineItems"][0]["qty"] = 1
    with pytest.raises(ConfigError, match="qty"):
        await deliveries.edit(stage.hub, row, json.dumps(request))
