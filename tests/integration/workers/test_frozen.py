"""A worker that stood still, while others took it for dead, says so and works on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.integration.workers.fleet import freeze

if TYPE_CHECKING:
    from tests.integration.workers.fleet import Fleet

STOOD_STILL = "this worker stood still and was taken for dead: it registers anew"


async def test_thawed_worker_says_that_it_was_taken_for_dead_and_works_on(fleet: Fleet) -> None:
    await fleet.serve()
    (frozen,) = await fleet.work()
    fleet.fault("slow:seconds=1,on=POST,times=1")
    await fleet.submit("900", erp=0)
    await fleet.until(lambda: any(call["is_write"] for call in fleet.sandboxes[0].calls()))
    freeze(frozen, signal.SIGSTOP)
    ((stalled,),) = await fleet.rows("SELECT id FROM procrastinate_workers")
    # As after a quarter of a minute, for which nobody wants to wait here.
    await fleet.rows("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    await fleet.rows("UPDATE connection SET claim_expires_at = now() WHERE claim_token IS NOT NULL")
    (other,) = await fleet.work()
    await fleet.until(fleet.is_done)
    freeze(other, signal.SIGTERM)
    assert await other.ended() == 0
    gone = f"SELECT count(*) FROM procrastinate_workers WHERE id = {stalled}"  # noqa: S608 - a number
    assert await fleet.rows(gone) == [(0,)]
    freeze(frozen, signal.SIGCONT)
    await fleet.submit("901", erp=1)
    await fleet.until(fleet.is_done)
    await fleet.check_one_each()
    printed = fleet.commands.output.read_text(encoding="utf-8")
    assert printed.count(STOOD_STILL) == 1
    assert "the database is away" not in printed
    assert "Traceback" not in printed
