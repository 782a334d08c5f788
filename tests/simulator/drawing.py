"""Draws a schedule from a seed. Pure: the same seed gives the same schedule, for ever and everywhere."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from hub.mapping.exact_json import write_json
from hub.sandbox import Fault
from tests.simulator.drawing_platform import with_platform
from tests.simulator.schedule import CREDITED, PAST, Action, Focus, Life, Schedule, Story, Version
from tests.simulator.store import BASE, UNBOUND
from tests.support.documents import rma, unit

QUICK_LOOKS = ("1,3,8", "2,10")
LOOKS = (*QUICK_LOOKS, "5,60,300", "0,30")
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
CLAIM_READ = 'UPDATE "connection" SET "claim_expires_at"'
"""What a worker does last before it writes to the ERP."""
JUMPS_S = (-3_600, -90, -20, 20, 90, 3_600)


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    return with_platform(_Drawing(seed).schedule())


class _Drawing:
    """Draws in one order, for ever the same: a change here changes every seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(f"schedule {seed}")  # noqa: S311 - repeatable, not secret
        self.actions: list[Action] = []
        self.focus = self.dice.choice((*(Focus.MIXED,) * 4, *Focus))
        horizon = self.dice.choice((5.0, 30.0, 120.0, 400.0))
        self.horizon = {Focus.GOODS: 500.0, Focus.DOUBT: 400.0}.get(self.focus, horizon)

    def schedule(self) -> Schedule:
        dice, focus = self.dice, self.focus
        workers = 2 if focus is Focus.WORKERS or self._often(0.05) else 1
        looks = dice.choice(QUICK_LOOKS if focus is Focus.WORKERS else LOOKS)
        self.last_look = float(looks.rpartition(",")[2])
        self.allows_duplicates = focus is Focus.WORKERS or self._often(0.8 if focus is Focus.PEOPLE else 0.5)
        few: dict[Focus, tuple[int, ...]] = {Focus.WORKERS: (3, 4, 5), Focus.GOODS: (1, 1, 2)}
        count = dice.choice(few.get(focus, (1, 1, 1, 2, 2, 3, 5)))
        stories = tuple(self._story(number) for number in range(count))
        lives: tuple[Life, ...] = ()
        if self._often(0.92):
            lives = self._lives()
            self._faults()
            self._machine(workers)
        self._people()
        self._warehouse()
        return Schedule(
            seed=self.seed,
            focus=focus,
            looks=looks,
            settings=self._settings(),
            allows_duplicates=self.allows_duplicates,
            workers=workers,
            lives=lives,
            command_deaths=0.5 if focus is Focus.GOODS else 0.1,
            stories=stories,
            actions=tuple(sorted(self.actions, key=lambda action: action.at)),
            ends_at=max([self.horizon, *(action.at for action in self.actions)]),
            receives_all=self._often(0.2 if focus is Focus.GOODS else 0.5),
            retries_all=self._often(0.5),
        )

    def _settings(self) -> dict[str, Any]:
        # Looking up takes a while between reading a row and writing it.
        looks_up = self._often(0.6 if self.focus is Focus.CHANGES else 0.15)
        interval = 60 if self.focus is Focus.GOODS else self.dice.choice((120, 300, 300, 900))
        return {
            "poll_interval_s": interval,
            "look_up_orders": "if_found" if looks_up else "off",
            "check_double_credit": looks_up,
        }

    def _lives(self) -> tuple[Life, ...]:
        most = {Focus.CRASHES: 8, Focus.GOODS: 5}.get(self.focus, 2)
        return tuple(self._life() for _ in range(self.dice.randrange(most + 1)))

    def _life(self) -> Life:
        """A crash mostly falls among the first few hundred effects, or beside a call: there the work is."""
        dice = self.dice
        if self.focus is Focus.GOODS and self._often(0.7):
            return Life(dice.randrange(4, 20), since="GET")
        if self.focus is Focus.CRASHES and self._often(0.5):
            return Life(dice.randrange(18), since=dice.choice(("POST", "ANSWER", "ANSWER")))
        return Life(dice.randrange(1, dice.choice((40, 120, 300))))

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
        histories = [each for each in _HISTORIES if len(each) > 1 or self.focus is not Focus.CHANGES]
        states = dice.choice(histories)
        versions = []
        for index, state in enumerate(states):
            if state == "changed":
                units, state = [*units, ("SKU-002", method, "11.00")], CREDITED  # noqa: PLW2901 - it is that
            versions.append(_version(rma_id, order_name, index, state, units))
        self._arrivals(number, len(versions))
        return Story(rma_id=rma_id, order_name=order_name, versions=tuple(versions))

    def _arrivals(self, story: int, count: int) -> None:
        dice = self.dice
        first = dice.random() * self.horizon / 2
        if self.focus is Focus.WORKERS:
            first = dice.random() * 2
        elif self._often(0.7):
            first = 0.0
        # One upon the other's heels, or some time apart.
        close = (0.3, 0.3, 0.3, 1.5) if self.focus is Focus.CHANGES else ()
        span = dice.choice((*close, 0.3, 0.3, 3.0, self.horizon * 0.1, self.horizon * 0.8))
        times = sorted(first + dice.random() * span for _ in range(count))
        if self._often(0.2):
            dice.shuffle(times)
        for version, at in enumerate(times):
            for repeat in range(1 if self._often(0.75) else dice.randrange(2, 4)):
                late = 0.0 if repeat == 0 else dice.choice((0.0, 0.01, dice.random() * self.horizon))
                via = "command" if self._often(0.15) else "serve"
                self._do("event", at + late, story=story, version=version, via=via)

    # --- what goes wrong -----------------------------------------------------------------------------

    def _faults(self) -> None:
        dice = self.dice
        is_about_doubt = self.focus in {Focus.DOUBT, Focus.PEOPLE}
        if self.focus is Focus.DOUBT and not self.allows_duplicates and self._often(0.6):
            # Applied while the second try is put off: the third meets what the first made.
            late = self.last_look + dice.random() * 10
            self._do("fault", 0.0, fault=Fault(name="apply_late_after_drop", on="POST", seconds=late))
            self._do("fault", 0.0, fault=Fault(name="unavailable", times=dice.choice((2, 4)), on="POST"))
        if self.focus is Focus.DOUBT and self._often(0.4):
            # Between two tries the merchant changes what would be prepared now.
            self._do("fault", 0.0, fault=Fault(name="drop_before_write", times=2, on="POST"))
            self._do("edit_settings", 0.5 + dice.random() * self.last_look, pick=1, at_once=1)
        for _ in range(dice.choice((1, 2, 3, 5) if is_about_doubt else (0, 1, 1, 2))):
            self._fault(dice.choice(WRITE_FAULTS if is_about_doubt or self._often(0.7) else READ_FAULTS))
        if self.focus is Focus.PEOPLE:
            self._fault("apply_late_after_drop", at=0.0)
        if self._often(0.08):
            self._do("fault", fault=Fault(name=dice.choice(AUTH_FAULTS), times=dice.choice((1, 3))))
        if self._often(0.12):
            start = self._early()
            self._do("erp_down", start)
            self._do("erp_up", start + dice.choice((3.0, 40.0, 300.0)))
        if self._often(0.1):
            self._do("quota_cut", self._early(), calls=dice.choice((1, 2, 4)), per_s=dice.choice((5, 30, 60)))
        if self._often(0.15):
            self._do("slow_line", self._early(), seconds=round(min(20.0, self.last_look * 0.4), 2))

    def _fault(self, name: str, at: float | None = None) -> None:
        dice = self.dice
        on = "POST" if name in WRITE_FAULTS else dice.choice((None, "GET", "POST"))
        seconds = None
        if name == "apply_late_after_drop":
            # After the last look nothing but the ERP's own uniqueness can keep a second note away.
            latest = 0.6 if self.allows_duplicates else 3.0
            seconds = round(dice.random() * self.last_look * latest, 2)
        elif name == "too_many_requests":
            seconds = float(dice.choice((1, 10, 90, 4_000)))
        elif name in {"slow", "hang"}:
            seconds = float(dice.choice((1, 20, 59, 62)))
        times, chance = dice.choice((1, 1, 2, 4)), dice.choice((1.0, 1.0, 0.5))
        fault = Fault(name=name, times=times, on=on, chance=chance, seconds=seconds)
        self._do("fault", self._early() if at is None else at, fault=fault)

    def _early(self) -> float:
        """Mostly before the first call goes out."""
        return 0.0 if self._often(0.6) else self.dice.random() * self.horizon

    def _machine(self, workers: int) -> None:
        dice = self.dice
        # A clock set forward makes the looks come early, and then only the ERP's own uniqueness keeps a
        # second note away from one that applies late.
        for _ in range(dice.choice((1, 2)) if not self.allows_duplicates and self._often(0.35) else 0):
            self._do("jump", seconds=dice.choice(JUMPS_S))
        if workers > 1:
            # One stands still while it works, which is at the start; the other takes over; then it goes on.
            stalled, span = dice.choice((0, 0, 0, 1)), dice.choice((35, 60, 90))
            before = CLAIM_READ if self._often(0.6) else ""
            self._do("stall", 0.1 + dice.random() * 2, worker=stalled, seconds=span, before=before)
            if self._often(0.3):
                self._do(
                    "stall", dice.random() * 60, worker=dice.randrange(workers), seconds=dice.choice((5, 35))
                )
        elif self._often(0.3):
            self._do("stall", worker=0, seconds=dice.choice((5, 35, 50)))

    # --- what people do ------------------------------------------------------------------------------

    def _people(self) -> None:
        dice = self.dice
        is_about_them = self.focus is Focus.PEOPLE
        for kind, chance in (
            ("retry", 0.6 if is_about_them else 0.3),
            ("retry_anew", 0.12),
            ("edit", 0.3 if is_about_them else 0.1),
            ("resolve", 0.6 if is_about_them else 0.1),
            ("poll", 0.8 if self.focus is Focus.GOODS else 0.2),
            ("edit_settings", 0.25),
            ("switch_method", 0.06),
            ("void", 0.3 if is_about_them else 0.06),
            ("foreign", 0.4 if is_about_them else 0.1),
        ):
            while self._often(chance):
                more = {"pick": dice.randrange(6), "at_once": 2 if self._often(0.3) else 1}
                is_early = kind in {"foreign", "resolve", "void"} and self._often(0.6)
                self._do(kind, dice.random() * 4 if is_early else None, **more)
        if self._often(0.15):
            start = self._early()
            self._do("pause", start)
            self._do("resume", start + dice.random() * self.horizon)

    def _warehouse(self) -> None:
        dice = self.dice
        while self._often(0.75 if self.focus is Focus.GOODS else 0.5):
            self._do(
                "receive",
                pick=dice.randrange(6),
                share=dice.choice((0, 1, 1, 2, 99)),
                is_complete=self._often(0.5),
            )


_HISTORIES: tuple[tuple[str, ...], ...] = (
    *((CREDITED,),) * 9,
    ("Pending", CREDITED),
    (CREDITED, CREDITED),
    (CREDITED, "changed"),
    (CREDITED, "Canceled"),
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


def _version(
    rma_id: str, order_name: str, index: int, status: str, units: list[tuple[str, str, str]]
) -> Version:
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
