"""The fields of the hub's tables: Tortoise's, with times that go through the store's door for them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tortoise.fields import (
    BinaryField,
    BooleanField,
    CharEnumField,
    CharField,
    Field,
    ForeignKeyField,
    IntField,
    OnDelete,
    OneToOneField,
    TextField,
    relational,
)
from tortoise.fields import DatetimeField as TortoiseDatetimeField

from hub.store.moment import in_utc

__all__ = [
    "BinaryField",
    "BooleanField",
    "CharEnumField",
    "CharField",
    "DatetimeField",
    "Field",
    "ForeignKeyField",
    "IntField",
    "OnDelete",
    "OneToOneField",
    "TextField",
    "relational",
]

if TYPE_CHECKING:
    from tortoise.fields import DatetimeField
else:

    class DatetimeField(TortoiseDatetimeField):
        """A moment, kept in UTC whatever offset it comes with; one without an offset is refused.

        Tortoise keeps the offset in filters and updates, and takes a naive time for UTC: with a warning where
        it is written, without one where a row is made.
        """

        def to_db_value(self, value: Any, instance: Any) -> Any:
            """The moment in UTC; what is no moment is Tortoise's to judge."""
            return super().to_db_value(in_utc(value) if isinstance(value, datetime) else value, instance)

        def to_python_value(self, value: Any) -> Any:
            """The moment in UTC, of a text that was read or of what a row is made with."""
            return super().to_python_value(in_utc(value) if isinstance(value, datetime) else value)

        def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
            """As Tortoise's own, which is what the migrations name."""
            _, arguments, options = super().deconstruct()
            parent = TortoiseDatetimeField
            return f"{parent.__module__}.{parent.__name__}", arguments, options
