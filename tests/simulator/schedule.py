"""What a seed means: the returns, what the platform says of each, and everything that goes wrong, and when.

All of it is drawn before anything runs, so that a failing seed can be read as a list. Pure.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.hookspecs import Fault
from hub.mapping.exact_json import write_json
from tests.simulator.store import BASE, UNBOUND
from tests.support.documents import rma, unit

CREDITED, PAST = "Approved", "Received"
GONE = ("Canceled", "Rejected", "Pending")
LOOKS = ("1,3,8", "5,60,300", "0,30", "2,10")
READ_FAULTS = ("unavailable", "too_many_requests", "server_error_html", "cut_off_body", "empty_200", "slow")
WRITE_FAULTS = (
    "drop_before_write",
    "drop_after_write",
    "drop_after_write",
    "apply_partly_then_drop",
    "apply_late_after_drop",
    "apply_late_after_drop",
    "wrong_order",
    "missing_result",
    "hang",
)
AUTH_FAULTS = ("unauthorized", "forbidden")
JUMPS_S = (-3_600, -90, -20, 20, 90, 3_600)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One state of an RMA, as the platform sends it.

    Attributes:
        status: the platform's.
        event_id: of the event that brings it.
        body: the event as it comes in.
        credited: SKU → units that are to be credited when this state counts.
    """

    status: str
    event_id: str
    body: bytes
    credited: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Story:
    """One RMA: its states, oldest first."""

    rma_id: str
    order_name: str
    versions: tuple[Version, ...]


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that happens at a moment, in seconds from the start."""

    at: float
    kind: str
    args: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = " ".join(f"{name}={value}" for name, value in self.args.items())
        return f"{self.at:9.3f} {self.kind} {given}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Everything drawn from one seed.

    Attributes:
        looks: the connection's ``doubt_looks``.
        settings: other settings of the connection.
        allows_duplicates: the ERP takes a second document under a reference.
        workers: engines at work on the one database, each a process of its own.
        lives: for each start of an engine, how many effects it has before it is killed; then no more die.
        has_jumps: the clock does not run evenly.
    """

    seed: int
    looks: str
    settings: dict[str, Any]
    allows_duplicates: bool
    workers: int
    lives: tuple[int, ...]
    stories: tuple[Story, ...]
    actions: tuple[Action, ...]
    ends_at: float
    receives_all: bool
    retries_all: bool

    @property
    def has_jumps(self) -> bool:
        return any(action.kind == "jump" for action in self.actions)

    @property
    def last_look_s(self) -> float:
        return float(self.looks.rpartition(",")[2])

    def __str__(self) -> str:
        lines = [
            f"looks={self.looks} settings={self.settings} duplicates={self.allows_duplicates} "
            f"workers={self.workers} lives={self.lives} receives_all={self.receives_all} "
            f"retries_all={self.retries_all}"
        ]
        lines += [
            f"rma {story.rma_id} {story.order_name} {[version.status for version in story.versions]}"
            for story in self.stories
        ]
        return "\n".join([*lines, *map(str, self.actions)])


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    return _Drawing(seed).schedule()


