"""What a rule of the conformance kit is, and what may come of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.testing.bench import Bench


class Ruling(StrEnum):
    """What came of one rule for one connector."""

    KEPT = "kept"
    BROKEN = "broken"
    EXEMPT = "exempt"
    """It does not apply, or could not be tried, and the reason is known. Never the same as kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One rule's result.

    Attributes:
        reason: how it was broken, or why it is exempt; for a kept one what was measured, mostly nothing.
    """

    rule: str
    ruling: Ruling
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One promise of the contract, and how it is tried.

    Attributes:
        why: the docstring of ``check``: the promise in its first line, then why it matters.
        check: tries it; gives what it measured, or None. Raises BrokenError or ExemptError.
    """

    name: str
    why: str
    check: Callable[[Bench], Awaitable[str | None]]

    @property
    def promise(self) -> str:
        """The promise in one sentence."""
        return self.why.split("\n\n")[0].replace("\n", " ")


class BrokenError(Exception):
    """The connector breaks the rule; the text says how."""


class ExemptError(Exception):
    """The rule does not apply, or the sandbox cannot play what it needs; the text says why."""


RULES: dict[str, Rule] = {}
"""By name, in the order in which they are tried; filled by :mod:`hub.testing.rules`."""


def rule(check: Callable[[Bench], Awaitable[str | None]]) -> Callable[[Bench], Awaitable[str | None]]:
    """Adds a function to the rules; its docstring says why it matters."""
    name = check.__name__
    RULES[name] = Rule(name=name, why=inspect.getdoc(check) or "", check=check)
    return check


def require(is_kept: object, how: str) -> None:
    """Raises BrokenError unless the first argument is true.

    Args:
        is_kept: what must hold.
        how: what the connector did instead, in one clause.
    """
    if not is_kept:
        raise BrokenError(how)
