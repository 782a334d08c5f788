from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.dispatch.claims import EXPIRY, HEARTBEAT_S, Claim, ClaimLostError, claim, release_of
from hub.store.models import Connection
from tests.support.waiting import until

if TYPE_CHECKING:
    from hub.core import Hub
    from tests.support.times import HeldTime


async def test_connection_has_one_holder_at_a_time(hub: Hub, connection: Connection) -> None:
    holders = turned_away = 0

    async def hold() -> None:
        nonlocal holders, turned_away
        async with claim(connection.id, "test", hub.clock) as held:
            if held is None:
                turned_away += 1
                return
            holders += 1
            # Held until everybody has asked.
            await until(lambda: holders + turned_away == 6)

    await asyncio.gather(*(hold() for _ in range(6)))
    assert (holders, turned_away) == (1, 5)
    async with claim(connection.id, "test", hub.clock) as held:
        assert held is not None


async def test_claim_is_free_again_when_its_work_fails(hub: Hub, connection: Connection) -> None:
    async def fail() -> None:
        async with claim(connection.id, "test", hub.clock):
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError):
        await fail()
    row = await Connection.get(id=connection.id)
    assert (row.claim_token, row.claim_owner, row.claim_expires_at) == (None, None, None)


async def test_claim_of_a_dead_holder_expires(hub: Hub, connection: Connection, time: HeldTime) -> None:
    await Connection.all().update(
        claim_token="dead", claim_owner="dead", claim_expires_at=time.now() + EXPIRY
    )
    async with claim(connection.id, "test", hub.clock) as held:
        assert held is None
    time.set_forward(EXPIRY + timedelta(seconds=1))
    async with claim(connection.id, "test", hub.clock) as held:
        assert held is not None


async def test_check_fails_after_a_takeover_and_leaves_the_new_claim_alone(
    hub: Hub, connection: Connection, time: HeldTime
) -> None:
    slow = Claim(connection_id=connection.id, token="slow", clock=hub.clock)
    await Connection.all().update(claim_token="slow", claim_expires_at=time.now() + EXPIRY)
    await slow.check()
    time.set_forward(EXPIRY + timedelta(seconds=1))
    async with claim(connection.id, "new", hub.clock) as held:
        assert held is not None
        with pytest.raises(ClaimLostError):
            await slow.check()
        await held.check()


async def test_claim_is_read_before_a_write_and_extended_only_when_it_would_end_soon(
    hub: Hub, connection: Connection, time: HeldTime
) -> None:
    async def held_by(token: str, left: timedelta) -> None:
        await Connection.filter(id=connection.id).update(
            claim_token=token, claim_owner="test", claim_expires_at=time.now() + left
        )

    async def left() -> timedelta:
        expires = (await Connection.get(id=connection.id)).claim_expires_at
        assert expires is not None
        return expires - time.now()

    mine = Claim(connection_id=connection.id, token="mine", clock=hub.clock)
    await held_by("mine", EXPIRY * 0.9)
    await mine.check_lasting()
    assert await left() < EXPIRY * 0.95
    await held_by("mine", EXPIRY * 0.3)
    await mine.check_lasting()
    assert await left() > EXPIRY * 0.9
    await held_by("another's", EXPIRY)
    with pytest.raises(ClaimLostError):
        await mine.check_lasting()


async def test_loser_of_a_takeover_does_not_free_the_new_claim(hub: Hub, connection: Connection) -> None:
    async with claim(connection.id, "old", hub.clock) as old:
        assert old is not None
        await Connection.all().update(claim_token="new", claim_owner="new")
    assert (await Connection.get(id=connection.id)).claim_token == "new"


async def test_heart_beats_while_the_work_goes_on(hub: Hub, connection: Connection, time: HeldTime) -> None:
    async def is_extended() -> bool:
        return await Connection.exists(id=connection.id, claim_expires_at=time.now() + EXPIRY)

    async with claim(connection.id, "test", hub.clock):
        for _ in range(2):
            await until(lambda: bool(time.awaited))
            time.let_pass(timedelta(seconds=HEARTBEAT_S))
            await until(is_extended)


async def test_claims_of_a_dead_engine_are_freed_and_others_are_not(
    connection: Connection, time: HeldTime
) -> None:
    expires = time.now() + EXPIRY
    for owner, is_freed in (("serve 4711", True), ("poll 4711", False)):
        await Connection.all().update(claim_token="x", claim_owner=owner, claim_expires_at=expires)
        await release_of("serve")
        row = await Connection.get(id=connection.id)
        assert (row.claim_token is None) is is_freed