class _Drawing:
    """Draws in one order, for ever the same: a change here changes every seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(f"schedule {seed}")  # noqa: S311 - repeatable, not secret
        self.actions: list[Action] = []
        self.horizon = self.dice.choice((5.0, 30.0, 120.0, 400.0))

    def schedule(self) -> Schedule:
        dice = self.dice
        looks = dice.choice(LOOKS)
        last_look = float(looks.rpartition(",")[2])
        workers = 2 if dice.random() < 0.2 else 1
        stories = tuple(self._story(number) for number in range(dice.choice((1, 1, 1, 2, 2, 3, 4, 6))))
        settings: dict[str, Any] = {"poll_interval_s": dice.choice((120, 300, 300, 900))}
        looks_up = dice.random() < 0.15
        settings |= {
            "look_up_orders": "if_found" if looks_up else "off",
            "check_double_credit": looks_up,
        }
        is_calm = dice.random() < 0.08
        lives: tuple[int, ...] = ()
        if not is_calm:
            # A crash mostly falls among the first few hundred effects: that is where the work is.
            lives = tuple(dice.randrange(1, dice.choice((40, 120, 300))) for _ in range(dice.choice((0, 1, 1, 2, 4))))
            self._faults(last_look)
            self._machine(workers)
        self._people()
        self._warehouse()
        actions = tuple(sorted(self.actions, key=lambda action: action.at))
        return Schedule(
            seed=self.seed,
            looks=looks,
            settings=settings,
            allows_duplicates=dice.random() < 0.5,
            workers=workers,
            lives=lives,
            stories=stories,
            actions=actions,
            ends_at=max([self.horizon, *(action.at for action in actions)]),
            receives_all=dice.random() < 0.6,
            retries_all=dice.random() < 0.5,
        )

    def _do(self, kind: str, at: float | None = None, **args: Any) -> None:
        moment = self.dice.random() * self.horizon if at is None else at
        self.actions.append(Action(at=moment, kind=kind, args=args))

    def _often(self, chance: float) -> bool:
        return self.dice.random() < chance

    # --- what the platform sends ---------------------------------------------------------------------

    def _story(self, number: int) -> Story:
        dice = self.dice
        rma_id = str(900 + number)
        order_name = f"#{900 + (0 if self._often(0.3) else number)}"
        method = UNBOUND if self._often(0.06) else dice.choice(("UPS label", "UPS label", "Send it yourself"))
        units = [
            (dice.choice(("SKU-001", "SKU-001", "SKU-002")), method, dice.choice(("10.00", "10.00", "25.50")))
            for _ in range(dice.randrange(1, 4))
        ]
        if self._often(0.15):
            units.append(("SKU-003", "Keep it", "5.00"))
        states = dice.choice(_HISTORIES)
        versions = []
        for index, state in enumerate(states):
            if state == "changed":
                units, state = [*units, ("SKU-002", method, "11.00")], CREDITED  # noqa: PLW2901 - it is that
            versions.append(_version(rma_id, order_name, index, state, units))
        self._arrivals(number, len(versions))
        return Story(rma_id=rma_id, order_name=order_name, versions=tuple(versions))

    def _arrivals(self, story: int, count: int) -> None:
        dice = self.dice
        first = 0.0 if self._often(0.7) else dice.random() * self.horizon / 2
        times = sorted(first + dice.random() * self.horizon * (0.1 if self._often(0.6) else 0.8) for _ in range(count))
        if self._often(0.2):
            dice.shuffle(times)
        for version, at in enumerate(times):
            for repeat in range(1 if self._often(0.75) else dice.randrange(2, 4)):
                late = 0.0 if repeat == 0 else dice.choice((0.0, 0.01, dice.random() * self.horizon))
                via = "command" if self._often(0.15) else "serve"
                self._do("event", at + late, story=story, version=version, via=via)

    # --- what goes wrong -----------------------------------------------------------------------------

    def _faults(self, last_look: float) -> None:
        dice = self.dice
        for _ in range(dice.choice((0, 1, 1, 2, 3, 5))):
            name = dice.choice(WRITE_FAULTS if self._often(0.7) else READ_FAULTS)
            on = "POST" if name in WRITE_FAULTS else dice.choice((None, "GET", "POST"))
            seconds = None
            if name == "apply_late_after_drop":
                seconds = round(dice.random() * last_look * 0.6, 2)
            elif name == "too_many_requests":
                seconds = float(dice.choice((1, 10, 90, 4_000)))
            elif name in {"slow", "hang"}:
                # What the hub gives up waiting for after a minute must be applied before its last look.
                seconds = float(dice.choice((1, 20, 59, 62)))
            fault = Fault(name=name, times=dice.choice((1, 1, 2, 4)), on=on, chance=dice.choice((1.0, 1.0, 0.5)), seconds=seconds)
            self._do("fault", self._early(), fault=fault)
        if self._often(0.08):
            self._do("fault", fault=Fault(name=dice.choice(AUTH_FAULTS), times=dice.choice((1, 3))))
        if self._often(0.12):
            start = self._early()
            self._do("erp_down", start)
            self._do("erp_up", start + dice.choice((3.0, 40.0, 300.0)))
        if self._often(0.1):
            self._do("quota_cut", self._early(), calls=dice.choice((1, 2, 4)), per_s=dice.choice((5, 30, 60)))
        if self._often(0.15):
            self._do("slow_line", self._early(), seconds=round(min(20.0, last_look * 0.4), 2))

    def _early(self) -> float:
        """Mostly before the first call goes out."""
        return 0.0 if self._often(0.6) else self.dice.random() * self.horizon

    def _machine(self, workers: int) -> None:
        dice = self.dice
        if self._often(0.2):
            self._do("jump", seconds=dice.choice(JUMPS_S))
            if self._often(0.5):
                self._do("jump", seconds=dice.choice(JUMPS_S))
        for _ in range(dice.choice((0, 0, 1, 2)) + (2 if workers > 1 else 0)):
            if workers > 1:
                # A stall of one worker matters while it works, which is at the start.
                self._do("stall", dice.random() * 3, worker=dice.randrange(workers), seconds=dice.choice((5, 35, 50)))
            elif self._often(0.3):
                self._do("stall", worker=0, seconds=dice.choice((5, 35, 50)))

    # --- what people do ------------------------------------------------------------------------------

    def _people(self) -> None:
        dice = self.dice
        for kind, chance in (
            ("retry", 0.35),
            ("retry_anew", 0.12),
            ("resolve", 0.1),
            ("poll", 0.2),
            ("edit_settings", 0.25),
            ("switch_method", 0.06),
            ("void", 0.08),
            ("foreign", 0.1),
        ):
            while self._often(chance):
                extra: dict[str, Any] = {"pick": dice.randrange(6), "at_once": 2 if self._often(0.3) else 1}
                if kind == "foreign":
                    self._do(kind, dice.random() * 2 if self._often(0.7) else None, **extra)
                else:
                    self._do(kind, **extra)
        if self._often(0.15):
            start = self._early()
            self._do("pause", start)
            self._do("resume", start + dice.random() * self.horizon)

    def _warehouse(self) -> None:
        dice = self.dice
        while self._often(0.5):
            self._do(
                "receive",
                pick=dice.randrange(6),
                share=dice.choice((0, 1, 1, 2, 99)),
                is_complete=self._often(0.5),
            )


_HISTORIES: tuple[tuple[str, ...], ...] = (
    *((CREDITED,),) * 12,
    ("Pending", CREDITED),
    (CREDITED, CREDITED),
    (CREDITED, "changed"),
    (CREDITED, "Canceled"),
    (CREDITED, "Rejected"),
    (CREDITED, "Pending", CREDITED),
    (CREDITED, "Canceled", CREDITED),
    (CREDITED, "Canceled", "changed"),
    ("Canceled", CREDITED),
    (CREDITED, PAST),
    (PAST,),
    ("Pending",),
)


def _version(rma_id: str, order_name: str, index: int, status: str, units: list[tuple[str, str, str]]) -> Version:
    updated: datetime = BASE - timedelta(hours=1) + timedelta(minutes=index)
    items = [
        unit(int(rma_id) * 100 + position, sku=sku, method=method, amount=amount)
        for position, (sku, method, amount) in enumerate(units)
    ]
    document = rma(rma_id, *items, status=status, order_name=order_name, updated=updated.isoformat())
    credited: dict[str, int] = {}
    for sku, method, _ in units:
        if method not in {"Keep it", UNBOUND}:
            credited[sku] = credited.get(sku, 0) + 1
    return Version(
        status=status,
        event_id=f"{rma_id}-{index}",
        body=write_json(document).encode(),
        credited=credited,
    )
