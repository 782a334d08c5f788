"""What happens on the returns platform and at the subscriber."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.hookspecs import QuotaWindow
from hub.merchant import connections, platforms, stores, webhooks
from hub.platform.returngo import work as returngo
from hub.store.models import Connection
from tests.simulator.line import Session
from tests.simulator.people import People
from tests.simulator.store import origin

if TYPE_CHECKING:
    from tests.simulator.process import SimulatedProcess


class Outside(People):
    """The doors into that part of one world. Without a platform nobody goes through them."""

    def change(self, story: int, version: int) -> None:
        """A customer or the merchant changes an RMA on the platform."""
        assert self._world.platform
        what = self._world.schedule.stories[story].versions[version]
        self._world.platform.change(what, self._world.erp_now())

    def ship(self, pick: int, status: str) -> None:
        """A parcel is on its way, or a person says so."""
        assert self._world.platform
        self._world.platform.ship(pick, status)

    def pretend(self, story: int, status: str) -> None:
        """A stranger sends a hint."""
        assert self._world.platform
        stories = self._world.schedule.stories
        rma_id = stories[story].rma_id if story < len(stories) else "31337"
        self._world.platform.pretend(rma_id, status)

    def platform_fault(self, fault: Any) -> None:
        """One of the platform's sandbox."""
        assert self._world.platform
        self._world.platform.inject(fault)

    def platform_quota(self, calls: int, per_s: float) -> None:
        """The platform admits fewer calls than it says."""
        assert self._world.platform
        self._world.platform.cut_quota((QuotaWindow(calls=calls, per=timedelta(seconds=per_s)),))

    def platform_down(self, seconds: float) -> None:
        """No connection is made for a while."""
        self._down(self._world.platform, seconds)

    def subscriber_down(self, seconds: float) -> None:
        """The same of the subscriber."""
        self._down(self._world.subscriber, seconds)

    def _down(self, remote: Any, seconds: float) -> None:
        remote.is_down = True

        def up() -> None:
            remote.is_down = False

        self._world.loop.call_later(seconds, up)

    def subscriber_fault(self, name: str, times: int) -> None:
        """The subscriber misbehaves."""
        assert self._world.subscriber
        self._world.subscriber.inject(name, times)

    async def platform_poll(self) -> None:
        """A person polls the platform now."""

        async def act(process: SimulatedProcess) -> None:
            session: Any = Session(process)
            await returngo.poll_now(process.hub, session, origin().receivers[0], owner=process.name)

        await self.command(act)

    async def resume_receivers(self) -> None:
        """A person lets the platform and the subscriber go on, if they are paused."""

        async def act(process: SimulatedProcess) -> None:
            platform, subscriber = [await Connection.get(id=each) for each in origin().receivers]
            await connections.resume(platform)
            await webhooks.resume(process.hub, subscriber)

        if self._world.peek.execute("SELECT 1 FROM connection WHERE is_paused AND role != 'erp'").fetchone():
            await self.command(act)

    async def poll_platform_seldom(self) -> None:
        """As :meth:`poll_seldom`."""

        async def act(process: SimulatedProcess) -> None:
            row = await platforms.get(await stores.get(), "platform")
            await platforms.edit(process.hub, row, {"poll_interval_s": "14400"})

        await self.command(act)
