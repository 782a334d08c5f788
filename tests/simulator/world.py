"""One simulated world, for one seed: platform, hub processes, ERP, warehouse and people."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import sqlite3
import sys
import traceback
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import structlog
from tortoise.exceptions import OperationalError

from connectors.cin7_omni.marker import marked_rma
from hub.dispatch.claims import release_of
from hub.dispatch.engine import LOOK_S, OWNER, Engine
from hub.dispatch.work import poll_now
from hub.errors import HubError
from hub.hookspecs import QuotaWindow
from hub.inbound.accept import accept
from hub.inbound.event import read_event
from hub.mapping.exact_json import write_json
from hub.merchant import connections, deliveries, methods, stores
from hub.outcomes import Status
from hub.store import epochs
from hub.store.mark import mark_of, write_mark
from hub.store.models import Delivery
from tests.simulator.loop import PROCESS, SimulatedLoop
from tests.simulator.network import Erp, Session
from tests.simulator.oracle import judge, settled
from tests.simulator.process import DiedError, SimulatedProcess
from tests.simulator.schedule import Life
from tests.simulator.store import BASE, CONNECTION, folder, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, MutableMapping
    from pathlib import Path

    from connectors.cin7_omni.sandbox.fields import Record
    from tests.simulator.schedule import Action, Schedule

IDLE_S = 3_600.0
OTHERS_S = 20.0
"""As long as a worker may take to notice what another one left behind."""
RESTART_S = 2.0
LONG_S = 3_000.0
LONGEST_CALM = timedelta(hours=60)
"""More than anything waits: the ERP may ask for a day, and a note unseen for a day is read again."""
KEPT_LINES = 4_000
_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a seed.

    Attributes:
        problems: broken promises, in plain sentences; empty when all is well.
        trace: what happened, in order.
        digest: of every effect of every process; the same when two runs were the same.
        documents: credit notes that the hub made.
    """

    seed: int
    problems: tuple[str, ...]
    trace: tuple[str, ...]
    digest: int
    documents: int


