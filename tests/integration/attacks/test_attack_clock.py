"""The machine's clock is set back or ahead by an hour in the midst of things: nothing twice, nothing stuck.

On SQLite the hub goes by it. On PostgreSQL all machines go by the database's.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.access import sessions, throttle
from hub.dispatch.claims import EXPIRY, Claim, ClaimLostError, claim
from hub.dispatch.work import work
from hub.errors import AccessError
from hub.outcomes import Status
from hub.store.models import Attempt, Connection, Exchange
from hub.store.people import User
from tests.integration.attacks.test_attack_connections import between
from tests.support.documents import rma

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from tests.support.stage import Stage

HOUR = timedelta(hours=1)
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["ahead", "back"])


async def test_claim_of_a_dead_holder_is_free_at_once_when_the_clock_was_set_back(stage: Stage) -> None:
    await Connection.all().update(
        claim_token="dead", claim_owner="dead", claim_expires_at=stage.time.now() + EXPIRY
    )
    stage.time.set_forward(-HOUR)
    await stage.submit(rma("901", order_name="#901"))
    await stage.work()
    assert len(stage.notes) == 1


async def test_living_holder_puts_its_claim_right_before_it_writes(stage: Stage) -> None:
    async with claim(stage.connection_id, "first", stage.hub.clock) as held:
        assert held is not None
        stage.time.set_forward(-HOUR)
        await held.check_lasting()
        expires = (await stage.connection()).claim_expires_at
        assert expires is not None
        assert expires <= stage.time.now() + EXPIRY


@JUMPS
async def test_clock_set_while_a_note_is_written_makes_no_second_one(stage: Stage, jump: timedelta) -> None:
    stage.fault("allow_duplicate_references:times=all")
    written, go = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request, forward: Callable[[], Awaitable[web.Response]]) -> web.Response:
        if request.method != "POST":
            return await forward()
        written.set()
        await go.wait()
        return await forward()

    await stage.submit(rma("901", order_name="#901"))
    async with between(stage, answer):
        working = asyncio.create_task(stage.work())
        await written.wait()
        stage.time.set_forward(jump)
        # Another process, which may find the connection free now.
        await work(stage.hub, stage.http, stage.connection_id, owner="other", most_batches=1)
        go.set()
        await asyncio.gather(working, return_exceptions=True)
        await stage.settle()
    row = await stage.delivery("901")
    assert (row.status, len(stage.notes)) == (Status.DONE, 1)
    assert await Attempt.all().count() == 1


@JUMPS
@pytest.mark.parametrize("fault", ["drop_after_write", "drop_before_write"])
async def test_clock_set_during_a_doubt_ends_in_one_note(stage: Stage, jump: timedelta, fault: str) -> None:
    stage.fault(f"{fault}:times=1,on=POST")
    await stage.submit(rma("901", order_name="#901"))
    await stage.work(most_batches=1)
    stage.time.set_forward(jump)
    await stage.submit(rma("902", order_name="#902"))
    await stage.work(most_batches=1)
    stage.time.set_forward(-jump / 2)
    await stage.settle()
    assert {(await stage.delivery(each)).status for each in ("901", "902")} == {Status.DONE}
    assert sorted(each["sales_reference"] for each in stage.notes) == ["#901", "#902"]


@JUMPS
async def test_clock_set_while_the_quota_is_counted_holds_nothing_up(stage: Stage, jump: timedelta) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.work()
    stage.time.set_forward(jump)
    await stage.submit(rma("902", order_name="#902"))
    await stage.work()
    assert len(stage.notes) == 2
    # The request log is in the order in which the calls went out, whatever the clock said then.
    calls = await Exchange.all().order_by("id")
    assert all(each.finished_at is not None for each in calls)


async def test_session_begun_by_a_clock_that_ran_ahead_does_not_last_for_ever(stage: Stage) -> None:
    now = stage.time.now()
    user = await User.create(id="u1", name="ada", name_key="ada", is_admin=True, created_at=now)
    ahead = await sessions.start(user, now + timedelta(days=365), "127.0.0.1")
    assert await sessions.find(ahead, now) is None
    # An hour wrong signs nobody out.
    secret = await sessions.start(user, now, "127.0.0.1")
    for wrong in (-HOUR, HOUR, timedelta(0)):
        assert await sessions.find(secret, now + wrong) is not None


@pytest.mark.usefixtures("stage")
async def test_whoever_is_held_back_is_not_held_longer_because_the_clock_was_set_back() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for _ in range(throttle.FREE_FOR_NAME):
        await throttle.count_try("ada", "127.0.0.1", now)
    with pytest.raises(AccessError):
        await throttle.count_try("ada", "127.0.0.1", now)
    # Counted by the clock as it is now, and held back by that.
    await throttle.count_try("ada", "127.0.0.1", now - HOUR)
    with pytest.raises(AccessError):
        await throttle.count_try("ada", "127.0.0.1", now - HOUR)


async def test_claim_that_was_taken_is_not_given_back_by_a_clock(stage: Stage) -> None:
    slow = Claim(connection_id=stage.connection_id, token="slow", clock=stage.hub.clock)
    await Connection.all().update(claim_token="slow", claim_expires_at=stage.time.now() + EXPIRY)
    stage.time.set_forward(HOUR)
    async with claim(stage.connection_id, "new", stage.hub.clock) as held:
        assert held is not None
        stage.time.set_forward(-HOUR)
        with pytest.raises(ClaimLostError):
            await slow.check_lasting()
