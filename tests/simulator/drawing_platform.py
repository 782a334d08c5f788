"""Draws what a world with a returns platform has besides: the same seed gives the same, for ever. Pure.

With dice of its own, so that worlds without one stay what they are.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.sandbox import Fault
from tests.simulator.schedule import CREDITED, GONE, Action, Focus, Life, Plan, Story, Version

if TYPE_CHECKING:
    from tests.simulator.schedule import Schedule

SHARE = 1 / 3
"""Of the seeds that have one."""
FAULTS = (
    *("drop_before_write", "drop_after_write", "drop_after_write", "cut_off_body", "empty_200", "slow"),
    *("server_error_html", "unavailable", "too_many_requests"),
)
HINT_FAULTS = ("lose_webhook", "lose_webhook", "repeat_webhook", "late_webhook")
AUTH_FAULTS = ("unauthorized", "forbidden")
SUBSCRIBER_FAULTS = ("500", "503", "429", "drop_before", "drop_after", "drop_after", "slow", "302")
SHIPMENTS = ("LabelCreated", "LabelCreated", "Shipped", "Received", "Canceled", "Lost")
MOVES = ("Shipped", "Received", "Received", "Validated")


def with_platform(schedule: Schedule) -> Schedule:
    """The schedule, with its returns on a platform when its seed is one of those."""
    dice = random.Random(f"platform {schedule.seed}")  # noqa: S311 - repeatable, not secret
    return _Drawing(schedule, dice).schedule() if dice.random() < SHARE else schedule


class _Drawing:
    def __init__(self, schedule: Schedule, dice: random.Random) -> None:
        self.plain = schedule
        self.dice = dice
        self.actions = [action for action in schedule.actions if action.kind != "event"]

    def schedule(self) -> Schedule:
        plain, dice = self.plain, self.dice
        stories = tuple(self._story(story) for story in plain.stories)
        old = frozenset(
            place for place, each in enumerate(stories) if self._often(0.12) and _is_approved_once(each)
        )
        for place in range(len(stories)):
            self._changes(place, is_old=place in old)
        is_calm = plain.focus is not Focus.MIXED and self._often(0.5)
        if not is_calm:
            self._faults()
        self._people()
        settings = {
            "poll_interval_s": dice.choice((300, 300, 900, 900)),
            "overlap_s": dice.choice((0, 60, 300)),
            "list_rows": "full" if self._often(0.05) else "summary",
        }
        lives = (*self._lives(), *plain.lives) if self._often(0.5) else plain.lives
        stories = tuple(
            story if place in old else self._cancelled(place, story) for place, story in enumerate(stories)
        )
        while self._often(0.5):
            self._do("close_flag", pick=dice.randrange(6))
        return replace(
            plain,
            stories=stories,
            lives=lives,
            actions=tuple(sorted(self.actions, key=lambda action: action.at)),
            plan=Plan(settings=settings, old=old, closes_flags=self._often(0.5)),
        )

    def _often(self, chance: float) -> bool:
        return self.dice.random() < chance

    def _do(self, kind: str, at: float | None = None, **args: Any) -> None:
        moment = self.dice.random() * self.plain.ends_at if at is None else at
        self.actions.append(Action(at=moment, kind=kind, args=args))

    def _early(self) -> float:
        return 0.0 if self._often(0.6) else self.dice.random() * self.plain.ends_at

    # --- returns ---------------------------------------------------------------------------------------

    def _story(self, story: Story) -> Story:
        """The same, with shipments that its items are in."""
        names = [f"SH{story.rma_id}-{number}" for number in range(1 if self._often(0.7) else 2)]
        shipments = [
            {"shipmentId": each, "status": self.dice.choice(SHIPMENTS), "isOutbound": 0} for each in names
        ]
        versions: list[Version] = []
        where: dict[str, str] = {}
        for version in story.versions:
            document = json.loads(version.body)
            for item in document["items"]:
                place = where.setdefault(item["returnedItemId"], self.dice.choice(names))
                item["shipmentId"] = place
            document |= {"shipments": shipments, "comments": []}
            versions.append(replace(version, body=json.dumps(document).encode()))
        return replace(story, versions=tuple(versions))

    def _changes(self, story: int, *, is_old: bool) -> None:
        """Each version comes about once, at the time of its event, and in order."""
        first: dict[int, float] = {}
        for action in self.plain.actions:
            if action.kind == "event" and action.args["story"] == story:
                first.setdefault(action.args["version"], action.at)
        for version, at in enumerate(sorted(first.values())):
            if version or not is_old:
                self._do("change", at, story=story, version=version)

    def _cancelled(self, place: int, story: Story) -> Story:
        """Now and then the same, cancelled once more at some later moment, with its goods on their way."""
        last = story.versions[-1]
        if last.status != CREDITED or not self._often(0.3):
            return story
        changes = [each.at for each in self.actions if each.kind == "change" and each.args["story"] == place]
        begun = max(changes)
        at = begun + self.dice.random() * (self.plain.ends_at - begun)
        document = json.loads(last.body)
        document["rmaSummary"]["status"] = GONE[0]
        number = len(story.versions)
        cancelled = replace(
            last,
            status=GONE[0],
            event_id=f"{story.rma_id}-{number}",
            body=json.dumps(document).encode(),
        )
        self._do("change", at, story=place, version=number)
        return replace(story, versions=(*story.versions, cancelled))

    # --- what goes wrong -------------------------------------------------------------------------------

    def _faults(self) -> None:
        dice = self.dice
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            self._fault(dice.choice(FAULTS))
        for _ in range(dice.choice((0, 0, 1, 2))):
            seconds = dice.random() * self.plain.ends_at
            self._do(
                "platform_fault",
                self._early(),
                fault=Fault(name=dice.choice(HINT_FAULTS), times=1, seconds=seconds),
            )
        if self._often(0.3):
            # Without any webhook.
            self._do("platform_fault", 0.0, fault=Fault(name="lose_webhook", times=None))
        if self._often(0.06):
            self._fault(dice.choice(AUTH_FAULTS))
        if self._often(0.1):
            self._do("platform_quota", self._early(), calls=dice.choice((1, 3)), per_s=dice.choice((5, 60)))
        if self._often(0.1):
            self._do("platform_down", self._early(), seconds=dice.choice((3.0, 40.0)))
        while self._often(0.5):
            name = dice.choice(SUBSCRIBER_FAULTS)
            self._do("subscriber_fault", self._early(), name=name, times=dice.choice((1, 1, 2)))
        if self._often(0.05):
            self._do("subscriber_fault", name="410", times=1)
        if self._often(0.1):
            self._do("subscriber_down", self._early(), seconds=dice.choice((3.0, 40.0)))

    def _fault(self, name: str) -> None:
        dice = self.dice
        is_write = name.startswith("drop_") or self._often(0.5)
        on = dice.choice(("POST", "POST", "PUT")) if is_write else dice.choice((None, "rmas", "rma"))
        seconds = float(dice.choice((1, 20, 62))) if name in {"slow", "too_many_requests"} else None
        fault = Fault(name=name, times=dice.choice((1, 1, 2)), on=on, seconds=seconds)
        self._do("platform_fault", self._early(), fault=fault)

    def _lives(self) -> tuple[Life, ...]:
        dice = self.dice
        if self._often(0.35):
            # Between a list and what is remembered of it, in one poll after the other.
            return tuple(Life(dice.randrange(3, 16), since="GET /rmas") for _ in range(4))
        near = ("GET /rma", "POST /rma", "PUT", "POST /hooks", "GET /rmas")
        return tuple(
            Life(dice.randrange(14), since=dice.choice(near)) for _ in range(dice.choice((1, 1, 2, 3)))
        )

    # --- people ----------------------------------------------------------------------------------------

    def _people(self) -> None:
        dice = self.dice
        while self._often(0.3):
            self._do("ship", pick=dice.randrange(6), status=dice.choice(MOVES))
        is_about_polls = self.plain.focus in {Focus.GOODS, Focus.CRASHES}
        while self._often(0.6 if is_about_polls else 0.15):
            self._do("platform_poll")
        pending = [place for place, each in enumerate(self.plain.stories) if each.versions[0].status in GONE]
        if self._often(0.5 if pending else 0.1):
            # Of one that nobody approved yet, of any, or of one there is not.
            place = dice.choice(pending or [dice.randrange(len(self.plain.stories) + 1)])
            self._do("pretend", story=place, status=CREDITED)


def _is_approved_once(story: Story) -> bool:
    """Whether only its first state is an approval."""
    statuses = [version.status for version in story.versions]
    first, *later = statuses
    return first == CREDITED and all(
        status != CREDITED or before == CREDITED for before, status in zip(statuses, later, strict=False)
    )
