"""Attacks on the secrets that the door remembers: changed by a person while events come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.merchant import event_secrets, rmas, stores
from tests.support.documents import rma

if TYPE_CHECKING:
    from tests.integration.events.door import Door


async def test_secret_that_was_removed_and_added_again_goes_on_counting(door: Door) -> None:
    assert (await door.send(rma("900"), "msg_1")).status == 202
    await event_secrets.remove(door.hub, door.store, "platform")
    await event_secrets.add(door.hub, door.store, name="renamed", text=door.secret)
    assert (await door.send(rma("901"), "msg_2")).status == 202
    assert (await door.send(rma("900", status="Done"), "msg_3")).status == 202


async def test_secret_that_moved_to_another_store_brings_that_stores_returns(door: Door) -> None:
    assert (await door.send(rma("900"), "msg_1")).status == 202
    other = await stores.add("other", door.time.now())
    await event_secrets.remove(door.hub, door.store, "platform")
    await event_secrets.add(door.hub, other, text=door.secret)
    assert (await door.send(rma("901"), "msg_2")).status == 202
    assert door.rows()["rma"] == 2
    # Nothing that it signs reaches its old store's returns any more.
    assert (await door.send(rma("900", status="Cancelled"), "msg_3")).status == 202
    assert (await rmas.get(door.store, "900")).status == "Approved"
    assert (await rmas.get(other, "900")).status == "Cancelled"


async def test_secret_that_was_removed_for_good_brings_nothing(door: Door) -> None:
    assert (await door.send(rma("900"), "msg_1")).status == 202
    await event_secrets.remove(door.hub, door.store, "platform")
    for document in (rma("901"), rma("900", status="Cancelled")):
        assert (await door.send(document, "msg_2")).status == 401
    assert door.rows()["event"] == 1
