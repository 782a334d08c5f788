"""Tests that run on SQLite and, most of them only when asked to, on PostgreSQL too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


def on_both(
    cases: Iterable[tuple[object, ...]], *, always: Collection[tuple[object, ...]] = ()
) -> Sequence[object]:
    """Each case on both, for a test whose first parameter is ``database_url``, given indirectly.

    Args:
        cases: the other parameters.
        always: those that run on PostgreSQL every time; the others do with `make chaos`: they take seconds.
    """
    given = list(cases)
    return [pytest.param("sqlite", *case) for case in given] + [
        pytest.param("postgres", *case, marks=() if case in always else pytest.mark.chaos) for case in given
    ]
