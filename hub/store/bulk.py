"""Rows written many at a time, without a model object for each.

Tortoise's ``bulk_create`` makes, checks and converts every value of every row in Python, which costs several
times what the database does with it. What is written here was checked where it came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from hub.store.database import client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tortoise.models import Model

Value = TypeVar("Value")


PART = 10_000
"""Most values in one statement: PostgreSQL takes 32,767 (its wire protocol counts them in 16 bits)."""


def in_parts(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """A list in pieces, each short enough for one statement; none for an empty list."""
    for start in range(0, len(values), PART):
        yield values[start : start + PART]


async def insert(
    model: type[Model], rows: Sequence[Mapping[str, Any]], *, should_pass_over_known: bool = False
) -> None:
    """Writes rows in the caller's transaction.

    Args:
        model: of which.
        rows: values by the fields' names; a field that is left out gets the model's default, or None. Foreign
            keys go by their ``_id``.
        should_pass_over_known: True leaves out what breaks a unique constraint; False raises for it.

    Raises:
        IntegrityError: a row breaks a constraint.
    """
    if not rows:
        return
    database = client()
    is_sqlite = database.capabilities.dialect == "sqlite"
    meta = model._meta  # noqa: SLF001
    defaults = {
        name: meta.fields_map[name].default
        for name in meta.fields_db_projection
        if not (name == meta.pk_attr and meta.pk.generated)
    }
    columns = ", ".join(f'"{meta.fields_db_projection[name]}"' for name in defaults)
    marks = ", ".join("?" if is_sqlite else f"${number}" for number in range(1, len(defaults) + 1))
    statement = f'INSERT INTO "{meta.db_table}" ({columns}) VALUES ({marks})'  # noqa: S608
    if should_pass_over_known:
        statement += " ON CONFLICT DO NOTHING"
    values = [[row.get(name, default) for name, default in defaults.items()] for row in rows]
    await database.execute_many(statement, values)


async def update(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Writes these fields of rows that were read before, in the caller's transaction.

    One statement for each row, all sent at once: a statement with a case for each field of each row takes
    several times as long.

    Args:
        rows: all of one model.
        fields: by name; foreign keys by their ``_id``.
    """
    if not rows:
        return
    database, meta = client(), type(rows[0])._meta  # noqa: SLF001
    is_sqlite = database.capabilities.dialect == "sqlite"
    names = [*fields, meta.pk_attr]
    *sets, where = [
        f'"{meta.fields_db_projection[name]}" = {"?" if is_sqlite else f"${number}"}'
        for number, name in enumerate(names, 1)
    ]
    statement = f'UPDATE "{meta.db_table}" SET {", ".join(sets)} WHERE {where}'  # noqa: S608
    values = [[getattr(row, name) for name in names] for row in rows]
    await database.execute_many(statement, values)
