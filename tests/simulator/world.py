"""One simulated world: the hub's processes, the ERP and all that happens to them, for one seed."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import random
import shutil
import sqlite3
import traceback
import zlib
from contextvars import Context
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from yarl import URL

from connectors.cin7_omni.marker import marked_rma
from tests.simulator.actions import Actions
from tests.simulator.doorbell import Doorbell
from tests.simulator.line import Session
from tests.simulator.loop import SimulatedLoop
from tests.simulator.network import Erp
from tests.simulator.oracle import is_settled, judge
from tests.simulator.platform import Platform
from tests.simulator.process import DiedError, SimulatedProcess
from tests.simulator.schedule import Life
from tests.simulator.store import BASE, ERP, PLATFORM, SUBSCRIBER, make_file
from tests.simulator.subscriber import Subscriber
from tests.simulator.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from connectors.cin7_omni.sandbox.fields import Record
    from tests.simulator.line import Remote
    from tests.simulator.schedule import Schedule

RESTART_S = 2.0
SHORTEST_RESTART_S = 0.5
LONG_S = 3_000.0
LONGEST_CALM_S = 60 * 3_600.0
"""More than anything waits: the ERP may ask for a day, and a note unseen for a day is read again."""
KEPT_LINES = 4_000
_OUTSIDE = Context()
"""Code that belongs to no process."""


@functools.lru_cache(1_000)
def _sum(what: str) -> int:
    """Tells effects apart. Tortoise keeps columns in sets: their order in a statement is the hash seed's."""
    return sum(what.encode())


