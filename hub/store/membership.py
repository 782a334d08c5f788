"""``field__in=[…]`` with a list of any length: it is bound as one value, not as one for each element.

A statement of PostgreSQL takes 32,767 values, one of SQLite 32,766 unless it was built otherwise (Debian's
takes 250,000). A list of rows grows past that without anybody noticing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pypika_tortoise.enums import Dialects
from pypika_tortoise.terms import ContainsCriterion, Tuple
from tortoise import filters

from hub.store.moment import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypika_tortoise.context import SqlContext
    from pypika_tortoise.terms import Criterion, Term

SHORT = 500
"""So many are bound one by one on SQLite, whose planner then knows their number."""


class Membership(ContainsCriterion):
    """That a term is one of the values, or none of them."""

    def __init__(self, term: Term, values: Sequence[Any]) -> None:
        super().__init__(term, Tuple(*values))
        self._values = values

    def get_sql(self, ctx: SqlContext) -> str:
        """The condition in the words of the statement's database.

        Which one that is shows only here: Tortoise has one table of filters for all databases of a process.
        """
        if ctx.parameterizer is None:
            return super().get_sql(ctx)
        if ctx.dialect is Dialects.POSTGRESQL:
            bound = ctx.parameterizer.create_param(list(self._values)).get_sql(ctx)
            return f"{self.term.get_sql(ctx)}{'<>ALL' if self._is_negated else '=ANY'}({bound})"
        if len(self._values) <= SHORT:
            return super().get_sql(ctx)
        bound = ctx.parameterizer.create_param(json.dumps(self._values, default=as_text)).get_sql(ctx)
        chosen = f"(SELECT value FROM json_each({bound}))"  # noqa: S608 - a placeholder
        return f"{self.term.get_sql(ctx)} {'NOT ' if self._is_negated else ''}IN {chosen}"


def _is_in(field: Term, value: Any) -> Criterion:
    return Membership(field, list(value)) if _is_list(value) else filters.is_in(field, value)


def _not_in(field: Term, value: Any) -> Criterion:
    if not _is_list(value):
        return filters.not_in(field, value)
    return Membership(field, list(value)).negate() | field.isnull()


def _is_list(value: Any) -> bool:
    return bool(value) and isinstance(value, list | tuple | set | frozenset)


FILTERS: dict[Callable[..., Any], Callable[..., Any]] = {filters.is_in: _is_in, filters.not_in: _not_in}
"""In place of Tortoise's own, for an executor's ``FILTER_FUNC_OVERRIDE``."""
