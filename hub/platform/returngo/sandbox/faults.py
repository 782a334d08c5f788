"""The misbehaviours that can be ordered of the stand-in, and which call or webhook each one hits. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.errors import ConfigError
from hub.sandbox import STANDARD_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from hub.sandbox import Fault

_SHARED = (
    "refuse",
    "drop_before_write",
    "drop_after_write",
    "server_error_html",
    "unavailable",
    "cut_off_body",
    "empty_200",
    "slow",
    "unauthorized",
    "forbidden",
    "too_many_requests",
)
WEBHOOK_FAULTS: Mapping[str, str] = {
    "lose_webhook": "Does not send a webhook.",
    "repeat_webhook": "Sends a webhook twice.",
    "late_webhook": "Sends a webhook only after `seconds`, so that later ones overtake it.",
}
FAULTS: Mapping[str, str] = {name: STANDARD_FAULTS[name] for name in _SHARED} | dict(WEBHOOK_FAULTS)
DEFAULT_SECONDS = {"refuse": 2.0, "slow": 2.0, "too_many_requests": 1.0, "late_webhook": 1.0}
RESOURCES = ("rmas", "rma", "shipment", "webhook")
_METHODS = ("GET", "POST", "PUT", "DELETE")


def check_fault(fault: Fault) -> None:
    """Refuses an order that could never hit anything.

    Raises:
        ConfigError: an unknown name, or an ``on`` that is no method and no resource.
    """
    if fault.name not in FAULTS:
        raise ConfigError(f"there is no fault {fault.name}", fix=f"use one of {', '.join(FAULTS)}")
    known = {each.casefold() for each in (*_METHODS, *RESOURCES)}
    if fault.on is not None and (
        fault.on.casefold() not in known or fault.name in {*WEBHOOK_FAULTS, "refuse"}
    ):
        raise ConfigError(
            f"{fault.name} cannot be limited to {fault.on}",
            fix=f"leave it out, or for calls use {', '.join((*_METHODS, *RESOURCES))}",
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

    def of_call(self, method: str, resource: str) -> Fault | None:
        """The oldest order that hits this call, counted as used; None when the call goes well."""
        places = {method.casefold(), resource.casefold()}
        return self._draw(
            lambda fault: (
                fault.name not in WEBHOOK_FAULTS
                and (fault.on is None or fault.on.casefold() in places)
                and (method != "GET" or fault.on is not None or not fault.name.startswith("drop_"))
            )
        )

    def of_webhook(self) -> Fault | None:
        """The oldest order that hits this webhook."""
        return self._draw(lambda fault: fault.name in WEBHOOK_FAULTS)

    def _draw(self, is_meant: Callable[[Fault], bool]) -> Fault | None:
        for position, fault in enumerate(self._orders):
            if not is_meant(fault) or (fault.chance < 1 and self._dice.random() >= fault.chance):
                continue
            if fault.times is not None:
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self._orders[position : position + 1] = left
            return fault
        return None
