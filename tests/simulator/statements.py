"""Statements written once: Tortoise writes each query anew, which took most of a seed's time.

The text of a query depends on its shape alone, that is on which fields are compared with how many values; the
values are parameters. So the text of a shape is kept and given the values of the next query of that shape.
What is not plain enough to be sure of is left to Tortoise, and so is a shape whose parameters, read here, are
not the ones that Tortoise writes.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tortoise.expressions import RawSQL, Subquery
from tortoise.fields import data
from tortoise.queryset import DeleteQuery, QuerySet, UpdateQuery, ValuesQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pypika_tortoise.context import SqlContext

KINDS = (QuerySet, ValuesQuery, UpdateQuery, DeleteQuery)
_WRITERS: dict[type, Callable[[Any], None]] = {kind: kind._make_query for kind in KINDS}  # noqa: SLF001
SHAPING = ("_fields_for_select", "_distinct", "_select_for_update", "_orderings", "_select_related")
UNUSUAL = ("_group_bys", "_force_indexes", "_use_indexes")
PLAIN = (str, int, float, Decimal, datetime)
"""Types of values that are parameters; a bool is an int, a member of our sets is a str."""
COMPARED = ("", "gte", "lte", "gt", "lt", "not")

_kept: dict[tuple[Any, ...], tuple[str, Any] | None] = {}
"""Shape → its text, and which columns are whose; None when it is Tortoise's to write."""


@contextmanager
def kept_statements() -> Iterator[None]:
    """Uses kept texts within the block."""
    with ExitStack() as all_of_them:
        for kind in KINDS:
            all_of_them.enter_context(patch.object(kind, "_make_query", _with_kept(kind._make_query)))  # noqa: SLF001
        # Tortoise's own reader knows every spelling of a time; the hub writes one, which Python reads faster.
        all_of_them.enter_context(patch.object(data, "parse_datetime", datetime.fromisoformat))
        all_of_them.enter_context(patch.object(Subquery, "get_sql", _write_inner))
        yield


def _with_kept(write: Callable[[Any], None]) -> Callable[[Any], None]:
    def make_query(query: Any) -> None:
        try:
            reading = _Reading(query)
        except _NotPlainError:
            write(query)
            return
        shape = tuple(reading.shape)
        if kept := _kept.get(shape):
            query.query = _Written(kept[0], reading.values)
            if kept[1] is not None:
                query._select_related_idx = kept[1]  # noqa: SLF001
            return
        write(query)
        if shape not in _kept:
            text, values = query.query.get_parameterized_sql()
            is_sure = [*map(repr, values)] == [*map(repr, reading.values)]
            _kept[shape] = (text, getattr(query, "_select_related_idx", None)) if is_sure else None

    return make_query


def _write_inner(inner: Subquery, ctx: SqlContext) -> str:
    """A query within another is part of that one's text, so it is always Tortoise's to write."""
    query: Any = inner.query
    query._choose_db_if_not_chosen()  # noqa: SLF001
    _WRITERS[type(query)](query)
    text: str = query.query.get_parameterized_sql(ctx)[0]
    return text


class _Written:
    """What Tortoise asks of a query that is written already."""

    def __init__(self, text: str, values: list[Any]) -> None:
        self._parts = text, values

    def get_parameterized_sql(self) -> tuple[str, list[Any]]:
        return self._parts


class _NotPlainError(Exception):
    """Something in a query is not known to be a parameter."""


class _Reading:
    """The shape of a query, and its parameters in the order of its text."""

    def __init__(self, query: Any) -> None:
        if any(getattr(query, name, None) for name in UNUSUAL):
            raise _NotPlainError
        self._meta = query.model._meta  # noqa: SLF001
        self.values: list[Any] = []
        self.shape: list[Any] = [type(query), query.model, *(str(getattr(query, it, None)) for it in SHAPING)]
        self._annotations: dict[str, Any] = getattr(query, "_annotations", None) or {}
        for name, term in self._annotations.items():
            if not isinstance(term, RawSQL):
                raise _NotPlainError
            self.shape += (name, term.sql)
        for field, value in getattr(query, "update_kwargs", {}).items():
            self._value(field, field, value, self._meta)
        self._conditions(query._q_objects)  # noqa: SLF001
        for name in ("_limit", "_offset"):
            number = getattr(query, name, None)
            self.shape.append(number is None)
            if number is not None:
                self.values.append(number)

    def _conditions(self, all_of: Iterable[Any]) -> None:
        for each in all_of:
            self.shape += (each.join_type, each._is_negated, len(each.filters), len(each.children))  # noqa: SLF001
            for key, value in each.filters.items():
                self._condition(key, value)
            self._conditions(each.children)

    def _condition(self, key: str, value: Any) -> None:
        if key in self._annotations:
            self.shape += (key, type(value))
            self.values.append(value)
            return
        field, _, how = key.partition("__")
        meta = self._meta
        if field in meta.fk_fields and how not in {"", "in", "isnull", "not"}:
            meta = meta.fields_map[field].related_model._meta  # noqa: SLF001
            field, _, how = how.partition("__")
        if how == "in" and isinstance(value, Subquery):
            inner = _Reading(value.query)
            self.shape += (key, *inner.shape)
            self.values += inner.values
        elif how == "in":
            self.shape += (key, len(value))
            for each in value:
                self._value(key, field, each, meta)
        elif how == "isnull":
            self.shape += (key, bool(value))
        elif how in COMPARED:
            self._value(key, field, value, meta)
        else:
            raise _NotPlainError

    def _value(self, key: str, name: str, value: Any, meta: Any) -> None:
        field = meta.pk_attr if name == "pk" else name
        if field not in meta.fields_db_projection:
            raise _NotPlainError
        if value is None:
            self.shape += (key, None)
        elif isinstance(value, PLAIN) and value != "*":  # which Tortoise takes for a word of SQL
            self.shape += (key, type(value))
            self.values.append(meta.fields_map[field].to_db_value(value, None))
        else:
            raise _NotPlainError