class World:
    """See the module."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.loop = SimulatedLoop()
        self.problems: list[str] = []
        self.trace: list[str] = []
        self.accepted: set[str] = set()
        self.closed_by_person: set[str] = set()
        self.written_anew: set[str] = set()
        self.foreign: set[int] = set()
        self.made: dict[str, list[int]] = {}
        self.most_received: dict[tuple[int, str], Decimal] = {}
        self.withdrawn: dict[str, int] = {}
        self.erp_changed_at = 0.0
        self._sent: dict[str, tuple[str, int]] = {}
        self._skew = 0.0
        self._digest = 0
        self._engines: dict[int, Doorbell] = {}
        self._processes: list[SimulatedProcess] = []
        self._commands = itertools.count(1)
        self._lives = list(schedule.lives)
        self._is_calm = False
        self.file = self._make_file()
        self.peek = sqlite3.connect(self.file, isolation_level=None)
        self.peek.row_factory = sqlite3.Row
        self.erp = Erp(self)
        if schedule.allows_duplicates:
            self.erp.books.has_unique_references = False

    # --- what everything in the world needs ------------------------------------------------------------

    def dice(self, *names: str) -> random.Random:
        """Dice of their own for each part, so that one drawing more often does not change another."""
        return random.Random(f"{self.schedule.seed} {' '.join(names)}")  # noqa: S311 - repeatable, not secret

    def erp_now(self) -> datetime:
        """The right time."""
        return BASE + timedelta(seconds=self.loop.time())

    def hub_now(self) -> datetime:
        """What the hub's machine believes."""
        return BASE + timedelta(seconds=self.loop.time() + self._skew)

    def tell(self, text: str) -> None:
        """Adds a line to the trace."""
        self._digest = zlib.crc32(text.encode(), self._digest)
        if len(self.trace) < KEPT_LINES:
            self.trace.append(f"{self.loop.time():10.3f} {text}")

    def note_effect(self, process: str, what: str) -> None:
        """Counts an effect of a process into the digest."""
        self._digest = zlib.crc32(f"{self.loop.time():.6f}{process}{what}".encode(), self._digest)
        if what[0] in "PGA" and not what.startswith("PRAGMA"):
            self.tell(f"{process}: {what}")

    def kill_soon(self, process: SimulatedProcess) -> None:
        """Kills a process as soon as none of its code is running."""
        self.loop.call_soon(self._kill, process, context=_WORLD)

    def _kill(self, process: SimulatedProcess) -> None:
        self.tell(f"{process.name} is killed")
        process.die()

    def sent(self, body: bytes) -> None:
        """A POST is on the line: every record of it must be what was sent for its RMA before."""
        for record in json.loads(body):
            mark = str(record.get("internalComments", ""))
            rma_id = marked_rma(mark) or "?"
            text = json.dumps(record)
            now = (text, self._heard(rma_id))
            before = self._sent.setdefault(mark, now)
            if before[0] != text and before[1] == now[1] and rma_id not in self.written_anew:
                self.problems.append(f"RMA {rma_id}: another request was sent than before")
            self._sent[mark] = now

    def _heard(self, rma_id: str) -> int:
        """How many events of an RMA the hub has stored."""
        count: int = self.peek.execute(
            "SELECT count(*) FROM event e JOIN rma r ON r.id = e.rma_id WHERE r.rma_id = ?", (rma_id,)
        ).fetchone()[0]
        return count

    def wrote(self, notes: list[Record]) -> None:
        """The ERP made notes: none may be a second one."""
        for note in notes:
            rma_id = marked_rma(note["internalComments"]) or "?"
            mine = self.made.setdefault(rma_id, [])
            mine.append(note["id"])
            self.tell(f"erp: note {note['id']} for RMA {rma_id} ({note['reference']})")
            self.erp_changed_at = self.loop.time()
            if len(mine) > 1:
                self.problems.append(f"RMA {rma_id}: {len(mine)} credit notes were made: {mine}")

    # --- the run ---------------------------------------------------------------------------------------

    def run(self) -> Verdict:
        """Lives through the schedule, and judges."""
        main = self.loop.create_task(self._live())
        try:
            self.loop.run_until_complete(main)
        except Exception as error:  # noqa: BLE001 - with the trace it can be understood
            self.problems.append(f"the simulation broke off: {type(error).__name__}: {error}")
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

    async def _end(self) -> None:
        """Ends everything, with the loop still running: unwinding a coroutine may ask for it."""
        for process in self._processes:
            process.die()
        self.loop.kill(self.erp.process)

    async def _live(self) -> None:
        for worker in range(self.schedule.workers):
            self._start(worker)
        for action in self.schedule.actions:
            self.loop.call_at(action.at, self._act, action)
        await asyncio.sleep(self.schedule.ends_at + 0.1)
        await self._calm_down()
        await self._until_settled("after the faults")
        if self.schedule.receives_all:
            self._receive_all()
            await self._until_settled("after the goods")
        if self.schedule.retries_all:
            await self._retry_all()
            await self._until_settled("after the people")
        self.problems += judge(self)

    async def _calm_down(self) -> None:
        """Faults stop: the ERP behaves, the clock is right, and every process that runs stays alive."""
        self.tell("calm")
        self._is_calm = True
        self.erp.clear_faults()
        self._skew = 0.0
        for engine in self._engines.values():
            engine.process.lives_on()
            engine.ring()
        events = {v.event_id for story in self.schedule.stories for v in story.versions}
        while self.accepted != events:  # noqa: ASYNC110 - simulated time, and nobody tells when it is so
            await asyncio.sleep(1)
        await self._command(self._resume)

    async def _until_settled(self, when: str) -> None:
        since = self.loop.time()
        step, is_long = 10.0, False
        while not settled(self):
            await asyncio.sleep(step)
            step = min(step * 1.5, 1_800.0)
            if self.loop.time() - since > LONG_S and not is_long:
                is_long = True
                await self._command(self._poll_seldom)
            if self.loop.time() - since > LONGEST_CALM.total_seconds():
                self.tell(f"{when}: not settled")
                return
        self.tell(f"{when}: settled")

    # --- processes -------------------------------------------------------------------------------------

    def _start(self, worker: int) -> None:
        """Starts an engine; it is started again whenever it dies."""
        life = self._lives.pop(0) if self._lives and not self._is_calm else None
        name = f"serve{worker}.{next(self._commands)}"
        process = SimulatedProcess(self, name, life)
        self._processes.append(process)
        self.tell(f"{name} starts")
        engine = Doorbell(self, process, Session(process, self.erp), is_alone=self.schedule.workers == 1)
        self._engines[worker] = engine
        ended = process.call(engine.run())
        process.engine = engine  # type: ignore[attr-defined]
        self.loop.create_task(self._supervise(worker, engine, ended))

    async def _supervise(self, worker: int, engine: Doorbell, ended: asyncio.Future[None]) -> None:
        try:
            await ended
        except DiedError:
            pass
        except Exception as error:  # noqa: BLE001 - the oracle says it
            self.problems.append(f"the engine ended by itself: {type(error).__name__}: {error}")
        if self._engines.get(worker) is engine:
            await asyncio.sleep(self.dice("restart", engine.process.name).random() * RESTART_S)
            if self._engines.get(worker) is engine:
                self._start(worker)

    async def _command(self, act: Callable[[SimulatedProcess], Coroutine[Any, Any, None]]) -> None:
        """Runs a `hub` command: a process of its own, which may die like any other."""
        number = next(self._commands)
        dice = self.dice("command", str(number))
        life = None
        if not self._is_calm and dice.random() < self.schedule.command_deaths:
            life = Life(dice.randrange(18), "ANSWER") if dice.random() < 0.5 else Life(dice.randrange(5, 60))
        process = SimulatedProcess(self, f"command{number}", life)
        self._processes.append(process)
        try:
            await process.call(act(process))
        except DiedError:
            self.tell(f"{process.name} died")
        except (HubError, OperationalError) as error:
            # A person reads it, and may try again.
            self.tell(f"{process.name}: {error}")
        finally:
            process.die()
            self.ring()

    def ring(self) -> None:
        """Some rows have changed."""
        for engine in self._engines.values():
            engine.ring()

    # --- actions ---------------------------------------------------------------------------------------

    def _act(self, action: Action) -> None:
        self.tell(f"* {action.kind} {action.args}")
        result = getattr(self, f"_do_{action.kind}")(**action.args)
        if result is not None:
            self.loop.create_task(result)

    async def _do_event(self, story: int, version: int, via: str) -> None:
        """The platform sends an event again and again until it is accepted."""
        what = self.schedule.stories[story].versions[version]

        async def take(process: SimulatedProcess) -> None:
            await accept(
                process.hub.clock,
                await stores.get(),
                read_event(what.body),
                source="sim",
                event_id=what.event_id,
            )
            self.accepted.add(what.event_id)

        for tries in itertools.count(1):
            if via == "command" and tries == 1:
                await self._command(take)
            elif 0 in self._engines:
                engine = self._engines[0]
                try:
                    await engine.process.call(take(engine.process))
                except DiedError:
                    self.tell(f"event {what.event_id}: no answer")
                except Exception as error:  # noqa: BLE001 - told, and judged where it matters
                    self.tell(f"event {what.event_id}: {type(error).__name__}: {error}")
                    if "locked" not in str(error):
                        self.problems.append(
                            f"event {what.event_id} was refused: {type(error).__name__}: {error}"
                        )
                        return
                self.ring()
            if what.event_id in self.accepted:
                return
            await asyncio.sleep(3.0 * tries)

    def _do_fault(self, fault: Any) -> None:
        self.erp.inject(fault)

    def _do_erp_down(self) -> None:
        self.erp.is_down = True

    def _do_erp_up(self) -> None:
        self.erp.is_down = False

    def _do_quota_cut(self, calls: int, per_s: float) -> None:
        self.erp.quota.windows = (QuotaWindow(calls=calls, per=timedelta(seconds=per_s)),)

    def _do_slow_line(self, seconds: float) -> None:
        self.erp.slowest_s = seconds

    def _do_jump(self, seconds: float) -> None:
        self._skew += seconds

    def _do_stall(self, worker: int, seconds: float, before: str = "") -> None:
        if worker in self._engines:
            self._engines[worker].process.stall(seconds, before)

    def _do_receive(self, pick: int, share: int, *, is_complete: bool) -> None:
        notes = [note for note in self.erp.notes() if note["status"] != "VOID"]
        if notes:
            self._receive(notes[pick % len(notes)], share, is_complete=is_complete)

    def _receive(self, note: Record, share: int, *, is_complete: bool) -> None:
        """``share`` units of each SKU arrive, at most those that are to come; 99 is all."""
        expected: dict[str, Decimal] = {}
        before: dict[str, Decimal] = {}
        for line in note["lineItems"]:
            expected[line["code"]] = expected.get(line["code"], Decimal(0)) + abs(line["qty"])
            before[line["code"]] = before.get(line["code"], Decimal(0)) + abs(line["qtyShipped"] or 0)
        quantities = {sku: max(before[sku], min(count, Decimal(share))) for sku, count in expected.items()}
        if quantities == before and (note["completedDate"] or not is_complete):
            return  # nothing is new, and nobody saves the note again
        self.erp.receive(note, quantities, is_complete=is_complete)
        for sku, units in quantities.items():
            key = (note["id"], sku)
            self.most_received[key] = max(self.most_received.get(key, Decimal(0)), units)
        self.tell(f"warehouse: note {note['id']} received {quantities} complete={is_complete}")
        self.erp_changed_at = self.loop.time()

    def _receive_all(self) -> None:
        for note in self.erp.notes():
            if note["status"] != "VOID":
                self._receive(note, 99, is_complete=True)

    def _do_void(self, pick: int, at_once: int) -> None:
        notes = self.erp.notes()
        if notes and at_once == 1:
            note = notes[pick % len(notes)]
            self.erp.void(note)
            self.tell(f"person: voids note {note['id']}")
            self.erp_changed_at = self.loop.time()

    def _do_foreign(self, pick: int, at_once: int) -> None:
        """Somebody writes a note by hand under the very name that ours will have."""
        story = self.schedule.stories[pick % len(self.schedule.stories)]
        reference = f"RMA {story.rma_id}/ORDER:{story.order_name}"
        if any(note["reference"] == reference for note in self.erp.notes()):
            return
        note_id = self.erp.write_by_hand(
            reference=reference,
            salesReference=story.order_name if at_once == 1 else "#1",
            isApproved=True,
            lineItems=[{"code": "SKU-001", "qty": -1, "unitPrice": 10}],
        )
        self.foreign.add(note_id)
        self.tell(f"person: writes note {note_id} by hand as {reference}")

    async def _do_pause(self) -> None:
        async def act(process: SimulatedProcess) -> None:
            await connections.pause(
                await connections.get(await stores.get(), CONNECTION), "a person paused it"
            )

        await self._command(act)

    async def _do_resume(self) -> None:
        await self._command(self._resume)

    async def _resume(self, _process: SimulatedProcess) -> None:
        await connections.resume(await connections.get(await stores.get(), CONNECTION))

    async def _do_edit_settings(self, pick: int, at_once: int) -> None:  # noqa: ARG002 - every action is given both
        """Settings that change what would be prepared now."""

        async def act(process: SimulatedProcess) -> None:
            row = await connections.get(await stores.get(), CONNECTION)
            await connections.edit(process.hub, row, {"approve": "false" if pick % 2 else "true"})

        await self._at_once(1, act)

    async def _poll_seldom(self, process: SimulatedProcess) -> None:
        """Something waits for hours: polls every few minutes would only take our time."""
        row = await connections.get(await stores.get(), CONNECTION)
        await connections.edit(process.hub, row, {"poll_interval_s": "14400"})

    async def _do_switch_method(self, pick: int, at_once: int) -> None:  # noqa: ARG002 - every action is given both
        async def act(process: SimulatedProcess) -> None:
            store = await stores.get()
            method = await methods.get(store, "Send it yourself")
            if pick % 2:
                await methods.do_not_update(method)
            else:
                await methods.point_at(method, await connections.get(store, CONNECTION), None)

        await self._at_once(1, act)

    async def _do_poll(self, pick: int, at_once: int) -> None:  # noqa: ARG002 - every action is given both
        async def act(process: SimulatedProcess) -> None:
            session: Any = Session(process, self.erp)
            await poll_now(process.hub, session, origin().connection_id, owner=f"{process.name}")

        await self._at_once(at_once, act)

    async def _do_retry(self, pick: int, at_once: int) -> None:
        await self._hand_back(pick, at_once, is_anew=False)

    async def _do_retry_anew(self, pick: int, at_once: int) -> None:
        await self._hand_back(pick, at_once, is_anew=True)

    async def _hand_back(self, pick: int, at_once: int, *, is_anew: bool) -> None:
        async def act(process: SimulatedProcess) -> None:
            row = await self._pick(pick, Status.ATTENTION, Status.SKIPPED)
            if row is None:
                return
            if is_anew:
                self.written_anew.add(row.rma.rma_id)
            text = await deliveries.retry(process.hub.clock, row, prepare_anew=is_anew)
            self.tell(f"{process.name}: retry of RMA {row.rma.rma_id}: {text}")

        if self._some(Status.ATTENTION, Status.SKIPPED):
            await self._at_once(at_once, act)

    async def _do_edit(self, pick: int, at_once: int) -> None:
        """A person writes the request by hand, under another name."""

        async def act(process: SimulatedProcess) -> None:
            row = await self._pick(pick, Status.ATTENTION, Status.SKIPPED)
            if row is None or row.request is None:
                return
            request = json.loads(row.request, parse_float=Decimal)
            request["reference"] = f"{request['reference'][:20]}-{pick}"
            self.written_anew.add(row.rma.rma_id)
            text = await deliveries.edit(process.hub, row, write_json(request))
            self.tell(f"{process.name}: edit of RMA {row.rma.rma_id}: {text}")

        if self._some(Status.ATTENTION, Status.SKIPPED):
            await self._at_once(at_once, act)

    async def _do_resolve(self, pick: int, at_once: int) -> None:
        async def act(process: SimulatedProcess) -> None:
            row = await self._pick(pick, Status.ATTENTION, Status.IN_DOUBT)
            if row is None:
                return
            mine = self.made.get(row.rma.rma_id, [])
            document = str(mine[0]) if mine and pick % 2 else None
            text = await deliveries.resolve(process.hub.clock, row, "simulated", document)
            self.closed_by_person.add(row.rma.rma_id)
            self.tell(f"{process.name}: resolve of RMA {row.rma.rma_id}: {text}")

        if self._some(Status.ATTENTION, Status.IN_DOUBT):
            await self._at_once(at_once, act)

    def _some(self, *statuses: Status) -> bool:
        """Whether there is any of these; without one a person would not type the command."""
        held = {row["status"] for row in self.peek.execute("SELECT DISTINCT status FROM delivery")}
        return not held.isdisjoint(statuses)

    async def _pick(self, pick: int, *statuses: Status) -> Delivery | None:
        rows = await Delivery.filter(status__in=statuses).select_related("rma").order_by("created_at", "id")
        return rows[pick % len(rows)] if rows else None

    async def _at_once(
        self, times: int, act: Callable[[SimulatedProcess], Coroutine[Any, Any, None]]
    ) -> None:
        await asyncio.gather(*(self._command(act) for _ in range(times)))

    async def _retry_all(self) -> None:
        """A person hands everything back that can be, twice at one moment."""
        for pick in range(len(self.schedule.stories)):
            await self._hand_back(pick, 2, is_anew=False)

    def _make_file(self) -> Path:
        home = folder() / f"hub-sim-{os.getpid()}-{next(_numbers)}"
        home.mkdir()
        file = home / "hub.db"
        file.write_bytes(origin().image)
        write_mark(mark_of(file), epoch="", attempt=0)
        raw = sqlite3.connect(file)
        settings = json.loads(raw.execute("SELECT settings FROM connection").fetchone()[0])
        settings |= {"doubt_looks": self.schedule.looks, **self.schedule.settings}
        raw.execute("UPDATE connection SET settings = ?", (json.dumps(settings),))
        raw.commit()
        raw.close()
        return file


