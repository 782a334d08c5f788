"""A plugin of pytest: checks that take minutes run when they are asked for, and are counted when not.

A test marked ``chaos`` runs with ``make chaos``, one marked ``prove`` with ``make prove``. One marked
``chaos(has_short_form=True)`` runs with all others too, and asks :func:`is_asked_for` how long to be.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest

TARGETS = ("prove", "chaos")
"""Marks; a target of the Makefile for each, which sets the variable of that name in capitals."""


def is_asked_for(target: str) -> bool:
    """Whether the target of that name started this run."""
    return target.upper() in os.environ


def target_of(item: pytest.Item) -> str | None:
    """The target without which a test does not run; None when it always does."""
    for target in TARGETS:
        mark = item.get_closest_marker(target)
        if mark is not None and not mark.kwargs.get("has_short_form"):
            return target
    return None


class Slower:
    """Leaves slower checks out of a run that does not ask for them, and says how many there are."""

    def __init__(self) -> None:
        self._left_out: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Takes them out."""
        targets = [(item, target_of(item)) for item in items]
        left_out = [(item, target) for item, target in targets if target and not is_asked_for(target)]
        if left_out:
            self._left_out.update(target for _, target in left_out)
            items[:] = [item for item, target in targets if not target or is_asked_for(target)]
            config.hook.pytest_deselected(items=[item for item, _ in left_out])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tells the process that prints, where this is a worker of xdist."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["slower"] = dict(self._left_out)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Learns it from a worker; each has collected all tests, so that each tells the same."""
        self._left_out |= Counter(getattr(node, "workeroutput", {}).get("slower", {}))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says it in one line."""
        if self._left_out:
            named = ", ".join(f"make {target}" for target in TARGETS if self._left_out[target])
            terminalreporter.write_line(f"{self._left_out.total()} slower checks: {named}")


def pytest_configure(config: pytest.Config) -> None:
    for target in TARGETS:
        config.addinivalue_line("markers", f"{target}(has_short_form): what `make {target}` runs")
    config.pluginmanager.register(Slower(), "slower")