class World:
    """See the module.

    Attributes:
        accepted: ids of the events that the hub has answered for.
        closed_by_person: RMAs that a person resolved.
        written_anew: RMAs for which a person asked for another request.
        foreign: ids of notes that a person wrote.
        made: RMA → ids of the notes that the hub made for it.
        most_received: (note, SKU) → the most units that the warehouse ever counted.
        engines: worker → its engine that lives now.
        handed_back: RMAs that a person wanted sent.
        platform: the returns platform; None in a world in which events come by themselves.
        subscriber: who is told besides; None as well then.
        remotes: host → who answers there.
        skew_s: by how much the clock of the hub's machine is wrong.
        peek: a look at the database from outside; never inside a transaction.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.loop = SimulatedLoop()
        self.problems: list[str] = []
        self.trace: list[str] = []
        self.accepted: set[str] = set()
        self.closed_by_person: set[str] = set()
        self.written_anew: set[str] = set()
        self.handed_back: set[str] = set()
        self.foreign: set[int] = set()
        self.made: dict[str, list[int]] = {}
        self.most_received: dict[tuple[int, str], Decimal] = {}
        self.engines: dict[int, Doorbell] = {}
        self.erp_changed_at = 0.0
        self.skew_s = 0.0
        self._sent: dict[str, tuple[str, int]] = {}
        self._digest = 0
        self._processes: list[SimulatedProcess] = []
        self._starts = itertools.count(1)
        self._lives = list(schedule.lives)
        self._is_calm = False
        self.file = make_file(schedule)
        self.peek = sqlite3.connect(self.file, isolation_level=None)
        self.peek.row_factory = sqlite3.Row
        self.erp = Erp(self)
        self.platform = Platform(self) if schedule.plan else None
        self.subscriber = Subscriber(self) if schedule.plan else None
        self.remotes: dict[str, Remote] = {
            URL(at).host or "": remote
            for at, remote in ((ERP, self.erp), (PLATFORM, self.platform), (SUBSCRIBER, self.subscriber))
            if remote is not None
        }
        self.actions = Actions(self)

    # --- what everything in the world needs ------------------------------------------------------------

    def dice(self, *names: str) -> random.Random:
        """Dice of their own for each part, so that one drawing more often does not change another."""
        return random.Random(f"{self.schedule.seed} {' '.join(names)}")  # noqa: S311 - repeatable, not secret

    def erp_now(self) -> datetime:
        """The right time."""
        return BASE + timedelta(seconds=self.loop.time())

    def hub_now(self) -> datetime:
        """What the hub's machine believes."""
        return BASE + timedelta(seconds=self.loop.time() + self.skew_s)

    def tell(self, text: str) -> None:
        """Adds a line to the trace."""
        self._digest = zlib.crc32(text.encode(), self._digest)
        if len(self.trace) < KEPT_LINES:
            self.trace.append(f"{self.loop.time():10.3f} {text}")

    def note_effect(self, process: str, what: str) -> None:
        """Counts an effect of a process into the digest; calls to the ERP are told."""
        sign = f"{self.loop.time():.6f} {process} {what[:6]} {_sum(what)}"
        self._digest = zlib.crc32(sign.encode(), self._digest)
        if what.startswith(("GET ", "POST ", "PUT ", "ANSWER")):
            self.tell(f"{process}: {what}")

    def ring(self) -> None:
        """Some rows have changed."""
        for engine in self.engines.values():
            engine.ring()

    def check_task(self, task: asyncio.Task[Any]) -> None:
        """What the world itself must never raise is a problem, too."""
        if not task.cancelled() and (error := task.exception()):
            where = traceback.format_exception(error)[-3:]
            self.problems.append(f"{type(error).__name__}: {error} {''.join(where)}")

    # --- what is seen on the line ----------------------------------------------------------------------

    def sent(self, body: bytes) -> None:
        """A POST is on the line: every record of it must be what was sent for its RMA before.

        Unless the platform said something new of the RMA, or a person asked for another request.
        """
        for record in json.loads(body):
            mark = str(record.get("internalComments", ""))
            rma_id = marked_rma(mark) or "?"
            now = (json.dumps(record), self._heard(rma_id))
            before = self._sent.setdefault(mark, now)
            if before[0] != now[0] and before[1] == now[1] and rma_id not in self.written_anew:
                self.problems.append(f"RMA {rma_id}: another request was sent than before")
            self._sent[mark] = now

    def _heard(self, rma_id: str) -> int:
        """How often the hub heard news of an RMA, other than what it wrote to the platform itself."""
        count: int = self.peek.execute(
            "SELECT count(*) FROM timeline_entry t JOIN rma r ON r.id = t.rma_id "
            "WHERE r.rma_id = ? AND (t.kind LIKE 'rma.%' OR t.text LIKE 'The RMA is approved again%')",
            (rma_id,),
        ).fetchone()[0]
        return count

    def returned(self, rma_id: str) -> set[str]:
        """Ids of the items of an RMA that the hub holds as back."""
        rows = self.peek.execute(
            "SELECT i.returned_item_id FROM rma_item i JOIN rma r ON r.id = i.rma_id "
            "WHERE r.rma_id = ? AND i.is_returned",
            (rma_id,),
        )
        return {row[0] for row in rows}

    def flagged(self) -> set[str]:
        """RMAs for which the hub asks a person to look at the goods."""
        return {row[0] for row in self.peek.execute("SELECT rma_id FROM rma WHERE validation = 'flagged'")}

    def wrote(self, notes: list[Record]) -> None:
        """The ERP made notes: none may be a second one."""
        for note in notes:
            rma_id = marked_rma(note["internalComments"]) or "?"
            mine = self.made.setdefault(rma_id, [])
            mine.append(note["id"])
            self.tell(f"erp: note {note['id']} for RMA {rma_id} ({note['reference']})")
            self.erp_changed_at = self.loop.time()
            if self.platform and rma_id not in self.platform.approved:
                self.problems.append(f"RMA {rma_id}: nobody ever approved it, and it is credited")
            if len(mine) > 1:
                self.problems.append(f"RMA {rma_id}: {len(mine)} credit notes were made: {mine}")

    # --- processes -------------------------------------------------------------------------------------

    def _start_engine(self, worker: int) -> None:
        """Starts an engine; it is started again whenever it dies."""
        life = self._lives.pop(0) if self._lives and not self._is_calm else None
        process = self._start(f"serve{worker}.{next(self._starts)}", life)
        self.tell(f"{process.name} starts")
        engine = Doorbell(self, process, Session(process))
        self.engines[worker] = engine
        task = self.loop.create_task(self._supervise(worker, engine, process.call(engine.run())))
        task.add_done_callback(self.check_task)

    async def _supervise(self, worker: int, engine: Doorbell, ended: asyncio.Future[None]) -> None:
        try:
            await ended
        except DiedError:
            wait_s = self.dice("restart", engine.process.name).random() * RESTART_S
            # What the dead one had on the line has arrived before the next one asks whether it did.
            await asyncio.sleep(max(wait_s, SHORTEST_RESTART_S) if self.platform else wait_s)
            self._start_engine(worker)

    def start_command(self) -> SimulatedProcess:
        """A process for one command."""
        number = next(self._starts)
        dice = self.dice("command", str(number))
        life = None
        if not self._is_calm and dice.random() < self.schedule.command_deaths:
            near_a_call, anywhere = Life(dice.randrange(4, 20), "GET"), Life(dice.randrange(5, 60))
            life = dice.choice((near_a_call, anywhere))
        return self._start(f"command{number}", life)

    def _start(self, name: str, life: Life | None) -> SimulatedProcess:
        process = SimulatedProcess(self, name, life)
        self._processes.append(process)
        return process

    def kill_soon(self, process: SimulatedProcess) -> None:
        """Kills a process as soon as none of its code is running."""
        self.loop.call_soon(self._kill, process, context=_OUTSIDE)

    def _kill(self, process: SimulatedProcess) -> None:
        self.tell(f"{process.name} is killed")
        process.die()

    # --- the run ---------------------------------------------------------------------------------------

    def run(self) -> Verdict:
        """Lives through the schedule, and judges."""
        try:
            self.loop.run_until_complete(self._live())
        except Exception as error:  # noqa: BLE001 - with the trace it can be understood
            where = "".join(traceback.format_exception(error)[-3:])
            self.problems.append(f"the simulation broke off: {type(error).__name__}: {error} {where}")
        finally:
            self.loop.run_until_complete(self._end())
            self.loop.end()
            self.peek.close()
            shutil.rmtree(self.file.parent)
        return Verdict(
            seed=self.schedule.seed,
            problems=tuple(dict.fromkeys(self.problems)),
            trace=tuple(self.trace),
            digest=self._digest,
            documents=sum(map(len, self.made.values())),
        )

    async def _live(self) -> None:
        if self.platform and self.schedule.plan:
            self.platform.open(self.schedule)
        for worker in range(self.schedule.workers):
            self._start_engine(worker)
        for place, action in enumerate(self.schedule.actions):
            # The loop does not keep the order of what falls due at one moment.
            self.loop.call_at(action.at + place * 1e-6, self.actions.act, action)
        await asyncio.sleep(self.schedule.ends_at + 0.1)
        await self._calm_down()
        await self._until_settled("after the faults")
        if self.schedule.receives_all:
            self.actions.receive_all()
            await self._until_settled("after the goods")
        if self.schedule.retries_all:
            await self.actions.retry_all()
            await self._until_settled("after the people")
        if self.schedule.plan and self.schedule.plan.closes_flags:
            await self.actions.close_flags()
            await self._until_settled("after the flags")
        if not self.problems:
            self.problems += judge(self)

    async def _calm_down(self) -> None:
        """Faults stop: the ERP behaves, the clock is right, and every process that runs stays alive."""
        self.tell("calm")
        self._is_calm = True
        for remote in self.remotes.values():
            remote.clear_faults()
        self.skew_s = 0.0
        for process in self._processes:
            process.lives_on()
        self.ring()
        every = {version.event_id for story in self.schedule.stories for version in story.versions}
        if self.platform:
            every = set()  # they are read there
        while self.accepted != every:  # noqa: ASYNC110 - time is simulated
            await asyncio.sleep(1)
        await self.actions.resume()
        if self.platform:
            await self.actions.resume_receivers()

    async def _until_settled(self, when: str) -> None:
        """Lets time pass until nothing waits any more, or too much of it has passed."""
        began, step, is_long = self.loop.time(), 10.0, False
        # Once a promise is broken nobody needs to wait for what else comes of it.
        while not self.problems and not is_settled(self) and self.loop.time() - began < LONGEST_CALM_S:
            await asyncio.sleep(step)
            step = min(step * 1.5, 1_800.0)
            if self.loop.time() - began > LONG_S and not is_long:
                is_long = True
                await self.actions.poll_seldom()
                if self.platform:
                    await self.actions.poll_platform_seldom()
        self.tell(f"{when}: {'settled' if is_settled(self) else 'not settled'}")

    async def _end(self) -> None:
        """Ends everything, with the loop still running: unwinding a coroutine may ask for it."""
        for process in self._processes:
            process.die()
        for remote in self.remotes.values():
            self.loop.kill(remote.process)
