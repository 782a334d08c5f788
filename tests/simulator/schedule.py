"""What a seed means: the returns, what the platform says of each, and everything that goes wrong, and when.

All of it is drawn before anything runs (:mod:`tests.simulator.drawing`), so that a failing seed can be read
as a list. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CREDITED, PAST = "Approved", "Received"
GONE = ("Canceled", "Rejected", "Pending")
"""States in which nothing is to be credited."""


class Focus(StrEnum):
    """What a seed has more of than others."""

    MIXED = "mixed"
    DOUBT = "doubt"
    WORKERS = "workers"
    CRASHES = "crashes"
    GOODS = "goods"
    PEOPLE = "people"
    CHANGES = "changes"


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


@dataclass(frozen=True)
class Life:
    """How long a process lives.

    Attributes:
        effects: how many it has before it is killed.
        since: counted from its first effect of this beginning on; empty for all of its life.
    """

    effects: int
    since: str = ""

    def __str__(self) -> str:
        return f"{self.effects} effects" + (f" since {self.since}" if self.since else "")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a world with a returns platform has besides.

    Attributes:
        settings: the platform connection's.
        old: places of stories whose first state, an approval, is older than the platform's cut-off.
        closes_flags: whether at the end people close what returns are flagged for.
    """

    settings: dict[str, Any]
    old: frozenset[int]
    closes_flags: bool


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Everything drawn from one seed.

    Attributes:
        focus: what there is more of than in other seeds.
        looks: the connection's ``doubt_looks``.
        settings: other settings of the connection.
        allows_duplicates: the ERP takes a second document under a reference.
        workers: engines at work on the one database, each a process of its own.
        lives: of each engine started, one after the other; those after them are not killed.
        command_deaths: share of commands that are killed.
        ends_at: when faults stop.
        receives_all: whether at the end all goods arrive.
        retries_all: whether at the end people hand back whatever can be.
        plan: of the platform on which the returns are; None when events come to the hub by themselves.
    """

    seed: int
    focus: Focus
    looks: str
    settings: dict[str, Any]
    allows_duplicates: bool
    workers: int
    lives: tuple[Life, ...]
    command_deaths: float
    stories: tuple[Story, ...]
    actions: tuple[Action, ...]
    ends_at: float
    receives_all: bool
    retries_all: bool
    plan: Plan | None = None

    @property
    def has_jumps(self) -> bool:
        return any(action.kind == "jump" for action in self.actions)

    @property
    def has_latecomers(self) -> bool:
        """Whether the ERP may apply a request after the hub has looked for the last time."""
        last_look = float(self.looks.rpartition(",")[2])
        faults = [action.args["fault"] for action in self.actions if action.kind == "fault"]
        return any(each.name == "apply_late_after_drop" and each.seconds >= last_look for each in faults)

    def __str__(self) -> str:
        lines = [
            f"focus={self.focus} looks={self.looks} workers={self.workers} lives={[*map(str, self.lives)]}",
            f"settings={self.settings} allows_duplicates={self.allows_duplicates}",
            f"receives_all={self.receives_all} retries_all={self.retries_all} plan={self.plan}",
        ]
        lines += [
            f"rma {story.rma_id} {story.order_name} {[version.status for version in story.versions]}"
            for story in self.stories
        ]
        return "\n".join([*lines, *map(str, self.actions)])
