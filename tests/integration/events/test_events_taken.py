"""Events that a sender signed: stored once, for the store whose secret signed them."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp

from hub.engine import embedded
from hub.inbound.signature import new_secret
from hub.merchant import event_secrets, rmas, stores
from hub.outcomes import Status
from hub.store.models import Delivery, Event, EventSecret, Rma
from hub.web.server import serve
from tests.integration.events.door import body_of, post, signed
from tests.support.documents import rma, sample
from tests.support.stage import open_stage
from tests.support.waiting import until

if TYPE_CHECKING:
    import pytest

    from hub.environment import Environment
    from tests.integration.events.door import Door


async def test_an_event_is_on_disk_when_it_is_answered_and_the_engine_is_rung(door: Door) -> None:
    before = door.rows()
    answer = await door.send(rma("901"), "msg_901")
    after = door.rows()
    assert answer.status == 202
    assert answer.body == {"event_id": "msg_901", "rma_id": "901", "duplicate": False}
    assert {each: after[each] - before[each] for each in ("event", "rma", "rma_item", "delivery")} == {
        "event": 1,
        "rma": 1,
        "rma_item": 1,
        "delivery": 1,
    }
    assert door.rings == ["ring"]


async def test_on_both_databases_an_event_is_stored_once(door_on_each: Door) -> None:
    door = door_on_each
    first, second = await door.send(rma("901")), await door.send(rma("901"))
    assert (first.status, first.body["duplicate"]) == (202, False)
    assert (second.status, second.body["duplicate"]) == (202, True)
    assert (await Event.all().count(), await Delivery.all().count()) == (1, 1)
    assert (await EventSecret.get()).last_used_at is not None


async def test_the_bare_document_is_taken_as_well(door: Door) -> None:
    body = b'{"rmaSummary": {"rmaId": "902", "status": "Pending"}, "items": []}'
    answer = await door.post(body, signed(door.secret, body, at=door.time.now()))
    assert (answer.status, answer.body["rma_id"]) == (202, "902")


async def test_the_same_again_is_a_duplicate_and_changes_no_row(door: Door) -> None:
    await door.send(sample("one_item"))
    before = door.rows()
    # A sender signs each try anew, with its time.
    door.time.set_forward(timedelta(days=400))
    answer = await door.send(sample("one_item"))
    assert (answer.status, answer.body["duplicate"]) == (202, True)
    assert door.rows() == before


async def test_the_same_return_under_another_id_is_a_duplicate_with_one_delivery(door: Door) -> None:
    await door.send(rma("901"), "msg_1")
    answer = await door.send(rma("901"), "msg_2")
    assert answer.body == {"event_id": "msg_2", "rma_id": "901", "duplicate": True}
    assert await Delivery.all().count() == 1


async def test_an_id_that_comes_with_another_content_is_refused(door: Door) -> None:
    await door.send(rma("901"))
    before = door.rows()
    assert (await door.send(rma("902"))).is_problem(409)
    assert (await door.send(rma("901", comments=["another"]))).is_problem(409)
    assert door.rows() == before


async def test_the_secret_tells_the_store_and_two_stores_senders_may_count_alike(door: Door) -> None:
    outlet = await stores.add("outlet", door.hub.clock.now())
    _, secret = await event_secrets.add(door.hub, outlet, name="platform")
    assert (await door.send(rma("901"), "1")).status == 202
    assert (await door.send(rma("902"), "1", secret=secret)).body["duplicate"] is False
    found = await Rma.all().order_by("rma_id").values_list("rma_id", "store__name")
    assert found == [("901", "default"), ("902", "outlet")]


async def test_another_stores_secret_does_not_reach_a_stores_return_nor_learn_whose_it_is(door: Door) -> None:
    outlet = await stores.add("outlet", door.hub.clock.now())
    _, secret = await event_secrets.add(door.hub, outlet, name="other")
    await door.send(rma("901"))
    before = await rmas.shown(door.store, await rmas.get(door.store, "901"))
    # The answers for a number that another store has and for one that none has are alike.
    taken, free = [await door.send(rma(number), number, secret=secret) for number in ("901", "902")]
    assert (taken.status, free.status) == (202, 202)
    assert str(taken.body).replace("901", "902") == str(free.body)
    again = await door.send(rma("901", status="Canceled"), "msg_3", secret=secret)
    assert again.status == 202
    assert await rmas.shown(door.store, await rmas.get(door.store, "901")) == before


async def test_while_a_sender_changes_its_secret_both_count(door: Door) -> None:
    _, new = await event_secrets.add(door.hub, door.store, name="new")
    body = body_of(rma("901"))
    headers = signed(new, body, at=door.time.now())
    gone = signed(new_secret(), body, at=door.time.now())["webhook-signature"]
    headers["webhook-signature"] = f"v1a,abc {gone} {headers['webhook-signature']}"
    assert (await door.post(body, headers)).status == 202
    assert (await door.send(rma("902"), "msg_2")).status == 202
    # A repetition signed with the other secret is still the same event.
    assert (await door.send(rma("901"), secret=door.secret)).body["duplicate"] is True


async def test_a_removed_secret_stops_at_once_and_its_text_is_gone(door: Door) -> None:
    assert (await door.send(rma("901"))).status == 202
    await event_secrets.remove(door.hub, door.store, "platform")
    before = door.rows()
    assert (await door.send(rma("902"), "msg_2")).is_problem(401)
    assert door.rows() == before
    assert (await EventSecret.get()).secret == ""


async def test_a_sealed_secret_copied_to_another_store_does_not_count_there(door: Door) -> None:
    outlet = await stores.add("outlet", door.hub.clock.now())
    row, _ = await event_secrets.add(door.hub, outlet, name="copied")
    sealed = (await EventSecret.get(name="platform")).secret
    assert door.secret not in sealed
    await EventSecret.filter(id=row.id).update(secret=sealed)
    # The store's own goes on counting; whoever fits none may have been meant by the one that is broken.
    assert (await door.send(rma("901"))).status == 202
    answer = await door.send(rma("902"), "msg_2", secret=new_secret())
    assert answer.is_problem(503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert {row.store_id for row in await Rma.all()} == {door.store.id}


async def test_an_event_is_sent_at_once_since_the_engine_is_rung(
    ready: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LOOK_S", 1000.0)
    async with open_stage(ready) as stage:
        _, secret = await event_secrets.add(stage.hub, stage.store)
        urls = asyncio.Queue[str]()
        serving = asyncio.create_task(serve(stage.hub, "127.0.0.1", 0, urls.put_nowait))
        url = f"{await urls.get()}/v1/events"
        async with aiohttp.ClientSession() as http:
            # The first look at the rows may see what came first.
            for rma_id in ("901", "902"):
                body = body_of(rma(rma_id, order_name=f"#{rma_id}"))
                headers = signed(secret, body, at=stage.time.now(), message_id=rma_id)
                assert (await post(http, url, body, headers)).status == 202
                await until(Delivery.filter(rma__rma_id=rma_id, status=Status.DONE).exists)
        signal.raise_signal(signal.SIGTERM)
        await serving