class Doorbell(Engine):
    """The hub's engine, but for how it waits: until something is due, instead of looking every second.

    A simulated hour would be 3,600 looks.
    """

    def __init__(self, world: World, process: SimulatedProcess, http: Any, *, is_alone: bool) -> None:
        super().__init__(process.hub, http)
        self.process = process
        self._world = world
        self._is_alone = is_alone

    async def run(self) -> None:
        if self._is_alone:
            # As the real engine does once it holds its lock.
            await release_of(OWNER)
            await epochs.check(self._hub.clock, self._hub.environment.database_file)
        while True:
            self._ring.clear()
            await self._start_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ring.wait(), self._wait_s())

    def _wait_s(self) -> float:
        """As long as nothing falls due, at least as long as the real engine waits."""
        if self._running:
            return IDLE_S
        due = self._world.peek.execute(_DUE).fetchone()[0]
        if due is None:
            return IDLE_S if self._is_alone else OTHERS_S
        now = self._hub.clock.now()
        moments = [datetime.fromisoformat(due), *self._not_before.values()]
        longest = IDLE_S if self._is_alone else OTHERS_S
        return min(max((max(moments) - now).total_seconds(), LOOK_S), longest)


_DUE = """
SELECT min(due) FROM (
  SELECT next_poll_at AS due FROM connection WHERE NOT is_paused AND removed_at IS NULL
  UNION ALL
  SELECT CASE d.status WHEN 'sending' THEN '2000-01-01 00:00:00+00:00' ELSE d.next_attempt_at END
  FROM delivery d JOIN connection c ON c.id = d.connection_id
  WHERE NOT c.is_paused AND c.removed_at IS NULL AND d.status IN ('pending', 'in_doubt', 'sending')
)
"""


def _only_told(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    """Keeps what the hub logs, for the oracle."""
    process = PROCESS.get()
    if isinstance(process, SimulatedProcess) and not process.is_dead:
        world = process.world
        text = f"{event['event']}: {event.get('error', event.get('reason', ''))}"
        world.tell(f"{process.name} logs {text}")
        if event["event"] in {"work on a connection broke off", "connector bug"}:
            why = "".join(traceback.format_exception(*sys.exc_info())[-6:]) if sys.exc_info()[0] else ""
            if "locked" not in why:
                world.problems.append(f"the hub has a bug: {text} {why}{event.get('traceback', '')}")
    raise structlog.DropEvent


from contextvars import Context  # noqa: E402

_WORLD = Context()


def live(schedule: Schedule) -> Verdict:
    """Runs one schedule in a world of its own."""
    before = structlog.get_config()
    structlog.configure(processors=[_only_told], cache_logger_on_first_use=False)
    try:
        return World(schedule).run()
    finally:
        structlog.configure(**before)
