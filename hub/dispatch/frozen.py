"""What is frozen on a delivery's row: the request that goes out, and the one a person wrote to follow it.

Pure: it reads and changes rows, and leaves the writing to others.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.outcomes import Prepared
from hub.questions import Question
from hub.rma import Money

if TYPE_CHECKING:
    from hub.store.models import Delivery


def freeze(row: Delivery, answer: Prepared, mapping_version: int, settings: str | None) -> None:
    """Keeps what was prepared; every attempt sends just this.

    Args:
        row: the delivery.
        answer: what was prepared.
        mapping_version: with which version of the mapping.
        settings: with which settings of the connection, as JSON text.
    """
    row.frozen_settings, row.look_up = settings, answer.look_up
    row.request, row.reference = answer.request, answer.reference
    row.origins = json.dumps(dict(answer.origins), ensure_ascii=False)
    row.warnings = json.dumps(list(answer.warnings), ensure_ascii=False)
    row.total = str(answer.total) if answer.total else None
    row.units = write_units(answer)
    row.mapping_version = mapping_version


def prepared_of(row: Delivery) -> Prepared | None:
    """What was frozen on a delivery; None before."""
    if row.request is None or row.reference is None:
        return None
    return Prepared(
        delivery_id=row.id,
        reference=row.reference,
        request=row.request,
        origins=json.loads(row.origins),
        warnings=tuple(json.loads(row.warnings)),
        total=read_total(row.total),
        units=read_units(row.units),
    )


def accepted_of(row: Delivery) -> tuple[Question, ...]:
    """The questions about a delivery that persons have answered with yes, oldest first."""
    return tuple(Question(code=each["code"], facts=each["facts"]) for each in json.loads(row.answers))


def keep_edited(row: Delivery, answer: Prepared) -> None:
    """Keeps a request written by a person, until a look has shown that it may replace the frozen one."""
    row.edited_request = json.dumps(
        {
            "reference": answer.reference,
            "request": answer.request,
            "origins": dict(answer.origins),
            "warnings": list(answer.warnings),
            "total": str(answer.total) if answer.total else None,
            "units": write_units(answer),
        },
        ensure_ascii=False,
    )


def edited_of(row: Delivery) -> Prepared | None:
    """The request written by a person that has not replaced the frozen one; None when there is none."""
    if row.edited_request is None:
        return None
    kept = json.loads(row.edited_request)
    return Prepared(
        delivery_id=row.id,
        reference=kept["reference"],
        request=kept["request"],
        origins=kept["origins"],
        warnings=tuple(kept["warnings"]),
        total=read_total(kept["total"]),
        units=read_units(kept["units"]),
    )


def replace_by_edited(row: Delivery, edited: Prepared) -> None:
    """Freezes a request written by a person in place of the other, which stays beside it.

    The references of the other's attempts stay in the attempts, so that looks go on finding it.
    """
    row.original_request = row.original_request or row.request
    row.edited_request = None
    # What it is compared with later is what the hub would prepare, not what the person wrote.
    kept = replace(edited, look_up=row.look_up)
    freeze(row, kept, row.mapping_version, row.frozen_settings)


def read_total(text: str | None) -> Money | None:
    """An amount as a row holds it: ``12.30 AUD``."""
    amount, _, currency = (text or "").partition(" ")
    return Money(amount=Decimal(amount), currency=currency) if amount else None


def write_units(answer: Prepared) -> str | None:
    """Units per SKU as a row holds them."""
    if answer.units is None:
        return None
    return json.dumps({sku: str(count) for sku, count in answer.units.items()}, ensure_ascii=False)


def read_units(text: str | None) -> dict[str, Decimal] | None:
    """Units per SKU from a row; None when the connector did not tell."""
    if text is None:
        return None
    return {sku: Decimal(count) for sku, count in json.loads(text).items()}
