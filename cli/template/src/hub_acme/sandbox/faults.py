"""The misbehaviours that were ordered and still stand, and which call each one hits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.errors import ConfigError
from hub.sandbox import STANDARD_FAULTS

if TYPE_CHECKING:
    from random import Random

    from hub.sandbox import Fault

SWITCH = "allow_duplicate_references"
"""Changes a rule rather than an answer, so it can hold on the very call that another fault hits."""

_WRITES_ONLY = {
    "drop_before_write",
    "drop_after_write",
    "apply_partly_then_drop",
    "apply_late_after_drop",
    SWITCH,
    "wrong_order",
    "missing_result",
}


class FaultBox:
    """Standing orders, oldest first; ``dice`` draws each ``chance``."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._orders: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Takes an order. Raises ConfigError for an unknown one."""
        if fault.name not in STANDARD_FAULTS:
            raise ConfigError(
                f"there is no fault {fault.name}", fix=f"use one of {', '.join(STANDARD_FAULTS)}"
            )
        self._orders.append(fault)

    def clear(self) -> None:
        """Forgets every order."""
        self._orders.clear()

    def draw(self, method: str) -> Fault | None:
        """The oldest order that hits this call, counted as used."""
        return self._draw(method, is_switch=False)

    def draw_switch(self, method: str) -> bool:
        """Whether a duplicate reference is let through on this call."""
        return self._draw(method, is_switch=True) is not None

    def _draw(self, method: str, *, is_switch: bool) -> Fault | None:
        for place, fault in enumerate(self._orders):
            if (fault.name == SWITCH) != is_switch or not _concerns(fault, method):
                continue
            if fault.chance < 1 and self._dice.random() >= fault.chance:
                continue
            if fault.times is not None:
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self._orders[place : place + 1] = left
            return fault
        return None


def _concerns(fault: Fault, method: str) -> bool:
    if fault.on is not None and fault.on.upper() not in {method, "MEMOS"}:
        return False
    is_about_writes = fault.name in _WRITES_ONLY and (fault.on or "").upper() != "GET"
    return method != "GET" or not is_about_writes
