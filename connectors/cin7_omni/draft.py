"""A credit-note record in the making, pure: fields in the order they will be sent, each with its origin."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni import field_table
from connectors.cin7_omni.field_table import DoesNotFitError, credit_note_fields
from connectors.cin7_omni.prices import RefusalError
from hub.mapping.exact_json import write_json
from hub.mapping.values import work_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.cin7_omni.field_table import Field
    from hub.hookspecs import Delivery
    from hub.mapping.values import Scalar, Value


class Draft:
    """Gathers a record, where each value came from, and what there is to say about it."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []
        self.origins: dict[str, str] = {}
        self.warnings: list[str] = []

    def put(self, name: str, value: Any, origin: str) -> None:
        """Sets a field of the note."""
        self.fields[name] = value
        self.origins[name] = origin

    def put_in_group(self, group: str, name: str, value: Any, origin: str) -> None:
        """Sets a field inside an object of the note."""
        self.fields.setdefault(group, {})[name] = value
        self.origins[f"{group}.{name}"] = origin

    def put_on_line(self, index: int, name: str, value: Any, origin: str) -> None:
        """Sets a field of one line."""
        self.lines[index][name] = value
        self.origins[f"lineItems[{index}].{name}"] = origin

    def warn(self, warning: str) -> None:
        """Adds a sentence once; an empty one is no warning."""
        if warning and warning not in self.warnings:
            self.warnings.append(warning)

    def text(self) -> str:
        """The record as it will be sent."""
        return write_json({**self.fields, "lineItems": self.lines})

    def total(self) -> Decimal:
        """What the record credits: lines without sign less discounts, with freight and surcharge."""
        lines = sum(
            (
                abs(_number(line, "qty")) * _number(line, "unitPrice") - _number(line, "discount")
                for line in self.lines
            ),
            Decimal(0),
        )
        fields = self.fields
        return (
            lines
            + _number(fields, "freightTotal")
            + _number(fields, "surcharge")
            - _number(fields, "discountTotal")
        )


def _number(fields: Mapping[str, Any], name: str) -> Decimal:
    value = fields.get(name)
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)


def worked_out(
    draft: Draft, name: str, value: Value, delivery: Delivery, entry: Field | None
) -> Worked | None:
    """A mapped value for one delivery, made to fit its field; None when it is empty, which is said.

    Raises:
        RefusalError: it does not fit.
    """
    worked = work_out(value, delivery)
    if worked.value is None:
        draft.warn(
            f"{', '.join(worked.empty)} is empty for this return, so the mapping of {name} is left out"
        )
        return None
    if worked.empty:
        draft.warn(f"{', '.join(worked.empty)} is empty for this return, so {name} has a gap")
    if entry is None:
        return worked.value, worked.origin
    try:
        return field_table.fit(entry, worked.value), worked.origin
    except DoesNotFitError as error:
        raise RefusalError(
            f"{name} {error}", f"change {name} in the connection's mapping, then run: hub deliveries retry"
        ) from None


Worked = tuple["Scalar", str]


def field_of(*path: str) -> Field | None:
    """The field at a path of the credit note; None for a custom field."""
    table: Mapping[str, Field] = credit_note_fields()
    entry: Field | None = None
    for name in path:
        entry = table.get(name)
        table = entry.fields if entry is not None else {}
    return entry
