"""Reads the order for a fault, from a command line or from JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigError
from hub.sandbox import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_EXAMPLE = "drop_after_write:times=2,on=POST,chance=0.1,seconds=3"


def parse_fault(text: str, known: Collection[str] | None = None) -> Fault:
    """Reads ``drop_after_write:times=2,on=POST,chance=0.1,seconds=3``; ``times=all`` never ends.

    Args:
        text: a name, and after a colon what to change of :class:`~hub.sandbox.Fault`'s defaults.
        known: the sandbox's ``faults``; None leaves the name to :meth:`~hub.sandbox.Sandbox.inject`.

    Raises:
        ConfigError: it cannot be read; says what is known.
    """
    name, _, rest = text.strip().partition(":")
    values: dict[str, Any] = {"name": name.strip()}
    for part in rest.split(",") if rest.strip() else []:
        key, equals, value = (each.strip() for each in part.partition("="))
        if not equals or key not in {"times", "on", "chance", "seconds"} or key in values:
            raise ConfigError(
                f"cannot read {part.strip()!r} in fault {text!r}", fix=f"write it like {_EXAMPLE}"
            )
        values[key] = None if (key, value) == ("times", "all") else value
    return read_fault(values, known)


def read_fault(values: Mapping[str, Any], known: Collection[str] | None = None) -> Fault:
    """Makes a fault from its fields, given as numbers or as text; what is absent has its default.

    Args:
        values: fields of :class:`~hub.sandbox.Fault`; ``times`` None is every call from now on.
        known: as for :func:`parse_fault`.

    Raises:
        ConfigError: an unknown name, or a value out of its range.
    """
    name = values.get("name")
    if not isinstance(name, str) or not name or (known is not None and name not in known):
        fix = f"use one of {', '.join(known)}" if known is not None else f"write it like {_EXAMPLE}"
        raise ConfigError(f"there is no fault {name!r}", fix=fix)
    times, on, seconds = values.get("times", 1), values.get("on"), values.get("seconds")
    if on is not None and (not isinstance(on, str) or not on):
        raise ConfigError(f"on is {on!r}", fix="name an HTTP method or a resource")
    return Fault(
        name=name,
        times=None if times is None else _read_times(times),
        on=on,
        chance=_read_number(values.get("chance", 1), "chance", "give a number from 0 to 1", most=1),
        seconds=None if seconds is None else _read_number(seconds, "seconds", "give 0 or more"),
    )


def _read_times(value: object) -> int:
    try:
        times = int(str(value))
    except ValueError:
        times = 0
    if times < 1:
        raise ConfigError(f"times is {value!r}", fix="give a whole number from 1, or all (null in JSON)")
    return times


def _read_number(value: object, name: str, fix: str, most: float = math.inf) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and 0 <= number <= most):
        raise ConfigError(f"{name} is {value!r}", fix=fix)
    return number
