"""A stage with a subscriber."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.merchant import webhooks
from hub.store.models import Connection, SendingStatus, UpdateSending
from hub.webhooks.subscription import Body
from hub.webhooks.work import work
from tests.support.documents import rma

if TYPE_CHECKING:
    from tests.support.receiver import Receiver
    from tests.support.stage import Stage

LONGEST = timedelta(days=6)
"""More than the hub tries for."""


@dataclass(kw_only=True)
class Office:
    stage: Stage
    receiver: Receiver
    row: Connection
    secret: str

    @classmethod
    async def open(cls, stage: Stage, receiver: Receiver, **options: Any) -> Office:
        given: dict[str, Any] = {"name": "shop", "events": (), "body": Body.FULL, **options}
        row, secret = await webhooks.add(stage.hub, stage.store, receiver.url, **given)
        return cls(stage=stage, receiver=receiver, row=row, secret=secret)

    async def credit(self, *rma_ids: str) -> None:
        """Each return gets its note, and the subscriber is to learn it."""
        for each in rma_ids:
            await self.stage.submit(rma(each, order_name=f"#{each}"))
        await self.stage.settle()

    async def work(self) -> bool:
        """What the engine does when it is rung."""
        return await work(self.stage.hub, self.row.id, owner="test")

    async def settle(self) -> None:
        """Works until nothing waits, or it is paused; sets the time forward to whatever is next."""
        end = self.stage.time.now() + LONGEST
        while self.stage.time.now() < end:
            await self.work()
            self.row = await Connection.get(id=self.row.id)
            waiting = await self.sendings(status=SendingStatus.PENDING)
            if not waiting or self.row.is_paused:
                return
            oldest = {row.rma_id: row.next_attempt_at for row in reversed(waiting)}
            due = min(at for at in oldest.values() if at is not None)
            due = max(due, self.row.resting_until or due)
            self.stage.time.set_forward(max(due - self.stage.time.now(), timedelta(0)))
        raise AssertionError("updates still wait")

    async def sendings(self, **of: Any) -> list[UpdateSending]:
        mine = UpdateSending.filter(connection_id=self.row.id, **of)
        return await mine.order_by("id").select_related("update", "rma")
