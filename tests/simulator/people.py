"""People at the hub's commands: each command is a process of its own, which may die like any other."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import OperationalError

from hub.dispatch.work import poll_now
from hub.errors import HubError
from hub.mapping.exact_json import write_json
from hub.merchant import connections, deliveries, methods, stores
from hub.outcomes import Status
from hub.store.models import Delivery
from tests.simulator.line import Session
from tests.simulator.process import DiedError
from tests.simulator.store import CONNECTION, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.simulator.process import SimulatedProcess
    from tests.simulator.world import World


class People:
    """Those of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def command(self, act: Callable[[SimulatedProcess], Coroutine[Any, Any, None]]) -> None:
        """Runs a `hub` command."""
        process = self._world.start_command()
        try:
            await process.call(act(process))
        except (DiedError, HubError, OperationalError) as error:
            # A person reads it, and may try again.
            self._world.tell(f"{process.name}: {type(error).__name__} {error}")
        finally:
            process.die()
            self._world.ring()

    async def _at_once(
        self, times: int, act: Callable[[SimulatedProcess], Coroutine[Any, Any, None]]
    ) -> None:
        await asyncio.gather(*(self.command(act) for _ in range(times)))

    # --- connections -----------------------------------------------------------------------------------

    async def pause(self) -> None:
        """A person pauses the connection."""

        async def act(_process: SimulatedProcess) -> None:
            row = await connections.get(await stores.get(), CONNECTION)
            await connections.pause(row, "a person paused it")

        await self.command(act)

    async def resume(self) -> None:
        """A person lets it go on."""

        async def act(_process: SimulatedProcess) -> None:
            await connections.resume(await connections.get(await stores.get(), CONNECTION))

        await self.command(act)

    async def edit_settings(self, pick: int, at_once: int) -> None:  # noqa: ARG002 - as every action
        """A setting changes that changes what would be prepared now."""
        await self._edit_connection({"approve": "false" if pick % 2 else "true"})

    async def poll_seldom(self) -> None:
        """Something waits for hours: polls every few minutes would only take our time."""
        await self._edit_connection({"poll_interval_s": "14400"})

    async def _edit_connection(self, values: dict[str, str]) -> None:
        async def act(process: SimulatedProcess) -> None:
            row = await connections.get(await stores.get(), CONNECTION)
            await connections.edit(process.hub, row, values)

        await self.command(act)

    async def switch_method(self, pick: int, at_once: int) -> None:  # noqa: ARG002 - as every action
        """A return method is pointed elsewhere."""

        async def act(_process: SimulatedProcess) -> None:
            store = await stores.get()
            method = await methods.get(store, "Send it yourself")
            if pick % 2:
                await methods.do_not_update(method)
            else:
                await methods.point_at(method, await connections.get(store, CONNECTION), None)

        await self.command(act)

    async def poll(self, pick: int, at_once: int) -> None:  # noqa: ARG002 - as every action
        """A person polls now."""

        async def act(process: SimulatedProcess) -> None:
            session: Any = Session(process)
            await poll_now(process.hub, session, origin().connection_id, owner=process.name)

        await self._at_once(at_once, act)

    # --- deliveries ------------------------------------------------------------------------------------

    async def retry(self, pick: int, at_once: int) -> None:
        """A person hands a delivery back."""
        await self._hand_back(pick, at_once, is_anew=False)

    async def retry_anew(self, pick: int, at_once: int) -> None:
        """A person hands a delivery back, to be prepared anew."""
        await self._hand_back(pick, at_once, is_anew=True)

    async def retry_all(self) -> None:
        """People hand everything back that can be, two of them at one moment."""
        for pick in range(len(self._world.schedule.stories)):
            await self._hand_back(pick, 2, is_anew=False)

    async def _hand_back(self, pick: int, at_once: int, *, is_anew: bool) -> None:
        async def act(process: SimulatedProcess, row: Delivery) -> str:
            self._world.handed_back.add(row.rma.rma_id)
            if is_anew:
                self._world.written_anew.add(row.rma.rma_id)
            return await deliveries.retry(process.hub.clock, row, prepare_anew=is_anew)

        await self._on_delivery("retry", pick, at_once, act, Status.ATTENTION, Status.SKIPPED)

    async def edit(self, pick: int, at_once: int) -> None:
        """A person writes the request by hand, under another name."""

        async def act(process: SimulatedProcess, row: Delivery) -> str:
            if row.request is None:
                return "there is nothing to edit"
            request = json.loads(row.request, parse_float=Decimal)
            self._world.handed_back.add(row.rma.rma_id)
            request["reference"] = f"{request['reference'][:20]}-{pick}"
            self._world.written_anew.add(row.rma.rma_id)
            return await deliveries.edit(process.hub, row, write_json(request))

        await self._on_delivery("edit", pick, at_once, act, Status.ATTENTION, Status.SKIPPED)

    async def resolve(self, pick: int, at_once: int) -> None:
        """A person closes a delivery, with its document or without."""

        async def act(process: SimulatedProcess, row: Delivery) -> str:
            mine = self._world.made.get(row.rma.rma_id, [])
            document = str(mine[0]) if mine and pick % 2 else None
            text = await deliveries.resolve(
                process.hub.clock, row, "simulated", document, is_without_document=True
            )
            self._world.closed_by_person.add(row.rma.rma_id)
            return text

        await self._on_delivery("resolve", pick, at_once, act, Status.ATTENTION, Status.IN_DOUBT)

    async def close_flag(self, pick: int) -> None:
        """A person closes what a return is flagged for."""
        flagged = self._world.peek.execute(
            "SELECT d.id, r.rma_id FROM delivery d JOIN rma r ON r.id = d.rma_id "
            "WHERE r.validation = 'flagged' AND d.status = 'done' ORDER BY d.created_at, d.id"
        ).fetchall()
        if not flagged:
            return
        found = flagged[pick % len(flagged)]

        async def act(process: SimulatedProcess) -> None:
            row = await Delivery.get(id=found["id"])
            await deliveries.resolve(process.hub.clock, row, "simulated")

        # The command may die between its commit and its end.
        self._world.closed_by_person.add(found["rma_id"])
        self._world.tell(f"person: closes the flag of RMA {found['rma_id']}")
        await self.command(act)

    async def close_flags(self) -> None:
        """People close all of them."""
        for _ in self._world.schedule.stories:
            await self.close_flag(0)

    async def _on_delivery(
        self,
        what: str,
        pick: int,
        at_once: int,
        act: Callable[[SimulatedProcess, Delivery], Coroutine[Any, Any, str]],
        *statuses: Status,
    ) -> None:
        """Lets people act on one of the deliveries that are in a status."""

        async def pick_and_act(process: SimulatedProcess) -> None:
            rows = Delivery.filter(status__in=statuses).select_related("rma").order_by("created_at", "id")
            if found := await rows:
                row = found[pick % len(found)]
                text = await act(process, row)
                self._world.tell(f"{process.name}: {what} of RMA {row.rma.rma_id}: {text}")

        held = {row["status"] for row in self._world.peek.execute("SELECT DISTINCT status FROM delivery")}
        # Without one of them a person would not type the command.
        if not held.isdisjoint(statuses):
            await self._at_once(at_once, pick_and_act)
