"""The misbehaviours that can be ordered, and which call each one hits. Pure: the dice are an argument."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.cin7_omni.sandbox.books import RESOURCES
from connectors.cin7_omni.sandbox.front import ACTIONS
from hub.errors import ConfigError
from hub.sandbox import STANDARD_FAULTS

if TYPE_CHECKING:
    from random import Random

    from hub.sandbox import Fault

FAULTS = STANDARD_FAULTS
"""It plays every one of them."""
DEFAULT_SECONDS = {"refuse": 2.0, "apply_late_after_drop": 2.0, "slow": 2.0, "too_many_requests": 1.0}
"""What `seconds` means where the order does not say; other faults take no time."""

SWITCH = "allow_duplicate_references"
"""Changes a rule rather than an answer, so it can hold on the very call that another fault hits."""

_WRITES = frozenset(method for method in ACTIONS if method != "GET")
_DROPS = frozenset({"drop_before_write", "drop_after_write"})
_WRITES_ONLY = frozenset(
    {"apply_partly_then_drop", "apply_late_after_drop", SWITCH, "wrong_order", "missing_result"}
)


def check_fault(fault: Fault) -> None:
    """Refuses an order that could never hit anything.

    Raises:
        ConfigError: an unknown name, or an ``on`` that is no method and no resource, or that never writes.
    """
    if fault.name not in FAULTS:
        raise ConfigError(f"there is no fault {fault.name}", fix=f"use one of {', '.join(FAULTS)}")
    if fault.name == "refuse" and (fault.times != 1 or fault.on is not None or fault.chance < 1):
        raise ConfigError(
            "refuse takes only seconds",
            why="a closed socket sees no calls to choose from",
            fix="leave the rest",
        )
    if fault.on is None:
        return
    writable = [each.name for each in RESOURCES.values() if each.actions & {"create", "update"}]
    known = [*_WRITES, *writable] if fault.name in _WRITES_ONLY else [*ACTIONS, *RESOURCES]
    if fault.on.casefold() not in {name.casefold() for name in known}:
        raise ConfigError(
            f"{fault.name} cannot be limited to {fault.on}", fix=f"use {', '.join(sorted(known))}"
        )


class FaultBox:
    """The orders that still stand, oldest first.

    Args:
        dice: draws each ``chance``.
    """

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._orders: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Adds a checked order."""
        self._orders.append(fault)

    def clear(self) -> None:
        """Forgets every order."""
        self._orders.clear()

    def draw(self, method: str, resource: str) -> Fault | None:
        """The oldest order that hits this call, counted as used; None when the call goes well."""
        return self._draw(method, resource, is_switch=False)

    def draw_switch(self, method: str, resource: str) -> bool:
        """Tells whether a duplicate reference is let through on this call."""
        return self._draw(method, resource, is_switch=True) is not None

    def _draw(self, method: str, resource: str, *, is_switch: bool) -> Fault | None:
        for position, fault in enumerate(self._orders):
            if (fault.name == SWITCH) != is_switch or not _concerns(fault, method, resource):
                continue
            if fault.chance < 1 and self._dice.random() >= fault.chance:
                continue
            if fault.times is not None:
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self._orders[position : position + 1] = left
            return fault
        return None


def _concerns(fault: Fault, method: str, resource: str) -> bool:
    on = fault.on.casefold() if fault.on is not None else None
    if on is not None and on not in {method.casefold(), resource.casefold()}:
        return False
    # A drop is about writes, unless reads are what was asked for.
    is_about_writes = fault.name in _WRITES_ONLY or (fault.name in _DROPS and on != "get")
    return not is_about_writes or method in _WRITES
